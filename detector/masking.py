"""Contacts and personal numbers hidden: the one place that decides what of a post is not shown.

What is hidden of a text:

- every place of a contact that :func:`detector.contacts.find_contacts` finds, in disguise too, and each repetition of its name;
- runs of seven or more digits with blanks, dots, hyphens or brackets between, as passports, identity cards and accounts have;
- numbers of identity papers and accounts that have letters in them: ``AB123456``, ``12/ABCDEF(N)123456``, ``GB29 NWBK 6016``.

Pay matters to an analyst, so figures that read as an amount, a year, a date or a time stay (:data:`_PLAIN` says which): sums with
commas, round sums of seven digits and more (``12.500.000``, ``15000000``), ranges of round sums (``8000-12000``), dates, times,
decimals. One personal number in some thousands looks like one of these and stays too; a sum that looks like none of them is hidden.

Names of people are not hidden: nothing here knows a name. Nor is a handle that no rule of :mod:`detector.contacts` finds.
"""

import hashlib
import re
from collections.abc import Iterable, Iterator
from dataclasses import replace
from functools import lru_cache

from detector.contacts import places_of_contacts
from detector.draft import Draft
from detector.records import Contact, Evidence, Verdict
from detector.spelled_out import rewrite
from detector.text import normalise

HIDDEN = "•"
_MOST_PASSES = 4
"""A name that is hidden can leave another one standing free: ``a@b@example.com``."""

Span = tuple[int, int]

_YEAR = r"(?:19|20|25)\d\d"
_PART = r"(?:0?[1-9]|[12]\d|3[01])"
_SUM = r"[1-9]\d{0,2}(?:[., ']\d{3})+|[1-9]\d{1,8}"
_TO = r" ?[-–—~] ?"
_CLOCK = re.compile(r"(?<![\d:])\d{1,2}:\d\d(?::\d\d)?(?![\d:])")
_DATE = re.compile(
    rf"(?<![\d+])(?<!\d[.\-])(?:{_YEAR}([./-]){_PART}\1{_PART}|{_PART}([./-]){_PART}\2{_YEAR}"
    rf"|(?:19|20)\d\d(?:0[1-9]|1[0-2])(?:0[1-9]|[12]\d|3[01])|{_YEAR}{_TO}{_YEAR})(?![.\-]?\d)"
)
_FIGURE = re.compile(
    r"(?<![\d+])(?<!\d[., '\-])(?:"
    rf"(?P<low>{_SUM}){_TO}(?P<high>{_SUM})"
    rf"|(?:[01]?\d|2[0-4])\.[0-5]\d{_TO}(?:[01]?\d|2[0-4])\.[0-5]\d"
    r"|[1-9]\d{0,2}(?:[., ']\d{3})*[., ']000"
    r"|[1-9]\d{0,6}0000"
    r"|(?:0|[1-9]\d{0,2})\.\d{4,}"
    r")(?![., '\-]?\d)"
)
_PLAIN = (_CLOCK, _DATE, _FIGURE)
"""Figures that stay, the first that fits: times of day, dates and pairs of years, and behind these ranges of sums, opening hours
with dots, grouped sums that end in 000, round sums that end in 0000, decimals. None begins with a zero, but for a decimal."""

_PERSONAL = (
    re.compile(r"[+(]{0,2}\d(?:[ \t\xa0._()\-–—]{0,3}\d){6,}[xX]?"),
    re.compile(r"(?<!\w)[A-Z]{1,2} ?(?!\d*000(?!\d))\d{6,9}[A-Z]?(?:\(\w\))?(?!\w)"),
    re.compile(r"(?<!\w)\d{1,2}/[^\s\d()/]{2,24}\([^\s()]{1,12}\) ?\d{6}(?!\d)"),
    re.compile(r"(?<!\w)[A-Z]{5}\d{4}[A-Z](?!\w)"),
    re.compile(r"(?<!\w)[A-Z]{2}\d{2} ?[A-Z0-9]{4}(?: ?\d{4}){2,6}(?: ?\d{1,3})?(?!\w)"),
)
"""Numbers of people: long runs of digits; passports (a letter or two and six digits or more) and identity cards like them; cards of
Myanmar; tax numbers of India; IBANs."""
_SHORTEST_NAME = 5
"""Letters of a contact's name from which it is hidden wherever it stands; a shorter one is a word too often."""
_TAG = 4
"""Hex digits of the hash that tells masked contacts apart: 16 bits."""


def mask_text(text: str, language: str | None = None) -> str:
    """Return a text with every character of a contact or a personal number replaced by :data:`HIDDEN`, as long as it was.

    :param text: The post as scraped; offsets into it hold in the result too.
    :param language: BCP-47 code, if known: says which countries' local phone numbers to look for.
    """
    return masked_post(text, language)[0]


def mask_contact(contact: Contact) -> Contact:
    """Return a contact of the same kind with a value like ``••••#3f2a``: equal for equal contacts, in every file and run.

    The kind has no part in the tag, so that a number is seen to be the same under a messenger's name and without.
    The tag is 16 bits of a hash without a key. It is too short to find the contact by trying: of a billion phone numbers fifteen
    thousand have the same. Two limits follow. Of 300 contacts two share a tag by chance, more likely than not, so that an equal tag
    is a hint and joins nothing in ``campaigns``. And who suspects one certain number can test that suspicion, wrongly confirmed
    once in 65,536 times.
    """
    if is_masked(contact):
        return contact
    seed = contact.value.casefold().lstrip("@~").encode("utf-8", "surrogatepass")
    tag = hashlib.blake2b(seed, digest_size=8, person=b"masked contact").hexdigest()[:_TAG]
    return Contact(contact.kind, f"{HIDDEN * 4}#{tag}")


def is_masked(contact: Contact) -> bool:
    """Whether a contact is one that :func:`mask_contact` returns."""
    return re.fullmatch(rf"{HIDDEN}{{4}}#[0-9a-f]{{{_TAG}}}", contact.value) is not None


def mask_evidence(found: Iterable[Evidence], masked: str) -> tuple[Evidence, ...]:
    """Return pieces of a text with their words from the masked one.

    :param masked: What :func:`mask_text` returns for the text.
    """
    return tuple(replace(piece, text=masked[piece.start : piece.end]) for piece in found)


def mask_verdict(verdict: Verdict, text: str) -> Verdict:
    """Return a verdict whose evidence and contacts are hidden; the ``id`` stays, it is the caller's own name for the post.

    :param text: The post as scraped.
    """
    if verdict.error is not None:
        return verdict
    masked = mask_text(text, verdict.language)
    return replace(
        mask_contacts(verdict),
        evidence=mask_evidence(verdict.evidence, masked),
        indicators=tuple(replace(each, evidence=mask_evidence(each.evidence, masked)) for each in verdict.indicators),
    )


def mask_contacts(verdict: Verdict) -> Verdict:
    """Return a verdict whose contacts alone are hidden."""
    return replace(verdict, contacts=tuple(dict.fromkeys(map(mask_contact, verdict.contacts))))


@lru_cache(maxsize=2)
def masked_post(text: str, language: str | None) -> tuple[str, frozenset[str]]:
    """Return what :func:`mask_and_name` does; kept for a moment, since verdict and row both ask."""
    return mask_and_name(text, language)


def mask_and_name(text: str, language: str | None) -> tuple[str, frozenset[str]]:
    """Return a text masked, and the names of its contacts without what tells their platforms."""
    names: set[str] = set()
    for _ in range(_MOST_PASSES):
        spans, found = _search(text, language)
        names |= found
        masked = _hide(text, spans)
        if masked == text:
            break
        text = masked
    return text, frozenset(names)


def hide_names(text: str, names: Iterable[str]) -> str:
    """Return a text with the names of contacts hidden, whatever stands around them."""
    return _hide(text, _named_again(text, names))


def _hide(text: str, spans: Iterable[Span]) -> str:
    characters = list(text)
    for start, end in spans:
        characters[start:end] = HIDDEN * (end - start)
    return "".join(characters)


def _search(text: str, language: str | None) -> tuple[list[Span], set[str]]:
    """Return what is to be hidden, in code points of the text, and the names of the contacts."""
    normalised = normalise(text)
    draft = Draft(normalised.text)
    draft.starts, draft.ends = normalised.starts, normalised.ends
    rewrite(draft)
    places = list(places_of_contacts(draft.text, language))
    names = {_name(contact) for _, _, contact in places}
    found = [(start, end) for start, end, _ in places]
    found += _numbers(draft.text)
    found += _named_again(draft.text, names)
    # Numbers are looked for in the original too: what is undone as a disguise of words may have been digits.
    return [*_numbers(text), *((draft.starts[start], draft.ends[end - 1]) for start, end in found)], names


def _numbers(text: str) -> Iterator[Span]:
    """Yield the personal numbers."""
    for pattern in _PLAIN:
        text = pattern.sub(_walled, text)
    for pattern in _PERSONAL:
        yield from (match.span() for match in pattern.finditer(text))


def _walled(match: re.Match[str]) -> str:
    """Return as many characters that belong to no number, where a figure is to stay."""
    if match.re is _FIGURE and match["low"] and not _is_range(match["low"], match["high"]):
        return match[0]
    return "\0" * len(match[0])


def _is_range(low: str, high: str) -> bool:
    """Whether two figures are the ends of a range of sums: round, rising, of a like size."""
    ends = [int("".join(filter(str.isdecimal, figure))) for figure in (low, high)]
    return ends[0] < ends[1] <= 20 * ends[0] and all(end % (50 if end >= 1000 else 5) == 0 for end in ends)


def _name(contact: Contact) -> str:
    """Return what a contact is called without what tells its platform."""
    return contact.value.rpartition("/")[2].lstrip("@~+")


def _named_again(text: str, names: Iterable[str]) -> Iterator[Span]:
    """Yield where the names of contacts stand, also without what would tell that they are contacts."""
    long = sorted((re.escape(name) for name in names if len(name) >= _SHORTEST_NAME), key=len, reverse=True)
    if long:
        pattern = re.compile(rf"(?<!\w)(?:{'|'.join(long)})(?!\w)", re.I)
        yield from (match.span() for match in pattern.finditer(text))
