"""The character n-grams that tell the lures of a language from its other posts, for a person to read.

Most will be what lures are about. Those that are not (a phrase one writer likes, an ending, a way to write numbers) are artefacts
that a model would learn as well, and their posts should be rewritten.
"""

import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from math import log, sqrt

from detector.records import LABELS
from detector.text import normalise
from training.examples import Example

SIZES = range(3, 7)
_HAN = re.compile(r"[㐀-䶿一-鿿]{2}")
"""Two characters of Han, which say as much as a word; of other scripts two are a syllable."""
MIN_POSTS = 5
ALIKE = 0.5
"""Share of posts in common from which n-grams with common letters count as one finding."""
_CONTEXT = 8
"""Characters shown on each side of an n-gram, up to the next blank."""
_PRIOR = 0.5
_GAP = "\0"
"""Stands for words left out; no n-gram spans it."""
_VISIBLE = str.maketrans({" ": "␣", "\n": "↵"})

Found = tuple[str, tuple[int, ...]]
"""An n-gram and the places of the posts that have it."""


@dataclass(frozen=True, slots=True)
class Telling:
    """An n-gram and the posts that have it.

    :ivar ngram: Lower case, digits as ``0``; a line's start or end is a line break.
    :ivar z: Log odds of a post with it to be a lure, in standard errors; above 0 if it speaks for a lure.
    :ivar posts: Posts that have it, once each, by label in the order of :data:`detector.records.LABELS`.
    :ivar example: The commonest surroundings of it.
    """

    ngram: str
    z: float
    posts: tuple[int, ...]
    example: str

    def __str__(self) -> str:
        counts = "".join(f"{number:6}" for number in self.posts)
        return f"{self.z:+6.1f} {counts}  {self.ngram.translate(_VISIBLE)}  {self.example.translate(_VISIBLE)}"


def tell_apart(examples: Sequence[Example], *, number: int, unquoted: bool = False) -> list[Telling]:
    """Return the telling n-grams of some posts: first those that speak for a lure, then those against, the strongest first.

    :param number: N-grams for lures and n-grams against them, at most.
    :param unquoted: Leave out the words that are quoted as evidence: what then still tells the label is not what the writers
        held to be a sign of it.
    """
    texts = [_folded(example, unquoted=unquoted) for example in examples]
    labels = [LABELS.index(str(example.label)) for example in examples]
    lures = labels.count(0)
    scores: dict[Found, float] = {
        found: z_score(sum(labels[i] == 0 for i in found[1]), len(found[1]), lures=lures, posts=len(labels))
        for found in _frequent(texts).items()
    }
    speaking_for = _once({found: z for found, z in scores.items() if z > 0}, texts, number)
    against = _once({found: -z for found, z in scores.items() if z < 0}, texts, number)
    return [
        Telling(
            ngram, scores[ngram, posts], tuple([labels[i] for i in posts].count(label) for label in range(len(LABELS))), example
        )
        for (ngram, posts), example in (speaking_for | against).items()
    ]


def z_score(lures_with: int, posts_with: int, *, lures: int, posts: int) -> float:
    """Return the smoothed log odds ratio of being a lure with and without an n-gram, in standard errors.

    Source: Monroe, Colaresi and Quinn, "Fightin' Words", Political Analysis 2008, section 3.3, of posts instead of words and with a
    flat prior; an n-gram can be in most posts, so its absence counts in the variance too.
    """
    cells = (lures_with, lures - lures_with, posts_with - lures_with, posts - lures - posts_with + lures_with)
    a, b, c, d = (cell + _PRIOR for cell in cells)
    return (log(a / b) - log(c / d)) / sqrt(1 / a + 1 / b + 1 / c + 1 / d)


def _folded(example: Example, *, unquoted: bool) -> str:
    pieces = _outside_quotes(example) if unquoted else [example.text]
    text = _GAP.join(normalise(piece).text.lower() for piece in pieces)
    return re.sub(r"\s*\n\s*", "\n", re.sub(r"[^\S\n]+", " ", re.sub(r"\d", "0", f"\n{text}\n")))


def _outside_quotes(example: Example) -> list[str]:
    """Return the pieces of a post that are not quoted as evidence."""
    quoted = [False] * len(example.text)
    for quote in {quote.text for quote in example.quotes or ()} - {""}:
        for match in re.finditer(re.escape(quote), example.text):
            quoted[match.start() : match.end()] = [True] * len(quote)
    parts = groupby(zip(example.text, quoted, strict=True), key=lambda pair: pair[1])
    return ["".join(character for character, _ in part) if not hidden else "" for hidden, part in parts]


def _frequent(texts: Sequence[str]) -> dict[str, tuple[int, ...]]:
    """Return the posts of each n-gram that enough of them have."""
    places: defaultdict[str, list[int]] = defaultdict(list)
    for place, text in enumerate(texts):
        pairs = {text[i : i + 2] for i in range(len(text) - 1) if _HAN.match(text, i)}
        for ngram in pairs | {text[i : i + size] for size in SIZES for i in range(len(text) - size + 1)}:
            places[ngram].append(place)
    return {ngram: tuple(posts) for ngram, posts in places.items() if len(posts) >= MIN_POSTS and _GAP not in ngram}


def _once(scores: Mapping[Found, float], texts: Sequence[str], number: int) -> dict[Found, str]:
    """Return the n-grams of the highest scores with their surroundings, each finding once.

    An n-gram that is in most posts of a higher one, and shares letters with it or what surrounds it, is the same finding. Of those
    in the very same posts the longest comes first.
    """
    chosen: dict[Found, str] = {}
    for found in sorted(scores, key=lambda found: (-scores[found], -len(found[0]), found[0])):
        if len(chosen) == number:
            break
        if not any(_same(found, other, around) for other, around in chosen.items()):
            chosen[found] = _surroundings(found[0], [texts[i] for i in found[1]])
    return chosen


def _same(one: Found, other: Found, around: str) -> bool:
    ngram = one[0].strip()
    if not any(ngram[i : i + 2] in around for i in range(max(len(ngram) - 1, 1))):
        return False
    shared = len(set(one[1]) & set(other[1]))
    return shared >= ALIKE * (len(one[1]) + len(other[1]) - shared)


def _surroundings(ngram: str, texts: Iterable[str]) -> str:
    letters = rf"[^\s{_GAP}]{{0,{_CONTEXT}}}"
    around = re.compile(f"{'' if ngram[0].isspace() else letters}{re.escape(ngram)}{'' if ngram[-1].isspace() else letters}")
    return Counter(match[0] for text in texts if (match := around.search(text))).most_common(1)[0][0]
