"""The corpus format: what a line must look like, and what becomes of it."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from detector.errors import InputError, RecordError
from training.agreement import read_readings
from training.audit import audit
from training.examples import Example, Quote, corpus_example, read_corpus, row_fault
from training.tally import tally

Row = dict[str, Any]
Write = Callable[..., Path]


def _evidence(indicator: object, quote: object) -> Row:
    return {"evidence": [{"indicator": indicator, "quote": quote}]}


def test_a_line_becomes_an_example(row: Row) -> None:
    assert corpus_example(row) == Example(
        id="id-0001",
        text="Butuh admin chat di Kamboja, tiket kami tanggung",
        language="id",
        labels=("scam_compound",),
        quotes=(Quote("travel_paid", "tiket kami tanggung"), Quote("no_employer_identity", "")),
        source="corpus",
        group="id-b01",
        author="w1-id",
        pair=None,
        hardness="medium",
        kind="group post",
        why="chat work in Cambodia, travel paid",
    )


def test_a_line_that_keeps_the_format_has_no_fault(row: Row) -> None:
    assert row_fault(row) is None
    assert row_fault(row | {"pair": "id-p1"}) is None


@pytest.mark.parametrize(
    ("change", "fault"),
    [
        ({"label": "scam"}, "a label out of scam_compound"),
        ({"hardness": "simple"}, "a hardness out of easy"),
        ({"noise": "sarcasm"}, "a noise out of none"),
        ({"text": " \n"}, "text to be a text that is not blank"),
        ({"id": 7}, "id to be a text"),
        ({"group": ""}, "group to be a text"),
        ({"author": None}, "author to be a text"),
        ({"pair": 3}, "pair to be a text"),
        ({"evidence": None}, "evidence to be a list"),
        ({"evidence": ["travel_paid"]}, "evidence to have indicator and quote"),
        ({"evidence": [{"indicator": "travel_paid"}]}, "evidence to have indicator and quote"),
        (_evidence("free_lunch", "tiket"), "unknown indicator 'free_lunch'"),
        (_evidence("travel_paid", "Tiket kami"), "quote for travel_paid does not occur"),
        (_evidence("travel_paid", 5), "quote for travel_paid does not occur"),
        (_evidence("travel_paid", ""), "a quote for travel_paid, got none"),
        ({"colour": "red"}, "expected the keys id, language"),
    ],
)
def test_a_line_that_breaks_the_format_is_told_how(row: Row, change: Row, fault: str) -> None:
    assert fault in str(row_fault(row | change))


def test_a_missing_key_is_a_fault(row: Row) -> None:
    del row["why"]
    assert "expected the keys" in str(row_fault(row))


def test_what_is_missing_from_a_post_has_an_empty_quote(row: Row) -> None:
    assert row_fault(row | _evidence("no_employer_identity", "")) is None


def test_a_corpus_is_read_file_by_file_in_the_order_of_their_names(row: Row, write_corpus: Write) -> None:
    write_corpus([row | {"id": "th-0001"}], "th")
    folder = write_corpus([row | {"id": "en-0002"}, row | {"id": "en-0001"}], "en")
    (folder / "notes.txt").write_text("not a corpus file")
    assert [example.id for example in read_corpus(folder)] == ["en-0002", "en-0001", "th-0001"]


@pytest.mark.parametrize("line", ["{", "[1, 2]", "5", "null", ""])
def test_a_line_that_is_no_object_is_named_by_file_and_place(row: Row, write_corpus: Write, line: str) -> None:
    folder = write_corpus([row])
    with (folder / "id.jsonl").open("a") as file:
        file.write(f"{line}\n")
    with pytest.raises(RecordError, match=r"record 1: id\.jsonl: expected") as caught:
        read_corpus(folder)
    assert caught.value.index == 1


def test_a_label_is_known_only_if_it_is_the_only_one_possible(row: Row) -> None:
    known = corpus_example(row)
    assert known.label == "scam_compound"
    half_known = Example("1", "text", "zh-Hans", ("legit_job", "not_job"), None, "zh_tgspam", "1")
    assert half_known.label is None


def test_a_folder_without_a_corpus_is_refused(tmp_path: Path) -> None:
    for read in (read_corpus, audit, tally):
        with pytest.raises(InputError, match=r"expected <language>.jsonl files, found none"):
            read(tmp_path)
    with pytest.raises(InputError, match="expected a folder of readings"):
        read_readings(tmp_path / "none")
