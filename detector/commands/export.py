"""``scam-detector export``: flagged posts for people who work in other tools."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Literal

import typer

from detector.commands.options import AllBands, DateColumn, ScoredFiles, TextColumns, Workers, instant
from detector.errors import SOME_REFUSED


def export(
    format: Annotated[
        Literal["stix", "misp"],
        typer.Argument(metavar="FORMAT", help="stix or misp.", show_default=False),
    ],
    inputs: ScoredFiles,
    output: Annotated[Path, typer.Option("--output", "-o", help="File ending in .json.")],
    tlp: Annotated[
        Literal["clear", "green", "amber", "amber+strict", "red"],
        typer.Option("--tlp", help="Level of the Traffic Light Protocol 2.0."),
    ] = "amber",
    producer: Annotated[
        str | None, typer.Option("--producer", help="Your organisation: who shares this. Keep to one name.", show_default=False)
    ] = None,
    case: Annotated[
        str | None,
        typer.Option("--case", help="Your name for the case: the same one updates the same MISP event.", show_default=False),
    ] = None,
    mask: Annotated[bool, typer.Option("--mask", help="Hide contacts.")] = False,
    without_text: Annotated[
        bool, typer.Option("--without-text", help="Leave texts out, also words of them; share hashes.")
    ] = False,
    all_bands: AllBands = False,
    date_column: DateColumn = None,
    text_column: TextColumns = None,
    workers: Workers = None,
    now: Annotated[
        datetime | None,
        typer.Option(
            "--now",
            help="Time of this export, ISO 8601 or seconds since 1970, by default that of the clock; the later export counts.",
            envvar="SOURCE_DATE_EPOCH",
            parser=instant,
            metavar="TIME",
            show_default=False,
        ),
    ] = None,
) -> int:
    """Write flagged posts, with evidence and campaigns, as a STIX 2.1 bundle or a MISP event.

    Contacts are shown unless --mask is given. A second export of the same posts updates the first. What becomes of what:
    detector/exchange/README.md.

    \b
    Examples:
      scam-detector export stix scored.jsonl -o bundle.json --producer "Lotus Desk"
      scam-detector export misp scored.jsonl -o event.json --tlp amber+strict --mask --case march
    """
    import os

    from rich.console import Console

    from detector.campaigns import Options
    from detector.campaigns.terminal import progress_on
    from detector.exchange import Sharing
    from detector.exchange import export as export_posts
    from detector.exchange.sharing import TOOL
    from detector.exchange.terminal import show_summary

    sharing = Sharing(
        now=now or datetime.now(UTC),
        tlp=tlp,
        producer=TOOL if producer is None else producer,
        case=case,
        mask=mask,
        texts=not without_text,
    )
    options = Options(
        all_bands=all_bands,
        date_column=date_column,
        text_columns=text_column or (),
        workers=workers or len(os.sched_getaffinity(0)),
    )
    console = Console(stderr=True, highlight=False)
    with progress_on(console) as on_read:
        summary = export_posts(inputs, output, format=format, sharing=sharing, options=options, on_read=on_read)
    show_summary(console, summary, output)
    return SOME_REFUSED if summary.refused else 0
