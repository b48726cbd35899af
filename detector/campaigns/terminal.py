"""What ``scam-detector campaigns`` shows a person: counts and names, never the text of a post."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from rich.console import Console

from detector.campaigns.job import OnRead, Outcome
from detector.terminal import print_lines

_SHOWN_CAMPAIGNS = 5


@contextmanager
def progress_on(console: Console) -> Iterator[OnRead | None]:
    """Show how many rows are read for as long as the block runs, if a person is looking; yield what is to be told."""
    if not console.is_terminal:
        yield None
        return
    with console.status("reading") as status:
        yield lambda rows: status.update(f"{rows} rows read")


def show_outcome(console: Console, outcome: Outcome, folder: Path) -> None:
    """Print what became of the rows, in a few lines."""
    lines = [
        ("rows", f"{outcome.rows} in {outcome.seconds:.1f} s"),
        ("compared", f"{outcome.taken} posts; {outcome.unflagged} left out by their band, {outcome.unscored} without a score"),
        ("campaigns", f"{len(outcome.campaigns)} with {outcome.linked} posts; {outcome.taken - outcome.linked} posts in none"),
        *(("", _headline(place, outcome)) for place in range(min(_SHOWN_CAMPAIGNS, len(outcome.campaigns)))),
        ("contacts", f"{outcome.common_contacts} named too widely to join posts"),
        ("undated", f"{outcome.undated} posts with a date that is not understood"),
        ("refused", str(outcome.refused)),
        *(("", f"{source}, row {number}: {reason}") for source, number, reason in outcome.refusals),
        ("written to", str(folder)),
    ]
    print_lines(console, lines)


def _headline(place: int, outcome: Outcome) -> str:
    campaign = outcome.campaigns[place]
    seen = f", {campaign.first_seen} to {campaign.last_seen}" if campaign.first_seen else ""
    return f"{campaign.id}: {campaign.size} posts in {' '.join(campaign.languages)}, median score {campaign.score_median:.2f}{seen}"
