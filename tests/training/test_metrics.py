"""Figures of merit, on values worked by hand; the promises of thresholds, on whatever hypothesis thinks of."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from training.metrics import (
    Figure,
    average_precision,
    bootstrap,
    brier,
    expected_calibration_error,
    recall_at_false_positives,
    share_interval,
    threshold_at_false_positives,
    threshold_at_recall,
)

Posts = tuple[NDArray[np.bool_], NDArray[np.float64]]
RATES = (0.0, 0.001, 0.005, 0.01, 0.05, 0.2, 0.5, 1.0)


@st.composite
def scored_posts(draw: st.DrawFn) -> Posts:
    """Posts of both kinds; many scores are equal or neighbours, as those of a saturated model are."""
    few = st.sampled_from([0.0, 0.25, 0.5, np.nextafter(0.5, 1), np.nextafter(0.5, 0), 0.75, 1.0])
    scores = draw(st.lists(few | st.floats(0, 1), min_size=2, max_size=30))
    truth = draw(st.lists(st.booleans(), min_size=len(scores), max_size=len(scores)))
    return np.array([True, False, *truth[2:]]), np.array(scores)


def _posts(lures: list[float], others: list[float]) -> Posts:
    truth = np.array([True] * len(lures) + [False] * len(others))
    return truth, np.array(lures + others)


@settings(max_examples=60, deadline=None)
@given(scored_posts(), st.sampled_from(RATES))
def test_no_more_negatives_reach_the_threshold_than_promised(posts: Posts, rate: float) -> None:
    truth, scores = posts
    threshold = threshold_at_false_positives(truth, scores, rate)
    assert (scores[~truth] >= threshold).mean() <= rate


@settings(max_examples=60, deadline=None)
@given(scored_posts(), st.sampled_from(RATES))
def test_no_more_positives_could_be_reached_within_the_promise(posts: Posts, rate: float) -> None:
    truth, scores = posts
    recall = recall_at_false_positives(rate)(truth, scores)
    kept = [t for t in scores if (scores[~truth] >= t).mean() <= rate]
    assert recall == max(((scores[truth] >= t).mean() for t in kept), default=0)


@settings(max_examples=60, deadline=None)
@given(scored_posts(), st.sampled_from((0.1, 0.5, 0.95, 1.0)))
def test_at_least_as_many_positives_reach_the_threshold_as_promised(posts: Posts, recall: float) -> None:
    truth, scores = posts
    threshold = threshold_at_recall(truth, scores, recall)
    assert (scores[truth] >= threshold).mean() >= recall
    assert (scores[truth] > threshold).mean() < recall


@pytest.mark.parametrize(
    ("rate", "expected"),
    [
        (0.0, 0.75),  # midway between the highest negative, 0.7, and the lure above it
        (0.25, 0.65),  # 0.7 may pass, 0.6 may not
        (0.5, 0.4),  # 0.6 may pass, 0.2 may not; the next score above it is 0.6
        (1.0, 0.1),
    ],
)
def test_the_threshold_lies_midway_above_the_highest_negative_that_stays_out(rate: float, expected: float) -> None:
    truth, scores = _posts([0.9, 0.8], [0.7, 0.6, 0.2, 0.1])
    assert threshold_at_false_positives(truth, scores, rate) == pytest.approx(expected)


def test_a_negative_above_all_lures_leaves_none_of_them_at_no_false_positives() -> None:
    truth, scores = _posts([0.8, 0.5], [0.9, 0.1])
    assert threshold_at_false_positives(truth, scores, 0.0) > 0.9
    assert recall_at_false_positives(0.0)(truth, scores) == 0
    assert recall_at_false_positives(0.5)(truth, scores) == 1


def test_between_neighbouring_numbers_the_threshold_is_the_upper_one() -> None:
    above = float(np.nextafter(0.5, 1))
    truth, scores = _posts([above], [0.5])
    assert threshold_at_false_positives(truth, scores, 0.0) == above


@pytest.mark.parametrize(("recall", "expected"), [(0.25, 0.9), (0.5, 0.8), (0.75, 0.3), (0.8, 0.1), (1.0, 0.1)])
def test_the_threshold_at_a_recall_is_the_lowest_lure_that_is_needed(recall: float, expected: float) -> None:
    truth, scores = _posts([0.9, 0.3, 0.8, 0.1], [0.99])
    assert threshold_at_recall(truth, scores, recall) == expected


def test_average_precision_by_hand() -> None:
    # Lures at ranks 1 and 3: precision 1 and 2/3, each for half of the recall.
    truth, scores = _posts([0.9, 0.7], [0.8])
    assert average_precision(truth, scores) == pytest.approx((1 + 2 / 3) / 2)


def test_brier_by_hand() -> None:
    truth, scores = _posts([0.9, 0.6], [0.2])
    assert brier(truth, scores) == pytest.approx((0.01 + 0.16 + 0.04) / 3)


def test_calibration_error_by_hand() -> None:
    # Two bins: 0.1 and 0.3 with one lure, 0.6 and 0.8 with two: the gaps are |0.2 - 0.5| and |0.7 - 1|.
    truth, scores = _posts([0.3, 0.6, 0.8], [0.1])
    assert expected_calibration_error(truth, scores, bins=2) == pytest.approx(0.3)


def test_calibration_error_is_zero_where_frequencies_are_as_said() -> None:
    truth = np.array([True, False, False, False] * 5 + [True, True, True, False] * 5)
    scores = np.repeat([0.25, 0.75], 20)
    assert expected_calibration_error(truth, scores, bins=2) == pytest.approx(0)


def test_fewer_posts_than_bins_are_no_error() -> None:
    truth, scores = _posts([1.0], [0.0])
    assert expected_calibration_error(truth, scores, bins=10) == 0


@pytest.mark.parametrize("truth", [[True, True], [False, False]])
def test_a_figure_of_one_class_only_is_undefined_and_says_so(truth: list[bool]) -> None:
    found = bootstrap(average_precision, np.array(truth), np.array([0.1, 0.9]), groups=["a", "b"])
    assert found == Figure(None, None, None, 2)
    assert str(found) == "undefined: one class only"


def test_an_interval_holds_the_figure_and_is_the_same_again() -> None:
    random = np.random.default_rng(0)
    truth = random.random(120) < 0.4
    scores = np.clip(0.3 * truth + random.random(120) * 0.7, 0, 1)
    groups = [f"b{i // 12}" for i in range(120)]
    found = bootstrap(average_precision, truth, scores, groups=groups, rounds=100)
    assert found.low < found.value < found.high
    assert found == bootstrap(average_precision, truth, scores, groups=groups, rounds=100)
    assert found.number == 120


def test_posts_of_a_group_are_drawn_together() -> None:
    # Every group has one lure and one other post, so their share is a half in every resample.
    truth = np.array([True, False] * 6)
    groups = [f"b{i // 2}" for i in range(12)]
    found = bootstrap(lambda truth, _: float(truth.mean()), truth, np.zeros(12), groups=groups, rounds=50)
    assert (found.value, found.low, found.high) == (0.5, 0.5, 0.5)


def test_with_few_groups_posts_are_drawn_one_by_one() -> None:
    truth = np.array([True, False] * 6)
    found = bootstrap(lambda truth, _: float(truth.mean()), truth, np.zeros(12), groups=["a", "b"] * 6, rounds=50)
    assert found.low < 0.5 < found.high


def test_resamples_of_one_class_are_left_out() -> None:
    truth = np.array([True] + [False] * 5)
    groups = [f"b{i}" for i in range(6)]
    found = bootstrap(average_precision, truth, np.linspace(1, 0, 6), groups=groups, rounds=100)
    assert (found.low, found.high) == (1, 1)


def test_a_figure_is_shown_with_its_interval() -> None:
    assert str(Figure(0.91234, 0.85, 0.95, 100)) == "0.912 [0.850, 0.950]"


def test_the_interval_of_a_share_matches_values_worked_by_hand() -> None:
    square = 1.959964**2
    assert share_interval(0.0, 10) == pytest.approx((0, square / (10 + square)))  # Wilson's upper end where none of ten counts
    assert share_interval(1.0, 10) == pytest.approx((10 / (10 + square), 1))
    assert share_interval(0.5, 10) == pytest.approx((0.2366, 0.7634), abs=1e-4)
