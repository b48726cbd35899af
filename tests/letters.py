"""A small real bundle for the tests of detector and service: a tokenizer of letters and scores that letters decide."""

from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from tokenizers import Tokenizer, models, pre_tokenizers

from detector import INDICATORS, LABELS, BackendError
from detector.bundle import EMBEDDINGS, GRAPH, TOKENIZER, Bundle, Manifest, write_bundle
from detector.calibration import OperatingPoints

N_OUTPUTS = len(LABELS) + len(INDICATORS)
VOCABULARY = ["<s>", "<pad>", "</s>", "<unk>", "▁", *"abcdefghijklmnopqrstuvwxyz"]
MANIFEST = Manifest(
    name="letters",
    version="0.0.1",
    labels=LABELS,
    indicators=INDICATORS,
    languages=("en", "id"),
    temperature=1.0,
    indicator_temperature=1.0,
    operating_points=OperatingPoints(high=0.9, review=0.4),
    indicator_thresholds={},
    max_tokens=64,
    overlap=8,
    base_model="none",
    data_hash="none",
    commit="none",
)


WARM_UP = """
    from pathlib import Path
    import gc, io
    import pyarrow.parquet
    from detector import Detector
    from detector.bundle import read_bundle
    from detector.files import score_files
    from detector.refusals import ErrorFile
    from letters import LetterBackend
    with Detector(read_bundle(Path({folder!r})), LetterBackend(), threads=1) as detector:
        score_files(detector, [Path({source!r})], io.BytesIO())
    gc.freeze()
"""
"""Loads in a process, once, what scoring posts loads: tables of languages, of phone numbers and others."""


class LetterBackend:
    """Letters late in the alphabet speak for a lure, and for every indicator; a token called ``poison`` makes it fail."""

    def __init__(self) -> None:
        self.poison = -1

    def token_scores(self, ids: NDArray[np.int64]) -> NDArray[np.float32]:
        if self.poison in ids:
            raise BackendError(f"failed on {len(ids)} tokens")
        return letter_table()[ids]


def letter_table(top: float = 4) -> NDArray[np.float32]:
    """Return the scores of each token, *shape* ``(n_tokens, n_outputs)``; those of a lure reach from ``-top`` to ``top``."""
    table = np.zeros((len(VOCABULARY), N_OUTPUTS), dtype=np.float32)
    table[:, 0] = np.linspace(-top, top, len(VOCABULARY))
    table[:, len(LABELS) :] = table[:, :1]
    return table


def written(folder: Path) -> Bundle:
    """Complete a folder with a graph to a bundle."""
    tokenizer = Tokenizer(models.Unigram([(piece, -2.0) for piece in VOCABULARY], 3, False))
    tokenizer.pre_tokenizer = pre_tokenizers.Metaspace()
    tokenizer.save(str(folder / TOKENIZER))
    (folder / EMBEDDINGS).touch()
    return write_bundle(folder, MANIFEST, [TOKENIZER, GRAPH, EMBEDDINGS])


@pytest.fixture(scope="session")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Bundle:
    """A bundle without a graph, for :class:`LetterBackend`."""
    folder = tmp_path_factory.mktemp("bundle")
    (folder / GRAPH).touch()
    return written(folder)


@pytest.fixture(scope="session")
def runnable_bundle(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a bundle with a graph, so that another process can load it."""
    return write_runnable(tmp_path_factory.mktemp("runnable"))


def write_runnable(folder: Path, top: float = 4) -> Path:
    """Make a folder a bundle with a graph, and return it; one with another ``top`` scores otherwise."""
    onnx = pytest.importorskip("onnx")
    helper, kinds = onnx.helper, onnx.TensorProto
    nodes = [
        helper.make_node("Squeeze", ["ids", "first"], ["row"]),
        helper.make_node("Gather", ["table", "row"], ["token_scores"]),
    ]
    graph = helper.make_graph(
        nodes,
        "letters",
        [helper.make_tensor_value_info("ids", kinds.INT64, [1, None])],
        [helper.make_tensor_value_info("token_scores", kinds.FLOAT, [None, N_OUTPUTS])],
        [
            onnx.numpy_helper.from_array(letter_table(top), "table"),
            onnx.numpy_helper.from_array(np.zeros(1, dtype=np.int64), "first"),
        ],
    )
    opset = helper.make_opsetid("", 18)
    onnx.save(helper.make_model(graph, opset_imports=[opset], ir_version=10), str(folder / GRAPH))
    return written(folder).folder
