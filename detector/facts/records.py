"""What can be known of a case from the words of its post."""

from collections.abc import Iterable
from dataclasses import asdict, dataclass
from typing import Literal

UNKNOWN = "unknown"
"""Stands for what a post does not say."""

Part = Literal["origin", "transit", "destination", "unspecified"]
Period = Literal["hour", "day", "week", "month", "year", "task", "unknown"]

JOBS = (
    "customer_service",
    "clerk",
    "marketing",
    "translator",
    "model",
    "teacher",
    "it",
    "driver",
    "cook",
    "cleaner",
    "factory",
    "construction",
    "security",
    "casino",
    "recruiter",
    "sales",
    "manager",
    "investment",
    "other",
)
"""The kinds of work: ``customer_service`` takes in chat operators and call centres, ``clerk`` typists, data entry and office work,
``model`` live-streamers, actors and faces for calls, ``other`` every job that is named and none of these."""


@dataclass(frozen=True, slots=True)
class Place:
    """A place named in a post.

    :ivar start: First code point of its name in the original text.
    :ivar end: One past the last.
    :ivar text: The name as written, ``original[start:end]``.
    :ivar place: Its usual English name, or a local one where the gazetteer has no other.
    :ivar country: ISO 3166-1 alpha-2 code.
    :ivar kind: ``country``, ``hotspot`` (known compounds and their towns), ``border`` or ``city``.
    :ivar part: Its part in the route; ``unspecified`` for where customers are, an office at home, and the like.
    """

    start: int
    end: int
    text: str
    place: str
    country: str
    kind: str
    part: Part


@dataclass(frozen=True, slots=True)
class Work:
    """The job that a post offers, or tells of.

    :ivar role: One of :data:`JOBS`.
    :ivar text: The words that say so, ``original[start:end]``.
    """

    role: str
    start: int
    end: int
    text: str


@dataclass(frozen=True, slots=True)
class Pay:
    """What the work is said to pay.

    :ivar low: The amount, or the lower end of a range.
    :ivar high: The upper end; the same amount where there is no range.
    :ivar currency: ISO 4217 code, ``USDT`` for the coin (which has no such code), or ``unknown``.
    :ivar period: What the amount is paid for, as far as the words around it say.
    :ivar text: The amount as written, ``original[start:end]``.
    """

    low: float
    high: float
    currency: str
    period: Period
    start: int
    end: int
    text: str


@dataclass(frozen=True, slots=True)
class CaseFacts:
    """What one post says: the places, the work, the pay.

    :ivar places: In the order of the text; one named twice is there twice.
    :ivar work: Nothing if no job is named.
    :ivar pay: Nothing if no pay is named.
    """

    places: tuple[Place, ...] = ()
    work: Work | None = None
    pay: Pay | None = None

    @property
    def role(self) -> str:
        """The kind of work, or ``unknown``."""
        return self.work.role if self.work is not None else UNKNOWN

    def countries(self, part: Part) -> tuple[str, ...]:
        """Return the countries with this part in the route, each once, in the order of the text."""
        return tuple(dict.fromkeys(place.country for place in self.places if place.part == part))

    def to_dict(self) -> dict[str, object]:
        """Return the facts as plain values: what the columns of a file of cases hold, ``unknown`` where the post is silent."""
        return {
            "places": [asdict(place) for place in self.places],
            "origin": _joined(self.countries("origin")),
            "transit": _joined(self.countries("transit")),
            "destination": _joined(self.countries("destination")),
            "role": self.role,
            "pay": asdict(self.pay) if self.pay is not None else dict(_NO_PAY),
        }


COLUMNS = ("places", "origin", "transit", "destination", "role", "pay")
"""The columns that :meth:`CaseFacts.to_dict` fills."""
_NO_PAY = {"low": None, "high": None, "currency": UNKNOWN, "period": UNKNOWN, "start": None, "end": None, "text": None}


def _joined(countries: Iterable[str]) -> str:
    return ";".join(countries) or UNKNOWN
