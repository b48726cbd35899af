"""What ``scam-detector review`` tells a person: counts, never the text of a post."""

from collections.abc import Iterator
from pathlib import Path

from detector.review.job import Outcome
from detector.terminal import safe


def summary_lines(outcome: Outcome, output: Path) -> Iterator[str]:
    """Yield what became of the rows, line by line."""
    left = f"{outcome.left_out} left out, {outcome.unscored} without a score, {outcome.refused} refused"
    yield f"rows        {outcome.rows} in {outcome.seconds:.1f} s; {left}"
    for source, number, reason in outcome.refusals:
        yield safe(f"            {source}, row {number}: {reason}")
    reasons = ", ".join(f"{number} {why}" for why, number in outcome.reasons.most_common())
    yield f"asked       {len(outcome.picks)}: {reasons or 'none'}"
    if len(outcome.models) > 1:
        yield safe(f"models      {', '.join(sorted(outcome.models))}; their scores may not compare")
    yield safe(f"written to  {output}{f', {outcome.config}' if outcome.config else ''}")
