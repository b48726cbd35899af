"""CSV of any encoding and dialect, one record at a time; a record that is broken does not take others with it."""

import codecs
import io
import os
from collections.abc import Iterator
from contextlib import suppress
from itertools import islice
from typing import BinaryIO

from detector.errors import InputError
from detector.tables.encoding import check_encoding, encoding_of
from detector.tables.rows import MAX_RECORD, Row, has_escapes, mark_bytes, reading, unique_names
from detector.tables.sniffing import dialect_of
from detector.tables.splitting import Record, split

EXTRA_CELLS = "extra_cells"
"""Column for the cells of a record that has more of them than the header."""
_SAMPLE = 1 << 16


class DelimitedTable:
    """A CSV file; one without a header has neither columns nor rows.

    :param name: The file as messages name it.
    :param stream: Its bytes; can be read from the start again.
    :param encoding: Name of the encoding if the caller knows it.
    :param most: Longest record that is read whole, in characters; one that is longer is refused.
    :param widest: Most columns; by default as many as a record holds.
    :raises InputError: if there are more, or there is no such encoding.
    """

    def __init__(
        self, name: str, stream: BinaryIO, *, encoding: str | None = None, most: int = MAX_RECORD, widest: int = MAX_RECORD
    ) -> None:
        self.name = name
        self._most = most
        self._stream = stream
        with reading(name):
            self.size: int | None = os.fstat(stream.fileno()).st_size
            self._encoding = check_encoding(encoding) if encoding else encoding_of(stream)
            self._dialect = dialect_of(_beginning(self._text()))
            header = next(self._records(), None)
        if header is not None and len(header.cells) > widest:
            raise InputError(f"{name}: expected at most {widest} columns, got {len(header.cells)}")
        names = [] if header is None else [cell.strip(" \t\ufeff") for cell in header.cells]
        self.columns = tuple(unique_names(names))
        self._extra = unique_names([*self.columns, EXTRA_CELLS])[-1]
        self.kind = f"CSV in {self._encoding.removesuffix('-sig')}, {self._dialect}"

    def rows(self) -> Iterator[Row]:
        """Yield every record, also the refused ones; see :class:`detector.tables.Table`."""
        with reading(self.name):
            records = self._records()
            next(records, None)
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
        if not has_escapes(text):
            return None
        return f"expected {self._encoding.removesuffix('-sig')}, got bytes of another encoding; --encoding names it"

    def close(self) -> None:
        """Close the file."""
        self._stream.close()

    def _row(self, number: int, record: Record) -> Row:
        cells, width = record.cells, len(self.columns)
        fields: dict[str, object] = dict(zip(self.columns, cells, strict=False))
        error = record.error
        extra = cells[width:]
        if any(extra):
            fields[self._extra] = extra
        if error is None and (len(cells) < width or any(extra)):
            error = f"expected {width} cells, got {len(cells)}; a cell with delimiters or line breaks needs quotes"
        if error is not None:
            error = f"line {record.line}: {error}"
        return Row(number, fields, self._stream.tell(), error, record.line)

    def _records(self) -> Iterator[Record]:
        lines = self._text()
        if self._dialect.declared:
            lines.readline()
        return split(_bounded(lines, self._most), self._dialect, first_line=1 + self._dialect.declared, most=self._most)

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
        # Of a stream that was closed meanwhile there is nothing to detach from.
        with suppress(ValueError):
            self.detach()


def _bounded(text: io.TextIOWrapper, most: int) -> Iterator[str]:
    """Yield the lines of a file; of one over the limit just enough to show that it is."""
    while line := text.readline(most + 1):
        if len(line) > most and not line.endswith(("\n", "\r")):
            while (rest := text.readline(most)) and not rest.endswith(("\n", "\r")):
                pass
        yield line


def _beginning(text: io.TextIOWrapper) -> list[str]:
    """Return the first lines of a file, whole but for the last one perhaps."""
    return list(islice(io.StringIO(text.read(_SAMPLE), newline=""), 1000))
