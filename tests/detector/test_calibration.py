"""Logits to probabilities and bands, against values worked by hand."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from detector.calibration import OperatingPoints, indicator_probabilities, label_probabilities
from detector.errors import BackendError, BundleError, InputError

LN_3 = math.log(3)
LOGITS = arrays(np.float32, (3, 4), elements=st.floats(-50, 50, width=32))


@pytest.mark.parametrize(
    ("logits", "temperature", "expected"),
    [
        pytest.param([0.0, 0.0, 0.0, 0.0], 1.0, [0.25, 0.25, 0.25, 0.25], id="nothing-speaks-for-any"),
        pytest.param([LN_3, 0.0], 1.0, [0.75, 0.25], id="three-to-one"),
        pytest.param([2 * LN_3, 0.0], 2.0, [0.75, 0.25], id="temperature-2-halves-the-margin"),
        pytest.param([0.5 * LN_3, 0.0], 0.5, [0.75, 0.25], id="temperature-one-half-doubles-it"),
        pytest.param([5 + LN_3, 5.0], 1.0, [0.75, 0.25], id="only-differences-count"),
        pytest.param([math.log(6), math.log(3), 0.0], 1.0, [0.6, 0.3, 0.1], id="six-three-one"),
        pytest.param([1000.0, 0.0], 1.0, [1.0, 0.0], id="large-logits-do-not-overflow"),
        pytest.param([-1000.0, -1000.0], 1.0, [0.5, 0.5], id="nor-do-small-ones-vanish"),
    ],
)
def test_label_probabilities_match_values_worked_by_hand(logits: list[float], temperature: float, expected: list[float]) -> None:
    found = label_probabilities(np.array([logits], dtype=np.float32), temperature=temperature)
    np.testing.assert_allclose(found, [expected], rtol=1e-6)


@pytest.mark.parametrize(
    ("logit", "temperature", "expected"),
    [(0.0, 1.0, 0.5), (LN_3, 1.0, 0.75), (-LN_3, 1.0, 0.25), (2 * LN_3, 2.0, 0.75), (1000.0, 1.0, 1.0), (-1000.0, 1.0, 0.0)],
)
def test_indicator_probabilities_match_values_worked_by_hand(logit: float, temperature: float, expected: float) -> None:
    found = indicator_probabilities(np.array([[logit]], dtype=np.float32), temperature=temperature)
    np.testing.assert_allclose(found, [[expected]], rtol=1e-6)


@settings(deadline=None, max_examples=50)
@given(LOGITS)
def test_label_probabilities_sum_to_one_in_every_row(logits: np.ndarray) -> None:
    found = label_probabilities(logits, temperature=1.3)
    assert ((found >= 0) & (found <= 1)).all()
    np.testing.assert_allclose(found.sum(axis=1), 1, rtol=1e-5)


@settings(deadline=None, max_examples=50)
@given(LOGITS)
def test_no_temperature_changes_which_label_is_likeliest(logits: np.ndarray) -> None:
    warm = label_probabilities(logits, temperature=4.0)
    of_largest_logit = np.take_along_axis(warm, logits.argmax(axis=1)[:, None], axis=1)[:, 0]
    np.testing.assert_array_equal(of_largest_logit, warm.max(axis=1))


@settings(deadline=None, max_examples=50)
@given(LOGITS)
def test_each_post_is_calibrated_on_its_own(logits: np.ndarray) -> None:
    together = label_probabilities(logits, temperature=1.3)
    alone = np.concatenate([label_probabilities(row[None], temperature=1.3) for row in logits])
    np.testing.assert_array_equal(together, alone)


def test_no_posts_give_no_probabilities() -> None:
    none = np.zeros((0, 4), dtype=np.float32)
    assert label_probabilities(none, temperature=1.0).shape == (0, 4)
    assert indicator_probabilities(none, temperature=1.0).shape == (0, 4)


def test_the_logits_are_left_as_they_were() -> None:
    logits = np.array([[1.0, 2.0]], dtype=np.float32)
    label_probabilities(logits, temperature=2.0)
    np.testing.assert_array_equal(logits, [[1.0, 2.0]])


@pytest.mark.parametrize("calibrate", [label_probabilities, indicator_probabilities])
@pytest.mark.parametrize("temperature", [0.0, -1.0, math.nan])
def test_a_temperature_that_is_not_above_zero_is_refused(calibrate, temperature: float) -> None:
    with pytest.raises(InputError, match="temperature must be above 0"):
        calibrate(np.zeros((1, 2), dtype=np.float32), temperature=temperature)


@pytest.mark.parametrize("calibrate", [label_probabilities, indicator_probabilities])
@pytest.mark.parametrize("logit", [math.nan, math.inf, -math.inf])
def test_a_logit_that_is_not_finite_is_refused(calibrate, logit: float) -> None:
    with pytest.raises(BackendError, match="not finite"):
        calibrate(np.array([[0.0, logit]], dtype=np.float32), temperature=1.0)


@pytest.mark.parametrize(
    ("score", "band"),
    [(0.0, "low"), (0.2999, "low"), (0.3, "review"), (0.7999, "review"), (0.8, "high"), (1.0, "high")],
)
def test_a_band_begins_at_its_operating_point(score: float, band: str) -> None:
    assert OperatingPoints(high=0.8, review=0.3).band(score) == band


def test_equal_operating_points_leave_no_room_for_review() -> None:
    points = OperatingPoints(high=0.5, review=0.5)
    assert [points.band(score) for score in (0.49, 0.5)] == ["low", "high"]


@pytest.mark.parametrize(("high", "review"), [(0.3, 0.8), (0.8, 0.0), (0.8, -0.1), (1.1, 0.5), (math.nan, 0.5), (0.5, math.nan)])
def test_operating_points_out_of_order_or_range_are_refused(high: float, review: float) -> None:
    with pytest.raises(BundleError, match="expected 0 < review <= high <= 1"):
        OperatingPoints(high=high, review=review)
