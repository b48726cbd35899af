"""What ``scam-detector doctor`` shows a person: a line for each check, and the next step below it where there is one."""

from rich.console import Console
from rich.text import Text

from detector.doctor.findings import Finding
from detector.terminal import safe

_STYLES = {"ok": "green", "warning": "yellow", "fault": "bold red"}


def show_finding(console: Console, finding: Finding) -> None:
    """Print one finding."""
    line = Text(f"{finding.state:<8}", style=_STYLES[finding.state])
    line.append(f"{finding.check:<13}{safe(finding.found)}", style="default")
    if finding.advice:
        line.append(f" -> {safe(finding.advice)}", style="default" if finding.state == "ok" else "bold default")
    console.print(line, soft_wrap=True)
