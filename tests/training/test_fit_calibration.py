"""Temperatures, operating points and indicator thresholds: what validation posts teach, and that they hold what they promise."""

from math import log

import numpy as np
import pytest
from numpy.typing import NDArray

from detector.calibration import indicator_probabilities, label_probabilities
from detector.errors import InputError
from detector.records import INDICATORS, LABELS
from training.fit_calibration import (
    MAX_FALSE_POSITIVES,
    MAX_FALSE_POSITIVES_NO_JOB,
    MAX_REVIEWED,
    MAX_REVIEWED_NO_JOB,
    MIN_OCCURRENCES,
    MIN_RECALL,
    Validation,
    fit,
)

N_LABELS, N_INDICATORS = len(LABELS), len(INDICATORS)
RATIO = 7.0


def _labels(places: NDArray[np.int64]) -> NDArray[np.bool_]:
    return np.eye(N_LABELS, dtype=bool)[places]


def _as_said(*, sharpness: float, warmth: float) -> Validation:
    """Twenty posts whose labels and indicators are as frequent as the logits say, once divided by the sharpness.

    The lure's odds are 7 to 1 against each other label: 14 of 20 are lures, two each are another. Every indicator's odds are
    4 to 1: 16 of 20 posts have it.
    """
    labels = _labels(np.repeat(range(N_LABELS), [14, 2, 2, 2]))
    logits = np.zeros((20, N_LABELS + N_INDICATORS), dtype=np.float32)
    logits[:, 0] = sharpness * log(RATIO)
    logits[:, N_LABELS:] = warmth * log(4)
    indicators = np.repeat([True, False], [16, 4])[:, None].repeat(N_INDICATORS, 1)
    return Validation(logits, labels, indicators, np.ones(20, dtype=bool))


@pytest.fixture(params=[0, 1, 2])
def noisy(request: pytest.FixtureRequest) -> Validation:
    """A thousand posts, two fifths of them written, whose lures mostly score higher than the others."""
    random = np.random.default_rng(request.param)
    places = np.where(random.random(1000) < 0.3, 0, random.integers(1, N_LABELS, 1000))
    logits = random.normal(0, 1, (1000, N_LABELS + N_INDICATORS)).astype(np.float32)
    logits[np.arange(1000), places] += 2.5
    indicators = random.random((1000, N_INDICATORS)) < 0.3
    logits[:, N_LABELS:] += np.where(indicators, 1, -2)
    return Validation(logits, _labels(places), indicators, random.random(1000) < 0.4)


def _scores(validation: Validation, temperature: float) -> NDArray[np.float32]:
    return label_probabilities(validation.logits[:, :N_LABELS], temperature=temperature)[:, 0]


@pytest.mark.parametrize("sharpness", [0.5, 1.0, 3.0])
def test_the_temperature_undoes_overconfidence(sharpness: float) -> None:
    assert fit(_as_said(sharpness=sharpness, warmth=1.0)).temperature == pytest.approx(sharpness, rel=0.01)


@pytest.mark.parametrize("warmth", [0.5, 1.0, 3.0])
def test_the_indicators_have_a_temperature_of_their_own(warmth: float) -> None:
    found = fit(_as_said(sharpness=1.0, warmth=warmth))
    assert found.indicator_temperature == pytest.approx(warmth, rel=0.01)
    assert found.temperature == pytest.approx(1, rel=0.01)


def test_public_posts_move_no_temperature(noisy: Validation) -> None:
    logits = noisy.logits.copy()
    logits[~noisy.written] = 0
    moved = fit(Validation(logits, noisy.allowed, noisy.indicators, noisy.written))
    before = fit(noisy)
    assert moved.temperature == before.temperature
    assert moved.indicator_temperature == before.indicator_temperature
    assert moved.indicator_thresholds == before.indicator_thresholds


def test_high_keeps_its_false_positives_on_the_corpus_and_on_all_posts(noisy: Validation) -> None:
    found = fit(noisy)
    flagged = _scores(noisy, found.temperature) >= found.operating_points.high
    others = ~noisy.allowed[:, 0]
    for part in (noisy.written, np.ones_like(noisy.written)):
        assert flagged[part & others].mean() <= MAX_FALSE_POSITIVES
    assert flagged[noisy.written & noisy.allowed[:, LABELS.index("not_job")]].mean() <= MAX_FALSE_POSITIVES_NO_JOB


def test_public_posts_that_score_high_raise_the_threshold(noisy: Validation) -> None:
    logits = noisy.logits.copy()
    public = np.flatnonzero(~noisy.written & ~noisy.allowed[:, 0])
    logits[public[:20], 0] = 7
    raised = fit(Validation(logits, noisy.allowed, noisy.indicators, noisy.written)).operating_points
    assert raised.high > fit(noisy).operating_points.high


def test_a_post_that_is_no_vacancy_raises_high_where_another_would_not(noisy: Validation) -> None:
    def high(label: str) -> float:
        logits = noisy.logits.copy()
        some = noisy.written & noisy.allowed[:, LABELS.index(label)]
        logits[np.flatnonzero(some)[:2], 0] = 5 + np.arange(2)
        written = noisy.written | noisy.allowed[:, LABELS.index("legit_job")]  # enough of them that two are fewer than 0.5 %
        many = (np.tile(part, (4, *(1,) * (part.ndim - 1))) for part in (noisy.logits, noisy.allowed, noisy.indicators, written))
        others = Validation(*many)
        others.logits[: len(logits)] = logits
        return fit(others).operating_points.high

    assert high("not_job") > high("legit_job")


def test_review_finds_the_promised_share_of_the_corpus_lures_and_is_never_above_high(noisy: Validation) -> None:
    """Where that flags few enough of the others."""
    logits = noisy.logits.copy()
    logits[:, :N_LABELS] += noisy.allowed
    clear = Validation(logits, noisy.allowed, noisy.indicators, noisy.written)
    found = fit(clear)
    points = found.operating_points
    scores = _scores(clear, found.temperature)
    lures = noisy.written & noisy.allowed[:, 0]
    assert (scores[lures] >= points.review).mean() >= MIN_RECALL
    assert points.review <= points.high


def test_review_flags_as_many_others_as_it_may_where_the_promised_share_would_flag_more(noisy: Validation) -> None:
    """As many of all others, and of those that are no vacancy; whichever is reached first."""
    found = fit(noisy)
    points = found.operating_points
    scores = _scores(noisy, found.temperature)
    others = noisy.written & ~noisy.allowed[:, 0]
    no_job = noisy.written & noisy.allowed[:, LABELS.index("not_job")]
    limits = ((others, MAX_REVIEWED), (no_job, MAX_REVIEWED_NO_JOB))
    assert all((scores[part] >= points.review).mean() <= most for part, most in limits)
    below = scores[others & (scores < points.review)].max()
    assert any((scores[part] >= below).mean() > most for part, most in limits)
    assert (scores[noisy.written & noisy.allowed[:, 0]] >= points.review).mean() < MIN_RECALL
    assert points.review <= points.high


def test_posts_that_are_no_vacancy_raise_review_by_themselves(noisy: Validation) -> None:
    logits = noisy.logits.copy()
    no_job = noisy.written & noisy.allowed[:, LABELS.index("not_job")]
    confused = np.flatnonzero(no_job)[: int(0.1 * no_job.sum())]
    logits[confused, 0] += 5
    raised = fit(Validation(logits, noisy.allowed, noisy.indicators, noisy.written))
    scores = _scores(Validation(logits, noisy.allowed, noisy.indicators, noisy.written), raised.temperature)
    assert raised.operating_points.review > fit(noisy).operating_points.review
    assert (scores[no_job] >= raised.operating_points.review).mean() <= MAX_REVIEWED_NO_JOB


def test_an_indicator_too_rare_to_tell_keeps_one_half(noisy: Validation) -> None:
    indicators = noisy.indicators.copy()
    indicators[:, 3] = False
    indicators[np.flatnonzero(noisy.written)[: MIN_OCCURRENCES - 1], 3] = True
    found = fit(Validation(noisy.logits, noisy.allowed, indicators, noisy.written))
    assert found.indicator_thresholds[INDICATORS[3]] == 0.5


def test_every_indicator_has_a_threshold_that_serves_it_no_worse_than_one_half(noisy: Validation) -> None:
    found = fit(noisy)
    chances = indicator_probabilities(noisy.logits[:, N_LABELS:], temperature=found.indicator_temperature)[noisy.written]
    truth = noisy.indicators[noisy.written]

    def f1(place: int, threshold: float) -> float:
        hits = (chances[:, place] >= threshold) & truth[:, place]
        return 2 * hits.sum() / ((chances[:, place] >= threshold).sum() + truth[:, place].sum())

    assert tuple(found.indicator_thresholds) == INDICATORS
    for place, threshold in enumerate(found.indicator_thresholds.values()):
        assert 0.2 <= threshold <= 0.8
        assert f1(place, threshold) >= f1(place, 0.5)


@pytest.mark.parametrize("place", [0, 1], ids=["only-lures", "no-lures"])
def test_a_validation_split_of_one_kind_is_refused(noisy: Validation, place: int) -> None:
    labels = noisy.allowed.copy()
    labels[noisy.written] = _labels(np.full(int(noisy.written.sum()), place))
    with pytest.raises(InputError, match="both kinds"):
        fit(Validation(noisy.logits, labels, noisy.indicators, noisy.written))
