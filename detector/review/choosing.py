"""Which posts a reader is asked about, and in which order.

Two samples are chosen first, without regard to anything else: rows at random, whose answers measure how often the model is right,
and rows at random among its confident verdicts. The rest are doubtful posts, one after the other that of the highest value:

    value = doubt · (1 - likeness) · (1 - same language) · (1 - same label) · (1 - same indicators)

``doubt`` is explained in :func:`detector.review.candidates.doubt`. ``likeness`` is the share of shingles in common with the most
alike of the posts chosen so far, the others the shares of these (one added to their number) that have the same language, label and
set of indicators. Posts of one campaign, linked by wording or contacts as :mod:`detector.campaigns` does it, are asked about once.

Source: Carbonell and Goldstein, "The use of MMR", SIGIR 1998, for choosing one by one against what is chosen already.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from detector.campaigns.linking import CONTACT_CAP, join
from detector.campaigns.wording import PERMUTATIONS, wording_links
from detector.review.candidates import Candidate

Why = Literal["doubtful", "abstained", "random", "confident"]
"""Why a post is asked about. It does not say what the model holds of it: readers would follow."""


@dataclass(frozen=True, slots=True)
class Pick:
    """A post that is asked about.

    :ivar stands_for: Rows of its sample that it stands for, itself and those of its campaign; 1 for a doubtful post.
    """

    candidate: Candidate
    why: Why
    stands_for: int = 1


def choose(doubtful: Sequence[Candidate], samples: Mapping[Why, Sequence[Candidate]], number: int) -> list[Pick]:
    """Return at most ``number`` picks, one a campaign, those of the samples spread evenly among the others.

    :param doubtful: Posts to rank.
    :param samples: Rows that are chosen whatever they are, the more important sample first.
    :raises MissingExtraError: if the extra ``cases`` is not installed.
    """
    everyone = sorted([*doubtful, *(each for sample in samples.values() for each in sample)], key=_order)
    campaign_of = dict(zip(map(_row, everyone), _campaigns(everyone), strict=True))
    taken: set[int] = set()
    drawn: list[Pick] = []
    for why, sample in samples.items():
        drawn += _represented(sample, why, campaign_of, taken)
    drawn = drawn[:number]
    left = [each for each in sorted(doubtful, key=_order) if campaign_of[_row(each)] not in taken]
    ranked = _ranked(left, [campaign_of[_row(each)] for each in left], number - len(drawn))
    return _spread([Pick(each, "abstained" if each.band == "abstain" else "doubtful") for each in ranked], drawn)


def _order(candidate: Candidate) -> tuple[bytes, str, int]:
    return candidate.digest, candidate.source, candidate.number


def _row(candidate: Candidate) -> tuple[str, int]:
    return candidate.source, candidate.number


def _represented(sample: Sequence[Candidate], why: Why, campaign_of: Mapping[tuple[str, int], int], taken: set[int]) -> list[Pick]:
    """Return one row of each campaign in a sample that is not taken yet, and take it."""
    rows: dict[int, list[Candidate]] = defaultdict(list)
    for each in sample:
        if campaign_of[_row(each)] not in taken:
            rows[campaign_of[_row(each)]].append(each)
    taken.update(rows)
    return [Pick(members[0], why, len(members)) for members in rows.values()]


def _campaigns(candidates: Sequence[Candidate]) -> Sequence[int]:
    """Return a number for each post, the same for posts of one campaign.

    :param candidates: Ordered by their digests.
    """
    known = [place for place, each in enumerate(candidates) if each.signature is not None]
    alike = [(known[one], known[other]) for one, other, _ in wording_links(_signatures(candidates[place] for place in known))]
    # Copies of a text that is too short for a signature.
    alike += [(place - 1, place) for place in range(1, len(candidates)) if candidates[place - 1].digest == candidates[place].digest]
    users: dict[str, list[int]] = defaultdict(list)
    for place, each in enumerate(candidates):
        for key in each.keys:
            users[key].append(place)
    return join(len(candidates), alike, users, cap=CONTACT_CAP).campaign


def _signatures(candidates: Iterable[Candidate]) -> NDArray[np.uint32]:
    """Return the signatures of posts, *shape* ``(n_posts, PERMUTATIONS)``; zeros for a text without one."""
    blank = bytes(4 * PERMUTATIONS)
    packed = b"".join(each.signature or blank for each in candidates)
    return np.frombuffer(packed, dtype=np.uint32).reshape(-1, PERMUTATIONS)


def _ranked(candidates: Sequence[Candidate], campaigns: Sequence[int], number: int) -> list[Candidate]:
    """Return posts of different campaigns, the one of highest value first; of equal ones that with the lowest digest."""
    if not candidates:
        return []
    signatures = _signatures(candidates)
    recognised = np.array([each.signature is not None for each in candidates])
    traits = [_codes(values) for values in zip(*map(_traits, candidates), strict=True)]
    members = np.asarray(campaigns)
    doubts = np.array([each.doubt for each in candidates])
    likeness = np.zeros(len(candidates))
    counts = [np.zeros(codes.max() + 1) for codes in traits]
    open_ = np.ones(len(candidates), dtype=bool)
    chosen: list[Candidate] = []
    while len(chosen) < number and open_.any():
        value = doubts * (1 - likeness)
        for codes, count in zip(traits, counts, strict=True):
            # One more than there are: a trait that all posts have lowers the value of all alike, and of none to 0.
            value *= 1 - count[codes] / (len(chosen) + 1)
        best = int(np.argmax(np.where(open_, value, -1.0)))
        chosen.append(candidates[best])
        open_ &= members != members[best]
        for codes, count in zip(traits, counts, strict=True):
            count[codes[best]] += 1
        if recognised[best]:
            likeness = np.maximum(likeness, (signatures == signatures[best]).mean(axis=1) * recognised)
    return chosen


def _traits(candidate: Candidate) -> tuple[str, str, str]:
    """Return language, label and set of indicators."""
    return candidate.language, candidate.label, " ".join(sorted({finding.code for finding in candidate.findings}))


def _codes(values: Sequence[str]) -> NDArray[np.intp]:
    """Return a number for each value, the same for equal ones."""
    return np.unique(np.asarray(values, dtype=object), return_inverse=True)[1]


def _spread(ranked: Sequence[Pick], drawn: Sequence[Pick]) -> list[Pick]:
    """Return both, each in its order and evenly mixed: a reader who stops half way has read half of each."""
    placed = [
        ((place + 0.5) / len(each), kind, pick) for kind, each in enumerate((ranked, drawn)) for place, pick in enumerate(each)
    ]
    return [pick for _, _, pick in sorted(placed, key=lambda entry: entry[:2])]
