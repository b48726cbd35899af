"""The products of the layers in 8-bit arithmetic: what each weight is rounded to, chosen on posts of the train split.

A product's input is rounded to 8 bits by the runtime, with one scale a window. Two things keep the error small: inputs that are
large in a few places are divided by a factor each, which the weight takes in (SmoothQuant, Xiao et al., 2023), and each weight's
rounding makes up for that of the ones before it (GPTQ, Frantar et al., 2023). ``<s>`` and ``</s>``, which carry values some thirty
times as large as other tokens do, are not rounded with the rest: the graph computes them apart, in two passes of 8 bits.
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
_BLOCK = 128
Inputs = dict[str, list[Tensor]]
"""By product, what it meets in each window, *shape* ``(n_tokens, n_in)``."""
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


class Windows:
    """Rows of several windows, joined, as the runtime rounds them: each window with its own scale.

    :param lengths: Rows of each window.
    """

    def __init__(self, lengths: list[int]) -> None:
        self._n = len(lengths)
        self._of = torch.repeat_interleave(torch.arange(self._n), torch.tensor(lengths))

    def round(self, rows: Tensor) -> Tensor:
        """Return rows, *shape* ``(n_rows, width)``, as 8 bits hold them (ONNX's ``DynamicQuantizeLinear``)."""
        nothing = torch.zeros(self._n)
        low = nothing.scatter_reduce(0, self._of, rows.amin(1), "amin")
        high = nothing.scatter_reduce(0, self._of, rows.amax(1), "amax")
        step = ((high - low) / STATE_LEVELS).clamp(min=1e-12)
        zero = (-low / step).round()[self._of, None]
        step = step[self._of, None]
        return ((rows / step).round() + zero).clamp(0, STATE_LEVELS).sub_(zero).mul_(step)


def round_products(network: Network, windows: list[NDArray[np.int64]], *, first: int) -> dict[str, Product]:
    """Return the products of all layers, by their names in the graph.

    Those of the layers from ``first`` upwards are for arithmetic in 8 bits, with query, key and value as one; the weights below are
    for arithmetic in float32, so nothing of their inputs is rounded or smoothed.

    :param windows: Token ids of windows to choose the rounding by, ``<s>`` and ``</s>`` included, each *shape* ``(n_tokens,)``.
    """
    products: dict[str, Product] = {}
    with torch.no_grad():
        states = [network.encoder.embeddings(input_ids=torch.from_numpy(ids)[None]) for ids in windows]
        rounding = Windows([len(ids) - 2 for ids in windows])
        for number, layer in enumerate(network.encoder.encoder.layer):
            inputs: Inputs = {}
            hooks = [
                part.register_forward_pre_hook(_collector(inputs, name))
                for name, part in layer.named_modules()
                if isinstance(part, torch.nn.Linear)
            ]
            states = [
                run_layers(torch.nn.ModuleList([layer]), state, torch.ones(state.shape[:2], dtype=torch.bool)) for state in states
            ]
            for hook in hooks:
                hook.remove()
            weights = {name: part.weight.T for name, part in layer.named_modules() if isinstance(part, torch.nn.Linear)}
            for name, weight, met in _fused(weights, inputs) if number >= first else _apart(weights, inputs):
                rows, edges = torch.cat([window[1:-1] for window in met]), torch.cat([window[[0, -1]] for window in met])
                rounded = round_product(weight, rows, edges, rounding) if number >= first else _weight_alone(weight, rows, edges)
                products[f"encoder.layer.{number}.{name}"] = rounded
    return products


def round_product(weight: Tensor, rows: Tensor, edges: Tensor, windows: Windows) -> Product:
    """Return a weight in 8 bits, with the smoothing that leaves the smallest error.

    :param weight: *Shape* ``(n_in, n_out)``.
    :param rows: Inputs it meets between the edges of windows, *shape* ``(n_rows, n_in)``.
    :param edges: Inputs it meets at the edges, ``<s>`` and ``</s>``, *shape* ``(n_edges, n_in)``.
    :param windows: What the rows belong to.
    """
    exact, exact_edges = rows @ weight, edges @ weight
    errors = []
    for divisor in _divisors(rows.abs().amax(0).clamp(min=1e-4)):
        smoothed = weight * divisor[:, None]
        scale = weight_scales(smoothed)
        rounded = (smoothed / scale).round() * scale
        error = (windows.round(rows / divisor) @ rounded - exact).square().sum()
        errors.append(((error + (edges / divisor @ rounded - exact_edges).square().sum()).item(), divisor))
    divisor = min(errors, key=lambda pair: pair[0])[1]
    met = torch.cat((windows.round(rows / divisor), edges / divisor))
    values, scale = round_weight(weight * divisor[:, None], met)
    return Product(values.to(torch.int8).numpy(), scale.numpy(), (1 / divisor).numpy())


def _weight_alone(weight: Tensor, rows: Tensor, edges: Tensor) -> Product:
    values, scale = round_weight(weight, torch.cat((rows, edges)))
    return Product(values.to(torch.int8).numpy(), scale.numpy(), np.ones(len(weight), np.float32))


def weight_scales(weight: Tensor, levels: int = 0) -> Tensor:
    """Return the finest scale of each output at which its weights fit 8 bits and neighbours keep to ``PAIR_LIMIT``.

    :param weight: *Shape* ``(n_in, n_out)``, ``n_in`` even.
    :param levels: Levels to leave free; at least one is, for rounding.
    :return: *Shape* ``(n_out,)``.
    """
    room = PAIR_LIMIT - max(levels, 1)
    sides = [side.clamp(min=0).unflatten(0, (-1, 2)).sum(1).amax(0) for side in (weight, -weight)]
    return torch.stack((weight.abs().amax(0) / WEIGHT_LEVELS, *(side / room for side in sides))).amax(0).clamp(min=1e-12)


def round_weight(weight: Tensor, rows: Tensor) -> tuple[Tensor, Tensor]:
    """Return a weight's integers and scales, each rounding made up for by the weights after it, so that products of ``rows`` stay.

    :param weight: *Shape* ``(n_in, n_out)``.
    :param rows: *Shape* ``(n_rows, n_in)``.
    """
    weight, scale = weight.clone(), weight_scales(weight, _MARGIN)
    squares = rows.T @ rows / len(rows)
    squares += _DAMPING * squares.diagonal().mean().clamp(min=1e-8) * torch.eye(len(squares))
    inverse = torch.linalg.cholesky(torch.cholesky_inverse(torch.linalg.cholesky(squares)), upper=True)
    values = torch.zeros_like(weight)
    for start in range(0, len(weight), _BLOCK):
        end = min(start + _BLOCK, len(weight))
        errors = torch.zeros(end - start, weight.shape[1])
        for i in range(start, end):
            values[i] = _within((weight[i] / scale).round(), values[i - 1] if i % 2 else None)
            errors[i - start] = (weight[i] - values[i] * scale) / inverse[i, i]
            weight[i + 1 : end] -= inverse[i, i + 1 : end, None] * errors[i - start]
        weight[end:] -= inverse[start:end, end:].T @ errors
    return values, scale


def _within(values: Tensor, neighbour: Tensor | None) -> Tensor:
    """Cut integers off at what 8 bits, and the neighbour before them, leave room for."""
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


def _collector(inputs: Inputs, name: str) -> Callable[[torch.nn.Module, tuple[Tensor, ...]], None]:
    def collect(_: torch.nn.Module, given: tuple[Tensor, ...]) -> None:
        inputs.setdefault(name, []).append(given[0][0])

    return collect


def _apart(weights: Mapping[str, Tensor], inputs: Inputs) -> Iterator[tuple[str, Tensor, list[Tensor]]]:
    """Yield name, weight and inputs of each product."""
    for name, weight in weights.items():
        yield name, weight, inputs[name]


def _fused(weights: Mapping[str, Tensor], inputs: Inputs) -> Iterator[tuple[str, Tensor, list[Tensor]]]:
    """Yield name, weight and inputs of each product; query, key and value, which read the same, as one."""
    parts = [f"attention.self.{part}" for part in ("query", "key", "value")]
    yield "attention.self.qkv", torch.cat([weights[part] for part in parts], dim=1), inputs[parts[0]]
    for name in ("attention.output.dense", "intermediate.dense", "output.dense"):
        yield name, weights[name], inputs[name]
