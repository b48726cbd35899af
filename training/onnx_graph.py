"""The network written as an ONNX graph: BERT layers in ONNX Runtime's fused operators, weights in 4 and 8 bits, 8-bit arithmetic.

The graph is built by hand rather than traced. Tracing gives the same arithmetic in about eight times as many nodes, and names
no weight; here every initialiser carries the name it has in the run folder, so that a bundle can be read back (the torch
backend does) and two bundles of the same base differ only where training changed them.

Products that :mod:`training.rounding` has rounded run in 8 bits, twice: of the rounded states and of what rounding left, which is
as good as 16 bits. So ``<s>`` and ``</s>``, whose states are some thirty times as large as those of other tokens, do not coarsen
these. All other weights are stored in few bits and expanded to float32 when the graph is loaded. What else was tried stands in
``training/experiments.md``.

Source: ONNX Runtime's contributed operators, docs/ContribOperators.md.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

from detector.errors import BundleError
from training.rounding import Product

FloatArray = NDArray[np.float32]
State = Mapping[str, FloatArray]

OPSET = 21
MS = "com.microsoft"
BLOCK = 32
"""Values that share a scale in 4 bits."""
QKV = "attention.self.qkv"
"""Query, key and value of an 8-bit layer, one product: they read the same states, which so are rounded once."""


@dataclass(frozen=True, slots=True)
class EncoderShape:
    """The sizes that the graph is built for.

    :ivar layers: Number of transformer layers.
    :ivar heads: Attention heads a layer.
    :ivar epsilon: Added to the variance in layer normalisation.
    :ivar position_offset: Row of the position table that the first token takes (0 for BERT, 2 for XLM-RoBERTa).
    """

    layers: int
    heads: int
    epsilon: float
    position_offset: int = 0


def build_graph(
    state: State, shape: EncoderShape, *, max_tokens: int, products: Mapping[str, Product] | None = None
) -> onnx.ModelProto:
    """Return the network as a graph from token ids to token scores.

    Input ``ids``, int64, *shape* ``(1, n_tokens)``; output ``token_scores``, float32, *shape* ``(n_tokens, n_outputs)``: what
    each token says for each output, bias included, so that the mean over tokens is the logit.

    :param state: Weights by their names in the run folder (``embeddings.*``, ``encoder.layer.*``, ``heads.*``).
    :param max_tokens: Longest window, in tokens; the position table is cut to it.
    :param products: What :func:`training.rounding.round_products` gives: weights in 8 bits, stored in 4 where that loses nothing,
        and which upper layers multiply in 8 bits. Embeddings are stored in 4 bits then. By default all is in float32.
    """
    builder = _Builder(state, shape, products or {})
    hidden = builder.embed(max_tokens)
    for name in (f"encoder.layer.{number}" for number in range(shape.layers)):
        hidden = builder.layer(name, hidden)
    builder.heads(hidden)
    return builder.model()


def quantise_rows_4bit(table: FloatArray) -> tuple[NDArray[np.int8], NDArray[np.float16]]:
    """Return an embedding table in 4 bits, one scale for each 32 values of a row.

    The scale is the block's value of largest magnitude divided by -8, as in the GGML format Q4_0, so a table that already
    went through that format (the base encoder did) comes back exactly.

    :param table: *Shape* ``(n_pieces, width)``, width divisible by 32.
    :return: Integers from -8 to 7, *shape* ``(n_pieces, width)``, and scales, *shape* ``(n_pieces, width / 32)``.
    :raises BundleError: if the width is not divisible by 32.
    """
    if table.shape[1] % BLOCK:
        raise BundleError(f"expected an embedding width divisible by {BLOCK}, got {table.shape[1]}")
    blocks = table.reshape(len(table), -1, BLOCK)
    peak = np.take_along_axis(blocks, np.abs(blocks).argmax(axis=2)[..., None], axis=2)[..., 0]
    scale = (peak / -8).astype(np.float16)
    safe = np.where(scale == 0, np.float16(1), scale).astype(np.float32)
    whole = np.clip(np.rint(blocks / safe[..., None]), -8, 7).astype(np.int8)
    return whole.reshape(table.shape), scale


def dequantise_rows_4bit(values: NDArray[np.int8], scale: NDArray[np.float16]) -> FloatArray:
    """Return the table that the 4-bit integers and their scales stand for."""
    blocks = values.reshape(len(values), scale.shape[1], BLOCK).astype(np.float32)
    return (blocks * scale.astype(np.float32)[..., None]).reshape(values.shape)


def pack_nibbles(values: NDArray[np.int8]) -> bytes:
    """Return 4-bit integers two to a byte, the earlier one in the low half, as ONNX stores INT4."""
    flat = values.reshape(-1).astype(np.uint8) & 15
    return bytes((flat[0::2] | (flat[1::2] << 4)).astype(np.uint8))


class _Builder:
    """Collects nodes and initialisers."""

    def __init__(self, state: State, shape: EncoderShape, products: Mapping[str, Product]) -> None:
        self.state = state
        self.shape = shape
        self.products = products
        self.nodes: list[onnx.NodeProto] = []
        self.weights: list[onnx.TensorProto] = []
        self.stored: set[str] = set()

    def add(self, op: str, inputs: list[str], output: str, domain: str = "", **attributes: object) -> str:
        self.nodes.append(helper.make_node(op, inputs, [output], name=output, domain=domain, **attributes))
        return output

    def store(self, name: str, array: NDArray[np.generic]) -> str:
        """Store a weight, unless it is already there, and return its name."""
        if name in self.stored:
            return name
        self.stored.add(name)
        self.weights.append(numpy_helper.from_array(np.ascontiguousarray(array), name))
        return name

    def embed(self, max_tokens: int) -> str:
        words = self._words("embeddings.word_embeddings.weight")
        offset = self.shape.position_offset
        positions = self.state["embeddings.position_embeddings.weight"][offset : offset + max_tokens]
        kind = self.state["embeddings.token_type_embeddings.weight"][0]
        self.store("embeddings.positions", positions + kind)
        self.store("zero", np.zeros(1, np.int64))
        self.add("Shape", ["ids"], "n_tokens", start=1, end=2)
        self.add("Slice", ["embeddings.positions", "zero", "n_tokens", "zero"], "positions")
        summed = self.add("Add", [words, "positions"], "embedded")
        gamma, beta = self._norm("embeddings.LayerNorm")
        return self.add("LayerNormalization", [summed, gamma, beta], "hidden", epsilon=self.shape.epsilon)

    def _words(self, name: str) -> str:
        table = self.state[name]
        if not self.products:
            return self.add("Gather", [self.store(name, table), "ids"], "words")
        values, scales = quantise_rows_4bit(table)
        self.store_4bit(name, values)
        self.store(f"{name}.scale", scales)
        half = self.add("GatherBlockQuantized", [name, "ids", f"{name}.scale"], "words_half", MS,
                        gather_axis=0, quantize_axis=1, block_size=BLOCK)  # fmt: skip
        return self.add("Cast", [half], "words", to=TensorProto.FLOAT)

    def _norm(self, name: str) -> tuple[str, str]:
        gamma, beta = f"{name}.weight", f"{name}.bias"
        return self.store(gamma, self.state[gamma]), self.store(beta, self.state[beta])

    def linear(self, name: str, hidden: str) -> str:
        """Multiply by the transposed weight ``name.weight`` and add ``name.bias``."""
        weight = self._weight(f"{name}.weight", self.state[f"{name}.weight"])
        bias = self.store(f"{name}.bias", self.state[f"{name}.bias"])
        return self.add("Add", [self.add("MatMul", [hidden, weight], f"{name}.product"), bias], f"{name}.out")

    def _weight(self, name: str, weight: FloatArray) -> str:
        """Store a weight of *shape* ``(n_out, n_in)`` transposed: in 4 bits if that loses nothing, else in 8."""
        if not self.products:
            return self.store(name, weight.T)
        if weight.shape[1] % BLOCK == 0:
            values, scale = quantise_rows_4bit(weight)
            if np.array_equal(dequantise_rows_4bit(values, scale), weight):
                self.store_4bit(name, values.T)
                self.store(f"{name}.scale", scale.T.astype(np.float32))
                return self.add("DequantizeLinear", [name, f"{name}.scale"], f"{name}.float", axis=0, block_size=BLOCK)
        product = self.products[name.removesuffix(".weight")]
        self.store(name, product.values)
        self.store(f"{name}.scale", product.scale)
        return self.add("DequantizeLinear", [name, f"{name}.scale"], f"{name}.float", axis=1)

    def store_4bit(self, name: str, values: NDArray[np.int8]) -> str:
        shape = list(values.shape)
        self.weights.append(helper.make_tensor(name, TensorProto.INT4, shape, pack_nibbles(values), raw=True))
        return name

    def layer(self, name: str, hidden: str) -> str:
        multiply = self.product_8bit if f"{name}.{QKV}" in self.products else self.linear
        mixed = self.add("MultiHeadAttention", self._qkv(name, hidden), f"{name}.mixed", MS, num_heads=self.shape.heads)
        attended = self.skip_norm(multiply(f"{name}.attention.output.dense", mixed), hidden, f"{name}.attention.output.LayerNorm")
        wide = self.add("Gelu", [multiply(f"{name}.intermediate.dense", attended)], f"{name}.wide", MS)
        return self.skip_norm(multiply(f"{name}.output.dense", wide), attended, f"{name}.output.LayerNorm")

    def _qkv(self, name: str, hidden: str) -> list[str]:
        if f"{name}.{QKV}" not in self.products:
            return [self.linear(f"{name}.attention.self.{part}", hidden) for part in ("query", "key", "value")]
        joined = self.product_8bit(f"{name}.{QKV}", hidden)
        parts = [f"{name}.{part}" for part in ("query", "key", "value")]
        self.nodes.append(helper.make_node("Split", [joined], parts, name=f"{name}.split", axis=2, num_outputs=3))
        return parts

    def skip_norm(self, hidden: str, skip: str, name: str) -> str:
        """Add and normalise, in two operators: the fused one is several times slower on processors."""
        summed = self.add("Add", [hidden, skip], f"{name}.sum")
        return self.add("LayerNormalization", [summed, *self._norm(name)], f"{name}.out", epsilon=self.shape.epsilon)

    def product_8bit(self, name: str, states: str) -> str:
        """Multiply by an 8-bit weight, of the states in 8 bits and of what these left, and add its bias."""
        product = self.products[name]
        weight = self.store(f"{name}.weight", product.values)
        scale = self.store(f"{name}.weight.scale", product.scale)
        bias = self.store(f"{name}.bias", self._bias(name))
        smoothing = self.store(f"{name}.weight.smoothing", product.smoothing)
        smooth = self.add("Mul", [states, smoothing], f"{name}.smooth")
        whole, step, zero = (f"{name}.{part}" for part in ("whole", "step", "zero"))
        self.nodes.append(helper.make_node("DynamicQuantizeLinear", [smooth], [whole, step, zero], name=whole))
        rest = self.add("Sub", [smooth, self.add("DequantizeLinear", [whole, step, zero], f"{name}.kept")], f"{name}.rest")
        first = self.add("MatMulIntegerToFloat", [whole, weight, step, scale, zero, "", bias], f"{name}.first", MS)
        second = self.add("DynamicQuantizeMatMul", [rest, weight, scale], f"{name}.second", MS)
        return self.add("Add", [first, second], f"{name}.out")

    def _bias(self, name: str) -> FloatArray:
        if not name.endswith(QKV):
            return self.state[f"{name}.bias"]
        layer = name.removesuffix(QKV)
        return np.concatenate([self.state[f"{layer}attention.self.{part}.bias"] for part in ("query", "key", "value")])

    def heads(self, hidden: str) -> None:
        self.store("heads.weight", self.state["heads.weight"].T)
        self.store("heads.bias", self.state["heads.bias"])
        self.add("Squeeze", [hidden, "zero"], "states")
        self.add("MatMul", ["states", "heads.weight"], "unbiased")
        self.add("Add", ["unbiased", "heads.bias"], "token_scores")

    def model(self) -> onnx.ModelProto:
        n_outputs = len(self.state["heads.bias"])
        graph = helper.make_graph(
            self.nodes,
            "scam-recruitment-detector",
            [helper.make_tensor_value_info("ids", TensorProto.INT64, [1, "n_tokens"])],
            [helper.make_tensor_value_info("token_scores", TensorProto.FLOAT, ["n_tokens", n_outputs])],
            self.weights,
        )
        opsets = [helper.make_opsetid("", OPSET), helper.make_opsetid(MS, 1)]
        return helper.make_model(graph, opset_imports=opsets, ir_version=10, producer_name="scam-recruitment-detector")
