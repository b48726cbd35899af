"""All posts of a run: what linking needs of them in memory, their texts in a file without a name.

A wording is what copies have in common once numbers, signs and emoji are left out. Most scraped posts are copies, so most work is
done once a wording.
"""

import tempfile
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from types import TracebackType
from typing import Self

import numpy as np

from detector.campaigns.linking import link_key
from detector.campaigns.preparing import Prepared
from detector.campaigns.wording import PERMUTATIONS, Signatures
from detector.records import Contact
from detector.scored import ScoredPost, text_digest

MAX_VARIANTS = 4
"""Texts that are kept of one wording, to show how its numbers and signs vary."""

Digest = bytes


@dataclass(frozen=True, slots=True)
class Member:
    """What is kept of a post.

    :ivar wording: Its wording, a place in :attr:`Collection.wordings`.
    :ivar contacts: Places in :attr:`Collection.contacts`.
    :ivar digest: Of its normalised text: orders posts whatever order they came in.
    """

    source: str
    number: int
    id: str
    wording: int
    band: str
    score: float
    language: str
    seen: datetime | None
    places: tuple[str, ...]
    contacts: tuple[int, ...]
    digest: Digest


@dataclass(slots=True)
class Wording:
    """Copies of one text.

    :ivar digest: Of what they have in common.
    :ivar signature: MinHash signature; nothing for a text too short to be recognised.
    :ivar variants: Texts by digest, with their place and length in the file of texts.
    """

    digest: Digest
    signature: bytes | None
    variants: dict[Digest, tuple[int, int]] = field(default_factory=dict)


class Collection:
    """Takes posts one by one; closing it removes the file of texts."""

    def __init__(self) -> None:
        self.members: list[Member] = []
        self.wordings: list[Wording] = []
        self.contacts: list[Contact] = []
        self.keys: list[str | None] = []
        self._places_of_wordings: dict[Digest, int] = {}
        self._places_of_contacts: dict[Contact, int] = {}
        self._known: dict[Digest, tuple[int, Digest]] = {}
        self._interned: dict[str, str] = {}
        self._texts = tempfile.TemporaryFile()
        self._end = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None) -> None:
        self._texts.close()

    def knows(self, post: ScoredPost) -> bool:
        """Whether a post is the copy of one that was taken, and nothing has to be computed of it."""
        return post.contacts is not None and _digest(post.text) in self._known

    def add(self, post: ScoredPost, prepared: Prepared | None) -> None:
        """Take a post, with what is computed of it unless it is known."""
        found = prepared.contacts if prepared is not None else post.contacts or ()
        contacts = tuple(dict.fromkeys(self._place_of_contact(contact) for contact in found))
        raw = _digest(post.text)
        if prepared is not None and raw not in self._known:
            wording, digest = self._new_text(raw, prepared, contacts)
        else:
            wording, digest = self._known[raw]
        self.members.append(
            Member(
                source=post.source,
                number=post.number,
                id=post.id,
                wording=wording,
                band=self._intern(post.band),
                score=post.score,
                language=self._intern(post.language),
                seen=post.seen,
                places=tuple(map(self._intern, post.places)),
                contacts=contacts,
                digest=digest,
            )
        )

    def signatures(self) -> tuple[list[int], Signatures]:
        """Return the wordings that can be recognised, ordered by their digests, and their signatures.

        :return: Places of the wordings, *length* ``n``; signatures, *shape* ``(n, PERMUTATIONS)``.
        """
        places = [place for place, wording in enumerate(self.wordings) if wording.signature is not None]
        places.sort(key=lambda place: self.wordings[place].digest)
        packed = b"".join(self.wordings[place].signature or b"" for place in places)
        return places, np.frombuffer(packed, dtype=np.uint32).reshape(-1, PERMUTATIONS)

    def texts(self, wording: int) -> list[str]:
        """Return the texts that are kept of a wording, in an order that does not depend on that of the posts."""
        variants = self.wordings[wording].variants
        return [self._read(*variants[digest]) for digest in sorted(variants)]

    def _new_text(self, raw: Digest, prepared: Prepared, contacts: Sequence[int]) -> tuple[int, Digest]:
        digest, short = _digest(prepared.text), prepared.signature is None
        # What says too little is one wording only with the same contacts.
        keys = sorted(key for key in (self.keys[place] for place in contacts) if key) if short else []
        # And without any, it is told from all others by the number of the post.
        own = [str(len(self.members))] if short and not keys else []
        name = _digest("\n".join([prepared.folded, *keys, *own]))
        place = self._places_of_wordings.setdefault(name, len(self.wordings))
        if place == len(self.wordings):
            self.wordings.append(Wording(name, prepared.signature))
        self._keep_variant(self.wordings[place], digest, prepared.text)
        if not short:
            self._known[raw] = (place, digest)
        return place, digest

    def _keep_variant(self, wording: Wording, digest: Digest, text: str) -> None:
        """Keep the texts with the lowest digests: the same ones in whatever order they come."""
        if digest in wording.variants:
            return
        if len(wording.variants) == MAX_VARIANTS:
            highest = max(wording.variants)
            if digest > highest:
                return
            del wording.variants[highest]
        encoded = text.encode("utf-8", "surrogatepass")
        self._texts.seek(self._end)
        self._texts.write(encoded)
        wording.variants[digest] = (self._end, len(encoded))
        self._end += len(encoded)

    def _read(self, place: int, length: int) -> str:
        self._texts.seek(place)
        return self._texts.read(length).decode("utf-8", "surrogatepass")

    def _place_of_contact(self, contact: Contact) -> int:
        place = self._places_of_contacts.setdefault(contact, len(self.contacts))
        if place == len(self.contacts):
            self.contacts.append(contact)
            self.keys.append(link_key(contact))
        return place

    def _intern(self, word: str) -> str:
        return self._interned.setdefault(word, word)


def _digest(text: str) -> Digest:
    return text_digest(text)[:16]


def users_of(keys: Sequence[str | None], members: Iterable[Member]) -> dict[str, list[int]]:
    """Return the wordings that name each contact, by the contact's key."""
    users: dict[str, set[int]] = {}
    for member in members:
        for place in member.contacts:
            key = keys[place]
            if key is not None:
                users.setdefault(key, set()).add(member.wording)
    return {key: sorted(wordings) for key, wordings in users.items()}
