"""Recorded layers: enough room for every batch, and on a GPU the same states and gradients as without."""

from pathlib import Path

import pytest
import torch

from training.graphs import GRAIN, graphed_layers, largest_batches
from training.network import Network


def test_there_is_room_for_the_largest_batch_of_each_padded_length() -> None:
    assert largest_batches([(3, 1), (9, GRAIN), (5, GRAIN + 1), (7, 2 * GRAIN), (2, 200)]) == {GRAIN: 9, 2 * GRAIN: 7, 224: 2}


@pytest.mark.skipif(not torch.cuda.is_available(), reason="CUDA graphs need a GPU")
def test_recorded_layers_give_the_same_states_and_gradients(tiny_base: Path) -> None:
    device = torch.device("cuda")
    network = Network(tiny_base, 3, frozen_layers=0, dropout=0.0).to(device)
    layers = graphed_layers(network, {GRAIN: 4}, device)
    hidden = torch.randn(3, 20, network.heads.in_features, device=device)
    mask = torch.arange(20, device=device)[None] < torch.tensor([[20], [11], [5]], device=device)
    found = []
    for states in (network.states, layers):
        network.zero_grad()
        out = states(hidden, mask)
        out[mask].square().sum().backward()
        gradients = [p.grad.flatten() for p in network.parameters() if p.grad is not None]
        found.append((out[mask].detach().clone(), torch.cat(gradients)))
    (states, gradients), (again, others) = found
    torch.testing.assert_close(states, again)
    torch.testing.assert_close(gradients, others, rtol=1e-3, atol=1e-5)
