"""The output of ``scam-detector score``, read back: JSONL, CSV or Parquet, also of a version with other labels."""

import hashlib
import json
import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

from detector.columns import Choice, choose, plain
from detector.dates import date_column, read_time
from detector.errors import ColumnError
from detector.records import INDICATORS, Contact, Evidence, IndicatorFinding
from detector.tables import Row, Table, open_table

FLAGGED = frozenset({"high", "review"})
"""The bands whose posts an analyst looks at."""

_BANDS = frozenset({"high", "review", "low", "abstain"})
_SHOWN_REFUSALS = 5


@dataclass(frozen=True, slots=True)
class ScoredPost:
    """One row of a scored file.

    :ivar number: Row in its file, from 1.
    :ivar contacts: As the detector found them; nothing if the file has no such column.
    :ivar seen: When the post was written or found.
    :ivar dated: Whether the row has something in the column of dates, understood or not.
    :ivar places: Names of places, where the file has a column ``places``.
    :ivar fields: The whole row, for :func:`evidence_of`, :func:`indicators_of` and the columns that a caller knows.
    """

    source: str
    number: int
    id: str
    text: str
    band: str
    score: float
    language: str
    contacts: tuple[Contact, ...] | None
    seen: datetime | None
    dated: bool
    places: tuple[str, ...]
    fields: Mapping[str, object] = field(default_factory=dict, repr=False, compare=False)


@dataclass(frozen=True, slots=True)
class Refused:
    """A row that cannot be used.

    :ivar reason: Why, without the text of the post; nothing for one that ``score`` refused already.
    """

    source: str
    number: int
    reason: str | None


@dataclass(slots=True)
class RowCounts:
    """What became of the rows of scored files, as far as all commands that read them count alike.

    :ivar rows: All of them.
    :ivar refused: Rows that cannot be used.
    :ivar refusals: The first few of them: file, row from 1, reason.
    :ivar unscored: Rows that ``score`` had refused already.
    :ivar seconds: Time taken.
    """

    rows: int = 0
    refused: int = 0
    refusals: list[tuple[str, int, str]] = field(default_factory=list)
    unscored: int = 0
    seconds: float = 0.0

    def refuse(self, row: Refused) -> None:
        """Count a row that cannot be used."""
        if row.reason is None:
            self.unscored += 1
            return
        self.refused += 1
        if len(self.refusals) < _SHOWN_REFUSALS:
            self.refusals.append((row.source, row.number, row.reason))


def text_digest(text: str) -> bytes:
    """Return the SHA-256 of a text as it stands in UTF-8; half a surrogate pair counts as the three bytes it would have."""
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).digest()


def read_all_scored(
    paths: Iterable[Path | str], *, text_columns: Sequence[str] = (), date_column: str | None = None
) -> Iterator[ScoredPost | Refused]:
    """Yield the rows of some scored files, one file after the other; see :func:`read_scored`."""
    for path in paths:
        yield from read_scored(path, text_columns=tuple(text_columns), date_column=date_column)


def read_scored(
    path: Path | str, *, text_columns: tuple[str, ...] = (), date_column: str | None = None
) -> Iterator[ScoredPost | Refused]:
    """Yield the rows of a scored file, in order.

    :param path: The file; ``-`` is standard input.
    :param text_columns: Columns with the text, if they were named for ``score`` too.
    :param date_column: Column with the times; by default one with a usual name.
    :raises InputError: if the file cannot be read.
    :raises ColumnError: if it is not the output of ``score``, or has no such column.
    """
    with closing(open_table(path)) as table:
        if not table.columns:
            yield from (Refused(table.name, row.number, row.error or "expected an object with a verdict") for row in table.rows())
            return
        reader = _Reader(table, text_columns, date_column)
        for row in table.rows():
            yield reader.read(row)


class _Reader:
    """Makes posts of the rows of one table."""

    def __init__(self, table: Table, text_columns: tuple[str, ...], wanted: str | None) -> None:
        for name in ("band", "score"):
            if name not in table.columns:
                raise ColumnError(f"{table.name}: no column '{name}'; expected the output of scam-detector score")
        if wanted is not None and wanted not in table.columns:
            raise ColumnError(f"{table.name}: no column {wanted!r}, asked for with --date-column")
        self._table = table
        self._choice: Choice = choose(table.name, table.columns, text_columns=text_columns)
        self._date = wanted or date_column(table.columns)

    def read(self, row: Row) -> ScoredPost | Refused:
        """Return the post of a row, or why there is none."""
        name = self._table.name
        if row.error is not None:
            return Refused(name, row.number, row.error)
        if row.fields.get("error"):
            return Refused(name, row.number, None)
        text, band, score = self._choice.text_of(row.fields), row.fields.get("band"), _number(row.fields.get("score"))
        if not isinstance(text, str) or not text:
            return Refused(name, row.number, "expected a text, got none")
        if band not in _BANDS or score is None:
            return Refused(name, row.number, "expected a band (high, review, low or abstain) and a score from 0 to 1")
        date = row.fields.get(self._date) if self._date is not None else None
        return ScoredPost(
            source=name,
            number=row.number,
            id=self._choice.id_of(row.fields, row.number) or str(row.number),
            text=text,
            band=str(band),
            score=score,
            language=str(row.fields.get("language") or "und"),
            contacts=_contacts(row.fields),
            seen=read_time(date),
            dated=date not in (None, ""),
            places=_places(row.fields.get("places")),
            fields=row.fields,
        )


def evidence_of(post: ScoredPost) -> tuple[Evidence, ...]:
    """Return the words that raised a post's score, strongest first.

    CSV has the words without their offsets: there, each is taken for the first place in the text that reads so.
    """
    value = post.fields.get("evidence")
    if isinstance(value, list):
        return _pieces(value, post.text)
    return _found(str(value or "").split(" | "), post.text)


def indicators_of(post: ScoredPost) -> tuple[IndicatorFinding, ...]:
    """Return the indicators found in a post; from CSV, which has their names alone, with score 1 and no evidence."""
    value = post.fields.get("indicators")
    if not isinstance(value, list):
        return tuple(IndicatorFinding(code, 1.0) for code in str(value or "").split(";") if code in INDICATORS)
    return tuple(
        IndicatorFinding(each["code"], _number(each.get("score")) or 0.0, _pieces(each.get("evidence"), post.text))
        for each in value
        if isinstance(each, dict) and each.get("code") in INDICATORS
    )


def _pieces(value: object, text: str) -> tuple[Evidence, ...]:
    """Return pieces of a text, without those whose offsets do not fit it."""
    spans = [(each.get("start"), each.get("end")) for each in value if isinstance(each, dict)] if isinstance(value, list) else []
    return tuple(
        Evidence(start, end, text[start:end])
        for start, end in spans
        if isinstance(start, int) and isinstance(end, int) and 0 <= start < end <= len(text)
    )


def _found(words: list[str], text: str) -> tuple[Evidence, ...]:
    starts = [(text.find(word), word) for word in words if word]
    return tuple(Evidence(start, start + len(word), word) for start, word in starts if start >= 0)


def _number(value: object) -> float | None:
    try:
        number = float(value)  # type: ignore[arg-type]
    except (TypeError, ValueError):
        return None
    return number if math.isfinite(number) and 0 <= number <= 1 else None


def _contacts(fields: Mapping[str, object]) -> tuple[Contact, ...] | None:
    """Return the contacts of a verdict: a list of objects, or ``kind:value kind:value`` as CSV has them."""
    value = fields.get("contacts")
    if isinstance(value, list):
        pairs: list[Any] = [(each.get("kind"), each.get("value")) for each in value if isinstance(each, dict)]
    elif "contacts" in fields:
        pairs = [each.partition(":")[::2] for each in str(value or "").split()]
    else:
        return None
    return tuple(
        Contact(kind, found) for kind, found in pairs if kind and found and isinstance(kind, str) and isinstance(found, str)
    )


def _places(value: object) -> tuple[str, ...]:
    """Return names of places: from a list of names or of ``facts``' objects, or from text with semicolons between."""
    if isinstance(value, str) and value.startswith("["):
        try:
            value = json.loads(value)
        except ValueError:
            return ()
    items = value if isinstance(value, list) else str(value or "").split(";")
    names = (each.get("place") if isinstance(each, dict) else each for each in items)
    return tuple(dict.fromkeys(name for name in (plain(each).strip() for each in names if each) if name))
