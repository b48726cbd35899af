"""ONNX Runtime: the default backend."""

import numpy as np
import onnxruntime as ort
from numpy.typing import NDArray

from detector.bundle import GRAPH, Bundle
from detector.errors import BackendError, BundleError

FloatArray = NDArray[np.float32]
IdArray = NDArray[np.int64]

SLOWER = ["SkipLayerNormFusion"]
"""Rewritings by the runtime that cost time on processors: addition and normalisation in one operator take longer than in two."""


class OnnxBackend:
    """The bundle's graph in ONNX Runtime.

    One window runs on one thread; the caller runs several windows side by side. That scales better than splitting one
    window's small products over threads, and gives the same sums on any number of cores.

    :raises BundleError: if the runtime does not accept the graph.
    """

    def __init__(self, bundle: Bundle) -> None:
        options = ort.SessionOptions()
        options.intra_op_num_threads = 1
        options.inter_op_num_threads = 1
        options.log_severity_level = 3
        # Weights outside the 8-bit products are expanded to float32 once, at loading; the runtime adds no 8-bit arithmetic.
        options.add_session_config_entry("session.disable_quant_qdq", "1")
        path = bundle.folder / GRAPH
        try:
            self._session = ort.InferenceSession(str(path), options, providers=["CPUExecutionProvider"], disabled_optimizers=SLOWER)
        except Exception as error:  # the runtime's own exceptions share no public root
            raise BundleError(f"{path}: ONNX Runtime {ort.__version__} refused it: {error}") from error

    def token_scores(self, ids: IdArray) -> FloatArray:
        """Return the token scores of one window; see :class:`detector.backends.Backend`."""
        try:
            (scores,) = self._session.run(["token_scores"], {"ids": ids[None]})
        except Exception as error:  # as above
            raise BackendError(f"ONNX Runtime failed on {len(ids)} tokens: {error}") from error
        return np.asarray(scores, dtype=np.float32)
