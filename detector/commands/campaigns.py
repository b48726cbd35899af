"""``scam-detector campaigns``: parse, call, print."""

import os
from pathlib import Path
from typing import Annotated

import typer

from detector.commands.options import AllBands, DateColumn, Mask, Scored, TextColumns, Workers
from detector.errors import SOME_REFUSED


def campaigns(
    inputs: Scored,
    output: Annotated[Path, typer.Option("--output", "-o", help="Folder for the results; made if it is not there.")],
    all_bands: AllBands = False,
    date_column: DateColumn = None,
    text_column: TextColumns = None,
    threshold: Annotated[
        float | None,
        typer.Option(
            "--threshold",
            min=0.05,
            max=1,
            help="Share of character shingles from which two posts count as one wording; by default 0.4.",
            show_default=False,
        ),
    ] = None,
    contact_cap: Annotated[
        int | None,
        typer.Option(
            "--contact-cap",
            min=1,
            help="Unlike wordings that one contact may join, by default 30; one named in more is taken for a helpline "
            "or a public page.",
            show_default=False,
        ),
    ] = None,
    min_size: Annotated[int, typer.Option("--min-size", min=2, help="Posts below which it is no campaign.")] = 2,
    mask: Mask = False,
    workers: Workers = None,
) -> int:
    """Link scored posts into campaigns, by near-duplicate wording and by shared contacts.

    Writes campaigns.jsonl, campaigns.csv, members.jsonl, members.csv and campaigns.graphml.

    \b
    Examples:
      scam-detector campaigns scored.jsonl -o case
      scam-detector campaigns march.csv april.parquet -o case --all --date-column posted
      scam-detector campaigns scored/ 'more/*.parquet' -o case
    """
    from rich.console import Console

    from detector.campaigns import Options, find_campaigns
    from detector.campaigns.linking import CONTACT_CAP
    from detector.campaigns.terminal import progress_on, show_outcome
    from detector.campaigns.wording import THRESHOLD

    options = Options(
        all_bands=all_bands,
        date_column=date_column,
        text_columns=text_column or (),
        threshold=THRESHOLD if threshold is None else threshold,
        contact_cap=CONTACT_CAP if contact_cap is None else contact_cap,
        min_size=min_size,
        mask=mask,
        workers=workers or len(os.sched_getaffinity(0)),
    )
    console = Console(stderr=True, highlight=False)
    with progress_on(console) as on_read:
        outcome = find_campaigns(inputs, output, options=options, on_read=on_read)
    show_outcome(console, outcome, output)
    return SOME_REFUSED if outcome.refused else 0
