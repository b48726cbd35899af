"""What training learns from: one record for posts of the corpus and of public sets alike."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from detector.errors import InputError, RecordError
from detector.records import ABSENCES, INDICATORS, LABELS

CORPUS_KEYS = (
    "id", "language", "text", "label", "hardness", "kind", "evidence", "noise", "group", "pair", "author", "why",
)  # fmt: skip
HARDNESS = ("easy", "medium", "hard")
NOISE = (
    "none", "emoji", "typos", "code_switch", "caps", "spaced", "romanised", "leet", "no_diacritics", "lookalike",
)  # fmt: skip
FEEDBACK = "feedback"
"""Source of the posts that readers answered; see :mod:`training.feedback`."""
ANNOTATED = ("corpus", FEEDBACK)
"""Sources whose posts have one label each, and were read to the guideline."""
_ALLOWED = {"label": LABELS, "hardness": HARDNESS, "noise": NOISE}
_TEXTS = ("id", "language", "text", "kind", "group", "author", "why")


@dataclass(frozen=True, slots=True)
class Quote:
    """The words of a post that show an indicator.

    :ivar indicator: One of :data:`detector.records.INDICATORS`.
    :ivar text: An exact piece of the post; empty for something that is missing from it.
    """

    indicator: str
    text: str


@dataclass(frozen=True, slots=True)
class Example:
    """A post with what is known of it.

    :ivar labels: The labels it may have; a single one if it is known, several if it is only known what it is not.
    :ivar quotes: Its indicators; ``None`` where nobody annotated them.
    :ivar source: ``corpus``, ``feedback`` or the name of a public set.
    :ivar why: The reason for its label, in English, that training may read; posts that readers answered have none.
    :ivar group: Posts of one group never cross from one split to another.
    """

    id: str
    text: str
    language: str
    labels: tuple[str, ...]
    quotes: tuple[Quote, ...] | None
    source: str
    group: str
    author: str | None = None
    pair: str | None = None
    hardness: str | None = None
    kind: str | None = None
    why: str | None = None

    @property
    def label(self) -> str | None:
        """The label, if it is known."""
        return self.labels[0] if len(self.labels) == 1 else None

    @property
    def writer(self) -> str:
        """Who wrote it, whatever the language: ``w12`` of ``w12-th``; empty if that is not known."""
        return (self.author or "").partition("-")[0]


def read_corpus(folder: Path) -> list[Example]:
    """Read every ``<language>.jsonl`` of a corpus folder.

    :raises InputError: if it holds no such file.
    :raises RecordError: at the first line that does not keep the format of ``data/README.md``.
    """
    return [corpus_example(row) for path in corpus_files(folder) for row in corpus_rows(path)]


def corpus_files(folder: Path) -> list[Path]:
    """Return the files of a corpus folder, in order.

    :raises InputError: if there are none.
    """
    paths = sorted(folder.glob("*.jsonl"))
    if not paths:
        raise InputError(f"{folder}: expected <language>.jsonl files, found none")
    return paths


def file_of(group: str) -> str:
    """Return the corpus file of a writing batch: ``zh-Hant`` of ``zh-Hant-b03``. Posts of a file may be in several scripts."""
    return group.rpartition("-b")[0]


def corpus_rows(path: Path) -> Iterator[dict[str, Any]]:
    """Yield the checked rows of one corpus file.

    :raises RecordError: at the first line that does not keep the format.
    """
    with path.open(encoding="utf-8") as lines:
        for place, line in enumerate(lines):
            try:
                row = json.loads(line)
            except ValueError as error:
                raise RecordError(place, f"{path.name}: expected one JSON object a line, {error}") from error
            fault = row_fault(row)
            if fault:
                raise RecordError(place, f"{path.name}: {fault}")
            yield row


def row_fault(row: object) -> str | None:
    """Return how a corpus row breaks the format, or nothing."""
    if not isinstance(row, dict):
        return f"expected an object, got {type(row).__name__}"
    if sorted(row) != sorted(CORPUS_KEYS):
        return f"expected the keys {', '.join(CORPUS_KEYS)}, got {', '.join(row)}"
    for key, allowed in _ALLOWED.items():
        if row[key] not in allowed:
            return f"expected a {key} out of {', '.join(allowed)}, got {row[key]!r}"
    for key in _TEXTS if row["pair"] is None else (*_TEXTS, "pair"):
        if not isinstance(row[key], str) or not row[key].strip():
            return f"expected {key} to be a text that is not blank"
    if not isinstance(row["evidence"], list):
        return f"{row['id']}: expected evidence to be a list, got {type(row['evidence']).__name__}"
    return next((fault for entry in row["evidence"] if (fault := _evidence_fault(row, entry))), None)


def _evidence_fault(row: Mapping[str, Any], entry: object) -> str | None:
    if not isinstance(entry, dict) or sorted(entry) != ["indicator", "quote"]:
        return f"{row['id']}: expected evidence to have indicator and quote"
    if entry["indicator"] not in INDICATORS:
        return f"{row['id']}: unknown indicator {entry['indicator']!r}"
    if not entry["quote"] and entry["indicator"] not in ABSENCES:
        return f"{row['id']}: expected a quote for {entry['indicator']}, got none"
    if not isinstance(entry["quote"], str) or entry["quote"] not in row["text"]:
        return f"{row['id']}: the quote for {entry['indicator']} does not occur in the text"
    return None


def corpus_example(row: Mapping[str, Any]) -> Example:
    """Return a checked corpus row as an example."""
    return Example(
        id=row["id"],
        text=row["text"],
        language=row["language"],
        labels=(row["label"],),
        quotes=tuple(Quote(entry["indicator"], entry["quote"]) for entry in row["evidence"]),
        source="corpus",
        group=row["group"],
        author=row["author"],
        pair=row["pair"],
        hardness=row["hardness"],
        kind=row["kind"],
        why=row["why"],
    )
