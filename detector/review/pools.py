"""What is kept of a file while it is read: some of the most doubtful posts, and samples. Neither grows with the file."""

import heapq
from collections.abc import Callable

import numpy as np

from detector.campaigns.wording import ROWS, THRESHOLD
from detector.review.candidates import Candidate

_BANDS = 8
"""Bands of the signature by which near-duplicates meet: of two texts that share 70 % of their shingles, 19 in 20 do."""
_BAND_BYTES = 4 * ROWS

Kind = tuple[str, str]
"""Language and label."""


class DoubtfulPool:
    """Keeps the most doubtful posts, as many of each kind as there is room for, and of near-duplicates the first.

    Where a kind is rare all of it stays; the most frequent kind gives way first. So a language with few posts is not crowded out,
    nor are all others by one campaign.

    :param capacity: Posts that are kept.
    """

    def __init__(self, capacity: int) -> None:
        self._capacity = capacity
        self._heaps: dict[Kind, list[tuple[float, int, Candidate]]] = {}
        self._meeting: dict[bytes, Candidate] = {}
        self._texts: set[str] = set()
        self._taken = 0
        self._size = 0
        self._largest = 0

    def wants(self, kind: Kind, doubt: float, sha256: str) -> bool:
        """Whether a post would be kept if it has no near-duplicate here."""
        if sha256 in self._texts:
            return False
        heap = self._heaps.get(kind, [])
        return self._size < self._capacity or len(heap) < self._largest - 1 or (bool(heap) and doubt > heap[0][0])

    def add(self, kind: Kind, candidate: Candidate) -> None:
        """Take a post, unless one like it was taken."""
        keys = _meeting_keys(candidate)
        if any(_alike(candidate, self._meeting[key]) for key in keys if key in self._meeting):
            return
        self._meeting.update((key, candidate) for key in keys if key not in self._meeting)
        self._texts.add(candidate.sha256)
        self._taken += 1
        # Of equal doubt the one that came first stays.
        heapq.heappush(self._heaps.setdefault(kind, []), (candidate.doubt, -self._taken, candidate))
        self._size += 1
        if self._size > self._capacity:
            self._drop_one()
        self._largest = max(map(len, self._heaps.values()))

    def candidates(self) -> list[Candidate]:
        """Return the posts that are kept."""
        return [candidate for heap in self._heaps.values() for _, _, candidate in heap]

    def _drop_one(self) -> None:
        kind = max(self._heaps, key=lambda kind: (len(self._heaps[kind]), kind))
        _, _, dropped = heapq.heappop(self._heaps[kind])
        if not self._heaps[kind]:
            del self._heaps[kind]
        self._texts.discard(dropped.sha256)
        for key in _meeting_keys(dropped):
            if self._meeting.get(key) is dropped:
                del self._meeting[key]
        self._size -= 1


class Sample:
    """Keeps a sample of the rows it is offered: those whose hashes are lowest, each row being as likely as any other.

    :param capacity: Rows that are kept.
    """

    def __init__(self, capacity: int) -> None:
        self._capacity = capacity
        self._heap: list[tuple[int, int, Candidate]] = []

    def offer(self, order: int, place: int, make: Callable[[], Candidate]) -> None:
        """Take a row if it belongs to the sample.

        :param order: Hash of the row.
        :param place: Of the row among all rows.
        """
        if self._capacity == 0 or (len(self._heap) == self._capacity and order >= -self._heap[0][0]):
            return
        heapq.heappush(self._heap, (-order, place, make()))
        if len(self._heap) > self._capacity:
            heapq.heappop(self._heap)

    def candidates(self) -> list[Candidate]:
        """Return the rows that are kept, in the order of their hashes."""
        return [candidate for _, _, candidate in sorted(self._heap, key=lambda entry: (-entry[0], entry[1]))]


def _meeting_keys(candidate: Candidate) -> list[bytes]:
    if candidate.signature is None:
        return [candidate.digest]
    starts = range(0, _BANDS * _BAND_BYTES, _BAND_BYTES)
    return [bytes([place]) + candidate.signature[start : start + _BAND_BYTES] for place, start in enumerate(starts)]


def _alike(one: Candidate, other: Candidate) -> bool:
    if one.signature is None or other.signature is None:
        return one.digest == other.digest
    values = (np.frombuffer(signature, dtype=np.uint32) for signature in (one.signature, other.signature))
    return bool(np.equal(*values).mean() >= THRESHOLD)
