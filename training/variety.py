"""How varied the posts are: self-BLEU and distinct-n by language, of all posts and label by label. Reported, not limited.

Both are taken over a fixed sample, chosen by a hash, and over equal amounts of text, because both change with its size: self-BLEU
rises with the posts to compare with, distinct-n falls with length. Of the posts that were written as variants of one another
(minimal pairs, swap groups) a sample has one.
"""

import re
import unicodedata
from bisect import bisect_left
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import repeat
from math import exp, log

from detector.records import LABELS
from detector.text import normalise
from training.examples import Example, file_of
from training.hashing import stable_hash

POSTS = 120
"""Posts sampled for a language."""
POSTS_OF_LABEL = 40
"""Posts sampled for each label of a language; fewer if one label has fewer, the same number for all."""
TOKENS = 4000
"""Tokens that distinct-n of a language is taken over."""
TOKENS_OF_LABEL = 1200
"""Tokens that distinct-n of a label is taken over."""
MAX_ORDER = 4
DISTINCT = (1, 2, 3)

Tokens = Sequence[str]

_UNSPACED = re.compile(r"[\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3005\u3041-\u30ff\u3400-\u9fff\uaa60-\uaa7f]")
"""Thai, Lao, Burmese, Khmer, kana and Han."""
_OPENERS = frozenset("\u1039\u17d2เแโใไເແໂໃໄ")
"""What the next letter belongs to: signs of Burmese and Khmer that put it below the last, vowels of Thai and Lao written before."""
_CLOSERS = frozenset("\u200c\u200dะาำๅະາຳຽ")
"""Letters that belong to the last one as marks do: joiners, vowels of Thai and Lao."""
_MISSED = 0.1
"""What counts for an order of n-grams that no other post shares any of."""


@dataclass(frozen=True, slots=True)
class Variety:
    """How varied some posts are.

    :ivar posts: Posts sampled.
    :ivar self_bleu: Mean BLEU of each post against all others of the sample, 0 (nothing shared) to 1 (copies); ``None`` for fewer
        than two posts.
    :ivar distinct: Different n-grams as a share of all, 0 to 1, for each n of :data:`DISTINCT`; 0 where there are none.
    """

    posts: int
    self_bleu: float | None
    distinct: tuple[float, ...]


@dataclass(frozen=True, slots=True)
class LanguageVariety:
    """How varied the posts of one language are.

    :ivar spaced: Whether most of its tokens are words; otherwise most are single characters.
    :ivar whole: All labels together.
    :ivar labels: By label, over samples of one size; these compare with one another, not with ``whole``.
    """

    spaced: bool
    whole: Variety
    labels: Mapping[str, Variety]


def variety(examples: Sequence[Example], *, labels: Sequence[str] = LABELS) -> dict[str, LanguageVariety]:
    """Return how varied the posts of each language of a corpus are; scripts of one file are one language.

    :param labels: Labels to look at one by one; that takes longer than the languages themselves.
    """
    return {language: _of_language(posts, labels) for language, posts in sorted(by_file(examples).items())}


def variety_table(found: Mapping[str, LanguageVariety]) -> str:
    """Return the figures as a Markdown table; of a label, self-BLEU and distinct-2."""
    labels = [label for label in LABELS if any(label in row.labels for row in found.values())]
    head = ["language", "tokens", "posts", "self-BLEU", *(f"distinct-{n}" for n in DISTINCT), *labels]
    lines = [f"| {' | '.join(head)} |", "|---" * len(head) + "|"]
    for language, row in found.items():
        unit = "words" if row.spaced else "characters"
        whole = [f"`{language}`", unit, str(row.whole.posts), _shown(row.whole.self_bleu), *map(_shown, row.whole.distinct)]
        lines.append(f"| {' | '.join([*whole, *(_in_short(row.labels.get(label)) for label in labels)])} |")
    return "\n".join(lines)


def by_file(examples: Sequence[Example]) -> dict[str, list[Example]]:
    """Return the posts of each corpus file, named by its language; batches are named by it, while a post may say ``hi-Latn``."""
    found: dict[str, list[Example]] = {}
    for example in examples:
        found.setdefault(file_of(example.group), []).append(example)
    return found


def tokens(text: str) -> list[str]:
    """Cut a text into words, in lower case; a number is ``0``, punctuation and emoji are left out.

    Scripts that put no blanks between words (Thai, Lao, Burmese, Khmer, kana, Han) are cut into characters, each with its marks:
    word splitters differ in these by more than the texts do.
    """
    found: list[str] = []
    goes_on = False
    for character in re.sub(r"\d+", "0", normalise(text).text.lower()):
        kind = unicodedata.category(character)[0]
        if kind == "M" or character in _CLOSERS:
            if goes_on:
                found[-1] += character
        elif kind not in "LN":
            goes_on = False
        elif goes_on and _belongs(found[-1], character):
            found[-1] += character
        else:
            found.append(character)
            goes_on = True
    return found


def _belongs(token: str, character: str) -> bool:
    if token[-1] in _OPENERS:
        return True
    return not _UNSPACED.match(token) and not _UNSPACED.match(character)


def self_bleu(posts: Sequence[Tokens]) -> float | None:
    """Return the mean BLEU-4 of each post with all others as its references; ``None`` for fewer than two posts.

    :param posts: Tokens of each post; posts without any are left out.

    Source: Zhu et al., "Texygen: A Benchmarking Platform for Text Generation Models", SIGIR 2018. Smoothed as method 1 of Chen and
    Cherry, "A Systematic Comparison of Smoothing Techniques for Sentence-Level BLEU", WMT 2014.
    """
    posts = [post for post in posts if post]
    if len(posts) < 2:
        return None
    precisions = zip(*(_precisions(posts, order) for order in range(1, MAX_ORDER + 1)), strict=True)
    lengths = sorted(map(len, posts))
    return sum(map(_bleu, posts, precisions, repeat(lengths))) / len(posts)


def _bleu(post: Tokens, precisions: Sequence[float], lengths: Sequence[int]) -> float:
    if precisions[0] < 1 / len(post):  # no word of it occurs in another post
        return 0.0
    place = bisect_left(lengths, len(post))
    nearest = min([*lengths[max(place - 1, 0) : place], *lengths[place + 1 : place + 2]], key=lambda other: abs(other - len(post)))
    return exp(min(0.0, 1 - nearest / len(post)) + sum(map(log, precisions)) / MAX_ORDER)


def _precisions(posts: Sequence[Tokens], order: int) -> list[float]:
    """Return the share of each post's n-grams that some other post has as often."""
    counts = [Counter(_ngrams(post, order)) for post in posts]
    highest: dict[Tokens, int] = {}
    second: dict[Tokens, int] = {}
    for row in counts:
        for ngram, number in row.items():
            before = highest.get(ngram, 0)
            highest[ngram] = max(before, number)
            second[ngram] = max(second.get(ngram, 0), min(before, number))
    # A post that has an n-gram most often is compared with the second highest count; any other has at most that itself.
    shared = (sum(min(number, second[ngram]) for ngram, number in row.items()) for row in counts)
    return [max(found, _MISSED) / max(row.total(), 1) for found, row in zip(shared, counts, strict=True)]


def distinct(posts: Sequence[Tokens], n: int) -> float:
    """Return the different n-grams as a share of all; 0 if there are none. N-grams do not cross posts.

    Source: Li et al., "A Diversity-Promoting Objective Function for Neural Conversation Models", NAACL 2016.
    """
    found = [ngram for post in posts for ngram in _ngrams(post, n)]
    return len(set(found)) / len(found) if found else 0.0


def sample(examples: Sequence[Example], number: int) -> list[Example]:
    """Return some posts, chosen by a hash of their ids: the same ones on every machine, one of each pair or swap group."""
    chosen: dict[str, Example] = {}
    for example in sorted(examples, key=lambda example: stable_hash(f"variety/{example.id}")):
        chosen.setdefault(example.pair or example.id, example)
    return list(chosen.values())[:number]


def _of_language(examples: Sequence[Example], labels: Sequence[str]) -> LanguageVariety:
    whole = sample(examples, POSTS)
    samples = {label: sample([e for e in examples if e.label == label], POSTS_OF_LABEL) for label in labels}
    number = min((len(posts) for posts in samples.values() if posts), default=0)
    equal = {label: posts[:number] for label, posts in samples.items() if posts}
    cut = {example.id: tokens(example.text) for posts in (whole, *equal.values()) for example in posts}
    words = [token for example in whole for token in cut[example.id]]
    return LanguageVariety(
        spaced=2 * sum(bool(_UNSPACED.match(word)) for word in words) < len(words),
        whole=_of_posts([cut[e.id] for e in whole], TOKENS),
        labels={label: _of_posts([cut[e.id] for e in posts], TOKENS_OF_LABEL) for label, posts in equal.items()},
    )


def _of_posts(posts: Sequence[Tokens], limit: int) -> Variety:
    text = list(_cut(posts, limit))
    return Variety(len(posts), self_bleu(posts), tuple(distinct(text, n) for n in DISTINCT))


def _cut(posts: Sequence[Tokens], limit: int) -> Iterator[Tokens]:
    """Yield the first ``limit`` tokens of all posts."""
    for post in posts:
        yield post[:limit]
        limit -= len(post)
        if limit <= 0:
            return


def _ngrams(post: Tokens, n: int) -> Iterator[Tokens]:
    return (tuple(post[i : i + n]) for i in range(len(post) - n + 1))


def _shown(figure: float | None) -> str:
    return "–" if figure is None else f"{figure:.2f}"


def _in_short(label: Variety | None) -> str:
    return "–" if label is None else f"{_shown(label.self_bleu)} / {_shown(label.distinct[1])}"
