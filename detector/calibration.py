"""From logits to calibrated probabilities and bands; the only softmax and sigmoid in the repository."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from detector.errors import BackendError, BundleError, InputError
from detector.records import Band

FloatArray = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class OperatingPoints:
    """The two thresholds on the score.

    :ivar high: From here up a post is ``high``: on validation data at most 0.5 % of other posts reach it.
    :ivar review: From here up a post is ``review``: on validation data at least 95 % of the lures reach it, or as many as leave
        96 % of the others below.
    """

    high: float
    review: float

    def __post_init__(self) -> None:
        if not 0 < self.review <= self.high <= 1:
            raise BundleError(f"expected 0 < review <= high <= 1, got review {self.review} and high {self.high}")

    def band(self, score: float) -> Band:
        """Return the band of a score between 0 and 1."""
        if score >= self.high:
            return "high"
        return "review" if score >= self.review else "low"


def label_probabilities(logits: FloatArray, *, temperature: float) -> FloatArray:
    """Return the calibrated probability of each label.

    :param logits: Raw scores of the labels, *shape* ``(n_posts, n_labels)``.
    :param temperature: Divisor fitted on validation data, dimensionless, above 0.
        1 leaves the logits alone; larger values pull probabilities towards each other.
    :return: Probabilities in [0, 1] that sum to 1 over each row, *shape* ``(n_posts, n_labels)``.
    :raises InputError: if ``temperature`` is not above 0.
    :raises BackendError: if a logit is not finite.

    Source: Guo et al., "On Calibration of Modern Neural Networks", ICML 2017, section 4.2.
    """
    scaled = _scaled(logits, temperature)
    scaled -= scaled.max(axis=-1, keepdims=True)
    powers = np.exp(scaled)
    shares: FloatArray = (powers / powers.sum(axis=-1, keepdims=True)).astype(np.float32)
    return shares


def indicator_probabilities(logits: FloatArray, *, temperature: float) -> FloatArray:
    """Return the calibrated probability of each indicator, each on its own.

    :param logits: Raw scores, *shape* ``(n_posts, n_indicators)``.
    :param temperature: Divisor fitted on validation data, dimensionless, above 0.
    :return: Probabilities in [0, 1], *shape* ``(n_posts, n_indicators)``.
    :raises InputError: if ``temperature`` is not above 0.
    :raises BackendError: if a logit is not finite.
    """
    return (0.5 * (1.0 + np.tanh(0.5 * _scaled(logits, temperature)))).astype(np.float32)


def _scaled(logits: FloatArray, temperature: float) -> NDArray[np.float64]:
    if not temperature > 0:
        raise InputError(f"temperature must be above 0, got {temperature}")
    if not np.isfinite(logits).all():
        raise BackendError("the model returned a logit that is not finite")
    return logits.astype(np.float64) / temperature
