"""The drift of scores: bins, the index by hand, and the file of the reference."""

import json
import math
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from detector import InputError
from detector.bundle import DEFAULT_BUNDLE, MANIFEST, read_bundle
from detector.errors import EXIT_CODES
from serve.__main__ import main
from serve.drift import EDGES, bin_of, count, read_reference, stability_index
from serve.settings import DEFAULT_REFERENCE

N_BINS = len(EDGES)
COUNTS = st.lists(st.integers(0, 5000), min_size=N_BINS, max_size=N_BINS)


@pytest.mark.parametrize(("score", "place"), [(0.0, 0), (0.001, 0), (0.0011, 1), (0.96, 9), (0.9601, 10), (1.0, 10)])
def test_a_bin_includes_its_upper_end(score: float, place: int) -> None:
    assert bin_of(score) == place


def test_the_index_matches_values_worked_by_hand() -> None:
    # With the half post in each bin: shares 3/4 and 1/4 against 1/4 and 3/4.
    assert stability_index([2.5, 0.5], [0.5, 2.5]) == pytest.approx(2 * 0.5 * math.log(3))


@settings(derandomize=True, database=None)
@given(left=COUNTS, right=COUNTS)
def test_the_index_is_0_for_the_same_and_alike_both_ways(left: list[int], right: list[int]) -> None:
    assert stability_index(left, left) == 0
    assert stability_index(left, right) >= 0
    assert stability_index(left, right) == pytest.approx(stability_index(right, left))


def test_the_command_makes_a_reference_that_can_be_read(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    rows = [{"id": "a", "text": "x", "score": score, "band": "low", "model": "m/1"} for score in (0.0005, 0.002, 0.97, 0.99)]
    rows.append({"id": "b", "text": "", "error": "expected a text"})
    scored = tmp_path / "scored.jsonl"
    scored.write_text("".join(json.dumps(row) + "\n" for row in rows))
    assert main(["reference", str(scored), "--source", "posts of a test"]) == 0
    written = tmp_path / "reference.json"
    written.write_text(capsys.readouterr().out)
    reference = read_reference(written)
    assert (reference.model, reference.source) == ("m/1", "posts of a test")
    assert reference.counts == count([0.0005, 0.002, 0.97, 0.99]) == (1, 1, 0, 0, 0, 0, 0, 0, 0, 0, 2)


def test_scores_of_two_models_make_no_reference(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    scored = tmp_path / "scored.jsonl"
    rows = [{"id": "a", "text": "x", "score": 0.5, "band": "low", "model": model} for model in ("m/1", "m/2")]
    scored.write_text("".join(json.dumps(row) + "\n" for row in rows))
    assert main(["reference", str(scored), "--source", "x"]) == EXIT_CODES[InputError]
    assert "expected scores of one model, got 2" in capsys.readouterr().err


@pytest.mark.parametrize(
    "content",
    [
        "",
        "[]",
        "{}",
        json.dumps({"model": "m", "source": "s", "edges": [0.5, 1.0], "counts": [1, 1]}),
        json.dumps({"model": "m", "source": "s", "edges": EDGES, "counts": [0] * N_BINS}),
        json.dumps({"model": "m", "source": "s", "edges": EDGES, "counts": [1] * (N_BINS - 1)}),
        json.dumps({"model": "m", "source": "s", "edges": EDGES, "counts": [-1, *[1] * (N_BINS - 1)]}),
    ],
)
def test_a_file_that_is_no_reference_is_named(tmp_path: Path, content: str) -> None:
    path = tmp_path / "reference.json"
    path.write_text(content)
    with pytest.raises(InputError, match=r"reference\.json: expected"):
        read_reference(path)


@pytest.mark.model
@pytest.mark.skipif(not (DEFAULT_BUNDLE / MANIFEST).exists(), reason="no bundled model")
def test_the_reference_was_made_with_the_bundled_model() -> None:
    reference = read_reference(DEFAULT_REFERENCE)
    assert reference.model == read_bundle().identity
    assert sum(reference.counts) >= 200
