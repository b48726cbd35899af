"""The trained layers as CUDA graphs: recorded once for each shape of batch and replayed.

A step of this small network is some thousand short kernels, and Python needs several times as long to launch them as the GPU
to run them. The recording holds forward and backward; losses and optimiser stay as they are.
"""

from collections.abc import Callable, Iterable, Mapping

import torch
from torch import Tensor, nn

from training.network import Network, run_layers

GRAIN = 32
"""Batches are padded to a multiple of this many tokens, so that few shapes need a recording."""

Layers = Callable[[Tensor, Tensor], Tensor]
Record = Callable[[nn.Module, tuple[Tensor, Tensor]], Layers]


class _Layers(nn.Module):
    """The layers alone, for one recording."""

    def __init__(self, layers: nn.ModuleList) -> None:
        super().__init__()
        self.layers = layers

    def forward(self, hidden: Tensor, mask: Tensor) -> Tensor:
        return run_layers(self.layers, hidden, mask)


def largest_batches(shapes: Iterable[tuple[int, int]]) -> dict[int, int]:
    """Return the most windows that a batch of each padded length has.

    :param shapes: Windows and longest window, in tokens, of each batch there will be.
    """
    largest: dict[int, int] = {}
    for windows, tokens in shapes:
        padded = _padded(tokens)
        largest[padded] = max(windows, largest.get(padded, 0))
    return largest


def graphed_layers(
    network: Network, largest: Mapping[int, int], device: torch.device, *, record: Record = torch.cuda.make_graphed_callables
) -> Layers:
    """Return what :meth:`training.network.Network.states` does in training, for batches no larger than those named.

    The result of a call is overwritten by the next call of the same padded length.

    :param largest: From :func:`largest_batches`.
    :param record: Makes a recording of layers from arguments of the shape that they will have.
    """
    network.train()
    width = network.heads.in_features
    recorded: dict[int, Layers] = {}
    for tokens, windows in largest.items():
        sample = (torch.randn(windows, tokens, width, device=device), torch.ones(windows, tokens, dtype=torch.bool, device=device))
        recorded[tokens] = record(_Layers(network.trained_layers), sample)

    def states(hidden: Tensor, mask: Tensor) -> Tensor:
        windows, tokens = mask.shape
        padded = _padded(tokens)
        room = (0, padded - tokens, 0, largest[padded] - windows)
        hidden, mask = nn.functional.pad(hidden, (0, 0, *room)), nn.functional.pad(mask, room)
        return recorded[padded](hidden, mask)[:windows, :tokens]

    return states


def _padded(tokens: int) -> int:
    return -(-tokens // GRAIN) * GRAIN
