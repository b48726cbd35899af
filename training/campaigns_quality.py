"""How well near-duplicate wording finds reworded copies of a post, and how often it joins posts that are none."""

import json
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import combinations
from pathlib import Path

import numpy as np

from detector.campaigns.linking import join
from detector.campaigns.wording import MIN_CHARACTERS, PERMUTATIONS, Signatures, fold, signature, wording_links
from detector.errors import InputError
from detector.text import normalise
from training.examples import read_corpus

SHINGLES = (3, 4, 5)
THRESHOLDS = (0.3, 0.35, 0.4, 0.45, 0.5, 0.6)


@dataclass(frozen=True, slots=True)
class Reworded:
    """A post of the labelled set.

    :ivar group: The post that it is a copy of, with the other copies; nothing for a post that only resembles others.
    """

    id: str
    language: str
    group: str | None
    edits: tuple[str, ...]
    text: str


@dataclass(frozen=True, slots=True)
class Quality:
    """What linking by wording gives, over all pairs of posts that end up together, directly or by way of others.

    :ivar recall: Share of the pairs of one group that end up together.
    :ivar precision: Share of the pairs that end up together that are of one group.
    :ivar wrong: Posts of the corpus that end up with another that is not of their minimal pair.
    """

    shingle: int
    threshold: float
    recall: float
    precision: float
    wrong: int


def read_reworded(path: Path) -> list[Reworded]:
    """Return the labelled posts.

    :raises InputError: if an id or a text is there twice.
    """
    rows = [json.loads(line) for line in path.read_text("utf-8").splitlines()]
    posts = [Reworded(row["id"], row["language"], row["group"], tuple(row["edits"]), row["text"]) for row in rows]
    if len({post.id for post in posts}) < len(posts) or len({post.text for post in posts}) < len(posts):
        raise InputError(f"{path}: expected each id and each text once")
    return posts


def quality(posts: Sequence[Reworded], corpus: Sequence[tuple[str, str]], *, shingle: int, threshold: float) -> Quality:
    """Measure one setting.

    :param corpus: Texts of posts that are no copies of each other, with the name that minimal pairs share.
    """
    together = _pairs_together([post.text for post in posts], shingle, threshold)
    copies = {
        (one, other)
        for one, other in combinations(range(len(posts)), 2)
        if posts[one].group is not None and posts[one].group == posts[other].group
    }
    right = len(copies & together)
    wrong = {
        place
        for pair in _pairs_together([text for text, _ in corpus], shingle, threshold)
        if corpus[pair[0]][1] != corpus[pair[1]][1]
        for place in pair
    }
    return Quality(shingle, threshold, right / len(copies), right / max(1, len(together)), len(wrong))


def quality_table(reworded: Path, corpus: Path) -> str:
    """Return a Markdown table of all settings."""
    posts = read_reworded(reworded)
    texts = [(example.text, example.pair or example.id) for example in read_corpus(corpus)]
    lines = [
        f"| shingle | threshold | recall | precision | posts joined wrongly of the corpus' {len(texts):,} |",
        "|---:|---:|---:|---:|---:|",
    ]
    for shingle in SHINGLES:
        for threshold in THRESHOLDS:
            found = quality(posts, texts, shingle=shingle, threshold=threshold)
            lines.append(f"| {shingle} | {threshold} | {found.recall:.3f} | {found.precision:.3f} | {found.wrong} |")
    return "\n".join(lines)


def _pairs_together(texts: Sequence[str], shingle: int, threshold: float) -> set[tuple[int, int]]:
    folded = [(place, fold(normalise(text).text)) for place, text in enumerate(texts)]
    long = [(place, letters) for place, letters in folded if len(letters) >= MIN_CHARACTERS]
    signatures = _signatures((letters for _, letters in long), shingle)
    links = ((long[one][0], long[other][0]) for one, other, _ in wording_links(signatures, threshold=threshold))
    groups: dict[int, list[int]] = defaultdict(list)
    for place, lowest in enumerate(join(len(texts), links, {}, cap=1).wording):
        groups[lowest].append(place)
    return {pair for members in groups.values() for pair in combinations(members, 2)}


def _signatures(folded: Iterable[str], shingle: int) -> Signatures:
    packed = b"".join(signature(letters, shingle=shingle) for letters in folded)
    return np.frombuffer(packed, dtype=np.uint32).reshape(-1, PERMUTATIONS)
