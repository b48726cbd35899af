"""Parquet files that were damaged in many ways: never a crash, never a wrong row taken for a right one without a word."""

import io
import json
import random
import struct
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from detector import Detector, InputError
from detector.files import score_files
from detector.tables import open_table

POSTS = [f"kitchen help number {n} wanted" for n in range(300)]


def whole(path: Path, **options: object) -> bytes:
    table = pa.table({"id": [str(n) for n in range(len(POSTS))], "text": POSTS})
    pq.write_table(table, path, row_group_size=50, use_dictionary=False, write_page_checksum=True, **options)
    return path.read_bytes()


def overwritten(start: int, content: bytes) -> Callable[[bytes], bytes]:
    def change(raw: bytes) -> bytes:
        place = start if start >= 0 else len(raw) + start
        return raw[:place] + content + raw[place + len(content) :]

    return change


CANNOT_BE_OPENED = {
    "cut in the middle": lambda raw: raw[: len(raw) // 2],
    "cut by its last byte": lambda raw: raw[:-1],
    "without its beginning": lambda raw: raw[len(raw) // 2 :],
    "only the mark of its beginning": lambda raw: raw[:4],
    "both marks and nothing between": lambda raw: raw[:4] + raw[-4:],
    "a length of the footer beyond the file": overwritten(-8, struct.pack("<I", 1 << 30)),
    "a length of the footer of nothing": overwritten(-8, struct.pack("<I", 0)),
    "another mark at its end": overwritten(-4, b"PARX"),
    "a footer of zeros": lambda raw: (
        raw[: -8 - struct.unpack("<I", raw[-8:-4])[0]] + bytes(struct.unpack("<I", raw[-8:-4])[0]) + raw[-8:]
    ),
    "text of the same name": lambda raw: b"id,text\n1,kitchen help\n",
}


@pytest.mark.parametrize("change", CANNOT_BE_OPENED.values(), ids=CANNOT_BE_OPENED.keys())
def test_a_file_that_is_no_whole_parquet_is_refused_by_name(
    detector: Detector, tmp_path: Path, change: Callable[[bytes], bytes]
) -> None:
    path = tmp_path / "posts.parquet"
    path.write_bytes(change(whole(path)))
    with pytest.raises(InputError, match=r"posts\.parquet: ") as caught:
        score_files(detector, [path], tmp_path / "out.jsonl")
    assert "kitchen" not in str(caught.value)
    assert [each.name for each in tmp_path.iterdir()] == ["posts.parquet"]


@pytest.mark.parametrize("compression", ["none", "snappy", "zstd"])
@pytest.mark.parametrize("damage", ["zeros", "ones", "noise"])
def test_rows_before_damaged_pages_are_kept_and_the_file_is_named(
    detector: Detector, tmp_path: Path, compression: str, damage: str
) -> None:
    bad, good = tmp_path / "bad.parquet", tmp_path / "good.jsonl"
    raw = whole(bad, compression=compression)
    size = len(raw) // 6
    content = {"zeros": bytes(size), "ones": b"\xff" * size, "noise": random.Random(1).randbytes(size)}[damage]
    bad.write_bytes(overwritten(len(raw) // 3, content)(raw))
    good.write_text('{"text": "zoo tour guide"}\n')
    stream = io.BytesIO()
    summary = score_files(detector, [bad, good], stream)
    ((name, reason),) = summary.unread
    assert name == str(bad)
    texts = [json.loads(line)["text"] for line in stream.getvalue().splitlines()]
    kept = int(reason.split("behind row ")[1].split(":")[0])
    assert 0 < kept < len(POSTS)
    assert texts == [*POSTS[:kept], "zoo tour guide"]


@pytest.mark.parametrize("part", ["pages", "footer"])
def test_no_single_byte_makes_reading_crash(tmp_path: Path, part: str) -> None:
    path = tmp_path / "posts.parquet"
    raw = whole(path)
    footer = len(raw) - 8 - struct.unpack("<I", raw[-8:-4])[0]
    chance, outcomes = random.Random(part), set()
    for _ in range(150):
        place = chance.randrange(4, footer) if part == "pages" else chance.randrange(footer, len(raw))
        path.write_bytes(overwritten(place, bytes([raw[place] ^ (1 << chance.randrange(8))]))(raw))
        texts = []
        try:
            with closing(open_table(path)) as table:
                texts = [row.fields.get("text") for row in table.rows()]
            outcomes.add("read")
        except InputError:
            outcomes.add("refused")
        if part == "pages":
            # The checksums of pages are for their contents; what they let pass is what was written.
            assert all(text in POSTS for text in texts)
    assert "refused" in outcomes
