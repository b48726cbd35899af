"""``scam-detector doctor``: parse, call, print."""

import json
from pathlib import Path
from typing import Annotated

import typer

from detector.bundle import DEFAULT_BUNDLE


def doctor(
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
    model: Annotated[
        Path, typer.Option("--model", help="Model folder; by default the one in the package.", show_default=False)
    ] = DEFAULT_BUNDLE,
) -> int:
    """Check the installation, and say what to do where something is wrong; the status is 0 if nothing is at fault.

    Uses no network and changes nothing.

    \b
    Examples:
      scam-detector doctor
      scam-detector doctor --json --model my-model
    """
    from rich.console import Console

    from detector.doctor import examine, exit_status
    from detector.doctor.terminal import show_finding

    console = Console(highlight=False)
    findings = []
    for finding in examine(model):
        findings.append(finding)
        if not as_json:
            show_finding(console, finding)
    if as_json:
        typer.echo(json.dumps([finding.to_dict() for finding in findings], indent=2))
    return exit_status(findings)
