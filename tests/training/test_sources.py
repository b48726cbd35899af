"""Public sets: how they are declared and read."""

import gzip
import json
from collections.abc import Callable
from pathlib import Path

import pytest
from conftest import ROOT

from detector.errors import InputError
from training.sources import Source, read_public, read_sources

Declare = Callable[[str], Path]
CHAT = Source("chat", "train", {"ham": ("not_job",), "spam": ("other_job_fraud", "not_job")}, sample=10)


@pytest.fixture
def declare(tmp_path: Path) -> Declare:
    def write(text: str) -> Path:
        (tmp_path / "sources.toml").write_text(text)
        return tmp_path / "sources.toml"

    return write


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    rows = [
        {"id": "chat-1", "lang": "zh", "label": "ham", "text": "你好<EMAIL>吗"},
        {"id": "chat-2", "lang": "id", "label": "spam", "text": "Hubungi <PHONE> segera"},
        {"id": "chat-3", "lang": "id", "label": "ham", "text": "<EMAIL> <PHONE>"},
    ]
    (tmp_path / "chat.jsonl").write_text("".join(f"{json.dumps(row)}\n" for row in rows), "utf-8")
    return tmp_path


def test_the_declared_sets_never_say_that_a_row_is_a_lure() -> None:
    declared = read_sources(ROOT / "data/sources.toml")
    assert all("scam_compound" not in labels for source in declared.values() for labels in source.labels.values())


def test_three_job_boards_are_held_out() -> None:
    declared = read_sources(ROOT / "data/sources.toml")
    held_out = {name for name, source in declared.items() if source.use == "held_out"}
    assert held_out == {"id_jobs", "th_jobthai", "br_gupy"}


def test_a_declaration_says_use_sample_and_labels(declare: Declare) -> None:
    path = declare('[chat]\nuse = "train"\nsample = 10\nlabels = { ham = ["not_job"], spam = ["other_job_fraud", "not_job"] }')
    assert read_sources(path) == {"chat": CHAT}


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ('[chat]\nuse = "train"\nlabels = {}', "missing 'sample'"),
        ("[chat]\nsample = 1\nlabels = {}", "missing 'use'"),
        ('[chat]\nuse = "train"\nsample = 1', "missing 'labels'"),
        ('[chat]\nuse = "tune"\nsample = 1\nlabels = {}', "use train or held_out, got tune"),
        ('[chat]\nuse = "train"\nsample = 1\nlabels = { ham = ["fine"] }', "known labels .* got {'fine'}"),
    ],
)
def test_an_incomplete_or_unknown_declaration_is_refused(declare: Declare, text: str, fault: str) -> None:
    with pytest.raises(InputError, match=fault):
        read_sources(declare(text))


def test_rows_become_examples_without_annotated_indicators(folder: Path) -> None:
    first, second = read_public(folder, CHAT)
    assert (first.id, first.source, first.group, first.quotes) == ("chat-1", "chat", "chat-1", None)
    assert (first.labels, first.label) == (("not_job",), "not_job")
    assert (second.labels, second.label) == (("other_job_fraud", "not_job"), None)


def test_the_marks_of_removed_addresses_are_dropped_and_rows_of_nothing_else(folder: Path) -> None:
    assert [example.text for example in read_public(folder, CHAT)] == ["你好吗", "Hubungi  segera"]


def test_chinese_without_a_script_is_taken_as_simplified(folder: Path) -> None:
    assert [example.language for example in read_public(folder, CHAT)] == ["zh-Hans", "id"]


def test_a_packed_set_reads_like_a_plain_one(folder: Path) -> None:
    plain = read_public(folder, CHAT)
    (folder / "chat.jsonl.gz").write_bytes(gzip.compress((folder / "chat.jsonl").read_bytes()))
    (folder / "chat.jsonl").unlink()
    assert read_public(folder, CHAT) == plain


def test_a_missing_set_is_an_error_that_says_where_to_look(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"expected chat\.jsonl\.gz .*data/README\.md"):
        read_public(tmp_path, CHAT)


def test_a_label_that_is_not_declared_is_an_error(folder: Path) -> None:
    with pytest.raises(InputError, match="chat-2: expected a label out of ham, got 'spam'"):
        read_public(folder, Source("chat", "train", {"ham": ("not_job",)}, sample=10))
