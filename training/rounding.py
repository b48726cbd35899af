"""The products of the layers in 8-bit arithmetic: what each weight is rounded to, chosen on posts of the train split.

The runtime rounds a product's input to 8 bits, with one scale a window, and so again what that leaves: as good as 16 bits. So only
the weights are coarse. Two things keep their error small: where inputs are large, weights are made larger before they are rounded,
and the inputs smaller by as much (Lin et al., AWQ, 2023), and each weight's rounding makes up for that of the ones before it
(Frantar et al., GPTQ, 2023).
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from training.network import Network, run_layers

WEIGHT_LEVELS = 127
"""Largest magnitude of an 8-bit weight."""
STATE_LEVELS = 255
PAIR_LIMIT = 128
"""Largest sum of two neighbouring weights of one sign. Processors with AVX2 but without VNNI add the products of two neighbours
in 16 bits: ``2 * 127 * 255`` does not fit there, ``128 * 255`` does."""
_MARGIN = 3
"""Levels left free in a pair, by which making up for earlier weights may raise later ones."""
_DAMPING = 0.01
"""Share of the mean square that GPTQ adds to each input's, so that its equations have one solution."""
_CUTS = (1.0, 0.92, 0.84, 0.76)
"""What a weight's scales are tried at, as shares of those at which nothing is cut off."""
_BLOCK = 128
FloatArray = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Product:
    """One weight in 8 bits.

    :ivar values: *Shape* ``(n_in, n_out)``.
    :ivar scale: By output, *shape* ``(n_out,)``.
    :ivar smoothing: What each input is multiplied by before it is rounded, *shape* ``(n_in,)``.
    """

    values: NDArray[np.int8]
    scale: FloatArray
    smoothing: FloatArray


class Inputs:
    """What a product meets, added up over windows.

    :ivar squares: Sum of the outer products of its inputs with themselves, *shape* ``(n_in, n_in)``.
    :ivar peaks: Largest magnitude of each input, *shape* ``(n_in,)``.
    """

    def __init__(self, n_in: int) -> None:
        self.squares = torch.zeros(n_in, n_in)
        self.peaks = torch.zeros(n_in)

    def add(self, rows: Tensor) -> None:
        """Take in the inputs of a window, *shape* ``(n_tokens, n_in)``."""
        self.squares += rows.T @ rows
        self.peaks = torch.maximum(self.peaks, rows.abs().amax(0))


def round_products(network: Network, windows: list[NDArray[np.int64]], *, first: int) -> dict[str, Product]:
    """Return the products of all layers, by their names in the graph.

    Those of the layers from ``first`` upwards are for arithmetic in 8 bits, with query, key and value as one; the weights below are
    for arithmetic in float32, so nothing of their inputs is rounded or smoothed.

    :param windows: Token ids of windows to choose the rounding by, ``<s>`` and ``</s>`` included, each *shape* ``(n_tokens,)``.
    """
    products: dict[str, Product] = {}
    with torch.no_grad():
        states = [network.encoder.embeddings(input_ids=torch.from_numpy(ids)[None]) for ids in windows]
        for number, layer in enumerate(network.encoder.encoder.layer):
            parts = {name: part for name, part in layer.named_modules() if isinstance(part, torch.nn.Linear)}
            met = {name: Inputs(part.in_features) for name, part in parts.items()}
            hooks = [part.register_forward_pre_hook(_collector(met[name])) for name, part in parts.items()]
            states = [
                run_layers(torch.nn.ModuleList([layer]), state, torch.ones(state.shape[:2], dtype=torch.bool)) for state in states
            ]
            for hook in hooks:
                hook.remove()
            weights = {name: part.weight.T for name, part in parts.items()}
            for name, weight, inputs in _fused(weights, met) if number >= first else _apart(weights, met):
                products[f"encoder.layer.{number}.{name}"] = round_product(weight, inputs, smoothed=number >= first)
    return products


def round_product(weight: Tensor, inputs: Inputs, *, smoothed: bool = True) -> Product:
    """Return a weight in 8 bits, with the smoothing that leaves the smallest error, or with none.

    :param weight: *Shape* ``(n_in, n_out)``.
    """
    divisors = _divisors(inputs.peaks.clamp(min=1e-4)) if smoothed else [torch.ones(len(weight))]
    divisor = min(divisors, key=lambda divisor: _error(weight, inputs.squares, divisor))
    values, scale = round_weight(weight * divisor[:, None], inputs.squares / divisor / divisor[:, None])
    return Product(values.to(torch.int8).numpy(), scale.numpy(), (1 / divisor).numpy())


def _error(weight: Tensor, squares: Tensor, divisor: Tensor) -> float:
    """Return the sum of squares by which products move if the weight, times a divisor, is rounded to the nearest."""
    larger = weight * divisor[:, None]
    scale = weight_scales(larger)
    return float(_moved(weight - (larger / scale).round() * scale / divisor[:, None], squares).sum())


def _moved(off: Tensor, squares: Tensor) -> Tensor:
    """Return the sum of squares by which each output moves if its weights are off by so much, *shape* ``(n_out,)``."""
    return ((squares @ off) * off).sum(0)


def weight_scales(weight: Tensor, levels: int = 0) -> Tensor:
    """Return the finest scale of each output at which its weights fit 8 bits and neighbours keep to ``PAIR_LIMIT``.

    :param weight: *Shape* ``(n_in, n_out)``, ``n_in`` even.
    :param levels: Levels to leave free; at least one is, for rounding.
    :return: *Shape* ``(n_out,)``.
    """
    room = PAIR_LIMIT - max(levels, 1)
    sides = [side.clamp(min=0).unflatten(0, (-1, 2)).sum(1).amax(0) for side in (weight, -weight)]
    return torch.stack((weight.abs().amax(0) / WEIGHT_LEVELS, *(side / room for side in sides))).amax(0).clamp(min=1e-12)


def round_weight(weight: Tensor, squares: Tensor) -> tuple[Tensor, Tensor]:
    """Return a weight's integers and scales, each rounding made up for by the weights after it, so that products stay.

    Each output takes the scale, of a few that cut off more or fewer of its largest weights, with which its products move least.

    :param weight: *Shape* ``(n_in, n_out)``.
    :param squares: Of its inputs, as in :class:`Inputs`.
    """
    # The loudest inputs first, whose rounding most others are left to make up for.
    order = squares.diagonal().argsort(descending=True)
    place = order.argsort()
    neighbours = place[order ^ 1].tolist()
    scales = torch.stack([weight_scales(weight, _MARGIN) * cut for cut in _CUTS])
    weight, squares = weight[order], squares[order][:, order]
    tried = torch.stack([_round_in_order(weight, squares, scale, neighbours) for scale in scales])
    best = torch.stack([_moved(weight - values * scale, squares) for values, scale in zip(tried, scales, strict=True)]).argmin(0)
    outputs = torch.arange(weight.shape[1])
    return tried[best, :, outputs].T[place], scales[best, outputs]


def _round_in_order(weight: Tensor, squares: Tensor, scale: Tensor, neighbours: list[int]) -> Tensor:
    """Return a weight's integers, rounded row by row; ``neighbours`` tells which row shares 16 bits with each."""
    weight = weight.clone()
    squares = squares + _DAMPING * squares.diagonal().mean().clamp(min=1e-8) * torch.eye(len(squares))
    inverse = torch.linalg.cholesky(torch.cholesky_inverse(torch.linalg.cholesky(squares)), upper=True)
    values = torch.zeros_like(weight)
    for start in range(0, len(weight), _BLOCK):
        end = min(start + _BLOCK, len(weight))
        errors = torch.zeros(end - start, weight.shape[1])
        for i in range(start, end):
            values[i] = _within((weight[i] / scale).round(), values[neighbours[i]] if neighbours[i] < i else None)
            errors[i - start] = (weight[i] - values[i] * scale) / inverse[i, i]
            weight[i + 1 : end] -= inverse[i, i + 1 : end, None] * errors[i - start]
        weight[end:] -= inverse[start:end, end:].T @ errors
    return values


def _within(values: Tensor, neighbour: Tensor | None) -> Tensor:
    """Cut integers off at what 8 bits, and the neighbour if it has been rounded before, leave room for."""
    values = values.clamp(-WEIGHT_LEVELS, WEIGHT_LEVELS)
    if neighbour is None:
        return values
    values = torch.minimum(values, PAIR_LIMIT - neighbour.clamp(min=0))
    return torch.maximum(values, -PAIR_LIMIT - neighbour.clamp(max=0))


def _divisors(peaks: Tensor) -> Iterator[Tensor]:
    """Yield what inputs may be divided by, given the largest of each: nothing, a power of it, or what exceeds a quantile."""
    yield torch.ones_like(peaks)
    for power in (0.15, 0.3, 0.45):
        divisor = peaks**power
        yield divisor / divisor.log().mean().exp()
    for share in (0.5, 0.8, 0.95):
        yield (peaks / torch.quantile(peaks, share)).clamp(min=1)


def _collector(inputs: Inputs) -> Callable[[torch.nn.Module, tuple[Tensor, ...]], None]:
    return lambda _, given: inputs.add(given[0][0])


def _apart(weights: Mapping[str, Tensor], met: Mapping[str, Inputs]) -> Iterator[tuple[str, Tensor, Inputs]]:
    """Yield name, weight and inputs of each product."""
    for name, weight in weights.items():
        yield name, weight, met[name]


def _fused(weights: Mapping[str, Tensor], met: Mapping[str, Inputs]) -> Iterator[tuple[str, Tensor, Inputs]]:
    """Yield name, weight and inputs of each product; query, key and value, which read the same, as one."""
    parts = [f"attention.self.{part}" for part in ("query", "key", "value")]
    yield "attention.self.qkv", torch.cat([weights[part] for part in parts], dim=1), met[parts[0]]
    for name in ("attention.output.dense", "intermediate.dense", "output.dense"):
        yield name, weights[name], met[name]
