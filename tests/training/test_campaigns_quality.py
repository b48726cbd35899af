"""The measure of linking by wording, on posts whose answer is known."""

import json
from pathlib import Path

import pytest

from detector.errors import InputError
from training.campaigns_quality import Reworded, quality, read_reworded

LURE = "chat agents wanted in a warm country, free flight, free room and meals for all"
OTHER = "the library opens at nine tomorrow and shows the films of the summer course"


def post(name: str, group: str | None, text: str) -> Reworded:
    return Reworded(name, "en", group, (), text)


def test_recall_and_precision_count_pairs() -> None:
    posts = [post("a", "g", LURE), post("b", "g", f"{LURE} now"), post("c", "g", OTHER), post("d", None, f"well, {OTHER}")]
    found = quality(posts, [(LURE, "1"), (f"{LURE} now", "1"), (OTHER, "2"), (f"{OTHER} now", "3")], shingle=4, threshold=0.5)
    # Of three pairs of the group one is found; two pairs end up together, one of them wrongly.
    assert (found.recall, found.precision) == (pytest.approx(1 / 3), 0.5)
    assert found.wrong == 2


def test_a_text_that_is_there_twice_is_refused(tmp_path: Path) -> None:
    row = {"id": "a", "language": "en", "group": None, "edits": [], "text": LURE}
    (tmp_path / "set.jsonl").write_text("\n".join(json.dumps(row | {"id": name}) for name in "ab"), "utf-8")
    with pytest.raises(InputError, match="each text once"):
        read_reworded(tmp_path / "set.jsonl")
