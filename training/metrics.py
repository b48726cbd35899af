"""Figures of merit, each with a bootstrap interval, in scikit-learn's manner: truth first, scores second."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from sklearn.metrics import average_precision_score

FloatArray = NDArray[np.float64]
BoolArray = NDArray[np.bool_]
Metric = Callable[[BoolArray, FloatArray], float]

MIN_GROUPS = 5
OF_NEW_WRITERS = "average_precision_new_writers"
"""Figure on validation posts of writers of whom training reads nothing, where there are such posts."""


@dataclass(frozen=True, slots=True)
class Figure:
    """A figure with its 95 % bootstrap interval.

    :ivar value: ``None`` where it is undefined because only one class is present.
    :ivar number: Posts it was computed on.
    """

    value: float | None
    low: float | None
    high: float | None
    number: int

    def __str__(self) -> str:
        if self.value is None:
            return "undefined: one class only"
        return f"{self.value:.3f} [{self.low:.3f}, {self.high:.3f}]"


def bootstrap(
    metric: Metric, truth: BoolArray, scores: FloatArray, *, groups: Sequence[str], rounds: int = 300, seed: int = 0
) -> Figure:
    """Return a metric with its 95 % percentile interval over resampled groups.

    :param groups: Posts of one group are drawn together: they were written together. Where there are fewer groups than
        :data:`MIN_GROUPS`, posts are drawn one by one instead, and the interval is too narrow rather than meaningless.
    :param rounds: Resamples; those with one class only are left out.
    """
    if not truth.any() or truth.all():
        return Figure(None, None, None, len(truth))
    random = np.random.default_rng(seed)
    if len(set(groups)) < MIN_GROUPS:
        groups = [str(place) for place in range(len(truth))]
    _, member = np.unique(np.asarray(groups), return_inverse=True)
    places = [np.flatnonzero(member == group) for group in range(member.max() + 1)]
    values = []
    for _ in range(rounds):
        drawn = np.concatenate([places[i] for i in random.integers(len(places), size=len(places))])
        if truth[drawn].any() and not truth[drawn].all():
            values.append(metric(truth[drawn], scores[drawn]))
    low, high = np.percentile(values, [2.5, 97.5]) if values else (np.nan, np.nan)
    return Figure(float(metric(truth, scores)), float(low), float(high), len(truth))


def average_precision(truth: BoolArray, scores: FloatArray) -> float:
    """Return the area under the precision-recall curve, as steps."""
    return float(average_precision_score(truth, scores))


def threshold_at_false_positives(truth: BoolArray, scores: FloatArray, rate: float) -> float:
    """Return the lowest threshold that at most ``rate`` of the negatives reach.

    It lies midway between the highest negative that must stay out and the next score above, so it does not hang on one post.
    """
    negatives = np.sort(scores[~truth])[::-1]
    allowed = int(np.floor(rate * len(negatives)))
    if allowed >= len(negatives):
        return float(scores.min())
    barrier = negatives[allowed]
    above = scores[scores > barrier]
    midway = (barrier + above.min()) / 2 if len(above) else barrier
    # Between neighbouring numbers there is no midway: it would be rounded to the barrier itself.
    return float(max(midway, np.nextafter(barrier, np.inf)))


def threshold_at_recall(truth: BoolArray, scores: FloatArray, recall: float) -> float:
    """Return the highest threshold that at least ``recall`` of the positives reach."""
    positives = np.sort(scores[truth])[::-1]
    needed = int(np.ceil(recall * len(positives)))
    return float(positives[max(needed, 1) - 1])


def recall_at_false_positives(rate: float) -> Metric:
    """Return the metric: recall at the threshold that at most ``rate`` of the negatives reach."""

    def metric(truth: BoolArray, scores: FloatArray) -> float:
        return float((scores[truth] >= threshold_at_false_positives(truth, scores, rate)).mean())

    return metric


def brier(truth: BoolArray, scores: FloatArray) -> float:
    """Return the mean squared error of the probabilities."""
    return float(np.mean((scores - truth) ** 2))


def expected_calibration_error(truth: BoolArray, scores: FloatArray, *, bins: int = 10) -> float:
    """Return the mean gap between probability and frequency over bins that hold equally many posts.

    Source: Nixon et al., "Measuring Calibration in Deep Learning", CVPR workshops 2019 (adaptive bins).
    """
    parts = np.array_split(np.argsort(scores, kind="stable"), bins)
    gaps = [len(part) * abs(scores[part].mean() - truth[part].mean()) for part in parts if len(part)]
    return float(sum(gaps) / len(scores))


def share_interval(share: float, number: int) -> tuple[float, float]:
    """Return the 95 % interval of a share of independent cases, which is not empty where none or all of them count.

    :param share: In [0, 1].
    :param number: Cases, above 0.

    Source: Wilson, "Probable inference, the law of succession, and statistical inference", JASA 1927.
    """
    z = 1.959964
    middle = (share + z * z / (2 * number)) / (1 + z * z / number)
    reach = z / (1 + z * z / number) * np.sqrt(share * (1 - share) / number + (z / (2 * number)) ** 2)
    # The ends are exact where none or all count, whatever the sums round to.
    return (float(middle - reach) if share > 0 else 0.0), (float(middle + reach) if share < 1 else 1.0)
