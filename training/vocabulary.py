"""The encoder's vocabulary, trimmed to what fits: which pieces stay, and an encoder with only those.

XLM-RoBERTa's 250,000 pieces are most of a small encoder's weights. Which of them stay is listed in ``kept_pieces.json``, chosen by
how many more tokens each language's text would have without them (:mod:`training.vocabulary_report`). Another vocabulary is cut by
script: the scripts of this project's languages whole, others by frequency. Either way every single character stays, so that a
text in any script the encoder knows is still cut into known pieces.
"""

import base64
import hashlib
import json
import unicodedata
import zlib
from collections import Counter
from collections.abc import Iterable, Sequence
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import torch
from tokenizers import Tokenizer
from transformers import AutoModel, AutoTokenizer

from detector.errors import InputError
from training.onnx_graph import dequantise_rows_4bit, quantise_rows_4bit

SPECIAL = ("<s>", "<pad>", "</s>", "<unk>")
WORD_START = "▁"
MAX_PIECES = 146_000
"""What fits: 216 bytes a piece for its 4-bit embedding and about 37 in the tokenizer, beside 22 MB of layers in 60 MB."""
KEPT_PIECES = Path(__file__).with_name("kept_pieces.json")
WHOLE_SCRIPTS = frozenset({
    "THAI", "LAO", "KHMER", "MYANMAR", "DEVANAGARI", "BENGALI", "TAMIL", "SINHALA", "ETHIOPIC", "ARABIC", "HANGUL", "CJK",
    "HIRAGANA", "KATAKANA",
})  # fmt: skip
SHARES = {"LATIN": 0.46, "CYRILLIC": 0.5}
"""Share of a script's pieces that stay, most frequent first; of a script not named, :data:`OTHER_SHARE`."""
OTHER_SHARE = 0.42


@cache
def _script(character: str) -> str:
    if not (character.isalpha() or unicodedata.category(character).startswith("M")):
        return ""
    return unicodedata.name(character, "OTHER").split()[0].split("-")[0]


def piece_script(piece: str) -> str:
    """Return the script of a piece's first letter, in upper case; empty for digits, punctuation and symbols."""
    return next((script for script in map(_script, piece) if script), "")


def choose_pieces(pieces: Sequence[tuple[str, float]], used: Iterable[int] = ()) -> list[int]:
    """Return the ids of the pieces that stay, ascending.

    :param pieces: Piece and log-probability, by id; the first four are the special tokens.
    :param used: Ids seen in this project's own texts, most frequent first; they stay as far as :data:`MAX_PIECES` allows.
    """
    kept = set(range(len(SPECIAL)))
    kept.update(i for i, (piece, _) in enumerate(pieces) if len(piece.lstrip(WORD_START)) <= 1)
    listed = read_kept(KEPT_PIECES, pieces)
    kept.update(_frequent(pieces) if listed is None else listed)
    missing = [i for i in dict.fromkeys(used) if i not in kept]
    kept.update(missing[: max(0, MAX_PIECES - len(kept))])
    return sorted(kept)


def read_kept(path: Path, pieces: Sequence[tuple[str, float]]) -> list[int] | None:
    """Return the ids that a list of kept pieces names; none if the list is of another vocabulary.

    :param path: A file that :func:`write_kept` wrote.
    """
    listed = json.loads(path.read_text("utf-8"))
    if listed["pieces_sha256"] != _fingerprint(pieces):
        return None
    bits = np.frombuffer(zlib.decompress(base64.b85decode(listed["kept"])), np.uint8)
    return np.flatnonzero(np.unpackbits(bits, count=len(pieces))).tolist()


def write_kept(path: Path, pieces: Sequence[tuple[str, float]], kept: Iterable[int]) -> None:
    """Write which pieces stay: one bit a piece, and a hash that ties the bits to their vocabulary."""
    bits = np.zeros(len(pieces), np.uint8)
    bits[list(kept)] = 1
    packed = base64.b85encode(zlib.compress(np.packbits(bits).tobytes(), 9)).decode("ascii")
    listed = {"pieces_sha256": _fingerprint(pieces), "kept": packed}
    path.write_text(json.dumps(listed, indent=1) + "\n", "utf-8")


def _fingerprint(pieces: Sequence[tuple[str, float]]) -> str:
    return hashlib.sha256("\n".join(piece for piece, _ in pieces).encode()).hexdigest()


def _frequent(pieces: Sequence[tuple[str, float]]) -> list[int]:
    """Return the most frequent pieces of each script, all of them for the scripts of this project's languages."""
    by_script: dict[str, list[int]] = {}
    for i, (piece, _) in enumerate(pieces):
        by_script.setdefault(piece_script(piece), []).append(i)
    kept: list[int] = []
    for script, ids in by_script.items():
        share = 1.0 if script in WHOLE_SCRIPTS or not script else SHARES.get(script, OTHER_SHARE)
        ranked = sorted(ids, key=lambda i: -pieces[i][1])
        kept.extend(ranked[: int(len(ranked) * share)])
    return kept


def read_base(base: str | Path) -> tuple[Tokenizer, dict[str, Any], list[tuple[str, float]]]:
    """Return an encoder's tokenizer, the same as its JSON says it, and its pieces with their log-probabilities.

    :param base: Folder or Hugging Face id.
    :raises InputError: if there is no such encoder, or its tokenizer is not a unigram model.
    """
    try:
        fast = AutoTokenizer.from_pretrained(base).backend_tokenizer
    except (OSError, ValueError) as error:
        raise InputError(f"{base}: expected an encoder's folder or its Hugging Face id, got: {error}") from error
    plain = json.loads(fast.to_str())
    if plain["model"]["type"] != "Unigram":
        raise InputError(f"{base}: expected a unigram tokenizer, got {plain['model']['type']}")
    return fast, plain, [(piece, score) for piece, score in plain["model"]["vocab"]]


def trim_base(base: str | Path, out: Path, texts: Sequence[str]) -> Tokenizer:
    """Write an encoder whose vocabulary is trimmed and whose embeddings are rounded to the 4 bits they are shipped in.

    :param base: Folder or Hugging Face id of an encoder with a unigram tokenizer.
    :param out: Folder for the encoder and ``tokenizer.json``.
    :param texts: Posts of this project; the pieces that occur most in them stay.
    :return: The trimmed tokenizer.
    :raises InputError: if the tokenizer is not a unigram model.
    """
    fast, plain, pieces = read_base(base)
    counts = Counter(i for encoding in fast.encode_batch(list(texts)) for i in encoding.ids)
    kept = choose_pieces(pieces, [i for i, _ in counts.most_common() if i < len(pieces)])
    tokenizer = trim_tokenizer(plain, kept)
    model = AutoModel.from_pretrained(base, add_pooling_layer=False)
    table = model.get_input_embeddings().weight.detach()[torch.tensor(kept)].numpy()
    rounded = dequantise_rows_4bit(*quantise_rows_4bit(table))
    model.resize_token_embeddings(len(kept), mean_resizing=False)
    with torch.no_grad():
        model.get_input_embeddings().weight.copy_(torch.from_numpy(rounded))
    model.save_pretrained(out)
    tokenizer.save(str(out / "tokenizer.json"), pretty=False)
    return tokenizer


def trim_tokenizer(plain: dict[str, Any], kept: Sequence[int]) -> Tokenizer:
    """Return a tokenizer with only the kept pieces, numbered anew in the same order.

    :param plain: The whole tokenizer as its JSON says it; left as it is.
    """
    vocabulary = plain["model"]["vocab"]
    trimmed = {**plain, "model": {**plain["model"], "vocab": [vocabulary[i] for i in kept]}}
    trimmed["added_tokens"] = [token for token in plain["added_tokens"] if token["content"] in SPECIAL]
    return Tokenizer.from_str(json.dumps(trimmed))
