"""From scored files to a STIX bundle or a MISP event.

The inputs are read twice: first to link posts and to see how often each text was posted, then to write each text when its last post
comes by. So what is held in memory is what linking needs, and some numbers for each text; texts and objects go by.
"""

import time
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from detector.campaigns import Options, link_posts
from detector.campaigns.job import OnRead
from detector.campaigns.summary import Campaign
from detector.dates import written
from detector.errors import InputError, OutputError
from detector.exchange.document import Case, Linked, write
from detector.exchange.findings import Finding, History, finding_of
from detector.exchange.misp import MispEvent
from detector.exchange.sharing import Sharing
from detector.exchange.stix import StixBundle
from detector.files import check_are_apart
from detector.inputs import check_lasts, files_of
from detector.outputs import is_special, whole_file, writing
from detector.processes import answered
from detector.scored import FLAGGED, Refused, RowCounts, ScoredPost, read_all_scored, text_digest

FORMATS: dict[str, type[StixBundle] | type[MispEvent]] = {"stix": StixBundle, "misp": MispEvent}

_STEP = 1000


@dataclass(slots=True)
class Summary(RowCounts):
    """What became of the rows.

    :ivar unflagged: Rows left out because of their band.
    :ivar posts: Posts that were shared.
    :ivar texts: Their different texts.
    :ivar campaigns: Campaigns among them.
    :ivar id: What the document goes by in the other tool.
    """

    unflagged: int = 0
    posts: int = 0
    texts: int = 0
    campaigns: int = 0
    id: str = ""


def export(
    inputs: Sequence[Path | str],
    output: Path,
    *,
    format: str,
    sharing: Sharing,
    options: Options | None = None,
    on_read: OnRead | None = None,
) -> Summary:
    """Write the flagged posts of scored files as one document of another tool.

    A row that cannot be used is counted and left out; it never stops the others.

    :param inputs: JSONL, CSV or Parquet files as ``scam-detector score`` writes them, folders of them and patterns, also mixed.
    :param output: A file that ends in ``.json``.
    :param format: One of :data:`FORMATS`.
    :param options: How posts are linked into campaigns, and which are taken.
    :param on_read: Called with the rows read, now and then.
    :raises InputError: if an input cannot be read, or not twice.
    :raises ColumnError: if an input is not the output of ``score``.
    :raises OutputError: if the output cannot be written, or is one of the inputs.
    :raises MissingExtraError: if the extra ``cases`` is not installed.
    """
    files = _checked(inputs, output, format)
    started = time.perf_counter()
    job = _Job(files, sharing, options or Options())
    campaigns = link_posts(job.survey(on_read), options=job.options).campaigns
    document = FORMATS[format](sharing, job.case())
    with whole_file(output) as stream, writing(str(output)):
        write(stream, document, job.findings(campaigns), job.linked(campaigns))
    job.summary.campaigns, job.summary.id = len(campaigns), document.id
    job.summary.seconds = time.perf_counter() - started
    return job.summary


def _checked(inputs: Sequence[Path | str], output: Path, format: str) -> list[Path | str]:
    """Return the files to read: the same ones both times, whatever comes into a folder meanwhile."""
    if format not in FORMATS:
        raise InputError(f"expected a format ({', '.join(FORMATS)}), got {format!r}")
    files = files_of(inputs, leave_out=[output])
    for each in files:
        check_lasts(each, "is read twice")
    if output.suffix.lower() != ".json" and not is_special(output):
        raise OutputError(f"{output}: expected a name that ends in .json")
    check_are_apart(files, [output])
    return files


class _Job:
    """Reads the files, twice.

    :ivar summary: Of the first reading.
    """

    def __init__(self, files: Sequence[Path | str], sharing: Sharing, options: Options) -> None:
        self.options = options
        self.summary = Summary()
        self._files = files
        self._sharing = sharing
        self._texts: dict[bytes, History] = {}
        self._texts_of: dict[str, dict[str, None]] = defaultdict(dict)

    def survey(self, on_read: OnRead | None) -> Iterator[ScoredPost]:
        """Yield the posts to share, and note what is to be known of their texts before the first is written."""
        for row in self._rows():
            self.summary.rows += 1
            if on_read is not None and self.summary.rows % _STEP == 0:
                on_read(self.summary.rows)
            if isinstance(row, Refused):
                self.summary.refuse(row)
            elif not self._is_shared(row):
                self.summary.unflagged += 1
            else:
                self.summary.posts += 1
                self._texts.setdefault(text_digest(row.text), History()).add(row)
                yield row
        self.summary.texts = len(self._texts)

    def case(self) -> Case:
        """Return what is known after the first reading."""
        first = min(self._texts, key=lambda text: (written(self._texts[text].first) or "~", text), default=None)
        when = written(self._texts[first].first) if first is not None else None
        return Case(self.summary.texts, self.summary.posts, (first.hex() if first is not None else None, when))

    def findings(self, campaigns: Sequence[Campaign]) -> Iterator[Finding]:
        """Yield what may be shared of each text."""
        find = partial(finding_of, sharing=self._sharing)
        for _, finding in answered(self._last_posts(campaigns), lambda text: text, find, workers=self.options.workers):
            if finding is not None:
                yield finding

    def _last_posts(self, campaigns: Sequence[Campaign]) -> Iterator[tuple[ScoredPost, bytes, History]]:
        """Yield each text with the last of its posts: of several verdicts on one text, that is the one that counts."""
        campaign_of = {(member.file, member.row): campaign.id for campaign in campaigns for member in campaign.members}
        for post in self._rows():
            if isinstance(post, Refused) or not self._is_shared(post):
                continue
            digest = text_digest(post.text)
            history = self._texts.get(digest)
            if history is None or not history.unread:
                raise InputError(f"{post.source}: was changed while it was read; try again")
            if campaign := campaign_of.get((post.source, post.number)):
                self._texts_of[campaign][digest.hex()] = None
            history.unread -= 1
            if not history.unread:
                yield post, digest, history

    def linked(self, campaigns: Sequence[Campaign]) -> Iterator[Linked]:
        """Yield the campaigns with their texts, once all findings have gone by."""
        return (Linked(campaign, list(self._texts_of[campaign.id])) for campaign in campaigns)

    def _rows(self) -> Iterator[ScoredPost | Refused]:
        return read_all_scored(self._files, text_columns=self.options.text_columns, date_column=self.options.date_column)

    def _is_shared(self, post: ScoredPost) -> bool:
        return self.options.all_bands or post.band in FLAGGED
