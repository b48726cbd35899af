"""Folders and patterns as input, files that cannot be read, and the file that refused rows go to."""

import io
import json
import os
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from detector import ColumnError, Detector, InputError, OutputError
from detector.cli import SOME_REFUSED, USAGE, main
from detector.files import score_files
from detector.inputs import Reading, expand
from detector.refusals import ErrorFile
from detector.summary import Summary
from detector.tables import SUFFIXES

POST = "zoo tour guide wanted"


def names(found: list, folder: Path) -> list[str]:
    return [os.path.relpath(each.path, folder) for each in found]


def table(path: Path, *texts: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(json.dumps({"text": text}) + "\n" for text in texts))
    return path


def scored(detector: Detector, *inputs: Path | str, **options: object) -> tuple[list[dict[str, object]], Summary]:
    stream = io.BytesIO()
    summary = score_files(detector, inputs, stream, **options)
    return [json.loads(line) for line in stream.getvalue().splitlines()], summary


def damaged_parquet(path: Path) -> Path:
    pq.write_table(pa.table({"text": [f"post {n} here" for n in range(600)]}), path, row_group_size=100, compression="snappy")
    raw = bytearray(path.read_bytes())
    raw[len(raw) // 2 : len(raw) // 2 + 500] = b"\xff" * 500
    path.write_bytes(raw)
    return path


@pytest.fixture
def scrape(tmp_path: Path) -> Path:
    folder = tmp_path / "scrape"
    for name in (
        "b.jsonl",
        "a/2.ndjson",
        "a/1.JSONL",
        "a/deep/3.json",
        ".hidden.jsonl",
        ".git/x.jsonl",
        "a/readme.md",
        "c.jsonl.part",
    ):
        table(folder / name, POST)
    return folder


# Folders and patterns.


def test_a_folder_stands_for_its_tables_sorted_and_those_in_its_folders(scrape: Path) -> None:
    assert names(expand([scrape]), scrape) == ["a/1.JSONL", "a/2.ndjson", "a/deep/3.json", "b.jsonl"]
    assert names(expand([str(scrape) + "/"]), scrape) == names(expand([scrape]), scrape)


@pytest.mark.parametrize(
    ("pattern", "expected"),
    [
        ("*.jsonl", ["b.jsonl"]),
        ("*", ["a/1.JSONL", "a/2.ndjson", "a/deep/3.json", "b.jsonl"]),
        ("a/[12].*", ["a/1.JSONL", "a/2.ndjson"]),
        ("**/*.json", ["a/deep/3.json"]),
    ],
)
def test_a_pattern_stands_for_the_tables_it_matches(scrape: Path, pattern: str, expected: list[str]) -> None:
    assert names(expand([f"{scrape}/{pattern}"]), scrape) == expected


def test_inputs_keep_their_order_and_named_files_their_name(scrape: Path) -> None:
    odd = table(scrape / "posts[1].txt", POST)
    found = expand([scrape / "b.jsonl", odd, scrape / "a", "-"])
    assert [str(each.path) for each in found[:2]] == [str(scrape / "b.jsonl"), str(odd)]
    assert [each.found for each in found] == [False, False, True, True, True, False]


def test_every_extension_of_a_table_is_found(tmp_path: Path) -> None:
    for suffix in SUFFIXES:
        (tmp_path / f"x{suffix}").touch()
    assert len(expand([tmp_path])) == len(SUFFIXES) >= 8


@pytest.mark.parametrize("name", ["empty", "empty/*.csv"])
def test_a_folder_or_pattern_without_a_table_is_an_input_error(detector: Detector, tmp_path: Path, name: str) -> None:
    (tmp_path / "empty").mkdir()
    with pytest.raises(InputError, match=r"expected a file that ends in \.csv, .*, found none"):
        scored(detector, tmp_path / name)


def test_what_a_run_writes_into_the_folder_is_not_read_by_the_next(detector: Detector, scrape: Path) -> None:
    for _ in range(2):
        summary = score_files(detector, [scrape], scrape / "out.jsonl", errors=ErrorFile(scrape / "refused.jsonl"))
        assert (summary.rows, len(summary.inputs)) == (4, 4)


# Files that cannot be read.


def test_a_file_that_cannot_be_read_stops_no_other_and_is_named(detector: Detector, scrape: Path, tmp_path: Path) -> None:
    (scrape / "zip.csv").write_bytes(b"PK\x03\x04")
    rows, summary = scored(detector, scrape, tmp_path / "nowhere.csv", errors=ErrorFile(tmp_path / "refused.jsonl"))
    assert (len(rows), summary.refused) == (4, 0)
    assert [Path(name).name for name, _ in summary.unread] == ["zip.csv", "nowhere.csv"]
    first, second = map(json.loads, (tmp_path / "refused.jsonl").read_text().splitlines())
    assert first["file"] == str(scrape / "zip.csv")
    assert "looks like an Excel workbook" in first["reason"]
    assert (second["row"], second["line"], second["id"]) == (None, None, None)


def test_a_file_without_a_text_column_is_left_out_if_found_and_asked_about_if_named(detector: Detector, scrape: Path) -> None:
    (scrape / "prices.csv").write_text("nr,price\n1,2\n")
    rows, summary = scored(detector, scrape)
    assert (len(rows), [Path(name).name for name, _ in summary.unread]) == (4, ["prices.csv"])
    with pytest.raises(ColumnError, match="the columns are 'nr', 'price'"):
        scored(detector, scrape / "prices.csv", scrape / "b.jsonl")


def test_of_no_input_that_can_be_read_the_last_is_named(detector: Detector, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"b\.csv: cannot be read"):
        scored(detector, tmp_path / "a.csv", tmp_path / "b.csv")


def test_a_parquet_file_damaged_inside_gives_the_rows_before_the_damage(detector: Detector, tmp_path: Path) -> None:
    bad, good = damaged_parquet(tmp_path / "bad.parquet"), table(tmp_path / "good.jsonl", POST)
    rows, summary = scored(detector, bad, good)
    ((name, reason),) = summary.unread
    assert name == str(bad)
    whole = int(reason.split("behind row ")[1].split(":")[0])
    assert 0 < whole < 600
    assert [row["text"] for row in rows] == [*(f"post {n} here" for n in range(whole)), POST]


# The file of errors.

REFUSED = ['{"id": "a", "text": "kitchen help"}', '{"id": "b", "text": "sec\\u0000ret"}', "", "{oops", '{"id": "c", "text": 5}']


@pytest.mark.parametrize("with_text", [False, True])
def test_refused_rows_are_set_aside_with_their_place_and_reason(detector: Detector, tmp_path: Path, with_text: bool) -> None:
    source, errors = tmp_path / "in.jsonl", tmp_path / "refused.jsonl"
    source.write_text("\n".join(REFUSED))
    rows, summary = scored(detector, source, errors=ErrorFile(errors, with_text=with_text))
    found = [json.loads(line) for line in errors.read_text().splitlines()]
    assert [(each["row"], each["line"], each["id"]) for each in found] == [(2, 2, "b"), (3, 4, None), (4, 5, "c")]
    assert [each["reason"] for each in found] == [row["error"] for row in rows if row["error"]]
    assert {each["file"] for each in found} == {str(source)}
    assert summary.refused == len(found)
    if with_text:
        assert [each["text"] for each in found] == ["sec\0ret", None, 5]
    else:
        assert "text" not in found[0]
        assert "sec" not in errors.read_text()


def test_line_and_row_differ_where_cells_have_line_breaks(detector: Detector, tmp_path: Path) -> None:
    (tmp_path / "in.csv").write_text('id,text\n1,"one\ntwo\nthree four five"\n2,\n3\n')
    scored(detector, tmp_path / "in.csv", errors=ErrorFile(tmp_path / "e.jsonl"))
    found = [json.loads(line) for line in (tmp_path / "e.jsonl").read_text().splitlines()]
    assert [(each["row"], each["line"], each["id"]) for each in found] == [(2, 5, "2"), (3, 6, "3")]


def test_rows_of_parquet_have_no_line(detector: Detector, tmp_path: Path) -> None:
    pq.write_table(pa.table({"text": ["fine here", None]}), tmp_path / "in.parquet")
    scored(detector, tmp_path / "in.parquet", errors=ErrorFile(tmp_path / "e.jsonl"))
    (found,) = map(json.loads, (tmp_path / "e.jsonl").read_text().splitlines())
    assert (found["row"], found["line"]) == (2, None)


def test_without_a_refusal_the_file_of_errors_is_empty_and_an_old_one_gone(detector: Detector, tmp_path: Path) -> None:
    source, errors = table(tmp_path / "in.jsonl", POST), tmp_path / "e.jsonl"
    errors.write_text("old\n")
    scored(detector, source, errors=ErrorFile(errors))
    assert errors.read_bytes() == b""


def test_inputs_output_and_errors_are_different_files(detector: Detector, tmp_path: Path) -> None:
    source = table(tmp_path / "in.jsonl", POST)
    with pytest.raises(OutputError, match="is an input and the output"):
        score_files(detector, [source], tmp_path / "out.csv", errors=ErrorFile(source))
    with pytest.raises(OutputError, match="is the output and the file of errors"):
        score_files(detector, [source], tmp_path / "out.jsonl", errors=ErrorFile(tmp_path / "." / "out.jsonl"))
    assert [path.name for path in tmp_path.iterdir()] == ["in.jsonl"]


# On the command line.


def test_a_folder_with_a_file_that_cannot_be_read_has_the_status_of_refused_rows(
    runnable_bundle: Path, scrape: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (scrape / "picture.csv").write_bytes(b"\x89PNG\x00")
    errors = tmp_path / "e.jsonl"
    arguments = ["score", str(scrape), "-o", str(tmp_path / "out.jsonl"), "--errors", str(errors), "--model", str(runnable_bundle)]
    assert main(arguments) == SOME_REFUSED
    shown = capsys.readouterr().err
    assert "rows       4 in " in shown
    assert "copies     3 read in another row" in shown
    assert "unread     1 files, or what is left of them" in shown
    assert f"{scrape}/picture.csv: expected CSV, JSONL or Parquet, got a picture" in shown
    assert len(errors.read_text().splitlines()) == 1


@pytest.mark.parametrize("options", [["--resume"], ["--errors-with-text", "-o", "x.csv"]])
def test_options_that_need_another_say_so(options: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["score", "in.csv", *options]) == USAGE
    assert "name one" in capsys.readouterr().err


def test_columns_may_be_named_for_a_folder(detector: Detector, tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    for number in (1, 2):
        (tmp_path / "in" / f"{number}.csv").write_text(f"nr,ad\n{number},kitchen help in town\n")
    rows, _ = scored(detector, tmp_path / "in", reading=Reading(text_columns=("ad",), id_column="nr"))
    assert [row["id"] for row in rows] == ["1", "2"]
