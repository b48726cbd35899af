"""From scored files to a folder of campaigns."""

import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from detector.campaigns.collected import Collection, users_of
from detector.campaigns.graph import Graph, graph_of, masked_graph
from detector.campaigns.linking import CONTACT_CAP, join
from detector.campaigns.output import TABLES, write_campaigns
from detector.campaigns.preparing import prepared_posts
from detector.campaigns.summary import Campaign, Summariser
from detector.campaigns.wording import THRESHOLD, signature, wording_links
from detector.errors import InputError
from detector.inputs import files_of
from detector.scored import FLAGGED, Refused, RowCounts, ScoredPost, read_all_scored

_STEP = 1000

OnRead = Callable[[int], None]
"""Is told the rows read, now and then."""


@dataclass(frozen=True, slots=True)
class Options:
    """How posts are linked.

    :ivar all_bands: Also posts that are not flagged ``high`` or ``review``.
    :ivar date_column: Column with the times of the posts; by default one with a usual name.
    :ivar text_columns: Columns with the text, if they were named for ``score`` too.
    :ivar threshold: Share of shingles from which two posts count as one wording, 0 to 1.
    :ivar contact_cap: Unlike wordings that one contact may join.
    :ivar min_size: Posts below which it is no campaign.
    :ivar mask: Whether contacts and personal numbers are hidden in the results; posts are linked all the same.
    :ivar workers: Processes that read posts side by side; of two or more, only in a program whose main module can be imported.
    """

    all_bands: bool = False
    date_column: str | None = None
    text_columns: Sequence[str] = ()
    threshold: float = THRESHOLD
    contact_cap: int = CONTACT_CAP
    min_size: int = 2
    mask: bool = False
    workers: int = 1


@dataclass(slots=True)
class Outcome(RowCounts):
    """What became of the rows.

    :ivar unflagged: Rows left out because of their band.
    :ivar taken: Posts that were compared.
    :ivar undated: Of these, posts whose date is not understood.
    :ivar linked: Posts in campaigns.
    :ivar common_contacts: Contacts over the cap, which join nothing.
    """

    unflagged: int = 0
    taken: int = 0
    undated: int = 0
    linked: int = 0
    common_contacts: int = 0
    campaigns: list[Campaign] = field(default_factory=list)


def find_campaigns(
    inputs: Sequence[Path | str], folder: Path, *, options: Options | None = None, on_read: OnRead | None = None
) -> Outcome:
    """Link the posts of scored files, and write campaigns, members and graph into a folder.

    A row that cannot be used is counted and left out; it never stops the others. The same posts give the same campaigns, in
    whatever order or files they come.

    :param inputs: JSONL, CSV or Parquet files as ``scam-detector score`` writes them, folders of them and patterns, also mixed;
        ``-`` is standard input.
    :param folder: Is made if it is not there.
    :raises InputError: if an input cannot be read, or an option makes no sense.
    :raises ColumnError: if an input is not the output of ``score``.
    :raises OutputError: if a file cannot be written.
    :raises MissingExtraError: if the extra ``cases`` is not installed.
    """
    options = options or Options()
    _check(options)
    files = files_of(inputs, leave_out=[folder / name for name in TABLES])
    # What is missing shows now, not after all rows are read.
    signature("")
    started = time.perf_counter()
    outcome = Outcome()
    linked = link_posts(_taken(files, outcome, options, on_read), options=options)
    write_campaigns(folder, linked.campaigns, linked.graph)
    outcome.campaigns = linked.campaigns
    outcome.linked = sum(campaign.size for campaign in outcome.campaigns)
    outcome.common_contacts = len(linked.common)
    outcome.seconds = time.perf_counter() - started
    return outcome


@dataclass(frozen=True, slots=True)
class Linked:
    """Campaigns, the largest first, the graph of them, and the keys of contacts over the cap."""

    campaigns: list[Campaign]
    graph: Graph
    common: frozenset[str]


def link_posts(posts: Iterable[ScoredPost], *, options: Options) -> Linked:
    """Link posts into campaigns, and write nothing.

    :param posts: Those to compare; the options that choose among rows have no say here.
    :raises MissingExtraError: if the extra ``cases`` is not installed.
    """
    with Collection() as collection:
        for post, prepared in prepared_posts(posts, is_known=collection.knows, workers=options.workers):
            collection.add(post, prepared)
        places, signatures = collection.signatures()
        alike = {
            (places[one], places[other]): similarity
            for one, other, similarity in wording_links(signatures, threshold=options.threshold)
        }
        users = users_of(collection.keys, collection.members)
        components = join(len(collection.wordings), alike, users, cap=options.contact_cap)
        campaigns = list(Summariser(collection, components, mask=options.mask).campaigns(options.min_size))
        graph = graph_of(collection, campaigns, alike, components.common)
        return Linked(campaigns, masked_graph(graph) if options.mask else graph, components.common)


def _check(options: Options) -> None:
    if not 0 < options.threshold <= 1:
        raise InputError(f"expected a threshold above 0 and at most 1, got {options.threshold}")
    if options.contact_cap < 1 or options.min_size < 2:
        raise InputError(
            f"expected a contact cap of at least 1 and a size of at least 2, got {options.contact_cap} and {options.min_size}"
        )


def _taken(files: Sequence[Path | str], outcome: Outcome, options: Options, on_read: OnRead | None) -> Iterator[ScoredPost]:
    """Yield the posts that are to be compared, and count the others."""
    for row in read_all_scored(files, text_columns=options.text_columns, date_column=options.date_column):
        outcome.rows += 1
        if on_read is not None and outcome.rows % _STEP == 0:
            on_read(outcome.rows)
        if isinstance(row, Refused):
            outcome.refuse(row)
        elif not options.all_bands and row.band not in FLAGGED:
            outcome.unflagged += 1
        else:
            outcome.taken += 1
            outcome.undated += row.dated and row.seen is None
            yield row
