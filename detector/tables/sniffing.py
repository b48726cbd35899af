"""Which dialect a CSV file is written in."""

import re
from collections.abc import Iterator, Sequence
from itertools import islice

from detector.columns import knows
from detector.tables.dialect import NO_DELIMITER, Dialect
from detector.tables.splitting import split

DELIMITERS = (",", ";", "\t", "|")
_SAMPLE_RECORDS = 200
_DECLARED = re.compile(r'^"?sep=(.)"?\s*$', re.IGNORECASE)


def dialect_of(lines: list[str]) -> Dialect:
    """Return the dialect under which the beginning of a file is most like a table.

    That is one under which every record has as many cells as the first, and more than one; a header with a known name decides
    between several.

    :param lines: The first lines of the file, with their line ends; a record may be cut off at the end.
    """
    if lines and (declared := _DECLARED.match(lines[0])):
        return Dialect(declared[1], declared=True)
    best = Dialect(NO_DELIMITER)
    best_mark = (bool(lines) and knows([lines[0].strip().strip('"')]), 0.5, 1)
    for dialect in _candidates("".join(lines)):
        mark = _mark(dialect, lines)
        if mark > best_mark:
            best, best_mark = dialect, mark
    return best


def _candidates(text: str) -> Iterator[Dialect]:
    """Yield the dialects that the text could be in, the most usual first: on a tie that one is taken."""
    for delimiter in DELIMITERS:
        yield Dialect(delimiter)
        if '\\"' in text:
            yield Dialect(delimiter, escape="\\")
        if _has_quoted_cell(text, "'", delimiter):
            yield Dialect(delimiter, "'")
        # Who writes commas between cells writes quotes around commas; between tabs there may be none at all.
        if delimiter in "\t|" and not _has_quoted_cell(text, '"', delimiter):
            yield Dialect(delimiter, None)


def _has_quoted_cell(text: str, quote: str, delimiter: str) -> bool:
    edge = re.escape(delimiter)
    return re.search(rf"(?:^|{edge}){quote}[^{quote}\r\n]*{quote}(?:{edge}|\r?$)", text, re.MULTILINE) is not None


def _mark(dialect: Dialect, lines: Sequence[str]) -> tuple[bool, float, int]:
    """Return whether the header has a known name, the share of whole records, and the number of columns."""
    records = split(iter(lines), dialect)
    header = next(records, None)
    if header is None or len(header.cells) < 2:
        return (False, -1.0, 0)
    width = len(header.cells)
    whole = [
        not record.mended and record.error is None and len(record.cells) == width for record in islice(records, _SAMPLE_RECORDS)
    ]
    # The last record may be cut off.
    judged = whole[:-1] or whole
    share = sum(judged) / len(judged) if judged else 1.0
    return (knows(header.cells), round(share, 2), width)
