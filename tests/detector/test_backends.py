"""Runtimes: chosen by name, alike in what they say, and clear about whose fault it is."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from detector.backends import BACKENDS, load_backend
from detector.bundle import EMBEDDINGS, GRAPH, TOKENIZER, Bundle, read_bundle, write_bundle
from detector.errors import BackendError, BundleError, InputError

FILES = (TOKENIZER, GRAPH, EMBEDDINGS)


@pytest.fixture(scope="session")
def runnable(runnable_bundle: Path) -> Bundle:
    return read_bundle(runnable_bundle)


def with_graph(runnable: Bundle, folder: Path, graph: bytes) -> Bundle:
    """Return a whole bundle with another graph."""
    for name in FILES:
        (folder / name).write_bytes((runnable.folder / name).read_bytes())
    (folder / GRAPH).write_bytes(graph)
    return write_bundle(folder, runnable.manifest, FILES)


def test_the_default_backend_runs_the_graph_of_the_bundle(runnable: Bundle) -> None:
    scores = load_backend("onnx", runnable).token_scores(np.array([0, 5, 30], dtype=np.int64))
    assert scores.dtype == np.float32
    # The graph looks scores up in a table whose first column rises from -4 to 4 over 31 tokens.
    np.testing.assert_allclose(scores[:, 0], [-4, -4 + 5 * 8 / 30, 4], rtol=1e-6)


def test_one_session_serves_several_threads(runnable: Bundle) -> None:
    from concurrent.futures import ThreadPoolExecutor

    backend = load_backend("onnx", runnable)
    windows = [np.arange(length, dtype=np.int64) for length in range(1, 31)] * 4
    alone = [backend.token_scores(ids) for ids in windows]
    with ThreadPoolExecutor(4) as pool:
        for found, expected in zip(pool.map(backend.token_scores, windows), alone, strict=True):
            np.testing.assert_array_equal(found, expected)


def test_a_backend_that_there_is_not_is_refused_with_those_that_there_are(runnable: Bundle) -> None:
    with pytest.raises(InputError, match="expected a backend out of onnx, torch, got 'tensorflow'"):
        load_backend("tensorflow", runnable)
    assert list(BACKENDS) == ["onnx", "torch"]


@pytest.mark.parametrize("graph", [b"", b"not a graph", b"\x08\x0a"])
def test_a_graph_that_the_runtime_refuses_is_the_bundle_s_fault(runnable: Bundle, tmp_path: Path, graph: bytes) -> None:
    bundle = with_graph(runnable, tmp_path, graph)
    with pytest.raises(BundleError, match=GRAPH):
        load_backend("onnx", bundle)


def test_a_graph_that_fails_on_its_input_is_the_runtime_s_fault(runnable: Bundle) -> None:
    backend = load_backend("onnx", runnable)
    with pytest.raises(BackendError, match="failed on 2 tokens"):
        backend.token_scores(np.array([0, 31], dtype=np.int64))  # the table ends before


def test_pytorch_refuses_a_graph_without_the_weights_it_knows(runnable: Bundle) -> None:
    pytest.importorskip("torch")
    with pytest.raises(BundleError, match="expected this project's graph"):
        load_backend("torch", runnable)


@pytest.mark.parametrize("module", ["torch", "onnx"])
def test_a_runtime_that_is_not_installed_names_the_extra(runnable: Bundle, module: str) -> None:
    code = f"""
import sys
sys.modules[{module!r}] = None  # as if it were not installed
from pathlib import Path
from detector.backends import load_backend
from detector.bundle import read_bundle
from detector.errors import MissingExtraError
try:
    load_backend("torch", read_bundle(Path({str(runnable.folder)!r})))
except MissingExtraError as error:
    sys.exit(error.args[0])
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False, cwd=Path(__file__).parents[2])
    assert done.stderr.strip() == f"'{module}' is not installed; run: pip install 'scam-recruitment-detector[train]'"
