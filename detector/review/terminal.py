"""What ``scam-detector review`` shows a person: counts, never the text of a post."""

from pathlib import Path

from rich.console import Console

from detector.review.job import Outcome
from detector.terminal import print_lines


def show_outcome(console: Console, outcome: Outcome, output: Path) -> None:
    """Print what became of the rows, in a few lines."""
    left = f"{outcome.left_out} left out, {outcome.unscored} without a score, {outcome.refused} refused"
    reasons = ", ".join(f"{number} {why}" for why, number in outcome.reasons.most_common())
    lines = [
        ("rows", f"{outcome.rows} in {outcome.seconds:.1f} s; {left}"),
        *(("", f"{source}, row {number}: {reason}") for source, number, reason in outcome.refusals),
        ("asked", f"{len(outcome.picks)}: {reasons or 'none'}"),
    ]
    if len(outcome.models) > 1:
        lines.append(("models", f"{', '.join(sorted(outcome.models))}; their scores may not compare"))
    lines.append(("written to", f"{output}{f', {outcome.config}' if outcome.config else ''}"))
    print_lines(console, lines)
