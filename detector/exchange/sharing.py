"""What may be shared of the posts, with whom, and in whose name."""

from dataclasses import dataclass
from datetime import UTC, datetime

from detector.errors import InputError

TLP = ("clear", "green", "amber", "amber+strict", "red")
"""Levels of the Traffic Light Protocol 2.0, the most open first. Source: FIRST, https://www.first.org/tlp/"""

TOOL = "scam-recruitment-detector"
"""The name of this tool, and of the producer where none is given."""

BEGINNING = datetime(2020, 1, 1, tzinfo=UTC)
"""When every object counts as created: the same in all versions of an object, which no time that a post tells can be."""


@dataclass(frozen=True, slots=True)
class Sharing:
    """How an export is made.

    :ivar now: The time of this export: a later one replaces what an earlier one said.
    :ivar tlp: One of :data:`TLP`.
    :ivar producer: Who shares it. Part of the name of every object that says something: two producers do not overwrite each other.
    :ivar case: The caller's name for the case; says which MISP event this is. By default the text that was seen first says so.
    :ivar mask: Hide contacts.
    :ivar texts: Share the texts of the posts, and words of them; without, their hashes and offsets are shared.
    :raises InputError: if ``tlp`` is no level, ``producer`` is empty, or ``now`` lies before :data:`BEGINNING`.
    """

    now: datetime
    tlp: str = "amber"
    producer: str = TOOL
    case: str | None = None
    mask: bool = False
    texts: bool = True

    def __post_init__(self) -> None:
        if self.tlp not in TLP:
            raise InputError(f"expected a level of TLP 2.0 ({', '.join(TLP)}), got {self.tlp!r}")
        if not self.producer.strip():
            raise InputError("expected the name of a producer, got an empty one")
        if self.now < BEGINNING:
            raise InputError(f"expected a time of export after {BEGINNING:%Y-%m-%d}, got {self.now:%Y-%m-%dT%H:%M:%SZ}")
