"""The dropout and the arithmetic that processors train in."""

from pathlib import Path

import pytest
import torch

from training.network import ByteDropout, Network, half_states


def test_dropout_by_bytes_drops_its_share_and_keeps_the_mean() -> None:
    torch.manual_seed(0)
    states = torch.full((300, 401), 2.0)
    dropped = ByteDropout(0.1)(states)
    assert (dropped == 0).float().mean().item() == pytest.approx(26 / 256, abs=0.003)
    assert dropped.mean().item() == pytest.approx(2.0, rel=0.005)
    assert len(dropped.unique()) == 2


def test_dropout_by_bytes_does_nothing_outside_training() -> None:
    states = torch.randn(7, 3)
    assert ByteDropout(0.1).eval()(states) is states
    assert ByteDropout(0.0)(states) is states


def test_dropout_by_bytes_follows_the_generator() -> None:
    states = torch.ones(5, 11)
    dropout = ByteDropout(0.5)
    torch.manual_seed(3)
    one, other = dropout(states), dropout(states)
    assert not torch.equal(one, other)
    torch.manual_seed(3)
    assert torch.equal(dropout(states), one)


def test_states_in_bfloat16_are_those_in_float32_to_its_digits(tiny_base: Path) -> None:
    network = Network(tiny_base, 3, frozen_layers=0, halved=True).eval()
    ids, mask = torch.randint(5, 50, (4, 9)), torch.ones((4, 9), dtype=torch.bool)
    mask[1, 6:] = False
    hidden = network.lower(ids, mask)
    exact, halved = network.states(hidden, mask), half_states(network, hidden, mask)
    assert halved.dtype is torch.float32
    assert 0 < (halved - exact)[mask].abs().max() < 0.1
    halved.sum().backward()
    assert all(p.grad is not None and p.grad.dtype is torch.float32 for p in network.trained_layers.parameters())
