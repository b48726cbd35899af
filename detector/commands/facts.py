"""``scam-detector facts``: the route, the job and the pay of flagged posts."""

import sys
from pathlib import Path
from typing import Annotated

import typer

from detector.commands.options import Mask, Scored, TextColumns
from detector.errors import SOME_REFUSED


def facts(
    inputs: Scored,
    output: Annotated[
        Path | None,
        typer.Option("--output", "-o", help="File ending in .jsonl, .csv or .parquet; by default JSONL to standard output."),
    ] = None,
    every: Annotated[bool, typer.Option("--all", help="Read every post, not the flagged ones (high, review) alone.")] = False,
    text_column: TextColumns = None,
    mask: Mask = False,
) -> int:
    """Add what flagged posts say of places, origin, transit, destination, role and pay; 'unknown' where they are silent.

    \b
    Examples:
      scam-detector facts scored.jsonl -o cases.jsonl
      scam-detector facts scored.csv --all -o cases.parquet
      scam-detector facts scored/ -o cases.jsonl
    """
    from detector.facts.table import add_facts

    summary = add_facts(inputs, output or sys.stdout.buffer, every=every, text_columns=text_column or (), mask=mask)
    named = ", ".join(f"{name} {summary.found[name]}" for name in ("origin", "transit", "destination", "role", "pay"))
    typer.echo(f"rows {summary.rows}, read {summary.read}, refused {summary.refused}; named: {named}", err=True)
    return SOME_REFUSED if summary.refused else 0
