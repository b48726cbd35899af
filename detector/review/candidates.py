"""Posts that a reader may be asked about, and how much the model doubts its verdict on each."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from detector.campaigns.linking import link_key
from detector.campaigns.preparing import asked, prepare
from detector.records import LABELS, IndicatorFinding
from detector.scored import FLAGGED, ScoredPost, indicators_of, text_digest

ABSTAINED = 0.5
"""Doubt about a post that the model abstains on: its score says nothing, and perhaps there is nothing to say."""
SURE = 0.9
"""Probability of the likeliest label from which a verdict counts as confident."""
_EDGE = 1e-6


@dataclass(frozen=True, slots=True)
class Candidate:
    """A post that may be shown.

    :ivar sha256: Of the original text in UTF-8: joins the answer with the post.
    :ivar label: The likeliest label, or nothing if the file has none.
    :ivar doubt: See :func:`doubt`.
    :ivar digest: Of what copies of the text have in common; orders posts of equal value.
    :ivar signature: MinHash signature; nothing for a text too short to be recognised.
    :ivar keys: Contacts, by what is the same for all ways of writing them.
    """

    source: str
    number: int
    id: str
    sha256: str
    text: str
    language: str
    label: str
    band: str
    score: float
    doubt: float
    model: str
    findings: tuple[IndicatorFinding, ...]
    digest: bytes
    signature: bytes | None
    keys: tuple[str, ...]


def candidate(post: ScoredPost, doubt: float) -> Candidate:
    """Return a post with what is compared of it.

    :raises MissingExtraError: if the extra ``cases`` is not installed.
    """
    prepared = prepare(asked(post))
    keys = (link_key(contact) for contact in prepared.contacts)
    return Candidate(
        source=post.source,
        number=post.number,
        id=post.id,
        sha256=text_sha256(post.text),
        text=post.text,
        language=post.language,
        label=label_of(post),
        band=post.band,
        score=post.score,
        doubt=doubt,
        model=str(post.fields.get("model") or ""),
        findings=indicators_of(post),
        digest=text_digest(prepared.folded or prepared.text),
        signature=prepared.signature,
        keys=tuple(sorted({key for key in keys if key is not None})),
    )


def text_sha256(text: str) -> str:
    """Return the SHA-256 of a text in UTF-8, as hexadecimal digits."""
    return text_digest(text).hex()


def label_of(post: ScoredPost) -> str:
    """Return the likeliest label of a post, or nothing if the file does not say."""
    return str(post.fields.get("label") or "")


def doubt(post: ScoredPost, points: Sequence[float]) -> float:
    """Return how much the model doubts its verdict, 0 to 1: half of it nearness to a threshold, half entropy.

    Nearness is ``exp(-d)``, ``d`` being the distance in log-odds between the score and the nearest of ``points``. Entropy is that
    of the labels' probabilities, over its highest value; where the file has none, that of the score.

    :param points: Scores at which the answer turns, each between 0 and 1.

    Source: Settles, "Active Learning Literature Survey", 2009, section 3.1, for entropy and margins as doubt.
    """
    if post.band == "abstain":
        return ABSTAINED
    distance = min(abs(_log_odds(post.score) - _log_odds(point)) for point in points)
    shares = label_shares(post) or (post.score, 1 - post.score)
    entropy = -sum(share * math.log(share) for share in shares if share > 0) / math.log(len(shares))
    return (math.exp(-distance) + min(entropy, 1.0)) / 2


def is_sure(post: ScoredPost) -> bool:
    """Whether a verdict is confident."""
    return post.band != "abstain" and max(label_shares(post) or (post.score, 1 - post.score)) >= SURE


def is_flagged(post: ScoredPost) -> bool:
    """Whether an analyst would look at a post."""
    return post.band in FLAGGED


def label_shares(post: ScoredPost) -> tuple[float, ...]:
    """Return the probabilities of the labels; nothing if the file has not all of them."""
    found = post.fields.get("label_scores")
    values: Mapping[str, Any] = (
        found if isinstance(found, Mapping) else {label: post.fields.get(f"score_{label}") for label in LABELS}
    )
    try:
        shares = tuple(float(value) for value in values.values())
    except (TypeError, ValueError):
        return ()
    return shares if len(shares) > 1 and all(0 <= share <= 1 for share in shares) else ()


def _log_odds(probability: float) -> float:
    inside = min(max(probability, _EDGE), 1 - _EDGE)
    return math.log(inside / (1 - inside))
