"""Recorded layers: enough room for every batch, and the same states and gradients as without padding to the recorded shape."""

from pathlib import Path

import torch
from torch import Tensor, nn

from training.graphs import GRAIN, graphed_layers, largest_batches
from training.network import Network


def test_there_is_room_for_the_largest_batch_of_each_padded_length() -> None:
    assert largest_batches([(3, 1), (9, GRAIN), (5, GRAIN + 1), (7, 2 * GRAIN), (2, 200)]) == {GRAIN: 9, 2 * GRAIN: 7, 224: 2}


def test_a_batch_padded_to_the_recorded_shape_gives_the_same_states_and_gradients(tiny_base: Path) -> None:
    """CUDA's part, the recording itself, is left out: without a GPU the layers just run."""
    shapes = []

    def record(layers: nn.Module, sample: tuple[Tensor, Tensor]) -> nn.Module:
        layers.register_forward_pre_hook(lambda _, given: shapes.append(tuple(each.shape for each in given)))
        return layers

    network = Network(tiny_base, 3, frozen_layers=0, dropout=0.0)
    width = network.heads.in_features
    layers = graphed_layers(network, {GRAIN: 4, 2 * GRAIN: 5}, torch.device("cpu"), record=record)
    torch.manual_seed(0)
    hidden, mask = torch.randn(3, 20, width), torch.arange(20)[None] < torch.tensor([[20], [11], [5]])
    found = []
    for states in (network.states, layers):
        network.zero_grad()
        out = states(hidden, mask)
        out[mask].square().sum().backward()
        gradients = [p.grad.flatten() for p in network.parameters() if p.grad is not None]
        found.append((out.shape, out[mask].detach().clone(), torch.cat(gradients)))
    (shape, states, gradients), (again, others, other_gradients) = found
    assert shapes == [((4, GRAIN, width), (4, GRAIN))]
    assert again == shape
    torch.testing.assert_close(states, others)
    torch.testing.assert_close(gradients, other_gradients, rtol=1e-4, atol=1e-5)
