"""From token scores to the logits of a post, against sums worked by hand."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from detector.pooling import WINDOW_SHARPNESS, pool

WINDOWS = st.lists(
    st.integers(1, 6).flatmap(lambda tokens: arrays(np.float32, (tokens, 5), elements=st.floats(-20, 20, width=32))),
    min_size=1,
    max_size=4,
)


def window(*rows: list[float]) -> np.ndarray:
    return np.array(rows, dtype=np.float32)


def test_one_window_gives_the_mean_of_its_tokens() -> None:
    pooled = pool([window([1.0, 0.0, 4.0], [3.0, -2.0, 0.0])], n_labels=2)
    np.testing.assert_array_equal(pooled.logits, [2.0, -1.0, 2.0])
    np.testing.assert_array_equal(pooled.weights, [1.0])


def test_two_windows_are_weighed_by_their_margins_as_worked_by_hand() -> None:
    # Margins 2 and 0 at sharpness one half: the weights stand as e to 1.
    assert WINDOW_SHARPNESS == 0.5
    lure, harmless = window([2.0, 0.0, 1.0]), window([0.0, 0.0, -1.0])
    share = math.e / (math.e + 1)
    pooled = pool([lure, harmless], n_labels=2)
    np.testing.assert_allclose(pooled.weights, [share, 1 - share], rtol=1e-6)
    np.testing.assert_allclose(pooled.logits, [2 * share, 0.0, 2 * share - 1], rtol=1e-6)


def test_the_margin_sets_the_lure_against_all_other_labels_together() -> None:
    # Two labels at 0 weigh together as one at log 2: the margins are -log 2 and log 2 - log 2 = 0.
    one, two = window([0.0, 0.0, 0.0]), window([math.log(2), 0.0, 0.0])
    root = math.sqrt(0.5)  # e to half of -log 2
    pooled = pool([one, two], n_labels=3)
    np.testing.assert_allclose(pooled.weights, [root / (1 + root), 1 / (1 + root)], rtol=1e-6)


def test_a_window_counts_once_however_many_tokens_it_has() -> None:
    short, long = window([0.0, 0.0]), window(*[[0.0, 0.0]] * 9)
    np.testing.assert_array_equal(pool([short, long], n_labels=2).weights, [0.5, 0.5])


def test_a_lure_padded_with_harmless_windows_weighs_more_than_its_share() -> None:
    pooled = pool([window([4.0, 0.0])] + [window([-4.0, 0.0])] * 9, n_labels=2)
    assert pooled.weights[0] > 0.8
    assert pooled.logits[0] > 2


def test_margins_of_any_size_do_not_overflow() -> None:
    pooled = pool([window([30000.0, 0.0]), window([-30000.0, 0.0])], n_labels=2)
    np.testing.assert_array_equal(pooled.weights, [1.0, 0.0])
    np.testing.assert_array_equal(pooled.logits, [30000.0, 0.0])


@settings(deadline=None, max_examples=50)
@given(WINDOWS)
def test_the_weights_sum_to_one_and_the_logits_lie_between_those_of_the_windows(windows: list[np.ndarray]) -> None:
    pooled = pool(windows, n_labels=4)
    assert pooled.weights.sum() == pytest.approx(1, abs=1e-6)
    means = np.stack([scores.mean(axis=0, dtype=np.float64) for scores in windows])
    assert (pooled.logits >= means.min(axis=0) - 1e-4).all()
    assert (pooled.logits <= means.max(axis=0) + 1e-4).all()


@settings(deadline=None, max_examples=50)
@given(WINDOWS)
def test_the_order_of_the_windows_does_not_matter(windows: list[np.ndarray]) -> None:
    there, back = pool(windows, n_labels=4), pool(windows[::-1], n_labels=4)
    np.testing.assert_allclose(there.logits, back.logits, rtol=1e-5, atol=1e-5)
    np.testing.assert_allclose(there.weights, back.weights[::-1], rtol=1e-5, atol=1e-7)
