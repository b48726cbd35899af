"""The audit: every fault is found on a made-up corpus that is sound but for it, and this project's corpus has none."""

import random
from collections.abc import Callable
from math import log
from pathlib import Path
from typing import Any

import pytest
from conftest import ROOT

from training.audit import MAX_SURFACE_AUC, Audit, audit, surface_statistics

Rows = list[dict[str, Any]]
LABELS = (
    "scam_compound", "legit_job", "scam_compound", "other_job_fraud", "legit_job",
    "scam_compound", "not_job", "scam_compound", "legit_job", "other_job_fraud", "scam_compound", "legit_job", "scam_compound",
    "not_job", "legit_job", "scam_compound", "other_job_fraud", "scam_compound", "legit_job", "not_job",
)  # fmt: skip


def _sentence(seed: str) -> str:
    """Return a few invented words; the same number of them for every label."""
    letters = random.Random(seed)
    n_words = letters.randint(8, 30)
    return " ".join("".join(letters.choices("abcdefghijklmnoprstuvy", k=letters.randint(2, 8))) for _ in range(n_words))


@pytest.fixture
def rows(row: dict[str, Any]) -> Rows:
    """Eight batches of ten posts; the label says nothing about the text."""
    return [
        row
        | {
            "id": f"id-{i:04}",
            "text": _sentence(f"post {i}"),
            "label": LABELS[i % len(LABELS)],
            "group": f"id-b{i // 10:02}",
            "evidence": [],
        }
        for i in range(80)
    ]


@pytest.fixture
def check(write_corpus: Callable[..., Path]) -> Callable[[Rows], Audit]:
    return lambda rows: audit(write_corpus(rows))


Check = Callable[[Rows], Audit]


def test_a_sound_corpus_has_no_faults_and_is_counted(rows: Rows, check: Check) -> None:
    found = check(rows)
    assert found.faults == ()
    assert found.counts == {"id": {"scam_compound": 32, "other_job_fraud": 12, "legit_job": 24, "not_job": 12}}
    assert set(found.surface_auc) == {"logistic regression", "gradient boosting"}
    assert str(found).endswith("no faults")


def _repeat_id(rows: Rows) -> None:
    rows[5]["id"] = rows[4]["id"]


def _copy_text(rows: Rows) -> None:
    rows[41]["text"] = rows[3]["text"] + "!"


def _tear_pair(rows: Rows) -> None:
    rows[9]["pair"] = rows[10]["pair"] = "id-p1"


def _misquote(rows: Rows) -> None:
    rows[-1]["evidence"] = [{"indicator": "travel_paid", "quote": "QUOTE"}]


def _break_line(rows: Rows) -> None:
    del rows[-1]["noise"]


@pytest.mark.parametrize(
    ("spoil", "fault"),
    [
        (_repeat_id, "id id-0004 is used 2 times"),
        (_copy_text, "id-0003 and id-0041 share 9"),
        (_tear_pair, "pair id-p1 lies in 2 groups"),
        (_misquote, "record 79: id.jsonl: id-0079: the quote for travel_paid does not occur in the text"),
        (_break_line, "record 79: id.jsonl: expected the keys"),
    ],
)
def test_each_fault_is_found_and_nothing_else(rows: Rows, check: Check, spoil: Callable[[Rows], None], fault: str) -> None:
    spoil(rows)
    found = check(rows)
    (only,) = found.faults
    assert only.startswith(fault)
    assert str(found).endswith(f"FAULT {only}")


def test_the_members_of_a_minimal_pair_may_share_their_wording(rows: Rows, check: Check) -> None:
    rows[4]["text"] = rows[3]["text"] + " ini"
    rows[3]["pair"] = rows[4]["pair"] = "id-p1"
    assert check(rows).faults == ()


def test_labels_out_of_proportion_are_a_fault_once_there_are_posts_enough(rows: Rows, check: Check) -> None:
    more = [row | {"id": f"{row['id']}x", "text": _sentence(row["id"])} for row in rows]
    assert check(rows + more).faults == ()
    for row in rows + more:
        row["label"] = row["label"].replace("not_job", "legit_job")
    assert check(rows).faults == ()
    assert check(rows + more).faults == (
        "id: expected about 30% legit_job, got 45%",
        "id: expected about 18% not_job, got 0%",
    )


def _longer(text: str) -> str:
    return f"{text} {_sentence(text)}"


def _with_emoji(text: str) -> str:
    return f"🔥 {text} 💰💰"


def _with_number(text: str) -> str:
    return f"{text} +62 812-3456-7890"


def _shouted(text: str) -> str:
    return text.upper()


def _in_lines(text: str) -> str:
    return text.replace(" ", "\n")


@pytest.mark.parametrize("mark", [_longer, _with_emoji, _with_number, _shouted, _in_lines])
def test_a_give_away_of_the_lures_is_caught(rows: Rows, check: Check, mark: Callable[[str], str]) -> None:
    for row in rows:
        if row["label"] == "scam_compound":
            row["text"] = mark(row["text"])
    found = check(rows)
    assert max(found.surface_auc.values()) >= MAX_SURFACE_AUC
    assert all(fault.startswith("surface statistics tell the lures apart") for fault in found.faults)
    assert found.faults


def test_a_corpus_too_small_to_tell_has_no_give_aways(rows: Rows, check: Check) -> None:
    assert check(rows[:12]).surface_auc == {}
    assert check([row | {"label": "not_job"} for row in rows]).surface_auc == {}


def test_surface_statistics_count_what_can_be_seen_without_reading() -> None:
    text = "Gaji 10!\nWA @abcde"
    found = surface_statistics(text)
    length, words, lines, longest = found[:4]
    assert (length, words, lines) == (log(18), 4, 2)
    assert longest == pytest.approx(9 / 18)
    digits, digit_share, signs = found[6:9]
    assert (digits, digit_share, signs) == (2, 2 / 18, 2)  # the signs are ! and @
    capitals = found[10]
    assert capitals == 3 / 18
    assert found[-1] == 1  # @abcde is a Telegram handle


def test_this_projects_corpus_passes() -> None:
    found = audit(ROOT / "data/corpus")
    assert found.faults == ()
    assert sum(row.total() for row in found.counts.values()) >= 7900
