"""Plots of the evaluation: precision-recall and reliability by label and by language, and the confusion matrix."""

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import matplotlib as mpl
import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray
from sklearn.calibration import calibration_curve
from sklearn.metrics import ConfusionMatrixDisplay, average_precision_score, precision_recall_curve

from detector.records import LABELS

if TYPE_CHECKING:
    from training.evaluate import Scored

mpl.use("Agg")
Curves = Mapping[str, tuple[NDArray[np.bool_], NDArray[np.float64]]]


def write_plots(out: Path, scored: "Scored") -> None:
    """Write ``labels.png``, ``languages.png`` and ``confusion.png``."""
    truth = np.asarray(scored.posts["allowed"], dtype=bool)
    _curves(out / "labels.png", {label: (truth[:, i], scored.shares[:, i]) for i, label in enumerate(LABELS)})
    languages = scored.column("language")
    _curves(
        out / "languages.png",
        {str(x): (scored.lures[languages == x], scored.scores[languages == x]) for x in sorted(set(languages.tolist()))},
    )
    figure = Figure(figsize=(6, 5), layout="constrained")
    ConfusionMatrixDisplay.from_predictions(
        truth.argmax(1), scored.shares.argmax(1), labels=range(len(LABELS)), display_labels=LABELS, ax=figure.subplots(),
        xticks_rotation=30, colorbar=False,
    )  # fmt: skip
    figure.savefig(out / "confusion.png", dpi=80)


def _curves(path: Path, curves: Curves) -> None:
    figure = Figure(figsize=(12, 5.5), layout="constrained")
    left, right = figure.subplots(1, 2)
    for name, (truth, scores) in curves.items():
        if not truth.any() or truth.all():
            continue
        precision, recall, _ = precision_recall_curve(truth, scores)
        left.plot(recall, precision, label=f"{name} ({average_precision_score(truth, scores):.2f})")
        share, predicted = calibration_curve(truth, scores, n_bins=5, strategy="quantile")
        right.plot(predicted, share, marker="o", label=name)
    left.set(xlabel="recall", ylabel="precision", title="precision and recall (average precision)", ylim=(0, 1.02))
    right.plot([0, 1], [0, 1], color="grey", linestyle=":")
    right.set(xlabel="predicted probability", ylabel="observed share", title="reliability")
    left.legend(fontsize="small")
    figure.savefig(path, dpi=80)
