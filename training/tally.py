"""What the corpus holds, counted: the table of its data card, ``data/README.md``."""

import unicodedata
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from detector.records import INDICATORS, LABELS
from training.audit import MESSENGER
from training.examples import HARDNESS, NOISE, corpus_files, corpus_rows

Row = Mapping[str, Any]
PERCENTILES = (0, 10, 25, 50, 75, 90, 100)


def tally(folder: Path) -> str:
    """Return the counts of a corpus folder as a Markdown table and the sentences before it.

    :raises RecordError: at the first line that does not keep the format.
    """
    rows = [row for path in corpus_files(folder) for row in corpus_rows(path)]
    table = [
        _line("", [*LABELS, "all"]),
        "|---" * (len(LABELS) + 2) + "|",
        *_languages(rows),
        *(_count(f"hardness `{name}`", rows, _having("hardness", name)) for name in HARDNESS),
        *(_count(f"noise `{name}`", rows, _having("noise", name)) for name in NOISE),
        *(_count(f"`{code}`", rows, _showing(code)) for code in INDICATORS),
        *_lengths(rows),
        *(_line(title, (_mean(look, part) for part in _parts(rows))) for title, look in _LOOKS.items()),
    ]
    return f"{_summary(rows)}\n\n" + "\n".join(table)


_LOOKS: Mapping[str, Callable[[Row], float]] = {
    "share marked `hard`": lambda row: row["hardness"] == "hard",
    "share with a digit": lambda row: any(map(str.isdigit, row["text"])),
    "share with an emoji or the like": lambda row: "So" in map(unicodedata.category, row["text"]),
    "share naming a messenger": lambda row: bool(MESSENGER.search(row["text"])),
    "evidence entries, mean": lambda row: len(row["evidence"]),
}


def _summary(rows: Sequence[Row]) -> str:
    members: dict[str, set[str]] = defaultdict(set)
    for row in rows:
        if row["pair"]:
            members[row["pair"]].add(row["label"])
    kinds = Counter(
        " with ".join(f"`{label}`" for label in LABELS if label in labels) for labels in members.values() if len(labels) > 1
    )
    swapped = [name for name, labels in members.items() if len(labels) == 1]
    batches, genres = ({row[key] for row in rows} for key in ("group", "kind"))
    counts = f"{len(rows)} posts in {len(batches)} writing batches, {len(genres)} kinds."
    posts = sum(row["pair"] in set(swapped) for row in rows)
    minimal = f"Minimal pairs: {kinds.total()}" + "".join(f",\n{number} {kind}" for kind, number in kinds.most_common())
    return f"{counts} {minimal}.\nSwap groups: {len(swapped)}, of {posts} posts."


def _languages(rows: Sequence[Row]) -> list[str]:
    """Return one line for all languages with the same counts."""
    alike: dict[tuple[int, ...], list[str]] = defaultdict(list)
    for language in sorted({row["language"] for row in rows}):
        found = Counter(row["label"] for row in rows if row["language"] == language)
        alike[*(found[label] for label in LABELS), found.total()].append(f"`{language}`")
    return [_line(" ".join(names) + (", each" if len(names) > 1 else ""), counts) for counts, names in alike.items()]


def _lengths(rows: Sequence[Row]) -> list[str]:
    lengths = [[len(row["text"]) for row in part] for part in _parts(rows)]
    return [
        _line(
            f"characters, percentile {percentile}",
            (np.percentile(found, percentile, method="nearest") if found else "–" for found in lengths),
        )
        for percentile in PERCENTILES
    ]


def _mean(look: Callable[[Row], float], part: Sequence[Row]) -> str:
    return f"{np.mean(list(map(look, part))):.2f}" if part else "–"


def _count(title: str, rows: Sequence[Row], test: Callable[[Row], bool]) -> str:
    return _line(title, (sum(map(test, part)) for part in _parts(rows)))


def _parts(rows: Sequence[Row]) -> list[Sequence[Row]]:
    """Return the rows of each label, and all."""
    return [*([row for row in rows if row["label"] == label] for label in LABELS), rows]


def _having(key: str, value: str) -> Callable[[Row], bool]:
    return lambda row: row[key] == value


def _showing(code: str) -> Callable[[Row], bool]:
    return lambda row: any(entry["indicator"] == code for entry in row["evidence"])


def _line(title: str, cells: Iterable[object]) -> str:
    return f"| {title} | {' | '.join(map(str, cells))} |"
