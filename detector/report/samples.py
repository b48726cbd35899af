"""Posts to show: few, of many kinds, the same ones for the same input, whatever its size."""

import heapq
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass

from detector.report.marking import MOST_CHARACTERS
from detector.scored import ScoredPost, text_digest

SHOWN_HIGH = 8
SHOWN_REVIEW = 6
_MOST_LANGUAGES = 100
LONGEST = 20 * MOST_CHARACTERS
"""Characters beyond which a post is no sample."""


@dataclass(frozen=True, slots=True)
class Sample:
    """A post to show.

    :ivar why: Why it was chosen, for a person.
    """

    post: ScoredPost
    why: str


class SampleChoice:
    """Sees every post, and keeps few.

    High posts are drawn at random, one for each language: the lowest hash of the text is as good as a draw, and the same each
    time. Of the posts under review those with the lowest scores are kept, where the detector is least sure.
    """

    def __init__(self) -> None:
        self._high: dict[str, tuple[bytes, ScoredPost]] = {}
        self._flagged: Counter[str] = Counter()
        self._review: list[tuple[float, bytes, ScoredPost]] = []
        self._kept_review: set[bytes] = set()

    def see(self, post: ScoredPost) -> None:
        """Look at a post."""
        if len(post.text) > LONGEST:
            return
        if post.band == "high":
            self._see_high(post)
        elif post.band == "review":
            self._see_review(post)

    def _see_high(self, post: ScoredPost) -> None:
        if post.language not in self._high and len(self._high) == _MOST_LANGUAGES:
            return
        self._flagged[post.language] += 1
        digest = text_digest(post.text)
        kept = self._high.get(post.language)
        if kept is None or digest < kept[0]:
            self._high[post.language] = (digest, post)

    def _see_review(self, post: ScoredPost) -> None:
        if len(self._review) == SHOWN_REVIEW and post.score >= -self._review[0][0]:
            return
        digest = text_digest(post.text)
        if digest in self._kept_review:
            return
        self._kept_review.add(digest)
        # The heap has the highest score in front, the one that goes next; among equals the digest decides.
        heapq.heappush(self._review, (-post.score, digest, post))
        if len(self._review) > SHOWN_REVIEW:
            self._kept_review.discard(heapq.heappop(self._review)[1])

    def chosen(self) -> Iterator[Sample]:
        """Yield the samples: high ones of the commonest languages, then those under review, the least sure first."""
        for language in sorted(self._flagged, key=lambda name: (-self._flagged[name], name))[:SHOWN_HIGH]:
            yield Sample(self._high[language][1], "Drawn at random from the high posts in its language.")
        for _, _, post in sorted(self._review, key=lambda each: (-each[0], each[1])):
            yield Sample(post, "Among the lowest scores under review, where the detector is least sure.")
