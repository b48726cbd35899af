"""Bundles side by side on the corpus' test posts, by when they were written, and a bundle on posts that came after it.

Side by side no bundle is refused for the posts it was trained on: an earlier one was tested on fewer, and later batches moved none
of these. Posts that came later, of writers who are new, tell what the test split cannot: its writers wrote train posts as well.
"""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from datasets import Dataset
from numpy.typing import NDArray

from detector.errors import InputError
from detector.records import LABELS
from detector.scoring import Detector
from training.evaluate import BANDS, Scored, at_band, check_data, pair_figures, score_posts
from training.examples import read_corpus
from training.metrics import average_precision, recall_at_false_positives
from training.prepare import load_prepared

_RATE = 0.01
_TIMES = ((1, 40), (41, 48), (49, 64), (65, 98), (99, 113), (114, 121), (122, 125))
"""First and last writer of each time that posts were written at. From the second on they were asked for harder posts."""
_COLUMNS = (
    "bundle", "posts of", "posts", "lures", "average precision", "recall at 1 %", "pairs right at `review`",
    "`high`: recall, false positives", "`review`: recall, false positives",
)  # fmt: skip


def comparison(run: Path, corpus: Path, bundles: Sequence[Path]) -> str:
    """Return the figures of each bundle as a Markdown table.

    :param run: Run folder with ``prepared``, whose test split is scored.
    :param corpus: Folder of ``<language>.jsonl`` files, which name the writers.
    :raises BundleError: if a bundle cannot be read.
    :raises InputError: if a writer has no number that is known.
    """
    test = load_prepared(run / "prepared").part("test")
    posts = test.select(np.flatnonzero(np.asarray(test["source"]) == "corpus"))
    writers = {example.id: _number(example.writer) for example in read_corpus(corpus)}
    numbers = np.array([writers[name] for name in posts["id"]], dtype=np.int64)
    if len(numbers) and numbers.max() > _TIMES[-1][1]:
        raise InputError(f"{corpus}: expected writers up to w{_TIMES[-1][1]}, the last that are compared, found w{numbers.max()}")
    parts = {f"`w{first}` to `w{last}`": (first <= numbers) & (numbers <= last) for first, last in _TIMES}
    parts["all"] = np.ones_like(numbers, dtype=bool)
    lines = _head()
    for folder in bundles:
        with Detector.load(folder) as detector:
            scored = score_posts(detector, posts)
            version = detector.bundle.manifest.version
        lines += [_line(version, name, scored, rows) for name, rows in parts.items() if rows.any()]
    return "\n".join(lines)


def unread(run: Path, corpus: Path, bundle: Path) -> str:
    """Return a bundle's figures on the posts of the corpus that its run did not hold, by writer and in all, as a Markdown table.

    :param run: Run folder with ``prepared`` that the bundle was made in.
    :param corpus: Folder of ``<language>.jsonl`` files.
    :raises BundleError: if the bundle was trained on other data than the run holds.
    :raises InputError: if the run holds every post, or a post's author is not named as in the corpus.
    """
    prepared = load_prepared(run / "prepared")
    held = set(prepared.posts["id"])
    later = [example for example in read_corpus(corpus) if example.id not in held]
    if not later:
        raise InputError(f"{corpus}: expected posts that were written after {run} was prepared, found none")
    writers = np.array([example.writer for example in later])
    parts = {f"`{name}`": writers == name for name in sorted(set(writers.tolist()), key=_number)}
    parts["all"] = np.ones_like(writers, dtype=bool)
    told = [[label in example.labels for label in LABELS] for example in later]
    posts = Dataset.from_dict({"text": [e.text for e in later], "pair": [e.pair or "" for e in later], "allowed": told})
    with Detector.load(bundle) as detector:
        check_data(detector.bundle, prepared)
        scored = score_posts(detector, posts)
        version = detector.bundle.manifest.version
    return "\n".join([*_head(), *(_line(version, name, scored, rows) for name, rows in parts.items())])


def _head() -> list[str]:
    return [f"| {' | '.join(_COLUMNS)} |", "|" + "---|" * len(_COLUMNS)]


def _number(writer: str) -> int:
    """Return 12 for ``w12``.

    :raises InputError: if the name has no such number.
    """
    number = writer.removeprefix("w")
    if not number.isdigit() or not int(number):
        raise InputError(f"expected an author named w<number>-<language>, got a writer named {writer!r}")
    return int(number)


def _line(version: str, name: str, scored: Scored, rows: NDArray[np.bool_]) -> str:
    part = scored.only(rows)
    pairs, points = pair_figures(part), [at_band(part, bands) for bands in BANDS.values()]
    cells = [
        version, name, len(part.lures), int(part.lures.sum()), *_ranking(part),
        f"{pairs['both_right_at_review']} of {pairs['pairs']}",
        *(f"{_percent(point['recall'])}, {_percent(point['false_positive_rate'])}" for point in points),
    ]  # fmt: skip
    return "| " + " | ".join(map(str, cells)) + " |"


def _ranking(part: Scored) -> tuple[str, str]:
    """Return average precision and recall; nothing can be ranked where all posts are lures, or none."""
    if len(np.unique(part.lures)) < 2:
        return "–", "–"
    recall = recall_at_false_positives(_RATE)(part.lures, part.scores)
    return f"{average_precision(part.lures, part.scores):.3f}", f"{recall:.2f}"


def _percent(share: float | None) -> str:
    return "–" if share is None else f"{100 * share:.1f} %"
