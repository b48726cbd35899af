"""A whole training run small enough for a test: two narrow layers, some short posts of the corpus."""

import json
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from threadpoolctl import threadpool_limits
from tokenizers import Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers
from transformers import BertConfig, BertModel, PreTrainedTokenizerFast

from training import export as exporting
from training.config import TrainConfig
from training.examples import Example
from training.export import export
from training.finetune import finetune
from training.prepare import prepare

ROOT = Path(__file__).parents[2]
TINY = TrainConfig(seeds=(1, 2), epochs=2, max_tokens=48, overlap=12, frozen_layers=1, tokens_per_batch=512, learning_rate=1e-3)
POSTS_A_BATCH = 5


@pytest.fixture(autouse=True, scope="session")
def one_thread() -> Iterator[None]:
    """Everything here is so small that threads would only wait for each other."""
    torch.set_num_threads(1)
    with threadpool_limits(1):
        yield


@pytest.fixture(scope="session")
def tiny_corpus(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The shortest posts of each writing batch of two languages, half of them lures where there are as many."""
    folder = tmp_path_factory.mktemp("corpus")
    for language in ("en", "id"):
        lines = (ROOT / f"data/corpus/{language}.jsonl").read_text("utf-8").splitlines()
        rows = sorted(map(json.loads, lines), key=lambda row: len(row["text"]))
        kept = []
        taken: Counter[tuple[str, bool]] = Counter()
        for row in rows:
            kind = row["group"], row["label"] == "scam_compound"
            taken[kind] += 1
            if taken[kind] <= POSTS_A_BATCH // 2 + 1:
                kept.append(json.dumps(row))
        (folder / f"{language}.jsonl").write_text("\n".join(kept), "utf-8")
    return folder


@pytest.fixture(scope="session")
def tiny_base(tiny_corpus: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A random encoder with a unigram tokenizer of words and letters, laid out like the real one."""
    lines = [line for path in sorted(tiny_corpus.glob("*.jsonl")) for line in path.read_text("utf-8").splitlines()]
    texts = [json.loads(line)["text"] for line in lines]
    words = Counter(f"▁{word}" for text in texts for word in text.split())
    letters = sorted({letter for text in texts for letter in text if not letter.isspace()})
    pieces = [("<s>", 0.0), ("<pad>", 0.0), ("</s>", 0.0), ("<unk>", 0.0), ("▁", -4.0)]
    pieces += [(letter, -8.0) for letter in letters]
    pieces += [(word, -6.0) for word, _ in words.most_common(600) if len(word) > 2]
    tokenizer = unigram(pieces)
    folder = tmp_path_factory.mktemp("base")
    PreTrainedTokenizerFast(
        tokenizer_object=tokenizer, bos_token="<s>", eos_token="</s>", unk_token="<unk>", pad_token="<pad>"
    ).save_pretrained(folder)
    tiny_encoder(len(pieces)).save_pretrained(folder)
    return folder


@pytest.fixture(scope="session")
def tiny_run(tiny_base: Path, tiny_corpus: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run folder: prepared and fine-tuned."""
    run = tmp_path_factory.mktemp("run")
    sources = ROOT / "data/sources.toml"
    prepared = prepare(run / "prepared", base=str(tiny_base), corpus=tiny_corpus, sources=sources, public=None, config=TINY)
    finetune(prepared, run / "finetune")
    return run


@pytest.fixture(scope="session")
def bundle(tiny_run: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The tiny run's bundle, its upper layer in 8-bit arithmetic."""
    folder = tmp_path_factory.mktemp("bundle")
    with pytest.MonkeyPatch.context() as patch:
        # So small a network gives all posts nearly one score: their order, and average precision, hangs on the last digits.
        patch.setattr(exporting, "MAX_PRECISION_LOSS", 0.1)
        export(tiny_run, folder, version="0.0.1", float_layers=1)
    return folder


def unigram(pieces: list[tuple[str, float]]) -> Tokenizer:
    """Cut as XLM-RoBERTa's tokenizer does; the fourth piece is the unknown one."""
    tokenizer = Tokenizer(models.Unigram(pieces, unk_id=3))
    tokenizer.normalizer = normalizers.Sequence([normalizers.NFKC(), normalizers.Replace(Regex(" {2,}"), " ")])
    tokenizer.pre_tokenizer = pre_tokenizers.Metaspace()
    tokenizer.decoder = decoders.Metaspace()
    return tokenizer


def tiny_encoder(n_pieces: int, *, layers: int = 2) -> BertModel:
    """Layers of 32, as narrow as 4-bit embeddings allow."""
    torch.manual_seed(0)
    config = BertConfig(
        vocab_size=n_pieces, max_position_embeddings=64, pad_token_id=1, type_vocab_size=1, hidden_size=32,
        num_hidden_layers=layers, num_attention_heads=4, intermediate_size=64,
    )  # fmt: skip
    return BertModel(config, add_pooling_layer=False)


@pytest.fixture
def row() -> dict[str, Any]:
    """A line of a corpus file."""
    return {
        "id": "id-0001",
        "language": "id",
        "text": "Butuh admin chat di Kamboja, tiket kami tanggung",
        "label": "scam_compound",
        "hardness": "medium",
        "kind": "group post",
        "evidence": [
            {"indicator": "travel_paid", "quote": "tiket kami tanggung"},
            {"indicator": "no_employer_identity", "quote": ""},
        ],
        "noise": "none",
        "group": "id-b01",
        "pair": None,
        "author": "w1-id",
        "why": "chat work in Cambodia, travel paid",
    }


@pytest.fixture
def write_corpus(tmp_path: Path) -> Callable[..., Path]:
    """Write rows as the file of one language and return the folder."""

    def write(rows: list[dict[str, Any]], name: str = "id") -> Path:
        folder = tmp_path / "corpus"
        folder.mkdir(exist_ok=True)
        (folder / f"{name}.jsonl").write_text("\n".join(map(json.dumps, rows)) + "\n", "utf-8")
        return folder

    return write


def make_example(name: str, text: str, group: str, **changes: Any) -> Example:
    """A corpus post of no particular kind."""
    known: dict[str, Any] = {
        "language": "id", "labels": ("not_job",), "quotes": (), "source": "corpus", "author": "w1", "hardness": "easy",
    }  # fmt: skip
    return Example(id=name, text=text, group=group, **known | changes)


__all__ = ["ROOT", "TINY", "make_example", "tiny_encoder", "unigram"]
