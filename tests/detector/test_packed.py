"""Gzip-compressed tables are read as those that are not, and what they unpack to is never held as a whole."""

import gzip
import io
import json
import os
import subprocess
import sys
import textwrap
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from detector import Detector, InputError
from detector.files import score_files
from detector.inputs import expand
from detector.tables import open_table

ROOT = Path(__file__).parents[2]
POSTS = ["kitchen help wanted, ask for Nina", "急招厨师，包吃住", "zoo tour guide: two shifts"] * 40
CSV = "id;text\r\n" + "".join(f'{n};"{post}\nline two"\r\n' for n, post in enumerate(POSTS))
LINES = "".join(
    json.dumps({"id": n, "text": post, "likes": n if n > 110 else None}, ensure_ascii=False) + "\n" for n, post in enumerate(POSTS)
)
TABLES = [
    pytest.param("posts.csv", CSV.encode(), id="csv"),
    pytest.param("posts.csv", CSV.encode("utf-16"), id="utf-16"),
    pytest.param("posts.csv", CSV.encode("gb18030"), id="gb18030"),
    pytest.param("posts.jsonl", LINES.encode(), id="jsonl"),
    pytest.param("posts", LINES.encode(), id="no-extension"),
    pytest.param("posts.csv", b"", id="empty"),
]


def packed(path: Path, content: bytes) -> Path:
    path.write_bytes(gzip.compress(content))
    return path


def score(detector: Detector, source: Path | str, output: Path) -> bytes:
    score_files(detector, [source], output)
    return output.read_bytes()


@pytest.mark.parametrize(("name", "content"), TABLES)
@pytest.mark.parametrize("suffix", ["jsonl", "csv", "parquet"])
def test_a_packed_table_gives_what_the_plain_one_gives(
    detector: Detector, tmp_path: Path, name: str, content: bytes, suffix: str
) -> None:
    plain = tmp_path / name
    plain.write_bytes(content)
    small = packed(tmp_path / f"{name}.gz", content)
    assert score(detector, small, tmp_path / f"small.{suffix}") == score(detector, plain, tmp_path / f"plain.{suffix}")


def test_a_packed_table_is_known_by_its_first_bytes_too(tmp_path: Path) -> None:
    table = open_table(packed(tmp_path / "posts.csv", CSV.encode()))
    assert table.kind == "gzip-compressed CSV in utf-8, ';' between cells"
    table.close()


@pytest.mark.parametrize("content", [CSV, LINES], ids=["csv", "jsonl"])
def test_a_packed_table_is_read_from_a_pipe(tmp_path: Path, runnable_bundle: Path, content: str) -> None:
    command = [sys.executable, "-m", "detector", "score", "-", "-o", str(tmp_path / "out.csv"), "--model", str(runnable_bundle)]
    done = subprocess.run(command, cwd=ROOT, input=gzip.compress(content.encode()), capture_output=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
    assert b"rows       120 in " in done.stderr


@pytest.mark.parametrize("content", [CSV, LINES], ids=["csv", "jsonl"])
def test_progress_counts_bytes_of_the_packed_file(tmp_path: Path, content: str) -> None:
    path = packed(tmp_path / "posts.gz", content.encode() * 1)
    table = open_table(path)
    positions = [row.position for row in table.rows()]
    table.close()
    assert table.size == path.stat().st_size
    assert positions == sorted(positions)
    assert 0 < positions[0] <= positions[-1] <= table.size


def test_packed_tables_of_a_folder_are_found(tmp_path: Path) -> None:
    for name in ("a.csv.gz", "b.JSONL.GZ", "c.tar.gz", "d.gz", "e.csv"):
        packed(tmp_path / name, b"text\n")
    assert [Path(each.path).name for each in expand([tmp_path])] == ["a.csv.gz", "b.JSONL.GZ", "e.csv"]


@pytest.mark.parametrize("content", [CSV, LINES], ids=["csv", "jsonl"])
@pytest.mark.parametrize(("damage", "message"), [("cut", "the gzip file is cut off"), ("flip", "the gzip file is damaged: ")])
def test_of_a_damaged_file_what_stands_before_the_damage_is_scored_beside_others(
    detector: Detector, tmp_path: Path, content: str, damage: str, message: str
) -> None:
    # Of one member of the file all is whole, the next is damaged.
    raw = bytearray(gzip.compress(content.encode()) + gzip.compress(os.urandom(4000).hex().encode()))
    if damage == "cut":
        raw = raw[:-1000]
    else:
        raw[-5] ^= 0xFF
    bad, good = tmp_path / "bad.gz", packed(tmp_path / "good.gz", b'{"text": "kitchen help"}\n')
    bad.write_bytes(raw)
    with pytest.raises(InputError, match=rf"bad\.gz: cannot be read: {message}"):
        score_files(detector, [bad], io.BytesIO())
    stream = io.BytesIO()
    summary = score_files(detector, [bad, good], stream)
    assert [Path(name).name for name, _ in summary.unread] == ["bad.gz"]
    assert json.loads(stream.getvalue().splitlines()[-1])["text"] == "kitchen help"


@pytest.mark.parametrize("name", ["posts.parquet.gz", "posts.gz", "posts.csv.gz"])
def test_packed_parquet_is_refused_with_the_way_out(tmp_path: Path, name: str) -> None:
    pq.write_table(pa.table({"text": ["kitchen help"]}), tmp_path / "posts.parquet")
    with pytest.raises(InputError, match="gzip-compressed Parquet, which is compressed by itself; unpack it: gzip -d FILE"):
        open_table(packed(tmp_path / name, (tmp_path / "posts.parquet").read_bytes()))


BOMB = """
    import io, sys
    from pathlib import Path
    from detector.tables import open_table

    def peak():
        return int(next(line.split()[1] for line in Path("/proc/self/status").open() if line.startswith("VmHWM")))

    before = peak()
    table = open_table(sys.argv[1])
    rows = [row.error for row in table.rows()]
    print(len(rows), sum(error is not None for error in rows), (peak() - before) // 1024)
"""


@pytest.mark.parametrize(
    ("name", "head"), [("bomb.csv.gz", b"id,text\n1,fine\n2,"), ("bomb.jsonl.gz", b'{"text": "fine"}\n{"text": "')]
)
def test_a_small_file_that_unpacks_to_half_a_gigabyte_does_not_fill_the_memory(tmp_path: Path, name: str, head: bytes) -> None:
    bomb = tmp_path / name
    bomb.write_bytes(gzip.compress(head) + gzip.compress(b"a" * (1 << 20)) * 500)
    command = [sys.executable, "-c", textwrap.dedent(BOMB), str(bomb)]
    done = subprocess.run(command, env=os.environ | {"PYTHONPATH": str(ROOT)}, capture_output=True, text=True, check=True)
    rows, refused, megabytes = map(int, done.stdout.split())
    assert (rows, refused) == (2, 1)
    assert megabytes < 150
