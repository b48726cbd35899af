"""Tables in: formats, encodings, dialects, columns, and rows that are broken; and the job that scores them."""

import bz2
import codecs
import csv
import gzip
import io
import json
import lzma
import os
import resource
import subprocess
import sys
import textwrap
from decimal import Decimal
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from detector import ColumnError, Detector, InputError, OutputError
from detector.columns import Carrier, choose
from detector.files import score_files
from detector.inputs import Reading
from detector.summary import Summary
from detector.tables import Row, open_table
from detector.tables.delimited import DelimitedTable
from detector.tables.jsonl import MAX_DEPTH, JsonLinesTable
from detector.tables.rows import MAX_RECORD

ROOT = Path(__file__).parents[2]
LINES = ["kitchen help wanted near the market", "zoo tour guide wanted, two shifts", "typist wanted, ticket paid by us"]


def rows_of(path: Path, **options: str) -> list[Row]:
    table = open_table(path, **options)
    try:
        return list(table.rows())
    finally:
        table.close()


def fields_of(path: Path, **options: str) -> list[dict[str, object]]:
    return [dict(row.fields) for row in rows_of(path, **options)]


def scored(detector: Detector, *inputs: Path, **options: object) -> tuple[list[dict[str, object]], Summary]:
    stream = io.BytesIO()
    summary = score_files(detector, inputs, stream, **options)
    return [json.loads(line) for line in stream.getvalue().splitlines()], summary


@pytest.fixture
def write(tmp_path: Path):
    """Write a file and return its path."""

    def write(name: str, content: str | bytes) -> Path:
        path = tmp_path / name
        path.write_bytes(content.encode() if isinstance(content, str) else content)
        return path

    return write


# Encodings of CSV. The texts are as short as a table of a few posts is.


@pytest.mark.parametrize(
    ("encoding", "text"),
    [
        ("utf-8", "รับพนักงานเสิร์ฟ"),
        ("utf-8-sig", "需要一名厨师"),
        ("utf-16", "ត្រូវការចុងភៅ"),
        ("utf-16-le", "Cook wanted – José’s, today"),
        ("utf-16-be", "Cook wanted – José’s, today"),
        ("utf-32", "ຮັບພະນັກງານ"),
        ("cp1252", "Se busca cocinero, sueldo según experiencia – “llamar” mañana"),
        ("cp1252", "Don’t worry about papers"),
        ("cp1250", "Praca w Tajlandii, bilet opłacony, żadnego doświadczenia"),
        ("cp1251", "Требуются операторы чата, билет и виза за наш счёт"),
        ("cp1254", "Sohbet operatörü aranıyor, uçak bileti ve konaklama şirketten"),
        ("cp1256", "مطلوب موظفين خدمة عملاء في دبي"),
        ("cp874", "รับแอดมินตอบแชท ทำงานฝั่งปอยเปต เงินเดือน 35,000"),
        ("cp874", "ทักLINEได้เลย รับ 5 คน"),
        ("gb18030", "西港公司直招客服，包吃包住，月薪一万五"),
        ("gb18030", "急招打字员"),
        ("big5", "朋友公司徵打字員，月薪八萬，機票食宿全包"),
        ("big5", "誠徵打字員"),
        ("cp949", "캄보디아 고수익 알바 모집, 항공권 제공"),
        ("cp932", "海外リゾートバイト募集、渡航費会社負担"),
        ("euc_jp", "海外リゾートバイト募集、渡航費会社負担"),
    ],
)
def test_the_encoding_of_a_csv_file_is_found(write, encoding: str, text: str) -> None:
    path = write("posts.csv", f'id,text\r\n1,"{text}"\r\n2,plain words\r\n'.encode(encoding))
    assert fields_of(path) == [{"id": "1", "text": text}, {"id": "2", "text": "plain words"}]


def test_the_encoding_is_found_where_only_a_late_line_shows_it(write) -> None:
    late = "招聘前台，包吃住，底薪四千，工作地点金边市中心"
    content = "id,text\n" + "1,plain words only\n" * 200_000 + f"2,{late}\n"
    assert rows_of(write("posts.csv", content.encode("gb18030")))[-1].fields["text"] == late


def test_a_few_broken_lines_do_not_make_utf8_another_encoding(detector: Detector, write) -> None:
    good = "".join(f"{number},ร้านกาแฟหาพนักงาน\n" for number in range(5)).encode()
    path = write("posts.csv", b"id,text\n" + good + b"6,caf\xe9 wanted\n7,plain\n")
    output, summary = scored(detector, path)
    assert [row["id"] for row in output if row["error"]] == ["6"]
    assert output[5]["error"].startswith("expected utf-8, got bytes of another encoding")
    assert output[5]["text"] == "caf\udce9 wanted"
    assert summary.refused == 1


def test_bytes_at_fault_outside_the_text_do_not_refuse_the_row(detector: Detector, write) -> None:
    path = write("posts.csv", "id,text,who\n1,ร้านกาแฟ หาคน ด่วน,ก\n2,kitchen help wanted,".encode() + b"caf\xe9\n")
    output, summary = scored(detector, path)
    assert (summary.refused, output[1]["who"]) == (0, "caf\udce9")


def test_a_truncated_utf16_file_loses_no_whole_row(write) -> None:
    content = "id,text\n1,kitchen help\n2,zoo".encode("utf-16")
    rows = rows_of(write("posts.csv", content[:-1]))
    assert rows[0].fields == {"id": "1", "text": "kitchen help"}
    assert str(rows[1].fields["text"]).startswith("zo")


def test_bytes_that_no_encoding_explains_refuse_their_rows_alone(detector: Detector, write) -> None:
    path = write("posts.csv", b"id,text\n1,ab \x82 cd \x8f\n2,kitchen help wanted\n")
    output, summary = scored(detector, path)
    assert summary.refused == 1
    assert output[0]["error"].startswith("expected utf-8, got bytes of another encoding")


def test_the_caller_may_name_the_encoding(write) -> None:
    path = write("posts.csv", "text\nSeñor\n".encode("cp850"))
    assert fields_of(path, encoding="cp850") == [{"text": "Señor"}]
    for unknown in ("klingon", "rot13", "zip"):
        with pytest.raises(InputError, match=f"got '{unknown}'"):
            open_table(path, encoding=unknown)


# Dialects of CSV.


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_the_delimiter_is_found_although_texts_hold_others(write, delimiter: str, end: str) -> None:
    stream = io.StringIO(newline="")
    writer = csv.writer(stream, delimiter=delimiter, lineterminator=end)
    records = [["7", "a, b; c | d\te", "x"], ["8", "one; two; three", "y"], ["9", f"line{end}break, and more", "z"]]
    writer.writerows([["nr", "body", "from"], *records])
    path = write("posts.csv", stream.getvalue())
    assert [list(fields.values()) for fields in fields_of(path)] == records


def test_commas_in_a_table_of_one_column_are_text(write) -> None:
    path = write("posts.csv", "text\ncook, driver, guard\nno commas\n")
    assert fields_of(path) == [{"text": "cook, driver, guard"}, {"text": "no commas"}]


def test_a_header_with_a_known_name_decides_between_delimiters(write) -> None:
    path = write("posts.csv", "id;text;note\n1;a,b;c\n2;d,e;f\n")
    assert fields_of(path)[0] == {"id": "1", "text": "a,b", "note": "c"}


def test_the_line_that_declares_a_delimiter_is_no_record(write) -> None:
    path = write("posts.csv", "sep=^\nid^text\n1^a,b\n2^c\n3\n")
    rows = rows_of(path)
    assert rows[0].fields == {"id": "1", "text": "a,b"}
    assert rows[2].error is not None
    assert rows[2].error.startswith("line 5: ")


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        ('id,text\n1,"say \\"hi\\", friend"\n2,"x"\n', 'say "hi", friend'),
        ("id,text\n1,'say hi, friend'\n2,'x'\n", "say hi, friend"),
        ("id,text\n1,'tis a job\n2,o'clock\n", "'tis a job"),
        ('id\ttext\n1\t"Free" meals, and "room\n2\tx\n', '"Free" meals, and "room'),
        ('id,text\n1,"Free" meals\n2,x\n', "Free meals"),
        ('id,text\n1,a 5" screen\n2,"b"\n', 'a 5" screen'),
        ('id,text\n1,"C:\\dir, x"\n', "C:\\dir, x"),
        ('id,text\n1,"say ""hi"", friend"\n', 'say "hi", friend'),
    ],
    ids=["backslash", "single-quotes", "apostrophe", "no-quotes", "careless-quotes", "inch", "path", "doubled"],
)
def test_quotes_are_read_as_they_were_meant(write, content: str, expected: str) -> None:
    assert fields_of(write("posts.csv", content))[0]["text"] == expected


def test_columns_without_a_name_or_with_the_same_get_one(write) -> None:
    path = write("posts.csv", "\ufeff,text,text, note \n1,a,b,c\n")
    assert fields_of(path) == [{"column_1": "1", "text": "a", "text_2": "b", "note": "c"}]


def test_blank_lines_are_no_records(write) -> None:
    assert [row.number for row in rows_of(write("posts.csv", "id,text\n\n1,a\n\n\n2,b\n\n"))] == [1, 2]


@pytest.mark.parametrize("content", [b"", b"\r\n\r\n", codecs.BOM_UTF8, codecs.BOM_UTF16_LE, b"sep=;\n"])
def test_a_csv_file_without_a_header_has_no_columns_and_no_rows(write, content: bytes) -> None:
    table = open_table(write("posts.csv", content))
    assert (table.columns, table.all_columns(), list(table.rows())) == ((), {}, [])
    table.close()


# Broken records of CSV.


def test_a_quote_that_is_not_closed_costs_one_row_and_not_the_rest(write) -> None:
    content = 'id,text,from\n1,ok,a\n2,"not closed,b\n' + "".join(f"{n},fine,c\n" for n in range(3, 1000))
    rows = rows_of(write("posts.csv", content))
    assert [row.number for row in rows if row.error] == [2]
    assert rows[1].error == "line 3: a quote opens here that is not closed"
    assert rows[1].fields == {"id": "2", "text": "not closed,b"}
    assert len(rows) == 999


@pytest.mark.parametrize(
    "content",
    [
        'id,text,from\n1,"not closed,a\n2,fine,b\n3,"fine too",c\n4,last,d\n',
        'id,text,from\n1,"not closed,a\n2,fine,b\n3,"fine\nover lines",c\n4,last,d\n',
        'id,text,from\n1,"not closed,a\n2,fine,b\n3,"fine, too",c\n4,"last",d\n',
    ],
    ids=["quoted-later", "embedded-newline-later", "delimiter-later"],
)
def test_a_stray_quote_does_not_pair_with_the_quote_of_a_later_row(write, content: str) -> None:
    rows = rows_of(write("posts.csv", content))
    assert [(row.fields["id"], bool(row.error)) for row in rows] == [
        ("1", True),
        ("2", False),
        ("3", False),
        ("4", False),
    ]


def test_stray_quotes_on_many_lines_take_time_in_proportion(write) -> None:
    content = "id,text,from\n" + '1,"not closed,a\n2,fine,b\n' * 5000
    rows = rows_of(write("posts.csv", content))
    assert sum(row.error is None for row in rows) >= 5000
    assert sum(row.error is not None for row in rows) <= 5000


def test_embedded_line_breaks_are_kept(write) -> None:
    text = "line one\r\n\r\nline, three\n"
    path = write("posts.csv", f'id,text,from\n1,"{text}",a\n2,x,b\n')
    assert fields_of(path)[0] == {"id": "1", "text": text, "from": "a"}


def test_rows_with_too_many_or_too_few_cells_are_refused_and_keep_their_cells(write) -> None:
    rows = rows_of(write("posts.csv", "id,text\n1,a,b,c\n2\n3,ok\n4,trailing,,\n"))
    assert [row.error for row in rows] == [
        "line 2: expected 2 cells, got 4; a cell with delimiters or line breaks needs quotes",
        "line 3: expected 2 cells, got 1; a cell with delimiters or line breaks needs quotes",
        None,
        None,
    ]
    assert rows[0].fields == {"id": "1", "text": "a", "extra_cells": ["b", "c"]}


def test_reading_leaves_the_limit_of_the_csv_module_alone(write) -> None:
    before = csv.field_size_limit()
    path = write("posts.csv", f'id,text\n1,"{"x" * 300_000}"\n2,y\n')
    table = open_table(path)
    for row in table.rows():
        assert row.error is None
        assert csv.field_size_limit() == before
    table.close()


def test_a_line_without_end_is_cut_and_refused(write) -> None:
    path = write("posts.csv", "id,text\n1," + "x" * (MAX_RECORD + 10) + "\n2,ok\n")
    rows = rows_of(path)
    assert rows[0].error == f"line 2: expected at most {MAX_RECORD} characters in a line"
    assert rows[1].fields == {"id": "2", "text": "ok"}


# JSONL.


def test_broken_lines_of_json_are_refused_one_by_one(write) -> None:
    lines = [
        '{"id": 1, "text": "fine"}',
        "",
        '{"id": 2, "text": "cut off',
        '["text"]',
        '"text"',
        "null",
        '{"id": 3, "n": ' + "9" * 5000 + "}",
        '{"id": 4, "deep": ' + "[" * 100_000 + "]" * 100_000 + "}",
        '{"id": 5, "deep": ' + "[" * (MAX_DEPTH + 1) + "]" * (MAX_DEPTH + 1) + "}",
        '{"id": 6, "text": "fine again"}',
    ]
    rows = rows_of(write("posts.jsonl", "\n".join(lines)))
    assert [row.error for row in rows] == [
        None,
        "line 3: broken JSON: Unterminated string starting at at character 19",
        "line 4: expected a JSON object, got list",
        "line 5: expected a JSON object, got str",
        "line 6: expected a JSON object, got NoneType",
        "line 7: JSON with a number or a nesting beyond all measure",
        "line 8: JSON with a number or a nesting beyond all measure",
        f"line 9: expected at most {MAX_DEPTH} lists and objects within each other",
        None,
    ]
    assert [row.number for row in rows] == list(range(1, 10))


def test_a_line_that_is_not_utf8_is_refused_and_carried_over(write) -> None:
    rows = rows_of(write("posts.jsonl", b'{"id": 1, "text": "caf\xe9"}\n{"id": 2, "text": "ok"}\n'))
    assert rows[0].error == "line 1: expected UTF-8, got bytes of another encoding"
    assert rows[0].fields == {"id": 1, "text": "caf\udce9"}
    assert rows[1].error is None


def test_a_line_beyond_the_limit_is_skipped_to_its_end(write) -> None:
    long = '{"text": "' + "x" * MAX_RECORD + '"}'
    rows = rows_of(write("posts.jsonl", f'{long}\n{{"text": "ok"}}\n'))
    assert [row.error for row in rows] == [f"line 1: expected at most {MAX_RECORD} bytes in a line", None]
    assert rows[1].position == len(long) + len('\n{"text": "ok"}\n')


@pytest.mark.parametrize("encoding", ["utf-8", "utf-16"])
def test_a_reader_may_want_shorter_lines_of_json(write, encoding: str) -> None:
    path = write("posts.jsonl", f'{{"text": ["{"x" * 100}"]}}\n{{"text": "ok"}}\n'.encode(encoding))
    with path.open("rb") as stream:
        rows = list(JsonLinesTable("posts", stream, most=100).rows())
    assert [row.error for row in rows] == ["line 1: expected at most 100 bytes in a line", None]


def test_a_reader_may_want_fewer_lists_in_a_line_of_json(write) -> None:
    with write("posts.jsonl", '{"text": [[], []]}\n{"text": []}\n').open("rb") as stream:
        rows = list(JsonLinesTable("posts", stream, nested=2).rows())
    assert [row.error for row in rows] == ["line 1: expected at most 2 brackets in a line", None]


def test_a_reader_may_want_shorter_records_and_fewer_columns_of_csv(write) -> None:
    path = write("posts.csv", f"id,text\n1,{'x' * 100}\n2,ok\n")
    with path.open("rb") as stream:
        rows = list(DelimitedTable("posts", stream, most=100).rows())
        assert [row.error for row in rows] == ["line 2: expected at most 100 characters in a line", None]
        with pytest.raises(InputError, match="posts: expected at most 1 columns, got 2"):
            DelimitedTable("posts", stream, widest=1)


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "utf-32"])
def test_jsonl_with_a_byte_order_mark_is_read(write, encoding: str) -> None:
    path = write("posts.jsonl", '{"text": "ร้าน"}\r\n{"text": "b"}\r\n'.encode(encoding))
    assert fields_of(path) == [{"text": "ร้าน"}, {"text": "b"}]


def test_numbers_that_are_none_become_null(write) -> None:
    path = write("posts.jsonl", '{"text": "a", "x": NaN, "y": -Infinity}\n')
    assert fields_of(path) == [{"text": "a", "x": None, "y": "-Infinity"}]


@pytest.mark.parametrize("content", ['[{"text": "a"}]', '[\n  {"text": "a"},\n  {"text": "b"}\n]\n'])
def test_a_list_of_objects_is_no_jsonl(write, content: str) -> None:
    with pytest.raises(InputError, match="jq -c"):
        open_table(write("posts.json", content))


def test_an_empty_jsonl_file_has_no_rows(detector: Detector, write) -> None:
    output, summary = scored(detector, write("posts.jsonl", "\n"))
    assert (output, summary.rows, summary.rows_per_second) == ([], 0, 0.0)


def test_jsonl_without_a_single_object_is_refused_row_by_row(detector: Detector, write) -> None:
    output, summary = scored(detector, write("posts.jsonl", "{oops\nnope\n"))
    assert (summary.rows, summary.refused) == (2, 2)
    assert [row["id"] for row in output] == ["1", "2"]


# Parquet.


def test_parquet_values_of_every_type_become_plain_ones(tmp_path: Path) -> None:
    path = tmp_path / "posts.parquet"
    table = pa.table(
        {
            "text": pa.array(["a", None], pa.large_string()),
            "kind": pa.array(["x", "y"]).dictionary_encode(),
            "when": pa.array([1, 2], pa.timestamp("ns")),
            "raw": pa.array([b"caf\xc3\xa9", b"\xff"], pa.binary()),
            "price": pa.array([Decimal("1.50"), None]),
            "tags": pa.array([["a"], []], pa.list_(pa.string())),
        }
    )
    pq.write_table(table, path)
    first, second = fields_of(path)
    assert first == {
        "text": "a",
        "kind": "x",
        "when": "1970-01-01 00:00:00.000000001",
        "raw": "café",
        "price": Decimal("1.50"),
        "tags": ["a"],
    }
    assert second["raw"] == "\udcff"


def test_a_parquet_string_that_is_not_utf8_refuses_its_row_alone(detector: Detector, tmp_path: Path) -> None:
    path = tmp_path / "posts.parquet"
    texts = pa.Array.from_buffers(pa.string(), 3, pa.array([b"good one here", b"caf\xe9 here", b"fine"]).buffers())
    pq.write_table(pa.table({"text": texts}), path)
    output, summary = scored(detector, path)
    assert [row["error"] for row in output] == [None, "expected UTF-8, got bytes of another encoding", None]
    assert summary.refused == 1


@pytest.mark.parametrize("content", [b"PAR1 nothing of the kind", b"", b"id,text\n1,a\n"])
def test_what_is_no_parquet_is_refused(write, content: bytes) -> None:
    with pytest.raises(InputError, match=r"posts\.parquet: expected a Parquet file"):
        open_table(write("posts.parquet", content))


def test_a_parquet_file_that_is_damaged_inside_is_an_input_error(detector: Detector, tmp_path: Path) -> None:
    path = tmp_path / "posts.parquet"
    pq.write_table(pa.table({"text": [f"post {n} here" for n in range(50_000)]}), path, compression="snappy")
    raw = bytearray(path.read_bytes())
    raw[2000:60_000] = b"\xff" * 58_000
    path.write_bytes(raw)
    with pytest.raises(InputError, match=r"posts\.parquet: cannot be read on behind row \d+"):
        scored(detector, path)


# Which format, which file.


@pytest.mark.parametrize(
    ("name", "content", "kind"),
    [
        ("posts", '{"text": "a"}', "JSONL"),
        ("posts.txt", codecs.BOM_UTF8 + b'\n {"text": "a"}', "JSONL"),
        ("posts.txt", "id\ttext\n1\ta\n", "CSV in utf-8, tabs between cells"),
        ("posts.tsv", "id\ttext\n1\ta\n", "CSV in utf-8, tabs between cells"),
        ("posts.dat", "text\na\n", "CSV in utf-8, one column"),
        ("posts.NDJSON", '{"text": "a"}', "JSONL"),
    ],
)
def test_the_format_is_found(write, name: str, content: str | bytes, kind: str) -> None:
    table = open_table(write(name, content))
    assert table.kind == kind
    table.close()


def test_the_caller_may_name_the_format(write) -> None:
    assert fields_of(write("posts.csv", '{"text": "a"}'), format="jsonl") == [{"text": "a"}]
    with pytest.raises(InputError, match="got 'xml'"):
        open_table(write("posts.csv", "text\n"), format="xml")


@pytest.mark.parametrize(
    ("magic", "hint"),
    [
        (gzip.compress(gzip.compress(b"text\n")), "gzip-compressed data within gzip-compressed data; .*gzip -dc"),
        (bz2.compress(b"text\n"), "bzip2 -dc"),
        (lzma.compress(b"text\n"), "xz -dc"),
        (b"PK\x03\x04", "looks like an Excel workbook .*; save the sheet as CSV UTF-8"),
        (b"\xd0\xcf\x11\xe0\xa1\xb1", "looks like an old Excel workbook; save the sheet as CSV UTF-8"),
        (b"%PDF-1.7\n", "a PDF"),
        (b"\x89PNG\r\n\x1a\n", "a picture"),
        (b"\xff\xd8\xff\xe0", "a picture"),
        (b"SQLite format 3\x00", "export the table as CSV UTF-8"),
    ],
    ids=["gzip-twice", "bzip2", "xz", "zip", "xls", "pdf", "png", "jpeg", "sqlite"],
)
@pytest.mark.parametrize("name", ["posts.csv", "posts.jsonl", "posts.xlsx", "posts.parquet"])
def test_files_of_other_kinds_are_named(write, name: str, magic: bytes, hint: str) -> None:
    with pytest.raises(InputError, match=f"expected CSV, JSONL or Parquet, got .*{hint}"):
        open_table(write(name, magic))


@pytest.mark.parametrize(
    "content", [b"\x80\x04\x95\x14", b"ARROW1\x00\x00", b"\x7fELF\x02\x01\x01\n"], ids=["pickle", "arrow", "elf"]
)
def test_other_binary_files_are_told_by_their_first_line(write, content: bytes) -> None:
    path = write("posts.csv", content + bytes(range(256)))
    with pytest.raises(InputError, match="looks like a binary file; save the posts as CSV UTF-8, or name the encoding"):
        open_table(path)
    open_table(path, encoding="cp437").close()


def test_what_strangers_wrote_behind_the_header_does_not_make_a_file_binary(write) -> None:
    controls = bytes(set(range(0x20)) - set(b"\r\n")) * 50
    rows = rows_of(write("posts.csv", b"id,text\n1," + controls + b"\n2,kitchen help\n"))
    assert [row.fields["id"] for row in rows] == ["1", "2"]


def test_a_parquet_file_is_known_under_any_name_and_not_read_as_another_format(write, tmp_path: Path) -> None:
    pq.write_table(pa.table({"text": ["kitchen help"]}), tmp_path / "posts.csv")
    assert fields_of(tmp_path / "posts.csv") == [{"text": "kitchen help"}]
    for form in ("csv", "jsonl"):
        with pytest.raises(InputError, match=f"expected {form.upper()}, got Parquet; leave out --format"):
            open_table(tmp_path / "posts.csv", format=form)


def test_a_file_that_is_missing_or_a_folder_is_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"nowhere\.csv: cannot be read: No such file or directory"):
        open_table(tmp_path / "nowhere.csv")
    with pytest.raises(InputError, match="cannot be read: Is a directory"):
        open_table(tmp_path)


# Columns.


@pytest.mark.parametrize(
    ("columns", "text", "identity"),
    [
        (["id", "text"], ("text",), "id"),
        (["Body", "TEXT "], ("TEXT ",), None),
        (["Post ID", "Message"], ("Message",), "Post ID"),
        (["description", "Job-Title"], ("Job-Title", "description"), None),
        (["title", "content", "description"], ("content",), None),
        (["title", "_id"], ("title",), "_id"),
        (["编号", "内容"], ("内容",), None),
    ],
)
def test_columns_are_found_by_name(columns: list[str], text: tuple[str, ...], identity: str | None) -> None:
    choice = choose("posts.csv", columns)
    assert (choice.text, choice.id) == (text, identity)


def test_without_a_known_name_the_message_lists_the_columns() -> None:
    with pytest.raises(ColumnError, match=r"posts\.csv: .*--text-column; the columns are 'nr', 'ad'$"):
        choose("posts.csv", ["nr", "ad"])
    with pytest.raises(ColumnError, match="no column 'advert', asked for with --text-column; the columns are 'nr', 'ad'"):
        choose("posts.csv", ["nr", "ad"], text_columns=["advert"])
    with pytest.raises(ColumnError, match="no column 'key', asked for with --id-column"):
        choose("posts.csv", ["nr", "text"], id_column="key")


def test_a_file_without_a_header_does_not_show_its_posts_in_the_message() -> None:
    with pytest.raises(ColumnError) as caught:
        choose("posts.csv", ["a post that somebody wrote and that goes on for long, with a name in it"])
    assert "name in it" not in str(caught.value)


@pytest.mark.parametrize(
    ("columns", "options", "language"),
    [
        (["text", "lang"], {}, ("lang",)),
        (["text", "Language", "Language Code"], {}, ("Language Code", "Language")),
        (["text", "langue"], {}, ()),
        (["text", "lang", "langue"], {"language_column": "Langue"}, ("langue",)),
        (["text", "lang"], {"language_column": ""}, ()),
    ],
)
def test_columns_with_languages_are_found_by_name_or_named_or_left_alone(
    columns: list[str], options: dict[str, str], language: tuple[str, ...]
) -> None:
    assert choose("posts.csv", columns, **options).language == language


def test_the_first_column_that_holds_a_code_says_the_language() -> None:
    choice = choose("posts.csv", ["text", "language", "lang"])
    assert choice.language_of({"language": "Tamil", "lang": "ta"}) == "ta"
    assert choice.language_of({"language": "ta", "lang": "und"}) == "ta"
    assert choice.language_of({"language": "Tamil", "lang": None}) is None
    assert choice.language_of({"text": "th"}) is None


def test_title_and_description_are_joined_and_either_may_be_missing() -> None:
    choice = choose("posts.csv", ["title", "description"])
    assert choice.text_of({"title": "Cook", "description": "Kampot"}) == "Cook\nKampot"
    assert choice.text_of({"title": None, "description": "Kampot"}) == "Kampot"
    assert choice.text_of({"title": "", "description": ""}) is None
    assert choice.text_of({"title": "Cook", "description": 7}) == 7


def test_columns_with_names_of_the_verdict_are_renamed_but_for_the_id() -> None:
    carrier = Carrier(["id", "score", "input_score", "text"], frozenset({"id", "score"}), "id")
    carried = carrier.carry({"id": 1, "score": 2, "input_score": 3, "text": 4, "new": 5})
    assert carried == {"id": 1, "input_input_score": 2, "input_score": 3, "text": 4, "new": 5}
    assert Carrier(["id"], frozenset({"id"}), "nr").carry({"id": 1}) == {"input_id": 1}


# The job.


@pytest.mark.parametrize("target", ["csv", "jsonl", "parquet"])
@pytest.mark.parametrize("source", ["csv", "jsonl", "parquet", "header.csv"])
def test_an_input_without_rows_gives_a_whole_output_without_rows(
    detector: Detector, tmp_path: Path, source: str, target: str
) -> None:
    path, output = tmp_path / f"in.{source}", tmp_path / f"out.{target}"
    path.write_text("id,text\n" if source == "header.csv" else "")
    if source == "parquet":
        pq.write_table(pa.table({"id": pa.array([], pa.string()), "text": pa.array([], pa.string())}), path)
    summary = score_files(detector, [path], output)
    assert (summary.rows, summary.refused) == (0, 0)
    if target == "jsonl":
        assert output.read_bytes() == b""
        return
    header = pq.read_table(output).column_names if target == "parquet" else output.read_text("utf-8-sig").strip().split(",")
    assert {"id", "score", "band", "evidence", "error"} <= set(header)
    assert fields_of(output) == []


def test_an_empty_file_stops_no_other(detector: Detector, write) -> None:
    output, summary = scored(detector, write("empty.csv", ""), write("a.csv", f"text\n{LINES[0]}\n"))
    assert ([row["text"] for row in output], summary.rows) == ([LINES[0]], 1)
    assert str(summary.inputs[0]).endswith("no columns")


def test_a_language_column_is_a_hint_in_the_rows_where_it_holds_a_code(detector: Detector, write) -> None:
    cells = ["th", "pt_BR", "zh-Hant", "Tamil", "", "und", "eng"]
    path = write("posts.csv", "text,language\n" + "".join(f'"{LINES[0]}",{cell}\n' for cell in cells))
    output, summary = scored(detector, path)
    assert [row["language"] for row in output] == ["th", "pt-BR", "zh-Hant", "en", "en", "en", "en"]
    assert [row["input_language"] for row in output] == cells
    assert len({row["score"] for row in output}) == 1
    assert summary.inputs[0].endswith("id in the row number, language in 'language'")


def test_every_bad_row_gets_an_error_and_stops_nothing(detector: Detector, write) -> None:
    bad: list[tuple[object, str]] = [
        (None, "expected a text in 'text', got nothing"),
        ("", "expected a text, got nothing but blanks"),
        (" \n ", "expected a text, got nothing but blanks"),
        (5, "expected a text, got int"),
        ({"a": 1}, "expected a text, got dict"),
        ("x" * 5_000_000, "expected at most 100000 characters, got 5000000; split the document into posts"),
        ("half \ud83d pair", "expected Unicode text, got half a surrogate pair at position 5"),
        ("a\0b", "expected text, got a NUL character at position 1"),
    ]
    records = [{"id": f"b{place}", "text": text} for place, (text, _) in enumerate(bad)]
    lines = [json.dumps(record) for record in [{"id": "first", "text": LINES[0]}, *records]]
    lines += ['{"id": "cut', json.dumps({"id": "last", "text": LINES[1]})]
    output, summary = scored(detector, write("posts.jsonl", "\n".join(lines)), batch_size=3)
    assert [row["error"] for row in output[1:-2]] == [error for _, error in bad]
    assert output[-2]["error"].startswith("line 10: broken JSON")
    assert [row["id"] for row in output] == ["first", *(f"b{place}" for place in range(8)), None, "last"]
    assert output[0]["error"] is output[-1]["error"] is None
    assert (summary.rows, summary.refused, summary.bands.total()) == (11, 9, 2)
    assert summary.refusals[0] == (str(summary.inputs[0]).split(": ")[0], 2, bad[0][1])


def test_bad_texts_in_csv_are_refused_row_by_row(detector: Detector, write) -> None:
    path = write("posts.csv", f'id,text\n1,a\0b\n2,"{"x" * 5_000_000}"\n3,\n4,"{LINES[0]}"\n')
    output, summary = scored(detector, path)
    assert [row["error"] for row in output] == [
        "expected text, got a NUL character at position 1",
        "expected at most 100000 characters, got 5000000; split the document into posts",
        "expected a text, got nothing but blanks",
        None,
    ]
    assert (summary.rows, summary.refused, len(str(output[1]["text"]))) == (4, 3, 5_000_000)


def test_more_inputs_than_a_process_may_hold_open_are_read(detector: Detector, tmp_path: Path) -> None:
    paths = [tmp_path / f"{number}.jsonl" for number in range(60)]
    for path in paths:
        path.write_text(json.dumps({"text": LINES[0], "file": path.stem}))
    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (50, before[1]))
    try:
        output, _ = scored(detector, *paths)
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, before)
    assert [row["file"] for row in output] == [path.stem for path in paths]
    assert [row["id"] for row in output] == [str(number) for number in range(1, 61)]


def test_a_post_of_a_file_scores_as_it_does_alone(detector: Detector, write) -> None:
    path = write("posts.jsonl", "\n".join(json.dumps({"text": line, "source": "web"}) for line in LINES))
    output, _ = scored(detector, path, batch_size=2)
    for number, (row, line) in enumerate(zip(output, LINES, strict=True), 1):
        (alone,) = detector.score([line])
        assert row == {"text": line, "source": "web", **json.loads(json.dumps(alone.to_dict())), "id": str(number)}


def test_inputs_of_all_formats_go_into_one_output(detector: Detector, write, tmp_path: Path) -> None:
    csv_path = write("a.csv", f"post_id;body\nx;{LINES[0]}\n")
    jsonl_path = write("b.jsonl", json.dumps({"text": LINES[1], "score": 1}))
    parquet_path = tmp_path / "c.parquet"
    pq.write_table(pa.table({"message": [LINES[2]]}), parquet_path)
    output, summary = scored(detector, csv_path, jsonl_path, parquet_path)
    assert [row["id"] for row in output] == ["x", "2", "3"]
    assert (output[1]["input_score"], output[0]["post_id"]) == (1, "x")
    assert summary.inputs[0] == f"{csv_path}: CSV in utf-8, ';' between cells; text in 'body', id in 'post_id'"
    assert summary.inputs[2] == f"{parquet_path}: Parquet; text in 'message', id in the row number"


def test_a_text_column_may_be_named_for_all_inputs(detector: Detector, write) -> None:
    path = write("a.csv", "text,ad,more,key\nwrong,kitchen help,in town,k1\n")
    output, _ = scored(detector, path, reading=Reading(text_columns=("ad", "more"), id_column="key"))
    (alone,) = detector.score(["kitchen help\nin town"])
    assert (output[0]["score"], output[0]["id"], output[0]["key"]) == (alone.score, "k1", "k1")


def test_all_inputs_are_opened_before_the_first_is_scored(detector: Detector, write, tmp_path: Path) -> None:
    good = write("a.csv", f"text\n{LINES[0]}\n")
    output = tmp_path / "out.jsonl"
    with pytest.raises(ColumnError):
        score_files(detector, [good, write("b.csv", "nr,ad\n1,2\n")], output)
    with pytest.raises(InputError, match="at least one input"):
        score_files(detector, [], output)
    with pytest.raises(InputError, match="batch_size must be at least 1"):
        score_files(detector, [good], output, batch_size=0)
    assert not output.exists()


def test_progress_ends_at_the_size_of_all_inputs(detector: Detector, write) -> None:
    one = write("a.csv", "text\n" + f"{LINES[0]}\n" * 10)
    two = write("b.jsonl", (json.dumps({"text": LINES[1]}) + "\n") * 5)
    seen: list[tuple[int, int, int | None]] = []
    scored(detector, one, two, batch_size=4, on_progress=lambda *state: seen.append(state))
    total = one.stat().st_size + two.stat().st_size
    assert [rows for rows, _, _ in seen] == [4, 8, 10, 14, 15]
    assert seen[-1] == (15, total, total)
    assert seen == sorted(seen)


def test_an_input_is_not_written_over(detector: Detector, write, tmp_path: Path) -> None:
    path = write("posts.csv", f"text\n{LINES[0]}\n")
    before = path.read_bytes()
    link = tmp_path / "link.csv"
    link.symlink_to(path)
    for output in (path, link, tmp_path / "." / "posts.csv"):
        with pytest.raises(OutputError, match="is an input and the output"):
            score_files(detector, [path], output)
    with path.open("ab") as stream, pytest.raises(OutputError, match="is an input and the output"):
        score_files(detector, [path], stream)
    assert path.read_bytes() == before


def test_the_sample_posts_are_read_whole(detector: Detector) -> None:
    path = ROOT / "data" / "samples" / "posts.csv"
    output, summary = scored(detector, path)
    with path.open(encoding="utf-8", newline="") as stream:
        expected = list(csv.DictReader(stream))
    assert [row["text"] for row in output] == [row["text"] for row in expected]
    assert (summary.rows, summary.refused) == (40, 0)
    assert len({row["lang"] for row in expected}) >= 10


MEMORY = """
    import sys
    from dataclasses import replace
    from pathlib import Path
    import numpy as np
    from detector import Detector
    from detector.bundle import read_bundle
    from detector.files import score_files

    class Backend:
        def token_scores(self, ids):
            return np.tile(np.where(np.arange(33) < 10, 1, -1).astype(np.float32), (len(ids), 1))

    class Hasty(Detector):
        # The posts are all alike: what is measured is what files take, not what the model does.
        def score(self, posts):
            (known,) = super().score(["Help wanted in the kitchen, and in the garden"])
            return [replace(known, id=post.id) for post in posts]

    folder, source, output = map(Path, sys.argv[1:])
    detector = Hasty(read_bundle(folder), Backend(), threads=1)
    summary = score_files(detector, [source], output)
    # Not ru_maxrss: it starts from the peak of the process that this one was forked from.
    peak = next(line.split()[1] for line in Path("/proc/self/status").open() if line.startswith("VmHWM"))
    print(summary.rows, peak)
"""


@pytest.mark.slow
@pytest.mark.parametrize(("source", "target"), [("csv", "parquet"), ("jsonl", "csv"), ("parquet", "jsonl")])
def test_memory_stays_flat_over_200_000_rows(bundle, tmp_path: Path, source: str, target: str) -> None:
    rows, text = 200_000, "Help wanted in the kitchen. " * 12
    path = tmp_path / f"posts.{source}"
    with path.open("w", encoding="utf-8") as stream:
        if source == "csv":
            stream.write("id,text\n")
            stream.writelines(f"{n},{text}\n" for n in range(rows))
        elif source == "jsonl":
            stream.writelines(json.dumps({"id": n, "text": text}) + "\n" for n in range(rows))
    if source == "parquet":
        pq.write_table(pa.table({"id": range(rows), "text": [f"{n} {text}" for n in range(rows)]}), path)
    command = [sys.executable, "-c", textwrap.dedent(MEMORY), str(bundle.folder), str(path), str(tmp_path / f"out.{target}")]
    done = subprocess.run(command, cwd=ROOT, env=os.environ | {"OMP_NUM_THREADS": "1"}, capture_output=True, text=True, check=True)
    scored_rows, kilobytes = map(int, done.stdout.split())
    assert scored_rows == rows
    assert kilobytes < 400 * 1024
