"""From posts to a prepared folder: splits, windows of token ids, and the base encoder with the vocabulary it will be shipped with.

The vocabulary is trimmed here, before training, so that training, evaluation and serving cut every text into the same tokens.
"""

import hashlib
import json
import shutil
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from datasets import Dataset, load_from_disk
from safetensors.torch import load_file, save_file
from tokenizers import Tokenizer

from detector.bundle import TOKENIZER
from detector.encoder import Encoder, Window
from detector.errors import InputError
from detector.records import INDICATORS, LABELS
from detector.text import NormalisedText, normalise
from training.config import TrainConfig, config_from
from training.examples import ANNOTATED, Example, file_of, read_corpus
from training.feedback import read_feedback
from training.hashing import stable_hash
from training.perturb import roughen
from training.sources import Source, read_public, read_sources
from training.splits import Split, is_new_writer, split
from training.swaps import swapped
from training.vocabulary import read_base, trim_base

BASE = "base"
START = "start.safetensors"
"""Beside the encoder, where training goes on from an earlier run: what that run trained."""
POSTS = "posts"
FACTS = "prepared.json"
EXCERPT_TOKENS = 176
VARIANTS = 4
"""Roughened copies of a training post that epochs choose from, and at most as many with another employer or gender."""
MIN_TESTED = 5
"""Test posts of a language below which a bundle does not call it evaluated."""
HELD_BACK_SHARE = 8
"""Of each public set, validation and test take at most an eighth of the declared training rows: long adverts are slow to read."""


@dataclass(frozen=True, slots=True)
class Prepared:
    """A prepared folder.

    :ivar base: Folder of the trimmed encoder and its tokenizer.
    :ivar posts: A row a post: ``id text language source split group pair hardness kind why allowed indicators windows variants
        quotes cited``.
    :ivar facts: Counts, hashes and settings, as in ``prepared.json``.
    """

    base: Path
    posts: Dataset
    facts: dict[str, Any]

    @property
    def config(self) -> TrainConfig:
        """The settings of the run; given once, when it is prepared."""
        return config_from(self.facts["config"])

    def part(self, name: Split) -> Dataset:
        """Return the posts of one split."""
        return self.posts.select(np.flatnonzero(np.asarray(self.posts["split"]) == name))


@dataclass(frozen=True, slots=True)
class Start:
    """What training goes on from instead of a plain encoder (:mod:`training.starts`).

    :ivar base: Folder of the encoder and its tokenizer, with the vocabulary that stays.
    :ivar weights: What was trained before, a file of :mod:`safetensors`.
    :ivar encoder: Name of the encoder that all began with.
    :ivar origin: The run's fingerprint or the bundle's identity.
    """

    base: Path
    weights: Path
    encoder: str
    origin: str


def prepare(
    out: Path,
    *,
    base: str | Start,
    corpus: Path,
    sources: Path,
    public: Path | None,
    config: TrainConfig,
    feedback: Path | None = None,
) -> Prepared:
    """Read all posts, split them, cut them into windows and write everything that training needs.

    :param base: Folder or Hugging Face id of the encoder, or the run or bundle to go on from.
    :param corpus: Folder of ``<language>.jsonl`` files.
    :param sources: ``sources.toml``.
    :param public: Folder of the public sets; without it there are none.
    :param feedback: Folder of the posts that readers answered; without it there are none.
    :raises InputError: if the encoder or a set is missing or a group crosses splits.
    """
    if not isinstance(base, Start):
        read_base(base)  # before the minutes that the rest takes
    out.mkdir(parents=True, exist_ok=True)
    declared = read_sources(sources) if public else {}
    examples = read_corpus(corpus)
    for source in declared.values():
        examples.extend(read_public(public or Path(), source))
    # Last: what is a near-duplicate of another post goes where that one is.
    examples.extend(read_feedback(feedback) if feedback else ())
    splits = split(examples, declared)
    tokenizer = _encoder(base, out / BASE, [e.text for e in examples if e.source in ANNOTATED])
    encoder = Encoder(tokenizer, max_tokens=config.max_tokens, overlap=config.overlap)
    kept = _sample(examples, splits, declared)
    rows = [_row(examples[i], splits[i], encoder, noisy=config.noise > 0) for i in kept]
    Dataset.from_list(rows).save_to_disk(str(out / POSTS))
    facts = {
        "base": base.encoder if isinstance(base, Start) else str(base),
        "start": base.origin if isinstance(base, Start) else None,
        "data_hash": _data_hash([examples[i] for i in kept], [splits[i] for i in kept]),
        "languages": _evaluated_languages(examples, splits),
        "counts": _counts([examples[i] for i in kept], [splits[i] for i in kept]),
        "config": asdict(config),
        "fingerprint": _fingerprint(rows),
    }
    (out / FACTS).write_text(json.dumps(facts, indent=2) + "\n", "utf-8")
    return load_prepared(out)


def _encoder(base: str | Start, out: Path, texts: Sequence[str]) -> Tokenizer:
    """Write the encoder that training starts from, and return its tokenizer."""
    (out / START).unlink(missing_ok=True)
    if not isinstance(base, Start):
        return trim_base(base, out, texts)
    shutil.copytree(base.base, out, dirs_exist_ok=True)
    # A run that went on from another itself may have left lower layers as that one had trained them.
    earlier = load_file(out / START) if (out / START).exists() else {}
    save_file(earlier | load_file(base.weights), str(out / START))
    return Tokenizer.from_file(str(out / TOKENIZER))


def load_prepared(folder: Path) -> Prepared:
    """Read a prepared folder.

    :raises InputError: if it is none.
    """
    if not (folder / FACTS).exists():
        raise InputError(f"{folder}: no {FACTS}; run: python -m training prepare")
    facts = json.loads((folder / FACTS).read_text("utf-8"))
    return Prepared(folder / BASE, load_from_disk(str(folder / POSTS)), facts)


def quote_tokens(text: NormalisedText, original: str, quote: str, windows: Sequence[Window]) -> list[tuple[int, int, int]]:
    """Return where a quote's first occurrence lies: window, first token, one past the last, for each window that sees it."""
    start = original.find(quote)
    starts, ends = np.asarray(text.starts), np.asarray(text.ends)
    inside = np.flatnonzero((starts < start + len(quote)) & (ends > start))
    if not quote or not len(inside):
        return []
    found = []
    for place, window in enumerate(windows):
        hit = np.flatnonzero((window.spans[:, 0] <= inside[-1]) & (window.spans[:, 1] > inside[0]))
        if len(hit):
            found.append((place, int(hit[0]), int(hit[-1]) + 1))
    return found


def _row(example: Example, place: Split, encoder: Encoder, *, noisy: bool) -> dict[str, Any]:
    text = normalise(example.text)
    windows = encoder.windows(text.text)
    if example.source not in ANNOTATED and place == "train":
        windows = [_excerpt(windows, example.id)]
    quotes = [
        {"indicator": INDICATORS.index(quote.indicator), "window": w, "first": first, "end": end}
        for quote in example.quotes or ()
        for w, first, end in quote_tokens(text, example.text, quote.text, windows)
    ]
    present = {quote.indicator for quote in example.quotes or ()}
    return {
        "id": example.id,
        "text": example.text,
        "language": example.language,
        "source": example.source,
        "split": place,
        "group": example.group,
        "new_writer": is_new_writer(example),
        "pair": example.pair or "",
        "hardness": example.hardness or "",
        "kind": example.kind or "",
        "why": example.why or "",
        "allowed": [label in example.labels for label in LABELS],
        "indicators": [] if example.quotes is None else [code in present for code in INDICATORS],
        "windows": [window.ids.tolist() for window in windows],
        "variants": _variants(example, encoder) if noisy and place == "train" and example.source in ANNOTATED else [],
        "quotes": quotes,
        "cited": [{"indicator": quote.indicator, "text": quote.text} for quote in example.quotes or ()],
    }


def _variants(example: Example, encoder: Encoder) -> list[list[list[int]]]:
    """Return the windows of a post roughened in different ways, and with terms swapped; where quotes then lie is not known."""
    texts = [roughen(example.text, np.random.default_rng((stable_hash(example.id), number))) for number in range(VARIANTS)]
    texts += [swap.text for swap in swapped(example.text, file_of(example.group))][:VARIANTS]
    return [[window.ids.tolist() for window in encoder.windows(normalise(text).text)] for text in texts]


def _excerpt(windows: Sequence[Window], name: str) -> Window:
    """Return a piece of a public post: its opening for two in three, a piece from anywhere for the rest, of varying length.

    Adverts are long, and time is short; and cut to the length of posts they cannot be told from lures by their length.
    """
    random = np.random.default_rng(stable_hash(name))
    window = windows[0] if random.random() < 2 / 3 else windows[int(random.integers(len(windows)))]
    n_tokens = min(len(window.ids), int(random.integers(24, EXCERPT_TOKENS)))
    start = 1 if window is windows[0] else int(random.integers(1, len(window.ids) - n_tokens + 2))
    kept = np.r_[0, start : start + n_tokens - 2, len(window.ids) - 1]
    return Window(window.ids[kept], window.spans[kept])


def _sample(examples: Sequence[Example], splits: Sequence[Split], sources: dict[str, Source]) -> list[int]:
    """Return the places to keep: all annotated posts, and of each public set as many rows as declared, by hash."""
    order = sorted(range(len(examples)), key=lambda i: stable_hash(examples[i].id))
    taken: Counter[tuple[str, Split]] = Counter()
    kept = []
    for i in order:
        source, place = examples[i].source, splits[i]
        if source in ANNOTATED:
            kept.append(i)
            continue
        taken[source, place] += 1
        room = sources[source].sample // (1 if place == "train" else HELD_BACK_SHARE)
        # Held-out sets are scored whole in the evaluation, which reads them itself; here they only keep their copies out.
        if place != "held_out" and taken[source, place] <= room:
            kept.append(i)
    return sorted(kept)


def _evaluated_languages(examples: Sequence[Example], splits: Sequence[Split]) -> list[str]:
    """Return the languages of the corpus that are tested on :data:`MIN_TESTED` posts or more."""
    tested = Counter(e.language for e, place in zip(examples, splits, strict=True) if e.source == "corpus" and place == "test")
    return sorted(language for language, number in tested.items() if number >= MIN_TESTED)


def _counts(examples: Sequence[Example], splits: Sequence[Split]) -> dict[str, dict[str, int]]:
    counts: dict[str, dict[str, int]] = {}
    for example, place in zip(examples, splits, strict=True):
        row = counts.setdefault(example.source, {})
        row[place] = row.get(place, 0) + 1
    return counts


_READ_BY_TRAINING = ("id", "source", "language", "split", "pair", "why", "allowed", "indicators", "windows", "variants", "quotes")


def _fingerprint(rows: Sequence[Mapping[str, Any]]) -> str:
    """Return a hash of all that training reads of the posts."""
    digest = hashlib.sha256()
    for row in rows:
        told = [row[key] for key in _READ_BY_TRAINING]
        digest.update(json.dumps(told).encode())
    return digest.hexdigest()[:16]


def _data_hash(examples: Sequence[Example], splits: Sequence[Split]) -> str:
    """Return a hash of the posts, their labels, and which of them train and test: a bundle is not tested on what it trained on."""
    digest = hashlib.sha256()
    for example, place in zip(examples, splits, strict=True):
        digest.update(json.dumps([example.id, example.text, example.labels, place]).encode())
    return digest.hexdigest()[:16]
