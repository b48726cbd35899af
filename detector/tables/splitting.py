"""Lines of a CSV file to records; a record that is broken does not take others with it."""

import csv
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass

from detector.tables.dialect import Dialect
from detector.tables.rows import MAX_RECORD

_UNCLOSED = "a quote opens here that is not closed"


@dataclass(frozen=True, slots=True)
class Record:
    """The cells of one record, and the line of the file it starts on.

    :ivar error: Why it cannot be what its writer meant.
    :ivar mended: Whether its quotes are not as they should be, but can be understood.
    """

    cells: list[str]
    line: int
    error: str | None = None
    mended: bool = False


def split(lines: Iterator[str], dialect: Dialect, *, first_line: int = 1, most: int = MAX_RECORD) -> Iterator[Record]:
    """Yield the records of a CSV file, blank lines left out.

    :param lines: With their ends; one longer than ``most`` counts as cut off.
    :param first_line: Number of the first line, for :attr:`Record.line`.
    :param most: Longest record, in characters.
    """
    return iter(_Splitter(lines, dialect, first_line, most))


class _LongRecordError(Exception):
    """A record that goes on for longer than any post: most likely its quote was never meant to open."""


class _Splitter:
    """Splits lines into records, and starts over behind the first line of a record whose quotes cannot be right.

    A quote that is opened by mistake makes the :mod:`csv` module swallow all lines up to the next quote. That has happened if the
    record runs to the end of the file or is too long, or if it has another shape than the rest while its second line
    alone has the right one.
    """

    def __init__(self, lines: Iterator[str], dialect: Dialect, first_line: int, most: int) -> None:
        self._feed = _Feed(lines, first_line, most)
        self._too_long = f"expected at most {most} characters in a line"
        self._dialect = dialect
        self._strict = dialect.reader(self._feed, strict=True)
        self._lenient = dialect.reader(self._feed, strict=False)
        self._width = 0

    def __iter__(self) -> Iterator[Record]:
        while (record := self._next()) is not None:
            if record.cells or record.error:
                self._width = self._width or len(record.cells)
                yield record

    def _next(self) -> Record | None:
        line = self._feed.begin()
        try:
            cells = self._read(self._strict)
        except StopIteration:
            return None
        except (csv.Error, _LongRecordError):
            return self._mended(line)
        if len(self._feed.taken) > 1 and len(cells) != self._width and self._is_swallowed():
            return self._first_line_only(line)
        return self._checked(cells, line)

    def _mended(self, line: int) -> Record:
        """Read a record again that is not strictly right: keep it if its quotes are only careless."""
        self._feed.rewind(0)
        try:
            cells = self._read(self._lenient)
        except _LongRecordError:
            return self._first_line_only(line)
        swallowed = self._feed.ended or (len(self._feed.taken) > 1 and self._is_swallowed())
        return self._first_line_only(line) if swallowed else self._checked(cells, line, mended=True)

    def _checked(self, cells: list[str], line: int, *, mended: bool = False) -> Record:
        return Record(cells, line, self._too_long if self._feed.cut else None, mended)

    def _is_swallowed(self) -> bool:
        second = next(self._dialect.reader([self._feed.taken[1]], strict=False), [])
        return self._width > 0 and len(second) == self._width

    def _first_line_only(self, line: int) -> Record:
        self._feed.rewind(1)
        cells = next(self._dialect.reader([self._feed.taken[0].rstrip("\r\n")], strict=False), [])
        return Record(cells, line, _UNCLOSED)

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

    def __init__(self, lines: Iterator[str], first_line: int, most: int) -> None:
        self._lines = lines
        self._again: deque[str] = deque()
        self._line = first_line
        self._most = most
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
        if len(self.taken) > 1 and self._length > self._most:
            raise _LongRecordError
        return line

    def _readline(self) -> str:
        line = next(self._lines, "")
        if len(line) > self._most:
            self.cut = True
            return line[: self._most]
        return line
