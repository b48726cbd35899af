"""The exported graph: what quantisation keeps, and that the float graph says what torch says."""

from collections import Counter
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper
from transformers import BertConfig, BertModel, XLMRobertaConfig, XLMRobertaModel

from detector.errors import BundleError
from training.network import POSITION_OFFSETS, Network
from training.onnx_graph import (
    BLOCK,
    MS,
    OPSET,
    EncoderShape,
    _Builder,
    build_graph,
    dequantise_rows_4bit,
    pack_nibbles,
    quantise_rows_4bit,
)
from training.rounding import STATE_LEVELS, Product, round_products

FloatArray = NDArray[np.float32]
SIZES = {"hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 4, "intermediate_size": 64}
N_PIECES, N_OUTPUTS, MAX_TOKENS = 50, 7, 48

# Weights are within a few units and not nearly zero: half precision holds their scales with 11 bits.
weights = st.floats(-4, 4, width=32).map(lambda value: np.float32(value if abs(value) > 2**-9 else 0))


@pytest.mark.parametrize("peak", [-4.0, 4.0])
def test_a_block_in_4_bits_is_scaled_so_that_its_largest_value_is_minus_eight(peak: float) -> None:
    block = np.linspace(0, peak, 9, dtype=np.float32)  # steps of an eighth of the peak
    table = np.concatenate((block, np.zeros(BLOCK - 9, np.float32)))[None]
    values, scale = quantise_rows_4bit(table)
    assert values[0, :9].tolist() == [0, -1, -2, -3, -4, -5, -6, -7, -8]
    assert scale.tolist() == [[peak / -8]]


@settings(max_examples=40, deadline=None)
@given(hnp.arrays(np.float32, (2, 2 * BLOCK), elements=weights))
def test_a_table_that_went_through_4_bits_comes_back_exactly(table: FloatArray) -> None:
    once = dequantise_rows_4bit(*quantise_rows_4bit(table))
    np.testing.assert_array_equal(dequantise_rows_4bit(*quantise_rows_4bit(once)), once)


@settings(max_examples=40, deadline=None)
@given(hnp.arrays(np.float32, (2, 2 * BLOCK), elements=weights))
def test_a_table_in_4_bits_is_off_by_one_step_at_most(table: FloatArray) -> None:
    values, scale = quantise_rows_4bit(table)
    assert values.min() >= -8
    assert values.max() <= 7
    step = np.abs(scale.astype(np.float32)).repeat(BLOCK, axis=1)
    # A whole step only for values as large as the peak but of the other sign: there are eight steps below and seven above.
    assert (np.abs(dequantise_rows_4bit(values, scale) - table) <= 1.01 * step).all()


def test_a_width_that_blocks_do_not_fill_is_refused() -> None:
    with pytest.raises(BundleError, match="divisible by 32, got 48"):
        quantise_rows_4bit(np.zeros((3, 48), np.float32))


def test_the_earlier_of_two_4_bit_values_is_in_the_low_half_of_the_byte() -> None:
    assert pack_nibbles(np.array([[1, 2], [-1, -8]], dtype=np.int8)) == bytes([0x21, 0x8F])


def test_packed_values_read_back_as_onnx_reads_int4() -> None:
    values = np.arange(-8, 8, dtype=np.int8).reshape(2, 8)
    packed = helper.make_tensor("table", TensorProto.INT4, [2, 8], pack_nibbles(values), raw=True)
    np.testing.assert_array_equal(numpy_helper.to_array(packed).astype(np.int8), values)


@pytest.fixture(scope="module", params=["bert", "xlm-roberta"])
def network(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Network:
    """A random network of either kind; the second counts positions from 2."""
    folder: Path = tmp_path_factory.mktemp("base")
    torch.manual_seed(0)
    shape = {**SIZES, "vocab_size": N_PIECES, "max_position_embeddings": MAX_TOKENS + 16, "pad_token_id": 1}
    encoder = {"bert": (BertModel, BertConfig), "xlm-roberta": (XLMRobertaModel, XLMRobertaConfig)}[request.param]
    model, config = encoder
    model(config(**shape), add_pooling_layer=False).save_pretrained(folder)
    network = Network(folder, N_OUTPUTS, frozen_layers=1).eval()
    for parameter in network.parameters():
        parameter.data += 0.1 * torch.randn_like(parameter)
    return network


def _rounded(network: Network, first: int) -> dict[str, Product]:
    random = np.random.default_rng(5)
    return round_products(network, [random.integers(2, N_PIECES, n_tokens) for n_tokens in range(10, MAX_TOKENS)], first=first)


@pytest.fixture(scope="module")
def products(network: Network) -> dict[str, Product]:
    """Weights rounded on random windows, those of the upper layer for arithmetic in 8 bits."""
    return _rounded(network, first=1)


@pytest.fixture(scope="module")
def stored(network: Network) -> dict[str, Product]:
    """The same, all for arithmetic in float32."""
    return _rounded(network, first=network.encoder.config.num_hidden_layers)


def _graph(network: Network, products: dict[str, Product] | None = None) -> bytes:
    settings = network.encoder.config
    shape = EncoderShape(
        layers=settings.num_hidden_layers, heads=settings.num_attention_heads, epsilon=settings.layer_norm_eps,
        position_offset=POSITION_OFFSETS[settings.model_type],
    )  # fmt: skip
    state = network.encoder.state_dict() | {f"heads.{k}": v for k, v in network.heads.state_dict().items()}
    plain = {name: tensor.detach().numpy() for name, tensor in state.items()}
    return build_graph(plain, shape, max_tokens=MAX_TOKENS, products=products).SerializeToString()


def _both(network: Network, n_tokens: int, products: dict[str, Product] | None = None) -> tuple[FloatArray, FloatArray]:
    ids = np.random.default_rng(n_tokens).integers(2, N_PIECES, (1, n_tokens))
    graph = _graph(network, products)
    session = onnxruntime.InferenceSession(graph, providers=["CPUExecutionProvider"])
    (ours,) = session.run(None, {"ids": ids})
    with torch.inference_mode():
        theirs = network(torch.from_numpy(ids), torch.ones((1, n_tokens), dtype=torch.bool))[0].numpy()
    return ours, theirs


@pytest.mark.parametrize("n_tokens", [3, 17, MAX_TOKENS])
def test_the_float_graph_says_what_torch_says(network: Network, n_tokens: int) -> None:
    ours, theirs = _both(network, n_tokens)
    assert ours.shape == (n_tokens, N_OUTPUTS)
    np.testing.assert_allclose(ours, theirs, atol=1e-4)


def test_the_graph_with_weights_in_8_bits_stays_near(network: Network, stored: dict[str, Product]) -> None:
    ours, theirs = _both(network, MAX_TOKENS, stored)
    assert np.abs(ours - theirs).max() < 0.1 * np.ptp(theirs)


@pytest.mark.parametrize("n_tokens", [2, 3, 4, 17, MAX_TOKENS])
def test_the_graph_in_8_bit_arithmetic_stays_near(network: Network, products: dict[str, Product], n_tokens: int) -> None:
    ours, theirs = _both(network, n_tokens, products)
    assert ours.shape == (n_tokens, N_OUTPUTS)
    assert np.abs(ours - theirs).max() < 0.1 * np.ptp(theirs)


def test_loud_edges_of_a_window_do_not_coarsen_the_tokens_between() -> None:
    random = np.random.default_rng(0)
    values = random.integers(-60, 60, (32, 8)).astype(np.int8)
    smoothing = random.uniform(0.5, 2, 32).astype(np.float32)
    product = Product(values, np.full(8, 0.01, np.float32), smoothing)
    states = random.normal(size=(1, 14, 32)).astype(np.float32)
    states[:, [0, -1]] *= 30
    builder = _Builder({"p.bias": np.ones(8, np.float32)}, EncoderShape(1, 4, 1e-12), {"p": product})
    name = builder.product_8bit("p", "states")
    value = helper.make_tensor_value_info
    graph = helper.make_graph(
        builder.nodes,
        "product",
        [value("states", TensorProto.FLOAT, [1, None, 32])],
        [value(name, TensorProto.FLOAT, None)],
        builder.weights,
    )
    opsets = [helper.make_opsetid("", OPSET), helper.make_opsetid(MS, 1)]
    model = helper.make_model(graph, opset_imports=opsets, ir_version=10).SerializeToString()
    session = onnxruntime.InferenceSession(model, providers=["CPUExecutionProvider"])
    (found,) = session.run([name], {"states": states})
    weight = values * np.float32(0.01)
    # Each input is off by half a step of the second rounding at most, which has as many steps in one of the first.
    most = np.ptp(states * smoothing) / STATE_LEVELS / (STATE_LEVELS - 5) * np.abs(weight).sum(0).max() / 2
    assert np.abs(found - ((states * smoothing) @ weight + 1)).max() <= most


def test_products_in_8_bits_stand_under_their_names(network: Network, products: dict[str, Product]) -> None:
    graph = onnx.load_from_string(_graph(network, products)).graph
    found = {weight.name: weight for weight in graph.initializer}
    fused = found["encoder.layer.1.attention.self.qkv.weight"]
    assert (fused.data_type, list(fused.dims)) == (TensorProto.INT8, [32, 96])
    assert "encoder.layer.1.attention.self.query.weight" not in found
    assert "encoder.layer.0.attention.self.query.weight" in found
    kinds = Counter(node.op_type for node in graph.node)
    assert kinds["MatMulIntegerToFloat"] == kinds["DynamicQuantizeMatMul"] == 4


def test_weights_keep_their_names_and_positions_are_cut_to_the_longest_window(network: Network, stored: dict[str, Product]) -> None:
    found = {weight.name: weight for weight in onnx.load_from_string(_graph(network, stored)).graph.initializer}
    assert list(found["embeddings.positions"].dims) == [MAX_TOKENS, 32]
    names = [f"encoder.layer.1.{part}.weight" for part in ("attention.self.query", "intermediate.dense", "output.dense")]
    assert all(found[name].data_type == TensorProto.INT8 for name in names)
    assert found["embeddings.word_embeddings.weight"].data_type == TensorProto.INT4
    assert found["heads.weight"].data_type == TensorProto.FLOAT
