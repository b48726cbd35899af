"""``scam-detector verify``: parse, call, print."""

from pathlib import Path
from typing import Annotated

import typer

from detector.errors import EvidenceError


def verify(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="Folder that 'score --evidence' keeps.")],
    head: Annotated[
        str | None,
        typer.Option(
            "--head",
            help="Hash that 'score' printed: shows also whether lines were taken from the end, which the folder alone cannot.",
            show_default=False,
        ),
    ] = None,
) -> None:
    """Check a folder of evidence, byte by byte, and name what was changed, removed or put in.

    \b
    Examples:
      scam-detector verify case/evidence
      scam-detector verify case/evidence --head 5f1c…
    """
    from detector.chain import Verification
    from detector.terminal import safe

    verification = Verification(folder, head=head)
    faults = 0
    for fault in verification.faults():
        faults += 1
        typer.echo(safe(fault))
    if faults:
        raise EvidenceError(f"{folder}: {faults} faults, named above, beside {verification.entries} lines that are whole")
    typer.echo(safe(f"{folder}: whole; {verification.entries} posts, {verification.objects} objects"))
    typer.echo(f"head {verification.head}")
    if verification.added is not None:
        typer.echo(f"the head you named is there, {verification.added} lines before the last")
