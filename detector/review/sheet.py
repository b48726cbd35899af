"""A queue as CSV, for readers with a spreadsheet.

Readers fill in ``label``; if they will, ``indicators``, as codes with ``;`` between, and ``quotes``, the words that show each of
them, in the same order with ``|`` between; and ``comment`` and ``reader``. What stands in the other columns tells where the post
comes from, and must stay.
"""

import csv
import io
from collections.abc import Callable, Iterable, Mapping
from typing import BinaryIO

from detector.outputs import safe_cell
from detector.review.shown import Shown

ANSWERS = ("label", "indicators", "quotes", "comment", "reader")
"""Columns that readers fill in."""

_COLUMNS: Mapping[str, Callable[[Shown], object]] = {
    "rank": lambda shown: shown.rank,
    "id": lambda shown: shown.pick.candidate.id,
    "language": lambda shown: shown.pick.candidate.language,
    "text": lambda shown: shown.text,
    **{name: lambda shown: None for name in ANSWERS},
}
_VERDICT: Mapping[str, Callable[[Shown], object]] = {
    "model_score": lambda shown: round(shown.pick.candidate.score, 4),
    "model_band": lambda shown: shown.pick.candidate.band,
    "model_label": lambda shown: shown.pick.candidate.label,
    "model_indicators": lambda shown: ";".join(finding.code for finding in shown.findings),
}
_ORIGIN: Mapping[str, Callable[[Shown], object]] = {
    "why": lambda shown: shown.pick.why,
    "stands_for": lambda shown: shown.pick.stands_for,
    "sha256": lambda shown: shown.pick.candidate.sha256,
    "file": lambda shown: shown.pick.candidate.source,
    "row": lambda shown: shown.pick.candidate.number,
    "model": lambda shown: shown.pick.candidate.model,
}


def write_sheet(stream: BinaryIO, queue: Iterable[Shown], *, with_verdict: bool) -> None:
    """Write a queue that a spreadsheet shows as it is.

    :param with_verdict: Show what the model holds of each post; readers follow such suggestions.
    """
    columns = {**_COLUMNS, **(_VERDICT if with_verdict else {}), **_ORIGIN}
    text = io.TextIOWrapper(stream, encoding="utf-8-sig", newline="")
    writer = csv.writer(text)
    writer.writerow(columns)
    writer.writerows([safe_cell(value(shown)) for value in columns.values()] for shown in queue)
    text.detach()


def origin(shown: Shown) -> dict[str, object]:
    """Return where a post comes from and why it is asked about."""
    return {name: value(shown) for name, value in _ORIGIN.items()}
