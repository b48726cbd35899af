"""Products in 8 bits: what fits, what smoothing and making up for rounding gain, and that the graph multiplies as was chosen."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from training.rounding import PAIR_LIMIT, STATE_LEVELS, WEIGHT_LEVELS, Windows, round_product, round_weight, weight_scales

finite = st.floats(-4, 4, width=32)


def _rows(n_rows: int, width: int, *, loud: int = 0) -> torch.Tensor:
    """Inputs that hang together, some columns ``loud``: thirty times as large."""
    random = torch.Generator().manual_seed(n_rows + width)
    rows = torch.randn(n_rows, width, generator=random) @ torch.randn(width, width, generator=random) / width**0.5
    rows[:, :loud] *= 30
    return rows


def _error(rows: torch.Tensor, weight: torch.Tensor, other: torch.Tensor) -> float:
    return float((rows @ weight - rows @ other).square().mean())


@settings(max_examples=60, deadline=None)
@given(hnp.arrays(np.float32, (8, 3), elements=finite))
def test_neighbours_never_overflow_16_bits(weight: np.ndarray) -> None:
    given_weight = torch.from_numpy(weight)
    values, _ = round_weight(given_weight, _rows(50, 8))
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
    values, scale = round_weight(weight, rows)
    nearest = (weight / scale).round() * scale
    assert _error(rows, weight, values * scale) < 0.8 * _error(rows, weight, nearest)


def test_loud_inputs_are_smoothed_and_quiet_ones_are_not_lost() -> None:
    weight = torch.randn(64, 16, generator=torch.Generator().manual_seed(1))
    rows = _rows(400, 64, loud=2)
    windows = Windows([100, 300])
    product = round_product(weight, rows, _rows(4, 64), windows)
    smoothing = torch.from_numpy(product.smoothing)
    assert smoothing[:2].max() < smoothing[2:].min()
    ours = windows.round(rows * smoothing) @ (torch.from_numpy(product.values).float() * torch.from_numpy(product.scale))
    plain_scale = weight_scales(weight)
    plain = windows.round(rows) @ ((weight / plain_scale).round() * plain_scale)
    exact = rows @ weight
    assert (ours - exact).square().mean() < 0.5 * (plain - exact).square().mean()


def test_each_window_is_rounded_with_its_own_scale() -> None:
    rows = _rows(20, 8)
    rows[10:] *= 100
    windows = Windows([10, 10])
    np.testing.assert_allclose(windows.round(rows)[:10], Windows([10]).round(rows[:10]))
    assert (windows.round(rows)[:10] - rows[:10]).abs().max() < 0.1 * rows[:10].abs().max()


def test_rows_are_rounded_as_the_runtime_rounds_them() -> None:
    onnx = pytest.importorskip("onnx")
    onnxruntime = pytest.importorskip("onnxruntime")
    node = [
        onnx.helper.make_node("DynamicQuantizeLinear", ["x"], ["q", "s", "z"]),
        onnx.helper.make_node("DequantizeLinear", ["q", "s", "z"], ["y"]),
    ]
    value = onnx.helper.make_tensor_value_info
    graph = onnx.helper.make_graph(node, "round", [value("x", 1, [None, 8])], [value("y", 1, [None, 8])])
    model = onnx.helper.make_model(graph, opset_imports=[onnx.helper.make_opsetid("", 21)], ir_version=10)
    session = onnxruntime.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
    rows = _rows(30, 8)
    (theirs,) = session.run(None, {"x": rows.numpy()})
    np.testing.assert_allclose(Windows([30]).round(rows).numpy(), theirs, atol=1e-6)
