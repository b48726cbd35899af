"""``scam-detector report``: parse, call, print."""

import os
from datetime import datetime
from pathlib import Path
from typing import Annotated

import typer

from detector.commands.options import DateColumn, ScoredFiles, TextColumns, Workers, instant
from detector.errors import SOME_REFUSED


def report(
    inputs: ScoredFiles,
    output: Annotated[Path, typer.Option("--output", "-o", help="File ending in .html.")],
    show_contacts: Annotated[bool, typer.Option("--show-contacts", help="Show contacts as they are, instead of masked.")] = False,
    campaigns: Annotated[
        Path | None,
        typer.Option("--campaigns", help="Folder that scam-detector campaigns wrote of these files; by default they are found."),
    ] = None,
    date_column: DateColumn = None,
    text_column: TextColumns = None,
    model: Annotated[
        Path | None,
        typer.Option("--model", help="Folder of the model that scored; by default the one in the package.", show_default=False),
    ] = None,
    created: Annotated[
        datetime | None,
        typer.Option(
            "--created",
            envvar="SOURCE_DATE_EPOCH",
            help="Time to write in the report, ISO 8601 or seconds since 1970; the same input then gives the same bytes.",
            parser=instant,
            metavar="TIME",
            show_default=False,
        ),
    ] = None,
    workers: Workers = None,
) -> int:
    """Write one HTML file on scored posts: counts, campaigns, posts with their evidence marked, and what the model cannot see.

    It opens in any browser, loads nothing from a network, and stays under 3 MB.

    \b
    Examples:
      scam-detector report scored.jsonl -o report.html
      scam-detector report march.csv april.parquet -o spring.html --campaigns case --date-column posted
      scam-detector report scored/ -o report.html
    """
    from detector.bundle import DEFAULT_BUNDLE
    from detector.report import ReportOptions, write_report

    options = ReportOptions(
        show_contacts=show_contacts,
        created=created,
        model=model or DEFAULT_BUNDLE,
        campaigns=campaigns,
        text_columns=text_column or (),
        date_column=date_column,
        workers=workers or len(os.sched_getaffinity(0)),
    )
    summary = write_report(inputs, output, options=options)
    tally = summary.tally
    refused = tally.refused.total()
    found = "not looked for" if summary.n_campaigns is None else str(summary.n_campaigns)
    typer.echo(
        f"rows {tally.rows.total()}, posts {tally.posts}, flagged {tally.flagged}, refused {refused}; "
        f"campaigns {found}; posts shown {summary.n_samples}; {output}: {summary.size / 1000:.0f} kB",
        err=True,
    )
    return SOME_REFUSED if refused else 0
