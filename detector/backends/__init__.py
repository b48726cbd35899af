"""Runtimes that turn a window into token scores; each in one file, chosen by name."""

from collections.abc import Callable
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from detector.bundle import Bundle
from detector.errors import InputError

FloatArray = NDArray[np.float32]
IdArray = NDArray[np.int64]


class Backend(Protocol):
    """A loaded model."""

    def token_scores(self, ids: IdArray) -> FloatArray:
        """Return what each token of one window says for each output; may be called from several threads.

        :param ids: Token ids, *shape* ``(n_tokens,)``.
        :return: *Shape* ``(n_tokens, n_outputs)``, the heads' bias included: the mean over tokens is the window's logit.
        :raises BackendError: if the runtime fails.
        """
        ...


def _onnx(bundle: Bundle) -> Backend:
    from detector.backends.onnx import OnnxBackend

    return OnnxBackend(bundle)


def _torch(bundle: Bundle) -> Backend:
    from detector.backends.torch_model import TorchBackend

    return TorchBackend(bundle)


BACKENDS: dict[str, Callable[[Bundle], Backend]] = {"onnx": _onnx, "torch": _torch}


def load_backend(name: str, bundle: Bundle) -> Backend:
    """Load a bundle into the runtime called ``name``.

    :raises InputError: if there is no such backend.
    :raises MissingExtraError: if its runtime is not installed.
    """
    if name not in BACKENDS:
        raise InputError(f"expected a backend out of {', '.join(BACKENDS)}, got {name!r}")
    return BACKENDS[name](bundle)
