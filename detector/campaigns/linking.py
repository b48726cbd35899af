"""From links to campaigns: wordings that are alike or share a contact, joined; contacts that everybody names join nothing."""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from detector.errors import MissingExtraError
from detector.records import Contact

CONTACT_CAP = 30
"""Unlike wordings that one contact may join. One named in more of them is taken for a helpline, an agency or a public page."""

_OFFICIAL = re.compile(r"(?:^|\.)(?:gov|go|gob|gouv|gub|mil|police)(?:\.[a-z]{2})?$")
"""Hosts of governments, under the second-level names that they share."""
_SHARED_HOSTS = frozenset(
    "facebook.com m.facebook.com fb.com instagram.com tiktok.com youtube.com youtu.be twitter.com x.com linkedin.com google.com "
    "forms.gle docs.google.com bit.ly t.me telegram.me telegram.org wa.me whatsapp.com line.me zalo.me indeed.com jobstreet.com "
    "jobsdb.com glassdoor.com vietnamworks.com topcv.vn bossjob.ph naukri.com craigslist.org".split()
)
"""Hosts of everybody: a link joins posts only with a path behind them."""
_MASKED = re.compile(r"[*•…█]|x{3}", re.I)
_TRACKING = re.compile(r"[?&](?:utm_\w+|fbclid|gclid|igsh|si|ref)=[^&#]*")


def link_key(contact: Contact) -> str | None:
    """Return what is the same for all ways of writing a contact; nothing for one that is no sign of a common poster.

    A number is the same whichever messenger it is for. Masked contacts, pages of governments and bare names of large sites
    join nothing.
    """
    value = contact.value.strip().casefold()
    if _MASKED.search(value):
        return None
    if contact.kind == "phone" or re.fullmatch(r"\+\d{7,15}", value):
        return f"phone:{value}"
    if contact.kind == "url":
        return _url_key(value)
    if contact.kind == "email":
        return None if _OFFICIAL.search(value.rpartition("@")[2]) else f"email:{value}"
    return f"{contact.kind}:{value.lstrip('~@') if contact.kind != 'line' else value.lstrip('~')}"


def _url_key(value: str) -> str | None:
    address = re.sub(r"^(?:https?://)?(?:www\.)?", "", value)
    address = _TRACKING.sub("", address).rstrip("/?&#")
    host = re.split(r"[/?#:]", address, maxsplit=1)[0]
    if _OFFICIAL.search(host) or address in _SHARED_HOSTS:
        return None
    return f"url:{address}"


@dataclass(frozen=True, slots=True)
class Components:
    """What belongs together.

    :ivar campaign: For each wording the lowest wording of its campaign, *length* ``n_wordings``.
    :ivar wording: For each wording the lowest one that near-duplicates alone join it with, *length* ``n_wordings``.
    :ivar common: Keys of contacts over the cap.
    """

    campaign: Sequence[int]
    wording: Sequence[int]
    common: frozenset[str]


def join(n_wordings: int, alike: Iterable[tuple[int, int]], users: Mapping[str, Sequence[int]], *, cap: int) -> Components:
    """Join wordings that are alike or share a contact.

    The cap counts wordings that are unlike: one text in ten thousand copies is one of them, however many name its contact. It is
    applied before contacts join anything, so that the order of contacts does not matter.

    :param alike: Pairs of wordings.
    :param users: Wordings that name each contact, by its key.
    :param cap: See :data:`CONTACT_CAP`.
    :raises MissingExtraError: if the extra ``cases`` is not installed.
    """
    try:
        from networkx.utils import UnionFind
    except ImportError as error:
        raise MissingExtraError("networkx", "cases") from error
    near = UnionFind(range(n_wordings))
    for one, other in alike:
        near.union(one, other)
    wording = _lowest(near, n_wordings)
    joined = UnionFind(range(n_wordings))
    for number, root in enumerate(wording):
        joined.union(root, number)
    common = set()
    for key, named in users.items():
        roots = sorted({wording[number] for number in named})
        if len(roots) > cap:
            common.add(key)
        elif len(roots) > 1:
            joined.union(*roots)
    return Components(_lowest(joined, n_wordings), wording, frozenset(common))


def _lowest(sets: Mapping[int, int], n: int) -> list[int]:
    """Return the lowest member of each one's set."""
    lowest: dict[int, int] = {}
    return [lowest.setdefault(sets[number], number) for number in range(n)]
