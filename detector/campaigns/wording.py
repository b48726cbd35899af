"""Posts of nearly the same wording: MinHash over character shingles, and the pairs it finds alike.

Characters, not words: Thai, Lao, Khmer, Burmese, Chinese and Japanese write no blanks between words. The time grows with the number
of posts, not with its square: a post is compared with a few leaders of the buckets it falls into.

Source: Broder, "On the resemblance and containment of documents", 1997; Leskovec, Rajaraman and Ullman, "Mining of Massive
Datasets", section 3.4, for bands and rows. Figures for the parameters stand in ``data/campaigns/README.md``.
"""

import re
import unicodedata
from array import array
from collections.abc import Iterator
from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from detector.errors import MissingExtraError

SHINGLE = 4
"""Characters a shingle."""
PERMUTATIONS = 128
"""Values of a signature: the share of shingles that two posts have in common is told within 0.04 (one standard deviation)."""
ROWS = 3
"""Values a band; two posts that agree in all values of one band are compared."""
THRESHOLD = 0.4
"""Share of shingles (Jaccard similarity, 0 to 1) from which two posts count as one wording."""
MIN_CHARACTERS = 24
"""Letters and figures below which a text says too little to be recognised by: "DM me if interested" is no campaign."""
_LEADERS = 24
"""Posts of a bucket that others are compared with, before the rest of it is left to other buckets."""
_SEED = 20260101
_MIX = np.uint64(0x9E3779B97F4A7C15)

Signatures = NDArray[np.uint32]


class _Kept(dict[int, int | None]):
    """Keeps letters, their marks and figures of a text that is translated; leaves signs, blanks and emoji out."""

    def __missing__(self, code: int) -> int | None:
        self[code] = code if unicodedata.category(chr(code))[0] in "LMN" else None
        return self[code]


_KEPT = _Kept()
_NUMBER = re.compile(r"\d+(?:[.,:]\d+)*")
_ADDRESS = re.compile(r"https?://\S+|www\.\S+|\S*@[\w.@-]+", re.A)


def fold(text: str) -> str:
    """Return what is compared of a normalised text: letters and marks in lower case, each number as one 0.

    Names behind an ``@`` and links are left out: recruiters change them more often than the text around.
    """
    return _NUMBER.sub("0", _ADDRESS.sub(" ", text.lower())).translate(_KEPT)


def signature(folded: str, *, shingle: int = SHINGLE) -> bytes:
    """Return the MinHash signature of a folded text, ``PERMUTATIONS`` values of 32 bits.

    :param shingle: Characters a shingle.
    :raises MissingExtraError: if the extra ``cases`` is not installed.
    """
    sketch = _rensa().RMinHash(num_perm=PERMUTATIONS, seed=_SEED)
    sketch.update([folded[i : i + shingle] for i in range(max(1, len(folded) - shingle + 1))])
    return array("I", sketch.digest()).tobytes()


@cache
def _rensa() -> Any:  # noqa: ANN401  a module without types
    try:
        import rensa
    except ImportError as error:
        raise MissingExtraError("rensa", "cases") from error
    return rensa


def wording_links(signatures: Signatures, *, threshold: float = THRESHOLD) -> Iterator[tuple[int, int, float]]:
    """Yield pairs of nearly the same wording, enough of them to join all that belong together.

    :param signatures: *shape* ``(n_wordings, PERMUTATIONS)``. The pairs depend on the order of the rows: give them in one that
        does not depend on the order of the posts.
    :param threshold: Estimated Jaccard similarity from which two wordings are a pair, 0 to 1.
    :return: Row of a leader, row of the other, their similarity.
    """
    for start in range(0, PERMUTATIONS - ROWS + 1, ROWS):
        keys = np.zeros(len(signatures), dtype=np.uint64)
        for column in range(start, start + ROWS):
            # Two keys that meet by chance cost one comparison.
            keys = (keys ^ signatures[:, column]) * _MIX
        order = np.argsort(keys, kind="stable")
        first = np.flatnonzero(np.concatenate([[True], keys[order][1:] != keys[order][:-1]]))
        sizes = np.diff(np.append(first, len(order)))
        bucket = np.repeat(np.arange(len(sizes)), sizes)
        shared = sizes[bucket] > 1
        yield from _pairs(signatures, order[shared], bucket[shared], threshold)


def _pairs(
    signatures: Signatures, rows: NDArray[np.intp], buckets: NDArray[np.intp], threshold: float
) -> Iterator[tuple[int, int, float]]:
    """Yield the pairs of a band: in each bucket the first row leads, takes those like it along, and the first of the rest is next.

    :param rows: Rows sorted by bucket, *shape* ``(n,)``.
    :param buckets: Bucket of each, *shape* ``(n,)``.
    """
    for _ in range(_LEADERS):
        if not len(rows):
            return
        begins = np.concatenate([[True], buckets[1:] != buckets[:-1]])
        leaders = rows[np.flatnonzero(begins)[np.cumsum(begins) - 1]]
        rows, leaders, buckets = rows[~begins], leaders[~begins], buckets[~begins]
        alike = _similarity(signatures, leaders, rows)
        near = alike >= threshold
        yield from zip(leaders[near].tolist(), rows[near].tolist(), alike[near].tolist(), strict=True)
        rows, buckets = rows[~near], buckets[~near]


def _similarity(signatures: Signatures, one: NDArray[np.intp], other: NDArray[np.intp]) -> NDArray[np.float64]:
    """Return the estimated Jaccard similarity of rows and rows, *shape* ``(n,)``; in pieces, so that memory stays small."""
    pieces = [slice(start, start + 4096) for start in range(0, len(one), 4096)]
    shares = [(signatures[one[piece]] == signatures[other[piece]]).mean(axis=1) for piece in pieces]
    return np.concatenate(shares) if shares else np.zeros(0)
