"""JSON, one object a line."""

import codecs
import json
import os
from collections.abc import Iterator
from itertools import chain
from typing import BinaryIO

from detector.errors import InputError
from detector.tables.encoding import mark_of
from detector.tables.rows import MAX_RECORD, Row, has_escapes, mark_bytes, reading

MAX_DEPTH = 100
"""Lists and objects within each other; deeper ones are an attack on readers, not a post."""
_HEAD_ROWS = 100
_HEAD_LINES = 1000
_HEAD_BYTES = 8 << 20


class JsonLinesTable:
    """A file of JSON objects, one a line.

    :param name: The file as messages name it.
    :param stream: Its bytes, read once from where it stands.
    :param again: The same bytes for a second reading; without it the table can only be read once.
    :param most: Longest line that is parsed, in bytes; one that is longer is refused.
    :param nested: Most opening brackets in a line; each may be a list or an object, which take forty times their length.
    :raises InputError: if it is one JSON list instead of objects on lines.
    """

    def __init__(
        self, name: str, stream: BinaryIO, *, again: BinaryIO | None = None, most: int = MAX_RECORD, nested: int = MAX_RECORD
    ) -> None:
        self.name = name
        self.kind = "JSONL"
        self._most = most
        self._nested = nested
        self._stream = stream
        self._again = again
        self.size: int | None = None
        with reading(name):
            if again is not None:
                self.size = os.fstat(again.fileno()).st_size
            self._rest = self._parsed(stream)
            self._head = self._first_rows()
        self.columns = tuple(dict.fromkeys(key for row in self._head for key in row.fields))

    def rows(self) -> Iterator[Row]:
        """Yield every record, also the refused ones; see :class:`detector.tables.Table`."""
        with reading(self.name):
            head, self._head = self._head, []
            yield from chain(head, self._rest)

    def all_columns(self) -> dict[str, object]:
        """Return every key that any object has, with the type its values have in common."""
        if self._again is None:
            raise InputError(f"{self.name}: its columns are known only at its end, and it can be read only once")
        columns: dict[str, object] = {}
        with reading(self.name):
            self._again.seek(0)
            for row in self._parsed(self._again):
                for key, value in row.fields.items():
                    columns[key] = _common(columns.get(key), value)
        return {key: kind or str for key, kind in columns.items()}

    def undecoded(self, text: str) -> str | None:
        """Return nothing: a line with bytes at fault is refused as a whole."""
        return None

    def close(self) -> None:
        """Close the file."""
        self._stream.close()
        if self._again is not None:
            self._again.close()

    def _first_rows(self) -> list[Row]:
        """Read on until there are enough objects to know the columns."""
        head: list[Row] = []
        objects = 0
        for row in self._rest:
            head.append(row)
            objects += bool(row.fields)
            if objects == _HEAD_ROWS or len(head) == _HEAD_LINES or row.position > min(_HEAD_BYTES, self._most):
                break
        return head

    def _parsed(self, stream: BinaryIO) -> Iterator[Row]:
        number = position = 0
        for place, (line, length) in enumerate(_lines(stream, self._most), 1):
            position += length
            if not line or line.isspace():
                continue
            if number == 0:
                self._check_is_no_list(line)
            number += 1
            yield _row(line.rstrip("\r\n"), place, number, position, self._most, self._nested)

    def _check_is_no_list(self, line: str) -> None:
        start = line.lstrip()
        if start.startswith("[") and start[1:].lstrip()[:1] in {"", "{"}:
            raise InputError(f"{self.name}: expected one JSON object a line, got one list of them; convert it with: jq -c '.[]'")


def _row(line: str, place: int, number: int, position: int, most: int, nested: int) -> Row:
    fields: dict[str, object] = {}
    error: str | None = None
    try:
        value = _parse(line, most, nested)
        if isinstance(value, dict):
            fields = value
        else:
            error = f"expected a JSON object, got {type(value).__name__}"
    except json.JSONDecodeError as fault:
        error = f"broken JSON: {fault.msg} at character {fault.colno}"
    except (ValueError, RecursionError) as fault:
        error = str(fault) if isinstance(fault, _TooMuchError) else "JSON with a number or a nesting beyond all measure"
    if has_escapes(line):
        error = "expected UTF-8, got bytes of another encoding"
    return Row(number, fields, position, None if error is None else f"line {place}: {error}", place)


class _TooMuchError(ValueError):
    """JSON that is whole, but that no later step should be handed."""


def _parse(line: str, most: int, nested: int) -> object:
    if len(line) >= most - 2:
        raise _TooMuchError(f"expected at most {most} bytes in a line")
    brackets = line.count("{") + line.count("[")
    if brackets > nested:
        raise _TooMuchError(f"expected at most {nested} brackets in a line")
    value: object = json.loads(line, parse_constant=_constant)
    if brackets > MAX_DEPTH and _is_deep(value):
        raise _TooMuchError(f"expected at most {MAX_DEPTH} lists and objects within each other")
    return value


def _constant(name: str) -> str | None:
    # Not JSON, but written for missing numbers by pandas and by Python's own json.
    return None if name == "NaN" else name


def _is_deep(value: object) -> bool:
    level = [value]
    for _ in range(MAX_DEPTH):
        level = [child for item in level for child in _children(item)]
        if not level:
            return False
    return True


def _children(item: object) -> list[object]:
    if isinstance(item, dict):
        return list(item.values())
    return item if isinstance(item, list) else []


def _common(known: object, value: object) -> object:
    """Return the type that holds the values so far and this one; nothing for as long as all are missing."""
    if value is None:
        return known
    kind: object = type(value) if isinstance(value, bool | int | float) else str
    if isinstance(value, int) and not -(2**53) <= value <= 2**53:
        kind = int if kind is known is int and -(2**63) <= value < 2**63 else str
    if known is None or known is kind:
        return kind
    return float if {known, kind} == {int, float} else str


def _lines(stream: BinaryIO, most: int) -> Iterator[tuple[str, int]]:
    """Yield each line, and how many bytes of the file it took; of a line over the limit only the beginning."""
    first = stream.readline(most)
    mark = mark_of(first)
    if mark is not None and mark != "utf-8-sig":
        yield from _wide_lines(stream, first, mark, most)
        return
    line = first.removeprefix(codecs.BOM_UTF8)
    while line:
        rest = len(line) == most and not line.endswith(b"\n") and _skip_line(stream)
        yield line.decode("utf-8", "surrogateescape"), len(line) + int(rest)
        line = stream.readline(most)


def _skip_line(stream: BinaryIO) -> int:
    skipped = 0
    while part := stream.readline(MAX_RECORD):
        skipped += len(part)
        if part.endswith(b"\n"):
            break
    return skipped


def _wide_lines(stream: BinaryIO, first: bytes, encoding: str, most: int) -> Iterator[tuple[str, int]]:
    """Yield the lines of a file in UTF-16 or UTF-32, as PowerShell writes it."""
    codecs.register_error("mark-bytes", mark_bytes)
    decoder = codecs.getincrementaldecoder(encoding)("mark-bytes")
    waiting = decoder.decode(first)
    width = 4 if encoding == "utf-32" else 2
    while True:
        chunk = stream.read(1 << 16)
        waiting += decoder.decode(chunk, final=not chunk)
        *lines, waiting = waiting.split("\n")
        for line in lines:
            yield line[:most], width * (len(line) + 1)
        waiting = waiting[:most]
        if not chunk:
            break
    yield waiting, width * len(waiting)
