"""Near-duplicates among posts, in any script: MinHash over character shingles.

Source: Broder, "On the resemblance and containment of documents", 1997; datasketch's locality-sensitive hashing.
"""

import re
from collections.abc import Iterator, Sequence

from datasketch import MinHash, MinHashLSH

from detector.text import normalise

SHINGLE = 5
"""Characters a shingle; characters because many of our scripts write no blanks."""
PERMUTATIONS = 128
BANDS = (32, 4)
"""Bands and rows of the hashing: a pair that shares 60 % of its shingles becomes a candidate with probability 0.99."""
NEAR = 0.6
"""Share of shingles from which two posts count as near-duplicates."""


def shingles(text: str) -> frozenset[str]:
    """Return the overlapping pieces of a text, case, digits and blanks folded."""
    folded = re.sub(r"\d+", "0", re.sub(r"\s+", " ", normalise(text).text.lower()))
    return frozenset(folded[i : i + SHINGLE] for i in range(max(1, len(folded) - SHINGLE + 1)))


def similarity(one: frozenset[str], other: frozenset[str]) -> float:
    """Return the Jaccard similarity of two sets, 0 to 1."""
    return len(one & other) / len(one | other)


def near_duplicates(texts: Sequence[str], *, threshold: float) -> Iterator[tuple[int, int, float]]:
    """Yield pairs of places whose texts share at least ``threshold`` of their shingles, with the share.

    :param threshold: Jaccard similarity, 0 to 1. Candidates are found by hashing and then compared exactly, so a pair near the
        threshold may be missed but none is wrongly reported.
    """
    sets = [shingles(text) for text in texts]
    index = MinHashLSH(num_perm=PERMUTATIONS, params=BANDS)
    for place, pieces in enumerate(sets):
        sketch = MinHash(num_perm=PERMUTATIONS)
        sketch.update_batch([piece.encode() for piece in sorted(pieces)])
        for other in sorted(index.query(sketch)):
            share = similarity(pieces, sets[other])
            if share >= threshold:
                yield other, place, share
        index.insert(place, sketch)
