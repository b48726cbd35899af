"""From scored files to a queue of posts for readers."""

import hashlib
import re
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from detector.bundle import DEFAULT_BUNDLE, read_bundle
from detector.campaigns.wording import signature
from detector.errors import InputError, OutputError
from detector.files import check_are_apart
from detector.inputs import files_of
from detector.outputs import whole_file, writing
from detector.review.candidates import Candidate, candidate, doubt, is_flagged, is_sure, label_of, text_sha256
from detector.review.choosing import Pick, Why, choose
from detector.review.label_studio import labelling_config, write_tasks
from detector.review.pools import DoubtfulPool, Sample
from detector.review.sheet import write_sheet
from detector.review.shown import Shown, shown
from detector.scored import Refused, RowCounts, ScoredPost, read_all_scored
from detector.tables import reading

MAX_CHARACTERS = 10_000
"""Longest post that is asked about. A longer text is a document, and would take a reader's time for one answer."""
_POOL = 20
"""Doubtful posts that are kept for each one that is asked about: enough to choose unlike ones from."""
_MIN_POOL = 2000
_SHA256 = re.compile(rb"\b[0-9a-f]{64}\b")


@dataclass(frozen=True, slots=True)
class Options:
    """What is asked about, and how it is shown.

    :ivar number: Posts at most.
    :ivar random_share: Of these, the share of rows taken at random, 0 to 1.
    :ivar confident_share: The share of rows at random among confident verdicts, half of them flagged where there are as many.
    :ivar leave_out: Earlier queues and answers, whose posts are not asked about again.
    :ivar with_verdict: Show what the model holds of each post.
    :ivar mask: Hide contacts.
    :ivar config: Where to write the configuration for Label Studio; by default beside its tasks.
    :ivar text_columns: Columns with the text, if they were named for ``score`` too.
    :ivar model: Model folder whose operating points are those at which a verdict turns.
    """

    number: int = 200
    random_share: float = 0.1
    confident_share: float = 0.1
    leave_out: Sequence[Path] = ()
    with_verdict: bool = False
    mask: bool = False
    config: Path | None = None
    text_columns: Sequence[str] = ()
    model: Path = DEFAULT_BUNDLE


@dataclass(slots=True)
class Outcome(RowCounts):
    """What became of the rows.

    :ivar left_out: Rows asked about before, or that say nothing or too much to be read.
    :ivar models: Rows by the model that scored them.
    :ivar picks: What is asked about.
    :ivar config: Where the configuration for Label Studio was written.
    """

    left_out: int = 0
    models: Counter[str] = field(default_factory=Counter)
    picks: list[Pick] = field(default_factory=list)
    config: Path | None = None

    @property
    def reasons(self) -> Counter[str]:
        """Picks by why they were chosen."""
        return Counter(pick.why for pick in self.picks)


def make_queue(inputs: Sequence[Path | str], output: Path, *, options: Options | None = None) -> Outcome:
    """Choose the posts whose answer teaches most, and write them for readers.

    The same files give the same queue. Memory does not grow with them.

    :param inputs: JSONL, CSV or Parquet files as ``scam-detector score`` writes them, folders of them and patterns, also mixed;
        ``-`` is standard input.
    :param output: A sheet to fill in, ending in ``.csv``, or tasks for Label Studio, ending in ``.json``.
    :raises InputError: if an input cannot be read, or an option makes no sense.
    :raises ColumnError: if an input is not the output of ``score``.
    :raises OutputError: if the output cannot be written, or is one of the inputs.
    :raises BundleError: if the model folder is not a whole bundle.
    :raises MissingExtraError: if the extra ``cases`` is not installed.
    """
    options = options or Options()
    config = _check(output, options)
    outputs = [output, *([config] if config else [])]
    files = files_of(inputs, leave_out=[*outputs, *options.leave_out])
    check_are_apart([*files, *options.leave_out], outputs)
    # What is missing shows now, not after all rows are read.
    signature("")
    started = time.perf_counter()
    outcome = Outcome(config=config)
    gathered = _Gathered(options)
    for post in _taken(files, outcome, options):
        gathered.add(post, outcome.rows)
    outcome.picks = gathered.choose()
    write = write_tasks if output.suffix.lower() == ".json" else write_sheet
    with whole_file(output) as stream, writing(str(output)):
        write(stream, _shown(outcome.picks, options), with_verdict=options.with_verdict)
    if config is not None:
        with whole_file(config) as stream, writing(str(config)):
            stream.write(labelling_config().encode())
    outcome.seconds = time.perf_counter() - started
    return outcome


def _check(output: Path, options: Options) -> Path | None:
    """Refuse what makes no sense; return where the configuration for Label Studio goes."""
    if options.number < 1:
        raise InputError(f"expected a number of at least 1, got {options.number}")
    shares = (options.random_share, options.confident_share)
    if min(shares) < 0 or sum(shares) > 1:
        raise InputError(f"expected shares of at least 0 that make 1 at most, got {shares[0]} and {shares[1]}")
    if output.suffix.lower() not in {".csv", ".json"}:
        raise OutputError(f"{output}: expected a name that ends in .csv, for a sheet, or .json, for Label Studio")
    return options.config or (output.with_suffix(".xml") if output.suffix.lower() == ".json" else None)


def _taken(files: Sequence[Path | str], outcome: Outcome, options: Options) -> Iterator[ScoredPost]:
    """Yield the posts that may be asked about, and count the others."""
    done = {found.decode() for path in options.leave_out for found in _hashes(path)}
    for row in read_all_scored(files, text_columns=options.text_columns):
        outcome.rows += 1
        if isinstance(row, Refused):
            outcome.refuse(row)
            continue
        outcome.models[str(row.fields.get("model") or "unknown")] += 1
        if len(row.text) > MAX_CHARACTERS or not any(map(str.isalpha, row.text)) or (done and text_sha256(row.text) in done):
            outcome.left_out += 1
        else:
            yield row


def _hashes(path: Path) -> Iterator[bytes]:
    """Yield every SHA-256 that stands in a file, whatever it is."""
    with reading(str(path)), path.open("rb") as lines:
        for line in lines:
            yield from _SHA256.findall(line)


class _Gathered:
    """What is kept of the posts while they are read."""

    def __init__(self, options: Options) -> None:
        self._number = options.number
        self._doubtful = DoubtfulPool(max(_POOL * options.number, _MIN_POOL))
        n_confident = round(options.number * options.confident_share)
        self._random = Sample(round(options.number * options.random_share))
        self._confident = {True: Sample(n_confident - n_confident // 2), False: Sample(n_confident // 2)}
        points = read_bundle(options.model).manifest.operating_points
        self._points = (points.high, points.review, 0.5)

    def add(self, post: ScoredPost, place: int) -> None:
        """Take a post.

        :param place: Of its row among all rows.
        """
        how_much, sha256 = doubt(post, self._points), text_sha256(post.text)
        make = partial(candidate, post, how_much)
        self._random.offer(_order("random", sha256, place), place, make)
        if is_sure(post):
            self._confident[is_flagged(post)].offer(_order("confident", sha256, place), place, make)
        kind = (post.language, "abstain" if post.band == "abstain" else label_of(post))
        if self._doubtful.wants(kind, how_much, sha256):
            self._doubtful.add(kind, make())

    def choose(self) -> list[Pick]:
        """Return what is asked about."""
        confident = [each for sample in self._confident.values() for each in sample.candidates()]
        samples: dict[Why, Sequence[Candidate]] = {"random": self._random.candidates(), "confident": confident}
        return choose(self._doubtful.candidates(), samples, self._number)


def _order(purpose: str, sha256: str, place: int) -> int:
    """Return a hash of a row: rows with one text are different rows."""
    return int.from_bytes(hashlib.blake2b(f"{purpose}/{sha256}/{place}".encode(), digest_size=8).digest())


def _shown(picks: Sequence[Pick], options: Options) -> Iterator[Shown]:
    return (shown(pick, rank, mask=options.mask) for rank, pick in enumerate(picks, 1))
