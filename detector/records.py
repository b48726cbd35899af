"""Posts in, verdicts out: the records that every surface shows."""

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field
from typing import Literal

from detector.errors import InputError

LABELS = ("scam_compound", "other_job_fraud", "legit_job", "not_job")
"""What a post can be, exactly one of them; the first is the headline score."""

INDICATORS = (
    "pay_out_of_line",
    "no_requirements",
    "vague_online_role",
    "typing_or_language_only",
    "chat_with_strangers_duty",
    "face_role",
    "gambling_or_crypto",
    "travel_paid",
    "board_and_lodging",
    "hotspot_destination",
    "place_vague_or_mismatch",
    "leave_now",
    "irregular_travel",
    "debt_lure",
    "safety_denial",
    "illegality_hint",
    "passport_or_contract_control",
    "secrecy",
    "recruit_bonus",
    "commission_kpi",
    "target_market_language",
    "age_gender_profile",
    "messenger_only_contact",
    "no_employer_identity",
    "urgency_or_riches",
    "upfront_fee",
    "home_tasks",
    "verifiable_employer",
    "warning_or_report",
)
"""Signals that a post can carry; several at once, and none is proof."""

ABSENCES = frozenset({"no_employer_identity"})
"""Indicators of something that is missing from a post: there are no words to show."""

Band = Literal["high", "review", "low", "abstain"]


@dataclass(frozen=True, slots=True)
class Post:
    """One post to score.

    :ivar text: The text as scraped, untouched.
    :ivar id: The caller's own name for the post; echoed in the verdict.
    :ivar language: BCP-47 code, if the caller knows it; otherwise it is identified.
    """

    text: str
    id: str | None = None
    language: str | None = None


def check_are_posts(posts: Iterable[Post | str]) -> None:
    """Refuse a text in place of several: each of its letters would be taken for a post.

    :raises InputError: if it is one.
    """
    if isinstance(posts, str):
        raise InputError("expected posts, got one text; put it into a list")


@dataclass(frozen=True, slots=True)
class Evidence:
    """A piece of the original text.

    :ivar start: First code point of the piece in the original text.
    :ivar end: One past its last code point.
    :ivar text: The piece itself, ``original[start:end]``.
    """

    start: int
    end: int
    text: str


@dataclass(frozen=True, slots=True)
class IndicatorFinding:
    """An indicator that the model finds in the post.

    :ivar code: One of :data:`INDICATORS`.
    :ivar score: Probability that the indicator is present, 0 to 1.
    :ivar evidence: The words that carried it, strongest first; empty for something that is missing from the text.
    """

    code: str
    score: float
    evidence: tuple[Evidence, ...] = ()


@dataclass(frozen=True, slots=True)
class Contact:
    """A way to reach the poster, as found in the post.

    :ivar kind: ``telegram``, ``whatsapp``, ``line``, ``zalo``, ``kakaotalk``, ``wechat``, ``viber``, ``facebook``, ``phone``,
        ``email``, ``url``, or ``handle`` for a name on another platform or one that is not said. A number is ``phone`` whatever
        messenger it is said to be for, unless it stands in the messenger's own link.
    :ivar value: The handle, number (E.164) or address in its usual written form: ``@name`` on Telegram, an invitation as
        ``t.me/+...`` or ``chat.whatsapp.com/...``, the bare name or group on Facebook.
    """

    kind: str
    value: str


@dataclass(frozen=True, slots=True)
class Verdict:
    """What the detector says of one post.

    A post that could not be read has ``error`` set and no score; all others have a score, also those it abstains on, for which it
    shows neither evidence nor indicators.

    :ivar score: Calibrated probability of ``scam_compound``, 0 to 1.
    :ivar label: The likeliest label.
    :ivar label_scores: Calibrated probability of each label; they sum to 1.
    :ivar band: ``high``, ``review``, ``low``, or ``abstain`` with a ``reason``.
    :ivar note: What the reader must know of the band, such as a language that was never evaluated.
    :ivar windows: Number of pieces the post was read in; all of it is read.
    :ivar evidence: The words that raised the score most, strongest first.
    :ivar model: Name, version and hash of the bundle.
    """

    id: str | None
    score: float | None = None
    label: str | None = None
    label_scores: Mapping[str, float] = field(default_factory=dict)
    band: Band | None = None
    reason: str | None = None
    language: str | None = None
    note: str | None = None
    windows: int = 0
    evidence: tuple[Evidence, ...] = ()
    indicators: tuple[IndicatorFinding, ...] = ()
    contacts: tuple[Contact, ...] = ()
    model: str | None = None
    error: str | None = None

    def to_dict(self) -> dict[str, object]:
        """Return the verdict as plain dictionaries and tuples, keys in the documented order."""
        plain = asdict(self)
        plain["label_scores"] = dict(self.label_scores)
        return plain
