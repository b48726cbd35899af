"""From scored files to a report, in memory that does not grow with them."""

import hashlib
import json
import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import islice
from pathlib import Path
from typing import Any

from detector.bundle import DEFAULT_BUNDLE, read_bundle
from detector.campaigns import Options, link_posts
from detector.campaigns.output import CAMPAIGNS, MEMBERS, campaign_record
from detector.campaigns.wording import signature
from detector.errors import InputError, OutputError
from detector.files import check_are_apart
from detector.inputs import check_lasts, files_of
from detector.outputs import whole_file, writing
from detector.report.contents import Report, SourceFile, contents_of
from detector.report.counting import Tally, is_of
from detector.report.destinations import Destinations
from detector.report.hiding import Hiding
from detector.report.limits import Knowledge, knowledge_of
from detector.report.rendering import check_installed, render
from detector.report.samples import LONGEST, Sample, SampleChoice
from detector.scored import FLAGGED, Refused, ScoredPost, read_all_scored
from detector.tables import reading
from detector.version import package_version

SHOWN_CAMPAIGNS = 12
MOST_LINKED = 200_000
"""Flagged posts that are linked into campaigns while a report is made: linking holds something of each in memory."""


@dataclass(frozen=True, slots=True)
class ReportOptions:
    """How a report is made.

    :ivar show_contacts: Show contacts as they are, instead of masked.
    :ivar created: The time that the report says it was made; by default now. With a fixed one the same input gives the same bytes.
    :ivar model: The bundle that scored the posts.
    :ivar campaigns: Folder that ``scam-detector campaigns`` wrote of the same files; by default campaigns are looked for now.
    :ivar workers: Processes that read posts for campaigns.
    """

    show_contacts: bool = False
    created: datetime | None = None
    model: Path = DEFAULT_BUNDLE
    campaigns: Path | None = None
    text_columns: Sequence[str] = ()
    date_column: str | None = None
    workers: int = 1
    most_linked: int = MOST_LINKED


@dataclass(frozen=True, slots=True)
class ReportSummary:
    """What became of the rows, and of the page: ``size`` in bytes."""

    tally: Tally
    n_campaigns: int | None
    n_samples: int
    size: int


@dataclass(slots=True)
class _Campaigns:
    """Campaigns as far as they are shown: records, and the row of a post of each, by file and number."""

    records: list[Mapping[str, Any]] | None = None
    number: int = 0
    note: str = ""
    rows: dict[tuple[str, int], str] = field(default_factory=dict)


def write_report(inputs: Sequence[Path | str], output: Path, *, options: ReportOptions | None = None) -> ReportSummary:
    """Write one HTML file on the posts of some scored files.

    Files are read twice, and once more for their hash. Rows that cannot be used are counted.

    :param inputs: JSONL, CSV or Parquet files as ``scam-detector score`` or ``facts`` writes them, folders of them and patterns.
    :param output: A name that ends in ``.html``.
    :raises InputError: if an input cannot be read, or is no file.
    :raises ColumnError: if an input is not the output of ``score``.
    :raises OutputError: if the report cannot be written, or is one of the inputs.
    :raises BundleError: if the model folder is not one.
    :raises MissingExtraError: if the extra ``cases`` is not installed.
    """
    options = options or ReportOptions()
    files = _checked(inputs, output)
    known = knowledge_of(read_bundle(options.model))
    tally, choice = Tally(), SampleChoice()
    campaigns = _campaigns_of(_seen(files, tally, choice, options), options)
    samples = _samples(files, choice, campaigns, options)
    report = Report(
        tally=tally,
        files=[_source(path, tally) for path in files],
        known=known if known.bundle is not None and is_of(tally, known.bundle.identity) else Knowledge(),
        samples=samples,
        created=options.created or datetime.now(UTC),
        version=package_version() or "of a source folder",
        hiding=Hiding(options.show_contacts),
        campaigns=campaigns.records,
        n_campaigns=campaigns.number,
        campaigns_note=campaigns.note,
    )
    page = render(contents_of(report))
    with whole_file(output) as stream, writing(str(output)):
        stream.write(page)
    return ReportSummary(tally, None if campaigns.records is None else campaigns.number, len(samples), len(page))


def _checked(inputs: Sequence[Path | str], output: Path) -> list[Path | str]:
    """Return the files to read: the same ones each time, whatever comes into a folder meanwhile."""
    files = files_of(inputs, leave_out=[output])
    for each in files:
        check_lasts(each, "is read twice")
    if output.suffix.lower() not in {".html", ".htm"}:
        raise OutputError(f"{output}: expected a name that ends in .html")
    check_are_apart(files, [output])
    check_installed()
    signature("")
    return files


def _seen(files: Iterable[Path | str], tally: Tally, choice: SampleChoice, options: ReportOptions) -> Iterator[ScoredPost]:
    """Count every row and look at every post; yield those that are flagged."""
    destinations = Destinations()
    for row in _rows(files, options):
        if isinstance(row, Refused):
            tally.refuse(row)
            continue
        tally.add(row, destinations.of(row))
        choice.see(row)
        if row.band in FLAGGED:
            yield row


def _rows(files: Iterable[Path | str], options: ReportOptions) -> Iterator[ScoredPost | Refused]:
    return read_all_scored(files, text_columns=options.text_columns, date_column=options.date_column)


def _campaigns_of(flagged: Iterator[ScoredPost], options: ReportOptions) -> _Campaigns:
    """Return the campaigns of some posts, all of which are read in any case."""
    if options.campaigns is not None:
        _read_all(flagged)
        return _written_campaigns(options.campaigns)
    linked = link_posts(islice(flagged, options.most_linked), options=Options(workers=options.workers))
    if _read_all(flagged):
        note = (
            f"Over {options.most_linked:,} posts are flagged, more than are compared while a report is made. "
            "Find their campaigns with scam-detector campaigns, and name its folder with --campaigns."
        )
        return _Campaigns(note=note)
    shown = linked.campaigns[:SHOWN_CAMPAIGNS]
    rows = {(member.file, member.row): each.id for each in shown for member in each.members if member.id == each.representatives[0]}
    return _Campaigns([campaign_record(each) for each in shown], len(linked.campaigns), rows=rows)


def _read_all(posts: Iterator[ScoredPost]) -> int:
    return sum(1 for _ in posts)


def _written_campaigns(folder: Path) -> _Campaigns:
    """Return the campaigns that a folder of ``scam-detector campaigns`` holds."""
    found = _Campaigns([])
    records: list[Mapping[str, Any]] = []
    for record in _json_lines(folder / f"{CAMPAIGNS}.jsonl"):
        found.number += 1
        if len(records) < SHOWN_CAMPAIGNS:
            records.append(record)
    found.records = records
    first = {each["id"]: each["representatives"][0] for each in records}
    for member in _json_lines(folder / f"{MEMBERS}.jsonl"):
        if member["id"] == first.get(member["campaign"]):
            found.rows[member["file"], member["row"]] = member["campaign"]
    return found


def _json_lines(path: Path) -> Iterator[dict[str, Any]]:
    with reading(str(path)), path.open("rb") as stream:
        for number, line in enumerate(stream, 1):
            try:
                yield json.loads(line)
            except ValueError as error:
                raise InputError(f"{path}, line {number}: expected what scam-detector campaigns writes, got no JSON") from error


def _samples(files: Iterable[Path | str], choice: SampleChoice, campaigns: _Campaigns, options: ReportOptions) -> list[Sample]:
    """Return the posts to show, each text once: those drawn, and then one of each campaign."""
    samples = {sample.post.text: sample for sample in reversed(list(choice.chosen()))}
    chosen = list(reversed(samples.values()))
    wanted = dict(campaigns.rows)
    of_campaigns: dict[str, ScoredPost] = {}
    for row in _rows(files, options) if wanted else ():
        name = wanted.pop((row.source, row.number), None)
        if name is not None and isinstance(row, ScoredPost) and len(row.text) <= LONGEST and row.text not in samples:
            of_campaigns.setdefault(name, row)
        if not wanted:
            break
    order = [record["id"] for record in campaigns.records or ()]
    places = [(place, of_campaigns[name]) for place, name in enumerate(order, 1) if name in of_campaigns]
    return chosen + [Sample(post, f"A post of campaign {place}.") for place, post in places]


def _source(path: Path | str, tally: Tally) -> SourceFile:
    name = str(path)
    with reading(name), open(path, "rb") as stream:
        digest = hashlib.file_digest(stream, "sha256").hexdigest()
    return SourceFile(os.path.basename(name), digest, tally.rows[name], tally.refused[name] + tally.unscored[name])
