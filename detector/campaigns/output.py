"""Campaigns and their posts as files: JSONL for programs, CSV for spreadsheets, each whole or not at all."""

import csv
import io
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import BinaryIO

from detector.campaigns.graph import Graph, write_graph
from detector.campaigns.summary import Campaign, CampaignMember
from detector.errors import OutputError
from detector.outputs import json_line, safe_cell, whole_file, writing

CAMPAIGNS, MEMBERS, GRAPH = "campaigns", "members", "campaigns.graphml"
TABLES = tuple(f"{name}{suffix}" for name in (CAMPAIGNS, MEMBERS) for suffix in (".jsonl", ".csv"))

_CAMPAIGN_COLUMNS: Mapping[str, Callable[[Campaign], object]] = {
    "id": lambda c: c.id,
    "size": lambda c: c.size,
    "wordings": lambda c: c.wordings,
    "first_seen": lambda c: c.first_seen,
    "last_seen": lambda c: c.last_seen,
    "languages": lambda c: _counts(c.languages),
    "contacts": lambda c: " ".join(f"{each.kind}:{each.value}" for each in c.contacts),
    "places": lambda c: _counts(c.places),
    "template": lambda c: c.template.text,
    "template_slots": lambda c: " | ".join(f"{n}: {' / '.join(values)}" for n, values in enumerate(c.template.slots, 1)),
    "template_posts": lambda c: c.template_posts,
    "representatives": lambda c: " ".join(c.representatives),
    "score_min": lambda c: round(c.score_min, 6),
    "score_median": lambda c: round(c.score_median, 6),
    "score_max": lambda c: round(c.score_max, 6),
    "bands": lambda c: _counts(c.bands),
}
_MEMBER_COLUMNS: Mapping[str, Callable[[CampaignMember], object]] = {
    "campaign": lambda m: m.campaign,
    "id": lambda m: m.id,
    "file": lambda m: m.file,
    "row": lambda m: m.row,
    "linked_by": lambda m: " ".join(m.linked_by),
    "band": lambda m: m.band,
    "score": lambda m: round(m.score, 6),
    "language": lambda m: m.language,
    "seen": lambda m: m.seen,
}


def write_campaigns(folder: Path, campaigns: Sequence[Campaign], graph: Graph) -> None:
    """Write ``campaigns.jsonl``, ``campaigns.csv``, ``members.jsonl``, ``members.csv`` and ``campaigns.graphml``.

    :param folder: Is made if it is not there; files of an earlier run are replaced.
    :raises OutputError: if a file cannot be written.
    """
    with writing(str(folder)):
        folder.mkdir(parents=True, exist_ok=True)
    with _file(folder, f"{CAMPAIGNS}.jsonl") as stream:
        stream.writelines(json_line(campaign_record(campaign)) for campaign in campaigns)
    with _file(folder, f"{CAMPAIGNS}.csv") as stream:
        _write_csv(stream, _CAMPAIGN_COLUMNS, ([value(each) for value in _CAMPAIGN_COLUMNS.values()] for each in campaigns))
    with _file(folder, f"{MEMBERS}.jsonl") as stream:
        stream.writelines(json_line(asdict(member)) for member in _members(campaigns))
    with _file(folder, f"{MEMBERS}.csv") as stream:
        _write_csv(stream, _MEMBER_COLUMNS, ([value(each) for value in _MEMBER_COLUMNS.values()] for each in _members(campaigns)))
    with _file(folder, GRAPH) as stream:
        write_graph(graph, stream)


def campaign_record(campaign: Campaign) -> dict[str, object]:
    """Return a campaign as plain dictionaries and tuples, without its members."""
    record = {name: value for name, value in _plain(campaign).items() if name != "members"}
    template = campaign.template
    return record | {"template": {"text": template.text, "slots": template.slots, "texts": template.texts}}


def _plain(campaign: Campaign) -> dict[str, object]:
    names = type(campaign).__dataclass_fields__
    plain = {name: getattr(campaign, name) for name in names}
    return plain | {"contacts": tuple(asdict(contact) for contact in campaign.contacts)}


def _members(campaigns: Iterable[Campaign]) -> Iterator[CampaignMember]:
    return (member for campaign in campaigns for member in campaign.members)


def _write_csv(stream: BinaryIO, columns: Iterable[str], rows: Iterable[list[object]]) -> None:
    text = io.TextIOWrapper(stream, encoding="utf-8-sig", newline="", write_through=False)
    writer = csv.writer(text)
    writer.writerow(columns)
    writer.writerows([safe_cell(value) for value in row] for row in rows)
    text.detach()


@contextmanager
def _file(folder: Path, name: str) -> Iterator[BinaryIO]:
    path = folder / name
    if path.is_dir():
        raise OutputError(f"{path}: expected a file, got a folder")
    with whole_file(path) as stream, writing(str(path)):
        yield stream


def _counts(counts: Mapping[str, int]) -> str:
    return "; ".join(f"{name} ({number})" for name, number in counts.items())
