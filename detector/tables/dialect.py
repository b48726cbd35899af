"""How the cells of a CSV file are set apart: delimiter, quotes, escapes."""

import csv
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from detector.columns import knows

DELIMITERS = (",", ";", "\t", "|")
_NO_DELIMITER = "\x1f"
"""The unit separator: what a table of one column is split at, so that commas in its text stay there."""
_SAMPLE_RECORDS = 200
_DECLARED = re.compile(r'^(?:sep|"sep)=(.)"?\s*$', re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Dialect:
    """What sets cells apart.

    :ivar delimiter: One character.
    :ivar quote: The character around cells that hold delimiters or line breaks; doubled within them.
    :ivar escape: The character that takes the meaning from the next one, if quotes are not doubled.
    :ivar declared: Whether the first line of the file is not a record, but declares the delimiter (``sep=;``).
    """

    delimiter: str
    quote: str = '"'
    escape: str | None = None
    declared: bool = False

    def reader(self, lines: Iterable[str], *, strict: bool) -> Iterator[list[str]]:
        """Split lines into cells.

        :param strict: Whether to fail with :class:`csv.Error` where quotes are not as they should be.
        """
        return csv.reader(
            lines,
            delimiter=self.delimiter,
            quotechar=self.quote,
            escapechar=self.escape,
            doublequote=self.escape is None,
            strict=strict,
        )

    def __str__(self) -> str:
        if self.delimiter == _NO_DELIMITER:
            return "one column"
        return f"{'tabs' if self.delimiter == chr(9) else repr(self.delimiter)} between cells"


def dialect_of(lines: list[str]) -> Dialect:
    """Return the dialect under which the beginning of a file is most like a table.

    That is one under which every record has as many cells as the first, and more than one; a header with a known name decides between
    several.

    :param lines: The first lines of the file, with their line ends; a record may be cut off at the end.
    """
    if lines and (declared := _DECLARED.match(lines[0])):
        return Dialect(declared[1], declared=True)
    best = Dialect(_NO_DELIMITER)
    best_mark = (bool(lines) and knows([lines[0].strip().strip("\"")]), 0.5, 1)
    for dialect in _candidates("".join(lines)):
        mark = _mark(dialect, lines)
        if mark > best_mark:
            best, best_mark = dialect, mark
    return best


def _candidates(text: str) -> Iterator[Dialect]:
    """Yield the dialects that the text could be in, the most usual first: on a tie that one is taken."""
    quotes: list[tuple[str, str | None]] = [('"', None)]
    if '\\"' in text:
        quotes.append(('"', "\\"))
    for delimiter in DELIMITERS:
        for quote, escape in quotes:
            yield Dialect(delimiter, quote, escape)
        if re.search(rf"(?m)(?:^|[{re.escape(delimiter)}])'[^'\n]*'(?:$|[{re.escape(delimiter)}])", text):
            yield Dialect(delimiter, "'")


def _mark(dialect: Dialect, lines: list[str]) -> tuple[bool, float, int]:
    """Return whether the header has a known name, the share of whole records, and the number of columns."""
    reader = dialect.reader(lines, strict=True)
    header = next(_records(reader), None)
    if header is None or len(header) < 2:
        return (False, -1.0, 0)
    widths = [len(cells) if cells is not None else 0 for cells in _records(reader)][:_SAMPLE_RECORDS]
    # The last record may be cut off.
    judged = widths[:-1] or widths
    share = sum(width == len(header) for width in judged) / len(judged) if judged else 1.0
    return (knows(header), round(share, 2), len(header))


def _records(reader: Iterator[list[str]]) -> Iterator[list[str] | None]:
    while True:
        try:
            cells = next(reader)
        except StopIteration:
            return
        except csv.Error:
            yield None
        else:
            if cells:
                yield cells
