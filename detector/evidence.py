"""Which words carried a score: from exact token contributions to pieces of the original text.

Each token's contribution to a logit is known exactly (see :mod:`detector.pooling`). The pieces shown are the stretches of
text whose contributions, above the text's own level, add up to most.

Source: Ruzzo and Tompa, "A Linear Time Algorithm for Finding All Maximal Scoring Subsequences", ISMB 1999; the few best
stretches are taken one after the other here.
"""

from collections.abc import Iterable, Sequence

import numpy as np
from numpy.typing import NDArray

from detector.encoder import Window
from detector.records import Evidence
from detector.text import NormalisedText

FloatArray = NDArray[np.float64]

MAX_PIECES = 3
LEVEL = 0.5
"""How far above the text's mean contribution, or zero, a token must be, in standard deviations, to lengthen a piece."""
SHARE = 0.4
"""A further piece is shown only if it weighs at least this share of the first."""


class TokenLine:
    """The tokens of a post in order, each once, however many windows saw it.

    :param windows: The post's windows.
    :param weights: Share of each window in the post's logits, *shape* ``(n_windows,)``.
    """

    def __init__(self, windows: Sequence[Window], weights: NDArray[np.float32]) -> None:
        spans = np.concatenate([window.spans for window in windows])
        self._shares = np.concatenate([np.full(len(w.ids), share / len(w.ids)) for w, share in zip(windows, weights, strict=True)])
        shown = spans[:, 1] > spans[:, 0]
        self._shown = np.flatnonzero(shown)
        self.spans, self._place = np.unique(spans[shown], axis=0, return_inverse=True)

    def contributions(self, scores: FloatArray) -> FloatArray:
        """Return what each token adds to a logit of the post.

        :param scores: Token scores of one output, all windows joined, *shape* ``(n_tokens,)``.
        :return: *Shape* ``(n_distinct_tokens,)``, along :attr:`spans`.
        """
        added = (self._shares * scores)[self._shown]
        return np.bincount(self._place.reshape(-1), weights=added, minlength=len(self.spans)).astype(np.float64)


Span = tuple[int, int]
"""Start and end of a piece of the normalised text, in characters."""


def pieces(line: TokenLine, contributions: FloatArray, text: str) -> tuple[Span, ...]:
    """Return the pieces of the normalised text with the largest contributions, strongest first.

    They belong to the text, whichever post it came from; :func:`quoted` finds them in a post.

    :param contributions: Along the line's tokens, *shape* ``(n_distinct_tokens,)``.
    """
    if not len(contributions):
        return ()
    # Never below zero: words that spoke against the score are not shown as if they had carried it.
    gains = contributions - max(contributions.mean(), 0.0) - LEVEL * contributions.std()
    found: list[Span] = []
    first = 0.0
    for _ in range(MAX_PIECES):
        start, end, weight = _heaviest(gains)
        if weight <= SHARE * first or weight <= 0:
            break
        first = first or weight
        gains[start:end] = -np.inf
        piece = _words(int(line.spans[start, 0]), int(line.spans[end - 1, 1]), text)
        if piece is not None:
            found.append(piece)
    return tuple(found)


def quoted(found: Iterable[Span], text: NormalisedText, original: str) -> tuple[Evidence, ...]:
    """Return pieces of the normalised text as pieces of a post, without those that share characters of it with a stronger one.

    :param text: The normalised text with its way back to this post.
    :param original: The post as written.
    """
    shown: list[Evidence] = []
    for span in found:
        start, end = text.original_span(*span)
        piece = Evidence(start, end, original[start:end])
        if not any(_overlap(piece, other) for other in shown):
            shown.append(piece)
    return tuple(shown)


def _heaviest(gains: FloatArray) -> tuple[int, int, float]:
    """Return start, end and sum of the stretch with the largest sum (Kadane's algorithm)."""
    best = (0, 0, 0.0)
    start, running = 0, 0.0
    for place, gain in enumerate(gains.tolist()):
        if running <= 0:
            start, running = place, 0.0
        running += gain
        if running > best[2]:
            best = (start, place + 1, running)
    return best


def _words(start: int, end: int, text: str) -> Span | None:
    """Widen to whole words, and drop blanks and punctuation at the edges; nothing if there is nothing else."""
    while start > 0 and _inside_word(text, start):
        start -= 1
    while end < len(text) and _inside_word(text, end):
        end += 1
    while start < end and not _solid(text[start]):
        start += 1
    while end > start and not _solid(text[end - 1]):
        end -= 1
    return (start, end) if start < end else None


def _inside_word(text: str, place: int) -> bool:
    """Whether a word of a script that writes blanks between words goes on over ``place``."""
    pair = text[place - 1 : place + 1]
    return all((character.isalnum() or character == "_") and ord(character) < _FIRST_UNSPACED for character in pair)


_FIRST_UNSPACED = 0x0900
"""From here on scripts mark vowels with characters that are not letters, or write no blanks: tokens are cut well enough there."""


def _solid(character: str) -> bool:
    return not (character.isspace() or character in ".,;:!?-–—()[]{}\"'«»“”‘’、。，；：！？（）【】「」*_|/•·")


def _overlap(one: Evidence, other: Evidence) -> bool:
    return one.start < other.end and other.start < one.end
