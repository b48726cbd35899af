"""From the file of a batch to its rows: what ``POST /v1/score`` calls an item, or the error of a row that is none."""

import csv
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, contextmanager
from pathlib import Path
from typing import BinaryIO

from detector import InputError
from detector.columns import choose
from detector.errors import ColumnError
from detector.tables import Row, Table
from detector.tables.delimited import DelimitedTable
from detector.tables.encoding import looks_binary
from detector.tables.jsonl import JsonLinesTable
from detector.tables.packed import MAGIC
from detector.tables.rows import MAX_RECORD
from serve.batches.schemas import BatchOptions, Format
from serve.schemas import Failed, ItemError

SLICE_ROWS = 64
"""Rows that are scored, and kept, together: few enough that little is scored twice after a kill."""

MAX_LINE = 5 << 18
"""Longest row that is parsed, in bytes: the longest post fits in, twelve bytes a character as JSON can have it, and none can
hold the calls up for long."""

_SLICE_BYTES = 1 << 18
_MAX_COLUMNS = 1000
_MAX_BRACKETS = 20_000
_PEEKED = 4096
_NAME = "the file"
_NAMED = "name it with text_column"

Slice = list[tuple[int, object]]
"""Numbers of rows, and their items or errors."""


def check(path: Path, format: Format, options: BatchOptions) -> None:
    """Refuse a file whose posts cannot be found.

    :raises InputError: if it is no table, or it is not clear where the texts are.
    """
    with _opened(path, format) as table:
        _reader(table, format, options)


def slices(path: Path, format: Format, options: BatchOptions) -> Iterator[Slice]:
    """Yield all rows of a file, in order and in slices that are always the same.

    :raises InputError: if it cannot be read.
    """
    with _opened(path, format) as table:
        read = _reader(table, format, options)
        rows: Slice = []
        start = 0
        for row in table.rows():
            rows.append((row.number, read(row)))
            if len(rows) == SLICE_ROWS or row.position - start > _SLICE_BYTES:
                yield rows
                rows, start = [], row.position
        if rows:
            yield rows


@contextmanager
def _opened(path: Path, format: Format) -> Iterator[Table]:
    """Open a file of a known format, under a name that may be shown to its sender."""
    # One limit for all threads, and from the start: the splitter of records raises it for each one and puts back what it was, which
    # would cut down another thread's.
    csv.field_size_limit(2 * MAX_RECORD)
    with path.open("rb") as stream:
        _check_is_text(stream, format)
        table: Table = (
            DelimitedTable(_NAME, stream, most=MAX_LINE, widest=_MAX_COLUMNS)
            if format == "csv"
            else JsonLinesTable(_NAME, stream, most=MAX_LINE, nested=_MAX_BRACKETS)
        )
        with closing(table):
            yield table


def _check_is_text(stream: BinaryIO, format: Format) -> None:
    head = stream.read(_PEEKED)
    stream.seek(0)
    if head.startswith(MAGIC):
        raise InputError(f"{_NAME}: expected one that is not compressed")
    if format == "csv" and looks_binary(head):
        raise InputError(f"{_NAME}: expected CSV, got what looks like a binary file; save the posts as CSV UTF-8")


def _reader(table: Table, format: Format, options: BatchOptions) -> Callable[[Row], object]:
    """Return what makes an item of a row."""
    if format == "jsonl" or not table.columns:
        return lambda row: _object(row, options)
    try:
        choice = choose(
            _NAME,
            table.columns,
            text_columns=[options.text_column] if options.text_column else [],
            id_column=options.id_column,
        )
    except ColumnError:
        # Not chained, and without the names of the columns: where there is no header, these are posts.
        wanted = "the columns that were asked for" if options.text_column or options.id_column else "a column of texts"
        raise ColumnError(f"{_NAME}: expected {wanted}, got {len(table.columns)} others; {_NAMED}") from None

    def read(row: Row) -> object:
        text, identity = choice.text_of(row.fields), choice.id_of(row.fields, row.number)
        if row.error is not None:
            return _failed(row.error, identity)
        fault = table.undecoded(text) if isinstance(text, str) else None
        if fault is not None:
            # Behind the semicolon it says what helps on the command line.
            return Failed(id=_echoed(identity), error=ItemError(code="invalid_text", message=f"text: {fault.partition(';')[0]}"))
        return {"text": text, "id": identity, "language": choice.language_of(row.fields)}

    return read


def _object(row: Row, options: BatchOptions) -> object:
    names = {"text": options.text_column or "text", "id": options.id_column or _id_member(row.fields), "language": "language"}
    if row.error is not None:
        return _failed(row.error, row.fields.get(names["id"]))
    return {member: row.fields[name] for member, name in names.items() if name in row.fields}


def _id_member(fields: Mapping[str, object]) -> str:
    # As in files for OpenAI's batches.
    return "custom_id" if "id" not in fields and "custom_id" in fields else "id"


def _failed(reason: str, identity: object) -> Failed:
    return Failed(id=_echoed(identity), error=ItemError(code="invalid_item", message=reason))


def _echoed(identity: object) -> str | None:
    """Return a name if an answer in UTF-8 can echo it."""
    if not isinstance(identity, str):
        return None
    try:
        identity.encode()
    except UnicodeEncodeError:
        return None
    return identity
