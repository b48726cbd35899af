"""What is shared of one text, in whatever format: hidden and left out already what is not to be shared.

Copies of one text are one finding: scraped posts are mostly copies, and both formats say how often a thing was seen.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime

from detector.contacts import find_contacts
from detector.exchange.sharing import Sharing
from detector.facts import CaseFacts, Place, find_facts
from detector.facts.records import Part
from detector.language_tags import hinted_tag
from detector.masking import mask_contact, mask_text
from detector.records import Contact, Evidence, IndicatorFinding
from detector.scored import ScoredPost, evidence_of, indicators_of
from detector.text import normalise

SHOWN_IDS = 20
"""Ids that are kept of the posts with one text."""

PARTS: tuple[Part, ...] = ("origin", "transit", "destination")
"""The parts in a route that are shared."""

_MASKED = re.compile("[*•…█]")


@dataclass(slots=True)
class History:
    """The posts with one text.

    :ivar ids: The callers' names of the first few of them.
    :ivar unread: Posts that have not come by yet when the inputs are read again.
    """

    posts: int = 0
    first: datetime | None = None
    last: datetime | None = None
    ids: list[str] = field(default_factory=list)
    unread: int = 0

    def add(self, post: ScoredPost) -> None:
        """Count a post."""
        self.posts += 1
        self.unread += 1
        if post.seen is not None:
            self.first = min(self.first or post.seen, post.seen)
            self.last = max(self.last or post.seen, post.seen)
        if len(self.ids) < SHOWN_IDS and post.id not in self.ids:
            self.ids.append(post.id)


@dataclass(frozen=True, slots=True)
class Finding:
    """What is known of one text.

    :ivar sha256: Of the text in UTF-8, in hexadecimal.
    :ivar size: Bytes of the text in UTF-8.
    :ivar text: Nothing if texts are not shared.
    :ivar evidence: With offsets into the original text, and no words if texts are not shared.
    :ivar rated: Whether the indicators have probabilities; in CSV they have none.
    :ivar contacts: As a reader may see them.
    :ivar masked: Whether they are hidden.
    :ivar facts: Of these only what is no word of the text is shared: countries, names of places, the kind of work, the sum.
    """

    sha256: str
    size: int
    text: str | None
    posts: int
    first: datetime | None
    last: datetime | None
    ids: tuple[str, ...]
    band: str
    score: float
    label: str | None
    language: str | None
    note: str | None
    model: str
    evidence: tuple[Evidence, ...]
    indicators: tuple[IndicatorFinding, ...]
    rated: bool
    contacts: tuple[Contact, ...]
    masked: bool
    facts: CaseFacts

    @property
    def confidence(self) -> int | None:
        """The calibrated probability in per cent; nothing where the detector abstains."""
        return None if self.band == "abstain" else round(100 * self.score)

    @property
    def route(self) -> tuple[Place, ...]:
        """The places with a part in the route, each once for each part."""
        named = {(place.part, place.country, place.place): place for place in self.facts.places if place.part in PARTS}
        return tuple(named.values())

    @property
    def observables(self) -> tuple[Contact, ...]:
        """Contacts that can be looked for: a masked one is none, and the id of the real one would give it away."""
        return () if self.masked else observable(self.contacts)


def observable(contacts: tuple[Contact, ...]) -> tuple[Contact, ...]:
    """Return the contacts that were not masked before they came here."""
    return tuple(contact for contact in contacts if not _MASKED.search(contact.value))


def finding_of(text: tuple[ScoredPost, bytes, History], *, sharing: Sharing) -> Finding:
    """Return what may be shared of a text.

    :param text: One of the posts with that text, whose verdict counts; the text's SHA-256; all its posts.
    """
    post, digest, history = text
    shown = Shown(post.text, hinted_tag(post.language), sharing)
    return Finding(
        sha256=digest.hex(),
        size=len(post.text.encode("utf-8", "surrogatepass")),
        text=shown.text if sharing.texts else None,
        posts=history.posts,
        first=history.first,
        last=history.last,
        ids=tuple(mask_text(each) if sharing.mask else each for each in history.ids),
        band=post.band,
        score=post.score,
        label=_word(post.fields, "label"),
        language=None if post.language == "und" else post.language,
        note=_word(post.fields, "note") or _word(post.fields, "reason"),
        model=_word(post.fields, "model") or "unknown",
        evidence=shown.pieces(evidence_of(post)),
        indicators=tuple(replace(each, evidence=shown.pieces(each.evidence)) for each in indicators_of(post)),
        rated=isinstance(post.fields.get("indicators"), list),
        contacts=shown.contacts(_contacts(post)),
        masked=sharing.mask,
        facts=find_facts(post.text, language=hinted_tag(post.language)),
    )


class Shown:
    """A text as a reader may see it.

    :param language: BCP-47 code, if known.
    """

    def __init__(self, text: str, language: str | None, sharing: Sharing) -> None:
        self.text = mask_text(text, language) if sharing.mask else text
        self._sharing = sharing

    def pieces(self, evidence: tuple[Evidence, ...]) -> tuple[Evidence, ...]:
        """Return pieces of the text with the words that may be seen; the mask is as long as what it hides."""
        return tuple(Evidence(each.start, each.end, self._words(each.start, each.end)) for each in evidence)

    def contacts(self, contacts: tuple[Contact, ...]) -> tuple[Contact, ...]:
        """Return contacts as they may be seen."""
        return tuple(dict.fromkeys(map(mask_contact, contacts))) if self._sharing.mask else contacts

    def _words(self, start: int, end: int) -> str:
        return self.text[start:end] if self._sharing.texts else ""


def _contacts(post: ScoredPost) -> tuple[Contact, ...]:
    if post.contacts is not None:
        return post.contacts
    return find_contacts(normalise(post.text).text, hinted_tag(post.language))


def _word(fields: Mapping[str, object], name: str) -> str | None:
    value = fields.get(name)
    return value if isinstance(value, str) and value else None
