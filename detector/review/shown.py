"""What readers see of a post."""

from dataclasses import dataclass

from detector.masking import mask_text
from detector.records import Evidence, IndicatorFinding
from detector.review.choosing import Pick


@dataclass(frozen=True, slots=True)
class Shown:
    """A post as it stands in a queue.

    :ivar rank: Its place, from 1.
    :ivar text: With contacts hidden, if they are to be; as long as the original.
    :ivar findings: What the model found, with evidence out of ``text``.
    """

    rank: int
    pick: Pick
    text: str
    findings: tuple[IndicatorFinding, ...]


def shown(pick: Pick, rank: int, *, mask: bool) -> Shown:
    """Return a post as it is to be shown."""
    post = pick.candidate
    if not mask:
        return Shown(rank, pick, post.text, post.findings)
    text = mask_text(post.text, post.language)
    return Shown(rank, pick, text, tuple(_over(text, finding) for finding in post.findings))


def _over(text: str, finding: IndicatorFinding) -> IndicatorFinding:
    """Return a finding with the words that stand at its offsets in another text."""
    pieces = (Evidence(piece.start, piece.end, text[piece.start : piece.end]) for piece in finding.evidence)
    return IndicatorFinding(finding.code, finding.score, tuple(pieces))
