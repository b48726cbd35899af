"""CSV as five spreadsheets write it, and tables that come back as they went in, in every format."""

import csv
import io
import json
import string
import tempfile
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from letters import LetterBackend

from detector import Detector
from detector.bundle import Bundle
from detector.files import score_files

POSTS = [
    "Cook wanted; 1.200 a month, room free\nCall today",
    'The "Golden Wok" needs a waiter, two shifts',
    "Driver – night shift, pay 35,50 an hour",
]
CHINESE = ["急招厨师，包吃住\n月薪八千", "“金龙”饭店招服务员，两班倒", "夜班司机，每小时35.50元"]
PAY = ["1200,5", "0", "35,50"]


def sheet(posts: list[str], pay: list[str], *, delimiter: str, end: str, quoting: int = csv.QUOTE_MINIMAL, head: str = "") -> str:
    stream = io.StringIO(newline="")
    stream.write(head)
    writer = csv.writer(stream, delimiter=delimiter, lineterminator=end, quoting=quoting)
    writer.writerows(
        [["ID", "Text", "Pay"], *([str(n), post, each] for n, (post, each) in enumerate(zip(posts, pay, strict=True), 1))]
    )
    return stream.getvalue()


POINTS = [each.replace(",", ".") for each in PAY]
SHEETS = [
    # Excel's "CSV UTF-8", and its plain CSV in the system's encoding, which take the list separator and the decimal comma from
    # the country. Inside of a cell it writes LF, at the end of a row CRLF.
    pytest.param(sheet(POSTS, POINTS, delimiter=",", end="\r\n").encode("utf-8-sig"), POSTS, POINTS, id="excel-en-utf8"),
    pytest.param(sheet(POSTS, POINTS, delimiter=",", end="\r\n").encode("cp1252"), POSTS, POINTS, id="excel-en"),
    pytest.param(sheet(POSTS, PAY, delimiter=";", end="\r\n").encode("utf-8-sig"), POSTS, PAY, id="excel-de-utf8"),
    pytest.param(sheet(POSTS, PAY, delimiter=";", end="\r\n", head="sep=;\r\n").encode("cp1252"), POSTS, PAY, id="excel-de"),
    pytest.param(sheet(POSTS, PAY, delimiter="\t", end="\r\n").encode("utf-16"), POSTS, PAY, id="excel-unicode-text"),
    # LibreOffice with "quote all text cells": numbers stay bare, but for those that its language writes with a comma.
    pytest.param(
        sheet(POSTS, POINTS, delimiter=",", end="\n", quoting=csv.QUOTE_ALL).replace('"0"', "0").encode(),
        POSTS,
        POINTS,
        id="libreoffice",
    ),
    pytest.param(sheet(POSTS, POINTS, delimiter=",", end="\r\n").rstrip().encode(), POSTS, POINTS, id="google-sheets"),
    pytest.param(sheet(POSTS, PAY, delimiter=";", end="\r\n").encode(), POSTS, PAY, id="numbers-de"),
    pytest.param(sheet(CHINESE, POINTS, delimiter=",", end="\r\n").encode("gb18030"), CHINESE, POINTS, id="wps"),
]


@pytest.mark.parametrize(("content", "posts", "pay"), SHEETS)
def test_csv_of_a_spreadsheet_is_read_cell_by_cell(
    detector: Detector, tmp_path: Path, content: bytes, posts: list[str], pay: list[str]
) -> None:
    source, output = tmp_path / "posts.csv", tmp_path / "out.jsonl"
    source.write_bytes(content)
    assert score_files(detector, [source], output).refused == 0
    rows = [json.loads(line) for line in output.read_text("utf-8").splitlines()]
    assert [(row["Text"], row["Pay"], row["id"]) for row in rows] == [
        (post, each, str(n)) for n, (post, each) in enumerate(zip(posts, pay, strict=True), 1)
    ]
    alone = detector.score(posts)
    assert [row["score"] for row in rows] == [verdict.score for verdict in alone]


# There and back. Surrogates have no UTF-8; NUL and bare CR have no CSV that all programs read.

LETTERS = st.characters(exclude_categories=["Cs"], exclude_characters="\0\r")
TEXT = st.text(LETTERS, min_size=1, max_size=30)
NAME = st.text(string.ascii_lowercase, min_size=1, max_size=6).filter(lambda name: name not in {"id", "text", "lang", "language"})
VALUE = st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.floats(allow_nan=False, allow_infinity=False) | TEXT
QUICK = settings(deadline=None, max_examples=25, suppress_health_check=[HealthCheck.too_slow])


def there_and_back(bundle: Bundle, source: Path, output: str) -> Path:
    with Detector(bundle, LetterBackend(), threads=1) as detector:
        score_files(detector, [source], source.parent / output)
    return source.parent / output


@QUICK
@given(st.lists(st.dictionaries(NAME, VALUE, max_size=3), min_size=1, max_size=5), TEXT)
def test_jsonl_comes_back_as_it_went_in(bundle: Bundle, records: list[dict[str, object]], text: str) -> None:
    reserved = {"score", "label", "band", "reason", "note", "windows", "evidence", "error", "model"}
    records = [{"text": text} | {f"x_{key}": value for key, value in record.items()} for record in records]
    with tempfile.TemporaryDirectory() as folder:
        source = Path(folder, "in.jsonl")
        source.write_text("".join(json.dumps(record, ensure_ascii=False) + "\n" for record in records), "utf-8")
        # Line by line as JSONL has it: other marks of a line's end may stand in a text.
        rows = [json.loads(line) for line in there_and_back(bundle, source, "out.jsonl").read_bytes().split(b"\n") if line]
    assert [{key: row[key] for key in record} for row, record in zip(rows, records, strict=True)] == records
    assert all(reserved <= set(row) for row in rows)


@QUICK
@given(st.lists(st.tuples(TEXT, TEXT), min_size=1, max_size=5), st.sampled_from(["out.csv", "out.parquet", "out.jsonl"]))
def test_cells_of_parquet_come_back_as_they_went_in(bundle: Bundle, cells: list[tuple[str, str]], output: str) -> None:
    with tempfile.TemporaryDirectory() as folder:
        source = Path(folder, "in.parquet")
        pq.write_table(pa.table({"text": [text for text, _ in cells], "who": [who for _, who in cells]}), source)
        written = there_and_back(bundle, source, output)
        if output == "out.csv":
            with written.open(encoding="utf-8-sig", newline="") as stream:
                rows = [(row["text"], row["who"]) for row in csv.DictReader(stream)]
            # A cell that a spreadsheet would run has an apostrophe before it.
            rows = [
                tuple(new.removeprefix("'") if new != old else new for new, old in zip(*pair, strict=True))
                for pair in zip(rows, cells, strict=True)
            ]
        elif output == "out.parquet":
            rows = [(row["text"], row["who"]) for row in pq.read_table(written).to_pylist()]
        else:
            rows = [(row["text"], row["who"]) for row in map(json.loads, filter(None, written.read_bytes().split(b"\n")))]
    assert rows == cells


@QUICK
@given(
    st.lists(st.tuples(st.text(LETTERS.filter(lambda c: c not in "\ufeff"), max_size=20), st.integers()), min_size=1, max_size=6),
    st.sampled_from([",", ";", "\t", "|"]),
)
def test_quoted_csv_comes_back_as_it_went_in(bundle: Bundle, cells: list[tuple[str, int]], delimiter: str) -> None:
    with tempfile.TemporaryDirectory() as folder:
        source = Path(folder, "in.csv")
        with source.open("w", encoding="utf-8-sig", newline="") as stream:
            writer = csv.writer(stream, delimiter=delimiter, quoting=csv.QUOTE_ALL)
            writer.writerows([["text", "number"], *cells])
        rows = [json.loads(line) for line in there_and_back(bundle, source, "out.jsonl").read_bytes().split(b"\n") if line]
    assert [(row["text"], row["number"]) for row in rows] == [(text, str(number)) for text, number in cells]
