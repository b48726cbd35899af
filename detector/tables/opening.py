"""From the name of an input to a table: what it is, and where its bytes can be read from."""

import os
import shutil
import stat
import tempfile
from contextlib import ExitStack
from pathlib import Path
from typing import BinaryIO, Literal, cast, get_args

from detector.errors import InputError, OutputError
from detector.tables.delimited import DelimitedTable
from detector.tables.encoding import MARKS, check_encoding, looks_binary
from detector.tables.jsonl import JsonLinesTable
from detector.tables.packed import MAGIC, SUFFIX, PackedTable, unpacked
from detector.tables.parquet import ParquetTable
from detector.tables.rows import Table, reading

Format = Literal["csv", "jsonl", "parquet"]
STANDARD_INPUT = "-"
_EXTENSIONS: dict[str, Format] = {
    ".csv": "csv", ".tsv": "csv", ".tab": "csv",
    ".jsonl": "jsonl", ".ndjson": "jsonl", ".json": "jsonl",
    ".parquet": "parquet", ".pq": "parquet",
}  # fmt: skip
SUFFIXES = frozenset(_EXTENSIONS)
"""Extensions of tables, which may have one more behind them for gzip."""
_PARQUET = b"PAR1"
_SAVE = "save the sheet as CSV UTF-8"
_FOREIGN = (
    (MAGIC, "gzip-compressed data within gzip-compressed data; unpack it once: gzip -dc FILE | scam-detector score -"),
    (b"\x28\xb5\x2f\xfd", "zstd-compressed data; unpack it, or pipe it: zstd -dc FILE | scam-detector score -"),
    (b"\xfd7zXZ\x00", "xz-compressed data; unpack it, or pipe it: xz -dc FILE | scam-detector score -"),
    (b"BZh91AY", "bzip2-compressed data; unpack it, or pipe it: bzip2 -dc FILE | scam-detector score -"),
    (b"PK\x03\x04", f"what looks like an Excel workbook or another ZIP archive; {_SAVE}, or unpack the archive"),
    (b"\xd0\xcf\x11\xe0", f"what looks like an old Excel workbook; {_SAVE}"),
    (b"%PDF", "a PDF; it has no table of posts, copy them into one"),
    (b"\x89PNG", "a picture; only text is read"),
    (b"\xff\xd8\xff", "a picture; only text is read"),
    (b"SQLite format 3\x00", "an SQLite database; export the table as CSV UTF-8"),
)
"""First bytes of files that are often taken for tables, and what to do with them."""
_PEEKED = 4096


def open_table(path: Path | str, *, format: str | None = None, encoding: str | None = None, twice: bool = False) -> Table:
    """Open an input.

    :param path: A file, or ``-`` for standard input; CSV and JSONL may be gzip-compressed.
    :param format: ``csv``, ``jsonl`` or ``parquet``; by default known from the extension or else the first bytes.
    :param encoding: Of a CSV file, if the caller knows it.
    :param twice: Whether the table will be asked for all its columns before its rows.
    :raises InputError: if it cannot be read, or is nothing like a table.
    """
    if format is not None and format not in get_args(Format):
        raise InputError(f"expected the format csv, jsonl or parquet, got {format!r}")
    if encoding is not None:
        check_encoding(encoding)
    name = "standard input" if str(path) == STANDARD_INPUT else str(path)
    with reading(name), ExitStack() as opened:
        stream = opened.enter_context(_opened(path))
        packed: BinaryIO | None = None
        if _peek(stream).startswith(MAGIC):
            # Packed as it came: what it unpacks to may fill the disk.
            packed = stream if _is_file(stream) else opened.enter_context(_spooled(stream))
            stream = opened.enter_context(unpacked(packed))
        head = _peek(stream)
        found = cast(Format, format) if format else _format_of(_plain(Path(path)), head)
        _check_is_table(name, found, head, encoding, packed=packed is not None)
        if not _is_file(stream) and (twice or found != "jsonl"):
            stream = opened.enter_context(_spooled(stream))
        table: Table
        if found == "csv":
            table = DelimitedTable(name, stream, encoding=encoding)
        elif found == "parquet":
            table = ParquetTable(name, stream)
        else:
            again = opened.enter_context(_reopened(stream, packed=packed is not None)) if _is_file(stream) else None
            table = JsonLinesTable(name, stream, again=again)
        opened.pop_all()
        return table if packed is None else PackedTable(table, packed)


def is_named_as_table(path: Path) -> bool:
    """Whether the extension of a file is one of a table."""
    return _plain(path).suffix.lower() in SUFFIXES


def _plain(path: Path) -> Path:
    """Return the name that a file has when it is unpacked."""
    return path.with_suffix("") if path.suffix.lower() == SUFFIX else path


def _opened(path: Path | str) -> BinaryIO:
    if str(path) == STANDARD_INPUT:
        # Not closed with the table: it is the process's own.
        stream: BinaryIO = os.fdopen(os.dup(0), "rb")
        return stream
    return Path(path).open("rb")


def _peek(stream: BinaryIO) -> bytes:
    """Return the first bytes without taking them."""
    head: bytes = stream.peek(_PEEKED)[:_PEEKED]  # type: ignore[attr-defined]
    return head


def _format_of(path: Path, head: bytes) -> Format:
    if head.startswith(_PARQUET):
        return "parquet"
    known = _EXTENSIONS.get(path.suffix.lower())
    if known is not None:
        return known
    mark = next((mark for mark, _ in MARKS if head.startswith(mark)), b"")
    start = head.removeprefix(mark).replace(b"\0", b"").lstrip()
    # Nothing at all is a file of no objects; as CSV it would lack its header.
    return "jsonl" if not start or start[:1] in {b"{", b"["} else "csv"


def _check_is_table(name: str, format: Format, head: bytes, encoding: str | None, *, packed: bool) -> None:
    """Refuse what is no table at all, before its bytes are shown as names of columns."""
    expected = f"{name}: expected CSV, JSONL or Parquet, got"
    for magic, what in _FOREIGN:
        if head.startswith(magic):
            raise InputError(f"{expected} {what}")
    if packed and "parquet" in (format, _format_of(Path(), head)):
        raise InputError(f"{expected} gzip-compressed Parquet, which is compressed by itself; unpack it: gzip -d FILE")
    if format != "parquet" and head.startswith(_PARQUET):
        raise InputError(f"{name}: expected {format.upper()}, got Parquet; leave out --format")
    # Of JSONL each line stands for itself, and a known encoding may have bytes of all kinds.
    if format == "csv" and encoding is None and looks_binary(head):
        raise InputError(
            f"{expected} what looks like a binary file; save the posts as CSV UTF-8, or name the encoding with --encoding"
        )


def _is_file(stream: BinaryIO) -> bool:
    return stat.S_ISREG(os.fstat(stream.fileno()).st_mode) and stream.tell() == 0


def _reopened(stream: BinaryIO, *, packed: bool) -> BinaryIO:
    """Open the file behind a stream once more, with a position of its own; also one that has no name any more."""
    again = open(f"/proc/self/fd/{stream.fileno()}", "rb")
    return unpacked(again) if packed else again


def _spooled(stream: BinaryIO) -> BinaryIO:
    """Copy a stream that can be read only once into a nameless temporary file."""
    with stream:
        try:
            copy = tempfile.TemporaryFile()
            shutil.copyfileobj(stream, copy)
            copy.seek(0)
        except OSError as error:
            raise OutputError(f"{tempfile.gettempdir()}: cannot hold a copy of the input: {error.strerror or error}") from error
    return cast(BinaryIO, copy)
