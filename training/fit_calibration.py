"""Temperatures, operating points and indicator thresholds, all from validation posts scored by the exported graph."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize_scalar

from detector.calibration import OperatingPoints, indicator_probabilities, label_probabilities
from detector.errors import InputError
from detector.records import INDICATORS, LABELS
from training.metrics import threshold_at_false_positives, threshold_at_recall

MAX_FALSE_POSITIVES = 0.005
"""Share of the other posts that ``high`` flags."""
MAX_FALSE_POSITIVES_NO_JOB = 0.003
"""The same of posts that are no vacancy: below the goal of 0.5 %, so that it also holds on posts that ``high`` was not chosen on.
Of fewer than 334 such posts in validation none is flagged."""
MIN_RECALL = 0.95
MAX_REVIEWED = 0.04
"""Share of the corpus' other posts from which on ``review`` finds fewer lures instead: people read what is flagged, and posts that
differ from an honest ad by a few words would have them read a tenth of all ads."""
MAX_REVIEWED_NO_JOB = 0.04
"""The same of posts that are no vacancy, among them survivors', families' and job seekers': nobody is to be taken for an offender
who asks for help. One in a hundred below the goal of 5 %, for posts that were not chosen on are flagged somewhat more."""
MIN_OCCURRENCES = 10
"""Posts that must show an indicator before a threshold of its own is fitted."""
FloatArray = NDArray[np.float32]
BoolArray = NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Validation:
    """Scored validation posts.

    :ivar logits: *Shape* ``(n_posts, n_labels + n_indicators)``.
    :ivar allowed: Labels each post may have, *shape* ``(n_posts, n_labels)``.
    :ivar indicators: Present indicators, *shape* ``(n_posts, n_indicators)``; rows of public posts are not used.
    :ivar written: True for posts of the corpus, *shape* ``(n_posts,)``.
    """

    logits: FloatArray
    allowed: BoolArray
    indicators: BoolArray
    written: BoolArray


@dataclass(frozen=True, slots=True)
class Calibration:
    """The numbers that turn logits into verdicts; see :class:`detector.bundle.Manifest`."""

    temperature: float
    indicator_temperature: float
    operating_points: OperatingPoints
    indicator_thresholds: dict[str, float]


def fit(validation: Validation) -> Calibration:
    """Fit everything on validation posts.

    The temperatures minimise the negative log-likelihood of the corpus posts. ``high`` holds its false-positive rate on the
    corpus posts, on those of them that are no vacancy and on all posts, whichever asks for most: those of the corpus are hard,
    the public ones many. ``review`` reaches ``MIN_RECALL`` of the corpus lures, or as many as ``MAX_REVIEWED`` and
    ``MAX_REVIEWED_NO_JOB`` allow.

    :raises InputError: if there are no corpus lures, or only lures.
    """
    lures = validation.allowed[:, 0]
    ours = validation.written
    if not lures[ours].any() or lures[ours].all():
        raise InputError("expected corpus posts of both kinds in validation, to set operating points by")
    n_labels = len(LABELS)
    temperature = _label_temperature(validation.logits[ours, :n_labels], validation.allowed[ours])
    shares = label_probabilities(validation.logits[:, :n_labels], temperature=temperature)
    scores = shares[:, 0].astype(np.float64)
    no_job = ours & (lures | validation.allowed[:, LABELS.index("not_job")])

    def threshold_within(*limits: tuple[BoolArray, float]) -> float:
        return max(threshold_at_false_positives(lures[part], scores[part], rate) for part, rate in limits)

    everything = np.ones_like(ours)
    high = threshold_within((ours, MAX_FALSE_POSITIVES), (everything, MAX_FALSE_POSITIVES), (no_job, MAX_FALSE_POSITIVES_NO_JOB))
    found = threshold_at_recall(lures[ours], scores[ours], MIN_RECALL)
    review = min(max(found, threshold_within((ours, MAX_REVIEWED), (no_job, MAX_REVIEWED_NO_JOB))), high)
    marks = validation.logits[ours, n_labels:]
    truth = validation.indicators[ours]
    warmth = _indicator_temperature(marks, truth)
    return Calibration(temperature, warmth, OperatingPoints(high, review), _indicator_thresholds(marks, truth, warmth))


def _label_temperature(logits: FloatArray, allowed: BoolArray) -> float:
    def loss(log_temperature: float) -> float:
        shares = label_probabilities(logits, temperature=float(np.exp(log_temperature)))
        return float(-np.log((shares * allowed).sum(1).clip(1e-7)).mean())

    return float(np.exp(minimize_scalar(loss, bounds=(-2.0, 2.0), method="bounded").x))


def _indicator_temperature(logits: FloatArray, truth: BoolArray) -> float:
    def loss(log_temperature: float) -> float:
        chances = indicator_probabilities(logits, temperature=float(np.exp(log_temperature))).clip(1e-7, 1 - 1e-7)
        return float(-np.where(truth, np.log(chances), np.log1p(-chances)).mean())

    return float(np.exp(minimize_scalar(loss, bounds=(-2.0, 2.0), method="bounded").x))


def _indicator_thresholds(logits: FloatArray, truth: BoolArray, temperature: float) -> dict[str, float]:
    """Return for each indicator the probability with the best F1 on validation; one half where it is too rare to tell."""
    chances = indicator_probabilities(logits, temperature=temperature)
    grid = np.arange(0.2, 0.81, 0.05)
    thresholds = {}
    for place, code in enumerate(INDICATORS):
        if truth[:, place].sum() < MIN_OCCURRENCES:
            thresholds[code] = 0.5
            continue
        found = chances[:, place, None] >= grid
        hits = (found & truth[:, place, None]).sum(0)
        thresholds[code] = round(float(grid[np.argmax(2 * hits / (found.sum(0) + truth[:, place].sum()))]), 2)
    return thresholds
