"""Beyond the corpus: posts in languages that no training post is in, and everyday texts that have nothing to do with work.

Both sets were written for this alone, by writers who saw neither corpus nor model; nothing is trained or tuned on them.
"""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from detector.errors import InputError
from detector.records import LABELS, Verdict
from detector.scoring import Detector
from training.metrics import average_precision, bootstrap, share_interval

OTHER_LANGUAGES = "other_languages.jsonl"
EVERYDAY = "everyday.jsonl"
FLAGGED = ("high", "review")


Rows = list[Mapping[str, str]]


@dataclass(frozen=True, slots=True)
class Beyond:
    """Both sets, as read.

    :ivar other_languages: Rows of ``id``, ``language``, ``label`` and ``text``.
    :ivar everyday: The same without ``label``.
    """

    other_languages: Rows
    everyday: Rows


def read_beyond(folder: Path) -> Beyond:
    """Read both sets.

    :param folder: Holds ``other_languages.jsonl`` and ``everyday.jsonl``.
    :raises InputError: if a file is missing, or a row lacks a field or has an unknown label.
    """
    return Beyond(read_texts(folder / OTHER_LANGUAGES, labelled=True), read_texts(folder / EVERYDAY, labelled=False))


def reach(detector: Detector, beyond: Beyond) -> dict[str, Any]:
    """Return what the detector makes of both sets."""
    return {
        "other_languages": other_languages(detector, beyond.other_languages),
        "everyday": everyday(detector, beyond.everyday),
    }


def read_texts(path: Path, *, labelled: bool) -> Rows:
    """Read rows of ``id``, ``language`` and ``text``, and ``label`` where they are labelled.

    :raises InputError: if the file is missing or no JSON, or a row lacks a field or has an unknown label.
    """
    wanted = ("id", "language", "text", *(("label",) if labelled else ()))
    rows = []
    for number, row in enumerate(_objects(path), 1):
        if missing := [name for name in wanted if not row.get(name)]:
            raise InputError(f"{path}:{number}: expected {', '.join(wanted)}, got no {', '.join(missing)}")
        if labelled and row["label"] not in LABELS:
            raise InputError(f"{path}:{number}: expected a label out of {', '.join(LABELS)}, got {row['label']!r}")
        rows.append(row)
    return rows


def _objects(path: Path) -> list[dict[str, str]]:
    try:
        with path.open(encoding="utf-8") as stream:
            return [json.loads(line) for line in stream]
    except (OSError, ValueError) as error:
        raise InputError(f"{path}: expected a JSON object a line, got: {error}") from error


def other_languages(detector: Detector, rows: Rows) -> dict[str, Any]:
    """Return the average precision over languages never trained on, what is flagged, and how often a verdict says so."""
    verdicts = detector.score([row["text"] for row in rows])
    lures = np.array([row["label"] == LABELS[0] for row in rows])
    scores = np.array([verdict.score or 0.0 for verdict in verdicts])
    ids = [row["id"] for row in rows]
    return {
        "posts": len(rows),
        "lures": int(lures.sum()),
        "average_precision": asdict(bootstrap(average_precision, lures, scores, groups=ids)),
        "lures_flagged": _flagged([verdict for verdict, lure in zip(verdicts, lures, strict=True) if lure]),
        "others_flagged": _flagged([verdict for verdict, lure in zip(verdicts, lures, strict=True) if not lure]),
        "noted": float(np.mean([verdict.note is not None for verdict in verdicts])),
        "by_language": {name: _one_language(rows, lures, verdicts, name) for name in sorted({row["language"] for row in rows})},
    }


def everyday(detector: Detector, rows: Rows) -> dict[str, Any]:
    """Return how many everyday texts are flagged, with the 95 % interval of the share, and in which languages."""
    verdicts = detector.score([row["text"] for row in rows])
    flagged = [row["language"] for row, verdict in zip(rows, verdicts, strict=True) if verdict.band in FLAGGED]
    share = len(flagged) / len(rows)
    low, high = share_interval(share, len(rows))
    return {
        "texts": len(rows),
        "high": sum(verdict.band == "high" for verdict in verdicts),
        "flagged": {"value": share, "low": low, "high": high},
        "flagged_by_language": {name: flagged.count(name) for name in sorted(set(flagged))},
    }


def _one_language(rows: Rows, lures: NDArray[np.bool_], verdicts: list[Verdict], name: str) -> dict[str, Any]:
    ours = [place for place, row in enumerate(rows) if row["language"] == name]
    return {
        "posts": len(ours),
        "lures": int(lures[ours].sum()),
        "lures_flagged": sum(verdicts[place].band in FLAGGED for place in ours if lures[place]),
        "others_flagged": sum(verdicts[place].band in FLAGGED for place in ours if not lures[place]),
    }


def _flagged(verdicts: list[Verdict]) -> dict[str, int]:
    return {band: sum(verdict.band == band for verdict in verdicts) for band in FLAGGED}
