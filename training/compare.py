"""Bundles side by side on the corpus' test posts: those of writers whose languages share one plan, those of the others, and all.

No bundle is refused for the posts it was trained on: an earlier one was tested on fewer, and later batches moved none of these.
"""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from detector.scoring import Detector
from training.evaluate import BANDS, Scored, at_band, pair_figures, score_posts
from training.examples import read_corpus
from training.metrics import average_precision, recall_at_false_positives
from training.prepare import load_prepared
from training.splits import ONE_PLAN

_RATE = 0.01
_COLUMNS = (
    "bundle", "posts of", "posts", "lures", "average precision", "recall at 1 %", "pairs right at `review`",
    "`high`: recall, false positives", "`review`: recall, false positives",
)  # fmt: skip


def comparison(run: Path, corpus: Path, bundles: Sequence[Path]) -> str:
    """Return the figures of each bundle as a Markdown table.

    :param run: Run folder with ``prepared``, whose test split is scored.
    :param corpus: Folder of ``<language>.jsonl`` files, which name the writers.
    :raises BundleError: if a bundle cannot be read.
    """
    test = load_prepared(run / "prepared").part("test")
    posts = test.select(np.flatnonzero(np.asarray(test["source"]) == "corpus"))
    writers = {example.id: (example.author or "").partition("-")[0] for example in read_corpus(corpus)}
    planned = np.array([writers[name] in ONE_PLAN for name in posts["id"]], dtype=bool)
    parts = {"writers of one plan": planned, "the others": ~planned, "all": np.ones_like(planned)}
    lines = [f"| {' | '.join(_COLUMNS)} |", "|" + "---|" * len(_COLUMNS)]
    for folder in bundles:
        with Detector.load(folder) as detector:
            scored = score_posts(detector, posts)
            version = detector.bundle.manifest.version
        lines += [_line(version, name, scored, rows) for name, rows in parts.items() if rows.any()]
    return "\n".join(lines)


def _line(version: str, name: str, scored: Scored, rows: NDArray[np.bool_]) -> str:
    part = scored.only(rows)
    pairs, points = pair_figures(part), [at_band(part, bands) for bands in BANDS.values()]
    cells = [
        version, name, len(part.lures), int(part.lures.sum()), f"{average_precision(part.lures, part.scores):.3f}",
        f"{recall_at_false_positives(_RATE)(part.lures, part.scores):.2f}",
        f"{pairs['both_right_at_review']} of {pairs['pairs']}",
        *(f"{point['recall']:.1%}, {point['false_positive_rate']:.1%}".replace("%", " %") for point in points),
    ]  # fmt: skip
    return "| " + " | ".join(map(str, cells)) + " |"
