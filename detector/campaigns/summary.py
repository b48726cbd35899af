"""What a reader wants to know of a campaign, computed from its posts."""

import hashlib
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from statistics import median

from detector.campaigns.collected import Collection, Member
from detector.campaigns.linking import Components
from detector.campaigns.template import MAX_TEXTS, Template, template_of
from detector.dates import written
from detector.masking import mask_contact, mask_text

REPRESENTATIVES = 3
"""Posts that are named as examples of a campaign, each of another wording where there are several."""


@dataclass(frozen=True, slots=True)
class SharedContact:
    """A contact that posts of a campaign name.

    :ivar posts: How many posts of the campaign name it.
    :ivar links: Whether it joins posts; not if it is named in too many unlike wordings, or is everybody's as an official page is.
    """

    kind: str
    value: str
    posts: int
    links: bool


@dataclass(frozen=True, slots=True)
class CampaignMember:
    """A post of a campaign.

    :ivar linked_by: ``wording``, ``contact`` or both: what it shares with another post of the campaign.
    """

    campaign: str
    id: str
    file: str
    row: int
    linked_by: tuple[str, ...]
    band: str
    score: float
    language: str
    seen: str | None


@dataclass(frozen=True, slots=True)
class Campaign:
    """Posts that belong together, and what they have in common.

    :ivar id: The same for the same posts in any order. Kept as a campaign grows, as long as its first wording stays the first seen,
        or without dates the one with the lowest hash. Of two campaigns that grow together one id is kept.
    :ivar size: Posts.
    :ivar wordings: Texts that differ in more than numbers, signs and emoji.
    :ivar first_seen: Time of the earliest post in UTC, if any has one that is understood.
    :ivar languages: Posts in each language, most first.
    :ivar places: Posts that name each place, most first; empty if the input has no column ``places``.
    :ivar template: Of the largest group of posts that are alike in wording.
    :ivar template_posts: Posts in that group.
    :ivar representatives: Ids of posts to read first.
    """

    id: str
    size: int
    wordings: int
    first_seen: str | None
    last_seen: str | None
    languages: dict[str, int]
    contacts: tuple[SharedContact, ...]
    places: dict[str, int]
    template: Template
    template_posts: int
    representatives: tuple[str, ...]
    score_min: float
    score_median: float
    score_max: float
    bands: dict[str, int]
    members: tuple[CampaignMember, ...]


class Summariser:
    """Describes the campaigns of a collection.

    :param mask: Whether contacts are hidden, in templates too: before texts are aligned, for a template would show parts of them.
    """

    def __init__(self, collection: Collection, components: Components, *, mask: bool = False) -> None:
        self._mask = mask
        self._collection = collection
        self._components = components
        self._posts_of_wording = Counter(components.wording[member.wording] for member in collection.members)
        posts_of_key: Counter[str] = Counter()
        for member in collection.members:
            posts_of_key.update(self._linking_keys(member))
        self._shared_keys = {key for key, posts in posts_of_key.items() if posts > 1}

    def campaigns(self, min_size: int) -> Iterator[Campaign]:
        """Yield every campaign of at least ``min_size`` posts, the largest first."""
        groups: dict[int, list[Member]] = defaultdict(list)
        for member in self._collection.members:
            groups[self._components.campaign[member.wording]].append(member)
        named = sorted((-len(posts), self._name(posts), posts) for posts in groups.values() if len(posts) >= min_size)
        for _, name, posts in named:
            yield self._summary(name, posts)

    def _name(self, posts: Sequence[Member]) -> str:
        wordings = self._collection.wordings
        # A wording is in one campaign only. It outlasts a post: copies and other prices or names do not change it.
        _, first = min((written(post.seen) or "~", wordings[post.wording].digest) for post in posts)
        return f"c-{hashlib.sha256(first).hexdigest()[:16]}"

    def _summary(self, name: str, posts: list[Member]) -> Campaign:
        posts.sort(key=lambda post: (written(post.seen) or "~", post.digest, post.id, post.source, post.number))
        seen = [time for post in posts if (time := written(post.seen))]
        scores = [post.score for post in posts]
        groups = Counter(self._components.wording[post.wording] for post in posts)
        by_wording = self._by_wording(posts)
        largest = max(groups.values())
        alike = [w for w in by_wording if groups[self._components.wording[w]] == largest]
        alike = [w for w in alike if self._components.wording[w] == self._components.wording[alike[0]]]
        return Campaign(
            id=name,
            size=len(posts),
            wordings=len(by_wording),
            first_seen=min(seen, default=None),
            last_seen=max(seen, default=None),
            languages=_counted(post.language for post in posts),
            contacts=self._contacts(posts),
            places=_counted(place for post in posts for place in post.places),
            template=template_of(list(islice(self._texts(alike, posts[0].language), MAX_TEXTS))),
            template_posts=largest,
            representatives=tuple(
                max(by_wording[w], key=lambda post: (post.score, post.digest)).id for w in list(by_wording)[:REPRESENTATIVES]
            ),
            score_min=min(scores),
            score_median=median(scores),
            score_max=max(scores),
            bands=_counted(post.band for post in posts),
            members=tuple(self._member(name, post) for post in posts),
        )

    def _by_wording(self, posts: Sequence[Member]) -> dict[int, list[Member]]:
        """Return the posts of each wording, the commonest wording first."""
        found: dict[int, list[Member]] = defaultdict(list)
        for post in posts:
            found[post.wording].append(post)
        wordings = self._collection.wordings
        return dict(sorted(found.items(), key=lambda item: (-len(item[1]), wordings[item[0]].digest, item[1][0].digest)))

    def _texts(self, wordings: Sequence[int], language: str) -> Iterator[str]:
        """Yield the texts of wordings: one of each, and then the other variants."""
        variants = [self._collection.texts(wording) for wording in wordings[:MAX_TEXTS]]
        if self._mask:
            variants = [[mask_text(text, language) for text in texts] for texts in variants]
        yield from (texts[0] for texts in variants)
        yield from (text for texts in variants for text in texts[1:])

    def _contacts(self, posts: Sequence[Member]) -> tuple[SharedContact, ...]:
        counts = Counter(place for post in posts for place in post.contacts)
        shared = []
        for place, number in counts.items():
            contact, key = self._collection.contacts[place], self._collection.keys[place]
            links = key is not None and key not in self._components.common
            shown = mask_contact(contact) if self._mask else contact
            shared.append(SharedContact(shown.kind, shown.value, number, links))
        return tuple(sorted(shared, key=lambda each: (-each.posts, each.kind, each.value)))

    def _linking_keys(self, post: Member) -> list[str]:
        keys = {self._collection.keys[place] for place in post.contacts}
        return sorted(key for key in keys if key is not None and key not in self._components.common)

    def _member(self, name: str, post: Member) -> CampaignMember:
        reasons = {
            "wording": self._posts_of_wording[self._components.wording[post.wording]] > 1,
            "contact": not self._shared_keys.isdisjoint(self._linking_keys(post)),
        }
        return CampaignMember(
            campaign=name,
            id=post.id,
            file=post.source,
            row=post.number,
            linked_by=tuple(reason for reason, holds in reasons.items() if holds),
            band=post.band,
            score=post.score,
            language=post.language,
            seen=written(post.seen),
        )


def _counted(values: Iterator[str]) -> dict[str, int]:
    return dict(sorted(Counter(values).items(), key=lambda item: (-item[1], item[0])))
