"""Products in 8 bits: what fits, what smoothing and making up for rounding gain, and that the graph multiplies as was chosen."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from training.rounding import PAIR_LIMIT, STATE_LEVELS, WEIGHT_LEVELS, Inputs, round_product, round_weight, weight_scales

finite = st.floats(-4, 4, width=32)


def _rows(n_rows: int, width: int, *, loud: int = 0) -> torch.Tensor:
    """Inputs that hang together, some columns ``loud``: thirty times as large."""
    random = torch.Generator().manual_seed(n_rows + width)
    rows = torch.randn(n_rows, width, generator=random) @ torch.randn(width, width, generator=random) / width**0.5
    rows[:, :loud] *= 30
    return rows


def _met(rows: torch.Tensor) -> Inputs:
    inputs = Inputs(rows.shape[1])
    for window in rows.split(10):
        inputs.add(window)
    return inputs


def _error(rows: torch.Tensor, weight: torch.Tensor, other: torch.Tensor) -> float:
    return float((rows @ weight - rows @ other).square().mean())


@settings(max_examples=60, deadline=None)
@given(hnp.arrays(np.float32, (8, 3), elements=finite))
def test_neighbours_never_overflow_16_bits(weight: np.ndarray) -> None:
    given_weight = torch.from_numpy(weight)
    values, _ = round_weight(given_weight, _met(_rows(50, 8)).squares)
    assert values.abs().max() <= WEIGHT_LEVELS
    for side in (values, -values):
        pairs = side.clamp(min=0).unflatten(0, (-1, 2)).sum(1)
        assert pairs.max() <= PAIR_LIMIT
        assert (pairs * STATE_LEVELS).max() < 2**15


def test_scales_are_as_fine_as_8_bits_and_neighbours_allow() -> None:
    alone = torch.tensor([[1.0], [0.0]])
    assert weight_scales(alone).item() == pytest.approx(1 / WEIGHT_LEVELS)
    together = torch.tensor([[1.0], [1.0]])
    assert weight_scales(together).item() == pytest.approx(2 / (PAIR_LIMIT - 1))
    apart = torch.tensor([[1.0], [-1.0]])
    assert weight_scales(apart).item() == pytest.approx(1 / WEIGHT_LEVELS)


def test_making_up_for_rounding_keeps_products_nearer_than_rounding_alone() -> None:
    weight = torch.randn(64, 16, generator=torch.Generator().manual_seed(1))
    rows = _rows(400, 64)
    values, scale = round_weight(weight, _met(rows).squares)
    nearest = (weight / scale).round() * scale
    assert _error(rows, weight, values * scale) < 0.8 * _error(rows, weight, nearest)


def test_what_a_product_meets_is_added_up_over_windows() -> None:
    rows = _rows(95, 8)
    inputs = _met(rows)
    torch.testing.assert_close(inputs.squares, rows.T @ rows)
    torch.testing.assert_close(inputs.peaks, rows.abs().amax(0))


def test_weights_of_loud_inputs_are_rounded_more_finely() -> None:
    weight = torch.randn(64, 16, generator=torch.Generator().manual_seed(1))
    rows = _rows(400, 64, loud=2)
    smoothed, plain = (round_product(weight, _met(rows), smoothed=smoothed) for smoothed in (True, False))
    assert smoothed.smoothing[:2].max() < smoothed.smoothing[2:].min()
    assert (plain.smoothing == 1).all()
    errors = [
        _error(rows, weight, torch.from_numpy(product.values * product.scale * product.smoothing[:, None]))
        for product in (smoothed, plain)
    ]
    assert errors[0] < 0.8 * errors[1]
