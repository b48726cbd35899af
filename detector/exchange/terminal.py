"""What ``scam-detector export`` shows a person: counts, never the text of a post."""

from pathlib import Path

from rich.console import Console

from detector.exchange.job import Summary
from detector.terminal import print_lines


def show_summary(console: Console, summary: Summary, output: Path) -> None:
    """Print what became of the rows, in a few lines."""
    lines = [
        ("rows", f"{summary.rows} in {summary.seconds:.1f} s"),
        ("shared", f"{summary.posts} posts, {summary.texts} different texts, {summary.campaigns} campaigns"),
        ("left out", f"{summary.unflagged} by their band, {summary.unscored} without a score"),
        ("refused", str(summary.refused)),
        *(("", f"{source}, row {number}: {reason}") for source, number, reason in summary.refusals),
        ("id", summary.id),
        ("written to", str(output)),
    ]
    print_lines(console, lines)
