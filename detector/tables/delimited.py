"""CSV of any encoding and dialect, one record at a time; a record that is broken does not take others with it."""

import codecs
import csv
import io
from collections import deque
from collections.abc import Iterator
from itertools import islice
from typing import BinaryIO

from detector.errors import InputError
from detector.tables.dialect import Dialect, dialect_of
from detector.tables.encoding import check_encoding, encoding_of
from detector.tables.rows import MAX_RECORD, Row, has_escapes, mark_bytes, reading, unique_names

EXTRA_CELLS = "extra_cells"
"""Column for the cells of a record that has more of them than the header."""
_SAMPLE = 1 << 16
_UNCLOSED = "a quote opens here that is not closed"
_TOO_LONG = f"expected at most {MAX_RECORD} characters in a line"


class DelimitedTable:
    """A CSV file.

    :param name: The file as messages name it.
    :param stream: Its bytes; can be read from the start again.
    :param encoding: Name of the encoding if the caller knows it.
    :raises InputError: if the file is empty, or its encoding cannot be told.
    """

    def __init__(self, name: str, stream: BinaryIO, *, encoding: str | None = None) -> None:
        self.name = name
        self._stream = stream
        with reading(name):
            self.size: int | None = stream.seek(0, io.SEEK_END)
            self._encoding = check_encoding(encoding) if encoding else _told(name, stream)
            self._dialect = dialect_of(_beginning(self._text()))
            header = next(self._records(), None)
        if header is None:
            raise InputError(f"{name}: empty; expected a first row with the names of the columns")
        self.columns = tuple(unique_names([cell.strip(" \t\ufeff") for cell in header.cells]))
        self._extra = unique_names([*self.columns, EXTRA_CELLS])[-1]
        self.kind = f"CSV in {self._encoding.removesuffix('-sig')}, {self._dialect}"

    def rows(self) -> Iterator[Row]:
        """Yield every record, also the refused ones; see :class:`detector.tables.Table`."""
        with reading(self.name):
            records = self._records()
            next(records)
            for number, record in enumerate(records, 1):
                yield self._row(number, record)

    def all_columns(self) -> dict[str, object]:
        """Return the columns of the header, and one for extra cells if a record has any."""
        columns: dict[str, object] = dict.fromkeys(self.columns, str)
        if any(self._extra in row.fields for row in self.rows()):
            columns[self._extra] = str
        return columns

    def undecoded(self, text: str) -> str | None:
        """Return what is wrong with a text whose bytes did not fit the file's encoding, or nothing."""
        encoding = self._encoding.removesuffix("-sig")
        return f"expected {encoding} as in the rest of the file, got bytes of another encoding" if has_escapes(text) else None

    def close(self) -> None:
        """Close the file."""
        self._stream.close()

    def _row(self, number: int, record: "_Record") -> Row:
        cells, width = record.cells, len(self.columns)
        fields: dict[str, object] = dict(zip(self.columns, cells, strict=False))
        error = record.error
        extra = cells[width:]
        if any(extra):
            fields[self._extra] = extra
        if error is None and (len(cells) < width or any(extra)):
            error = f"expected {width} cells, got {len(cells)}; are there quotes around cells with delimiters or line breaks?"
        if error is not None:
            error = f"line {record.line}: {error}"
        return Row(number, fields, self._stream.tell(), error)

    def _records(self) -> Iterator["_Record"]:
        lines = self._text()
        if self._dialect.declared:
            lines.readline()
        return iter(_Records(lines, self._dialect))

    def _text(self) -> io.TextIOWrapper:
        self._stream.seek(0)
        errors = "surrogateescape"
        if self._encoding.startswith(("utf-16", "utf-32")):
            codecs.register_error("mark-bytes", mark_bytes)
            errors = "mark-bytes"
        return _Borrowed(self._stream, encoding=self._encoding, errors=errors, newline="")


class _Borrowed(io.TextIOWrapper):
    """Text over a stream that stays open when the text is let go of."""

    def __del__(self) -> None:
        self.detach()


class _Record:
    """The cells of one record, and the line of the file it starts on.

    :ivar error: Why it cannot be what its writer meant.
    """

    __slots__ = ("cells", "error", "line")

    def __init__(self, cells: list[str], line: int, error: str | None = None) -> None:
        self.cells = cells
        self.line = line
        self.error = error


class _LongRecord(Exception):
    """A record that goes on for longer than any post: most likely its quote was never meant to open."""


class _Records:
    """Splits lines into records, and starts over behind the first line of a record whose quotes cannot be right.

    A quote that is opened by mistake makes the :mod:`csv` module swallow all lines up to the next quote. That has happened if the record
    runs to the end of the file or over :data:`MAX_RECORD`, or if it has another shape than the rest while its second line alone
    has the right one.
    """

    def __init__(self, lines: io.TextIOWrapper, dialect: Dialect) -> None:
        self._feed = _Feed(lines)
        self._dialect = dialect
        self._strict = dialect.reader(self._feed, strict=True)
        self._lenient = dialect.reader(self._feed, strict=False)
        self._width = 0

    def __iter__(self) -> Iterator[_Record]:
        while (record := self._next()) is not None:
            if record.cells or record.error:
                self._width = self._width or len(record.cells)
                yield record

    def _next(self) -> _Record | None:
        line = self._feed.begin()
        try:
            cells = self._read(self._strict)
        except StopIteration:
            return None
        except (csv.Error, _LongRecord):
            return self._mended(line)
        if len(self._feed.taken) > 1 and len(cells) != self._width and self._is_swallowed():
            return self._first_line_only(line)
        return self._checked(cells, line)

    def _mended(self, line: int) -> _Record:
        """Read a record again that is not strictly right: keep it if its quotes are only careless."""
        self._feed.rewind(0)
        try:
            cells = self._read(self._lenient)
        except _LongRecord:
            return self._first_line_only(line)
        swallowed = self._feed.ended or (len(self._feed.taken) > 1 and self._is_swallowed())
        return self._first_line_only(line) if swallowed else self._checked(cells, line)

    def _checked(self, cells: list[str], line: int) -> _Record:
        return _Record(cells, line, _TOO_LONG if self._feed.cut else None)

    def _is_swallowed(self) -> bool:
        second = next(self._dialect.reader([self._feed.taken[1]], strict=False), [])
        return self._width > 0 and len(second) == self._width

    def _first_line_only(self, line: int) -> _Record:
        self._feed.rewind(1)
        cells = next(self._dialect.reader(self._feed.taken[:1], strict=False), [])
        return _Record(cells, line, _UNCLOSED)

    def _read(self, reader: Iterator[list[str]]) -> list[str]:
        # The limit is the whole process's: it is raised for this one record.
        limit = csv.field_size_limit(2 * MAX_RECORD)
        try:
            return next(reader)
        finally:
            csv.field_size_limit(limit)


class _Feed:
    """Lines of a file for the :mod:`csv` module, with a way back to the beginning of the record.

    :ivar taken: The lines of the record so far.
    :ivar ended: Whether the record asked for a line when there was none.
    :ivar cut: Whether a line of the record was too long, and its rest left out.
    """

    def __init__(self, lines: io.TextIOWrapper) -> None:
        self._lines = lines
        self._again: deque[str] = deque()
        self._line = 1
        self._length = 0
        self.taken: list[str] = []
        self.ended = False
        self.cut = False

    def begin(self) -> int:
        """Forget the last record; return the number of the line that the next one starts on."""
        self._line += len(self.taken)
        self.taken.clear()
        self._length = 0
        self.ended = self.cut = False
        return self._line

    def rewind(self, kept: int) -> None:
        """Give all lines of the record back but the first ``kept``."""
        self._again.extendleft(reversed(self.taken[kept:]))
        del self.taken[kept:]
        self._length = sum(map(len, self.taken))
        self.ended = False

    def __iter__(self) -> Iterator[str]:
        return self

    def __next__(self) -> str:
        line = self._again.popleft() if self._again else self._readline()
        if not line:
            self.ended = bool(self.taken)
            raise StopIteration
        self._length += len(line)
        self.taken.append(line)
        if len(self.taken) > 1 and self._length > MAX_RECORD:
            raise _LongRecord
        return line

    def _readline(self) -> str:
        line = self._lines.readline(MAX_RECORD)
        if len(line) == MAX_RECORD and not line.endswith(("\n", "\r")):
            self.cut = True
            while (rest := self._lines.readline(MAX_RECORD)) and not rest.endswith(("\n", "\r")):
                pass
        return line


def _told(name: str, stream: BinaryIO) -> str:
    try:
        return encoding_of(stream)
    except InputError as error:
        raise InputError(f"{name}: {error}") from None


def _beginning(text: io.TextIOWrapper) -> list[str]:
    """Return the first lines of a file, whole but for the last one perhaps."""
    return list(islice(io.StringIO(text.read(_SAMPLE), newline=""), 1000))
