"""Options that several commands have, each with one help text."""

from datetime import datetime
from typing import Annotated

import typer

from detector.dates import read_instant

Scored = Annotated[
    list[str],
    typer.Argument(
        metavar="SCORED", help="JSONL, CSV or Parquet from scam-detector score, folders of them, patterns; '-' is standard input."
    ),
]
ScoredFiles = Annotated[
    list[str],
    typer.Argument(metavar="SCORED", help="JSONL, CSV or Parquet from scam-detector score or facts, folders of them, patterns."),
]

Mask = Annotated[
    bool,
    typer.Option(
        "--mask", help="Hide contacts and numbers of persons (passports, accounts) in all that is written; pay and dates stay."
    ),
]

TextColumns = Annotated[
    list[str] | None, typer.Option("--text-column", help="Column with the text, as for score; several are joined by line breaks.")
]
DateColumn = Annotated[
    str | None,
    typer.Option(
        "--date-column",
        help="Column with the times of the posts, by default date, created_at, timestamp, posted_at or another usual name.",
        show_default=False,
    ),
]
AllBands = Annotated[bool, typer.Option("--all", help="Also posts that are not flagged high or review.")]
Workers = Annotated[
    int | None,
    typer.Option("--workers", min=1, help="Processes that read posts; by default one for each core.", show_default=False),
]


def instant(written: str) -> datetime:
    """Return a time that an option or ``SOURCE_DATE_EPOCH`` names."""
    time = read_instant(written)
    if time is None:
        raise typer.BadParameter(f"expected a time as ISO 8601 or seconds since 1970, got {written!r}")
    return time
