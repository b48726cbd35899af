"""PyTorch in float32, from the same bundle: to check the default backend against, or to go on from.

The bundle's own weights are read back from its graph and expanded to float32, so that what differs from the default backend is the
arithmetic and not the model.
"""

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from detector.bundle import GRAPH, Bundle
from detector.errors import BackendError, BundleError, MissingExtraError

try:
    import onnx
    import torch
    from onnx import numpy_helper
except ImportError as error:
    raise MissingExtraError(str(error.name), "train") from error

if TYPE_CHECKING:
    from collections.abc import Mapping

FloatArray = NDArray[np.float32]
IdArray = NDArray[np.int64]


class TorchBackend:
    """The bundle's network in PyTorch.

    :raises BundleError: if the graph does not hold the weights under their usual names.
    """

    def __init__(self, bundle: Bundle) -> None:
        self._weights, self._heads, self._epsilon = read_weights(bundle)
        self._layers = sum(name.endswith("intermediate.dense.weight") for name in self._weights)

    def token_scores(self, ids: IdArray) -> FloatArray:
        """Return the token scores of one window; see :class:`detector.backends.Backend`."""
        try:
            with torch.inference_mode():
                hidden = self._embed(torch.from_numpy(ids))
                for layer in range(self._layers):
                    hidden = self._layer(f"encoder.layer.{layer}", hidden)
                w = self._weights
                return np.asarray((hidden @ w["heads.weight"] + w["heads.bias"]).numpy(), dtype=np.float32)
        except (RuntimeError, IndexError) as error:
            raise BackendError(f"PyTorch failed on {len(ids)} tokens: {error}") from error

    def _embed(self, ids: torch.Tensor) -> torch.Tensor:
        w = self._weights
        summed = w["embeddings.word_embeddings.weight"][ids] + w["embeddings.positions"][: len(ids)]
        return self._norm("embeddings.LayerNorm", summed)

    def _layer(self, name: str, hidden: torch.Tensor) -> torch.Tensor:
        q, k, v = (self._split(self._linear(f"{name}.attention.self.{part}", hidden)) for part in ("query", "key", "value"))
        mixed = torch.nn.functional.scaled_dot_product_attention(q, k, v)
        mixed = mixed.transpose(0, 1).reshape(hidden.shape)
        attended = self._norm(f"{name}.attention.output.LayerNorm", self._linear(f"{name}.attention.output.dense", mixed) + hidden)
        wide = torch.nn.functional.gelu(self._linear(f"{name}.intermediate.dense", attended))
        return self._norm(f"{name}.output.LayerNorm", self._linear(f"{name}.output.dense", wide) + attended)

    def _split(self, states: torch.Tensor) -> torch.Tensor:
        return states.reshape(len(states), self._heads, -1).transpose(0, 1)

    def _linear(self, name: str, hidden: torch.Tensor) -> torch.Tensor:
        return hidden @ self._weights[f"{name}.weight"] + self._weights[f"{name}.bias"]

    def _norm(self, name: str, hidden: torch.Tensor) -> torch.Tensor:
        w = self._weights
        return torch.nn.functional.layer_norm(hidden, hidden.shape[-1:], w[f"{name}.weight"], w[f"{name}.bias"], self._epsilon)


def read_weights(bundle: Bundle) -> tuple[dict[str, torch.Tensor], int, float]:
    """Return a bundle's weights in float32 by their names in the graph, the number of attention heads, and layer norm's epsilon.

    Weights of products have *shape* ``(n_in, n_out)``.

    :raises BundleError: if the graph does not hold the weights under their usual names.
    """
    path = bundle.folder / GRAPH
    try:
        graph = onnx.load(str(path)).graph
        weights = _expand({w.name: numpy_helper.to_array(w) for w in graph.initializer})
        return weights, *_sizes(graph)
    except Exception as error:  # onnx and protobuf raise errors without a public root
        raise BundleError(f"{path}: expected this project's graph, got: {error!r}") from error


def _sizes(graph: "onnx.GraphProto") -> tuple[int, float]:
    """Return the number of attention heads and the epsilon of layer normalisation."""
    attributes = {a.name: a for node in graph.node for a in node.attribute}
    return int(attributes["num_heads"].i), float(attributes["epsilon"].f)


def _expand(stored: "Mapping[str, NDArray[np.generic]]") -> dict[str, torch.Tensor]:
    """Multiply integer weights by their scales and by what their inputs are smoothed with.

    These stand beside them as ``<name>.scale`` and ``<name>.smoothing``. Query, key and value of a layer in 8-bit arithmetic
    are one weight there.
    """
    weights = {}
    for name, array in stored.items():
        if name.endswith((".scale", ".smoothing")) or array.dtype == np.int64:
            continue
        value = array.astype(np.float32)
        scale, smoothing = stored.get(f"{name}.scale"), stored.get(f"{name}.smoothing")
        if scale is not None:
            value = value * _spread(scale.astype(np.float32), value.shape)
        if smoothing is not None:
            value = value * smoothing.astype(np.float32)[:, None]
        for part, piece in _apart(name, value).items():
            weights[part] = torch.from_numpy(np.ascontiguousarray(piece))
    return weights


def _apart(name: str, value: FloatArray) -> dict[str, FloatArray]:
    if ".qkv." not in name:
        return {name: value}
    parts = np.split(value, 3, axis=-1)
    return {name.replace("qkv", part): piece for part, piece in zip(("query", "key", "value"), parts, strict=True)}


def _spread(scale: FloatArray, shape: tuple[int, ...]) -> FloatArray:
    """Repeat scales over the blocks they belong to, along whichever axis has fewer of them than the weight has values."""
    for axis, size in enumerate(shape):
        if scale.ndim == len(shape) and scale.shape[axis] != size:
            scale = np.repeat(scale, size // scale.shape[axis], axis=axis)
    return scale
