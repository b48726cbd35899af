"""How the cells of a CSV file are set apart: delimiter, quotes, escapes."""

import csv
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

NO_DELIMITER = "\x1f"
"""The unit separator: what a table of one column is split at, so that commas in its text stay there."""


@dataclass(frozen=True, slots=True)
class Dialect:
    """What sets cells apart.

    :ivar delimiter: One character.
    :ivar quote: The character around cells that hold delimiters or line breaks; nothing if there is none.
    :ivar escape: The character that takes the meaning from the next one, if quotes are not doubled.
    :ivar declared: Whether the first line of the file is not a record, but declares the delimiter (``sep=;``).
    """

    delimiter: str
    quote: str | None = '"'
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
            quoting=csv.QUOTE_NONE if self.quote is None else csv.QUOTE_MINIMAL,
            strict=strict,
        )

    def __str__(self) -> str:
        if self.delimiter == NO_DELIMITER:
            return "one column"
        return f"{'tabs' if self.delimiter == chr(9) else repr(self.delimiter)} between cells"
