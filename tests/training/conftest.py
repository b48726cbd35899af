"""A whole training run small enough for a test: two narrow layers, a few dozen posts of the corpus."""

import json
from collections import Counter
from pathlib import Path

import pytest
import torch
from tokenizers import Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers
from transformers import BertConfig, BertModel, PreTrainedTokenizerFast

from training.config import TrainConfig
from training.finetune import finetune
from training.prepare import Prepared, prepare

ROOT = Path(__file__).parents[2]
TINY = TrainConfig(seeds=(1, 2), epochs=2, max_tokens=48, overlap=12, frozen_layers=1, tokens_per_batch=512, learning_rate=1e-3)


@pytest.fixture(scope="session")
def tiny_corpus(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Every post of two languages of the corpus."""
    folder = tmp_path_factory.mktemp("corpus")
    for language in ("en", "id"):
        lines = (ROOT / f"data/corpus/{language}.jsonl").read_text("utf-8")
        (folder / f"{language}.jsonl").write_text(lines, "utf-8")
    return folder


@pytest.fixture(scope="session")
def tiny_base(tiny_corpus: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A random encoder with a unigram tokenizer of words and letters, laid out like the real one."""
    texts = [json.loads(line)["text"] for path in tiny_corpus.glob("*.jsonl") for line in path.open(encoding="utf-8")]
    words = Counter(f"▁{word}" for text in texts for word in text.split())
    letters = sorted({letter for text in texts for letter in text})
    pieces = [("<s>", 0.0), ("<pad>", 0.0), ("</s>", 0.0), ("<unk>", 0.0), ("▁", -4.0)]
    pieces += [(letter, -8.0) for letter in letters if not letter.isspace()]
    pieces += [(word, -6.0) for word, number in words.most_common(400) if len(word) > 2]
    tokenizer = Tokenizer(models.Unigram(pieces, unk_id=3))
    tokenizer.normalizer = normalizers.Sequence([normalizers.NFKC(), normalizers.Replace(Regex(" {2,}"), " ")])
    tokenizer.pre_tokenizer = pre_tokenizers.Metaspace()
    tokenizer.decoder = decoders.Metaspace()
    folder = tmp_path_factory.mktemp("base")
    PreTrainedTokenizerFast(
        tokenizer_object=tokenizer, bos_token="<s>", eos_token="</s>", unk_token="<unk>", pad_token="<pad>"
    ).save_pretrained(folder)
    torch.manual_seed(0)
    sizes = {"hidden_size": 64, "num_hidden_layers": 3, "num_attention_heads": 4, "intermediate_size": 96}
    config = BertConfig(vocab_size=len(pieces), max_position_embeddings=64, pad_token_id=1, **sizes)
    BertModel(config, add_pooling_layer=False).save_pretrained(folder)
    return folder


@pytest.fixture(scope="session")
def tiny_run(tiny_base: Path, tiny_corpus: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run folder: prepared and fine-tuned."""
    run = tmp_path_factory.mktemp("run")
    prepared = _prepare(run / "prepared", tiny_base, tiny_corpus)
    finetune(prepared, run / "finetune", TINY, report=lambda _: None)
    return run


def _prepare(out: Path, base: Path, corpus: Path) -> Prepared:
    return prepare(out, base=str(base), corpus=corpus, sources=ROOT / "data/sources.toml", public=None, config=TINY)
