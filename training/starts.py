"""What training may go on from: an earlier run, or a bundle alone, whose weights are then those it is served with."""

import shutil
from pathlib import Path

import torch
from safetensors.torch import save_file
from torch import Tensor
from transformers import AutoModel, BertConfig, BertModel

from detector.backends.torch_model import read_weights
from detector.bundle import MANIFEST, TOKENIZER, Bundle, read_bundle
from detector.errors import BundleError, InputError
from training.export import best_seed
from training.finetune import WEIGHTS
from training.prepare import Start, load_prepared


def read_start(folder: Path, base: str | None, scratch: Path) -> Start:
    """Return what a folder leaves to go on from.

    :param folder: Of a run that has ended, or of a bundle.
    :param base: Folder or Hugging Face id of the encoder that the bundle began with, for the baselines. A run has its own.
    :param scratch: Folder for the encoder that is made of a bundle.
    :raises InputError: if the folder is neither, or the encoder is missing, superfluous or another.
    :raises BundleError: if it is a bundle with other bytes than it declares, or the run has not ended.
    """
    if (folder / MANIFEST).exists() == (base is None):
        raise InputError(f"--start {folder}: expected --base with a bundle, for the encoder it began with, and none with a run")
    if base is None and not (folder / "prepared").exists():
        raise InputError(f"--start {folder}: expected the folder of a run that has ended, or of a bundle, found neither")
    return run_start(folder) if base is None else bundle_start(read_bundle(folder), base, scratch)


def run_start(run: Path) -> Start:
    """Return the best model of an earlier run."""
    prepared = load_prepared(run / "prepared")
    return Start(prepared.base, best_seed(run / "finetune") / WEIGHTS, prepared.facts["base"], prepared.facts["fingerprint"])


def bundle_start(bundle: Bundle, base: str, out: Path) -> Start:
    """Write the encoder that a bundle began with, in the bundle's vocabulary, beside the layers and heads that were trained.

    The embeddings come back exactly; the layers as their 8 bits say, which moves a score by what the parity gate allowed.

    :raises InputError: if the bundle did not begin with an encoder of these sizes.
    """
    weights, heads, epsilon = read_weights(bundle)
    encoder = _encoder(weights, heads, epsilon)
    trained = {f"encoder.encoder.{name}": value.clone() for name, value in encoder.encoder.state_dict().items()}
    trained |= {"heads.weight": weights["heads.weight"].T.contiguous(), "heads.bias": weights["heads.bias"]}
    _put_back(encoder, base)
    encoder.save_pretrained(out)
    shutil.copy(bundle.folder / TOKENIZER, out / TOKENIZER)
    save_file(trained, str(out / WEIGHTS))
    return Start(out, out / WEIGHTS, bundle.manifest.base_model, bundle.identity)


def _put_back(encoder: BertModel, base: str) -> None:
    """Give the layers of an encoder the weights that they had before training."""
    try:
        before = AutoModel.from_pretrained(base, add_pooling_layer=False)
    except (OSError, ValueError) as error:
        raise InputError(f"{base}: expected an encoder's folder or its Hugging Face id, got: {error}") from error
    try:
        encoder.encoder.load_state_dict(before.encoder.state_dict())
    except (RuntimeError, AttributeError) as error:
        raise InputError(f"{base}: expected the encoder that the bundle began with, got one of other sizes") from error


def _encoder(weights: dict[str, Tensor], heads: int, epsilon: float) -> BertModel:
    """Return the encoder whose weights a graph holds; positions and the one token type were added up there."""
    words, positions = weights["embeddings.word_embeddings.weight"], weights["embeddings.positions"]
    state = {
        name: value.T.contiguous() if name.endswith("dense.weight") or ".self." in name and value.ndim == 2 else value
        for name, value in weights.items()
        if not name.startswith("heads.") and name != "embeddings.positions"
    }
    state["embeddings.position_embeddings.weight"] = positions
    state["embeddings.token_type_embeddings.weight"] = torch.zeros(1, words.shape[1])
    config = BertConfig(
        vocab_size=len(words),
        hidden_size=words.shape[1],
        num_hidden_layers=sum(name.endswith("intermediate.dense.weight") for name in weights),
        num_attention_heads=heads,
        intermediate_size=weights["encoder.layer.0.intermediate.dense.bias"].shape[0],
        max_position_embeddings=len(positions),
        type_vocab_size=1,
        layer_norm_eps=epsilon,
        pad_token_id=1,
    )
    encoder = BertModel(config, add_pooling_layer=False)
    missing, unknown = encoder.load_state_dict(state, strict=False)
    if unknown or [name for name in missing if not name.endswith("_ids")]:
        raise BundleError(f"expected the weights of {config.num_hidden_layers} layers, got others: {missing + unknown}")
    return encoder
