"""Public sets of real posts, read from outside the repository as ``data/sources.toml`` declares them."""

import gzip
import json
import re
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from detector.errors import InputError
from detector.records import LABELS
from training.examples import Example

_MARKS = re.compile(r"<(?:EMAIL|PHONE)>")
_LANGUAGES = {"zh": "zh-Hans"}
Use = Literal["train", "held_out"]


@dataclass(frozen=True, slots=True)
class Source:
    """A public set.

    :ivar use: ``train``, or ``held_out`` if no row of it may ever be trained or tuned on.
    :ivar labels: Which of our labels a row may have, by the set's own label.
    :ivar sample: Rows taken for training, at most; all of a held-out set are read.
    """

    name: str
    use: Use
    labels: Mapping[str, tuple[str, ...]]
    sample: int


def read_sources(path: Path) -> dict[str, Source]:
    """Read the declarations.

    :raises InputError: if one of them is incomplete or names an unknown label.
    """
    declared = tomllib.loads(path.read_text("utf-8"))
    try:
        return {name: _source(name, table) for name, table in declared.items()}
    except (KeyError, TypeError) as error:
        raise InputError(f"{path}: expected use, sample and labels for each set, missing {error}") from error


def _source(name: str, table: Mapping[str, Any]) -> Source:
    labels = {key: tuple(value) for key, value in table["labels"].items()}
    unknown = {label for group in labels.values() for label in group} - set(LABELS)
    if unknown or table["use"] not in ("train", "held_out"):
        raise InputError(f"{name}: expected known labels and use train or held_out, got {unknown or table['use']}")
    return Source(name, table["use"], labels, table["sample"])


def read_public(folder: Path, source: Source) -> list[Example]:
    """Read ``<set>.jsonl.gz`` or ``<set>.jsonl`` of a folder.

    The marks that the collection left for removed addresses are dropped: no post in the wild has them.

    :raises InputError: if the file is missing.
    """
    return [
        Example(
            id=row["id"],
            text=text,
            language=_LANGUAGES.get(row["lang"], row["lang"]),
            labels=_labels(source, row),
            quotes=None,
            source=source.name,
            group=row["id"],
        )
        for row in _rows(folder, source.name)
        if (text := _MARKS.sub("", row["text"])).strip()
    ]


def _labels(source: Source, row: Mapping[str, Any]) -> tuple[str, ...]:
    if row["label"] not in source.labels:
        raise InputError(f"{row['id']}: expected a label out of {', '.join(source.labels)}, got {row['label']!r}")
    return source.labels[row["label"]]


def _rows(folder: Path, name: str) -> Iterator[dict[str, Any]]:
    packed = folder / f"{name}.jsonl.gz"
    plain = folder / f"{name}.jsonl"
    if packed.exists():
        with gzip.open(packed, "rt", encoding="utf-8") as lines:
            yield from map(json.loads, lines)
    elif plain.exists():
        with plain.open(encoding="utf-8") as lines:
            yield from map(json.loads, lines)
    else:
        raise InputError(f"expected {packed.name} in {folder}; see data/README.md on where public sets come from")
