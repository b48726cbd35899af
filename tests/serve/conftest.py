"""A small real detector behind the service: a tokenizer of letters and a backend of a few lines."""

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from fastapi.testclient import TestClient
from numpy.typing import NDArray
from tokenizers import Tokenizer, models, pre_tokenizers

from detector import INDICATORS, LABELS, BackendError, Detector
from detector.bundle import EMBEDDINGS, GRAPH, TOKENIZER, Bundle, Manifest, write_bundle
from detector.calibration import OperatingPoints
from serve.app import create_app
from serve.settings import Settings

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

Score = Callable[[list[object]], list[dict[str, Any]]]


class LetterBackend:
    """Letters late in the alphabet speak for a lure; a token in ``poison`` makes it fail."""

    def __init__(self) -> None:
        self.poison = -1

    def token_scores(self, ids: NDArray[np.int64]) -> NDArray[np.float32]:
        if self.poison in ids:
            raise BackendError(f"failed on {len(ids)} tokens")
        return letter_table()[ids]


def letter_table() -> NDArray[np.float32]:
    """Return the scores of each token, *shape* ``(n_tokens, n_outputs)``."""
    table = np.zeros((len(VOCABULARY), N_OUTPUTS), dtype=np.float32)
    table[:, 0] = np.linspace(-4, 4, len(VOCABULARY))
    table[:, len(LABELS) :] = table[:, :1]
    return table


def write_tokenizer(folder: Path) -> None:
    tokenizer = Tokenizer(models.Unigram([(piece, -2.0) for piece in VOCABULARY], 3, False))
    tokenizer.pre_tokenizer = pre_tokenizers.Metaspace()
    tokenizer.save(str(folder / "tokenizer.json"))


@pytest.fixture(scope="session")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Bundle:
    folder = tmp_path_factory.mktemp("bundle")
    write_tokenizer(folder)
    (folder / GRAPH).touch()
    (folder / EMBEDDINGS).touch()
    return write_bundle(folder, MANIFEST, [TOKENIZER, GRAPH, EMBEDDINGS])


@pytest.fixture(scope="session")
def runnable_bundle(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a bundle with a graph, so that another process can serve it."""
    onnx = pytest.importorskip("onnx")
    folder = tmp_path_factory.mktemp("runnable")
    write_tokenizer(folder)
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
            onnx.numpy_helper.from_array(letter_table(), "table"),
            onnx.numpy_helper.from_array(np.zeros(1, dtype=np.int64), "first"),
        ],
    )
    opset = helper.make_opsetid("", 18)
    onnx.save(helper.make_model(graph, opset_imports=[opset], ir_version=10), str(folder / "model.onnx"))
    (folder / EMBEDDINGS).touch()
    write_bundle(folder, MANIFEST, [TOKENIZER, GRAPH, EMBEDDINGS])
    return folder


@pytest.fixture
def backend() -> LetterBackend:
    return LetterBackend()


@pytest.fixture
def load(bundle: Bundle, backend: LetterBackend) -> Callable[[], Detector]:
    return lambda: Detector(bundle, backend, threads=1)


@pytest.fixture
def settings() -> Settings:
    return Settings(max_body_bytes=200_000)


@pytest.fixture
def client(load: Callable[[], Detector], settings: Settings) -> Iterator[TestClient]:
    app = create_app(load, settings)
    with TestClient(app, raise_server_exceptions=False) as client:
        yield client


@pytest.fixture
def score(client: TestClient) -> Score:
    """Send items and return their results."""

    def send(items: list[object]) -> list[dict[str, Any]]:
        body = json.dumps({"items": items})  # in ASCII, so that half surrogate pairs can be sent
        answer = client.post("/v1/score", content=body, headers={"content-type": "application/json"})
        assert answer.status_code == 200, answer.text
        results: list[dict[str, Any]] = answer.json()["results"]
        return results

    return send
