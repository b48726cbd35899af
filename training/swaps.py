"""Posts about an employer of another origin, or for another gender, all else equal: terms swapped by the tables of ``swaps.toml``.

The corpus' own swap groups were written for nationality, language wanted and town; these two kinds are made. A term gives way only
to one that agrees alike with the words around it, so most posts have none and stay out. Training with ``noise`` reads copies of
its own posts swapped by the same tables, from bundle 0.6.0 on.
"""

import re
import tomllib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache, partial
from pathlib import Path
from typing import Any

from detector.errors import InputError

KINDS = ("ethnicity", "gender")
# Not \b: it takes the vowel signs of Indic scripts for blanks. The danda between U+0963 and U+0966 ends a word.
_LETTER = r"[\w\u0300-\u036f\u0610-\u065f\u0900-\u0963\u0966-\u0dff]"


@dataclass(frozen=True, slots=True)
class Swap:
    """A post after a swap.

    :ivar kind: One of :data:`KINDS`.
    """

    kind: str
    text: str


@dataclass(frozen=True, slots=True)
class Terms:
    """The terms of one kind in one language.

    :ivar groups: Terms that may stand for one another: by group and side, the spellings of a side.
    :ivar pattern: Finds them, and longer words that hold one; the number of the capture says which.
    :ivar places: For each capture its group, side and spelling; ``None`` for a longer word that stays.
    """

    groups: tuple[tuple[tuple[str, ...], ...], ...]
    pattern: re.Pattern[str]
    places: tuple[tuple[int, int, int] | None, ...]


def swapped(text: str, language: str) -> list[Swap]:
    """Return the versions of a post with terms swapped, kind by kind; none if it has no term.

    All terms of a kind are swapped at once, one version for each of the others that a term may give way to. Of a group that the
    post names two of ("men or women") none is swapped: the post is about both.

    :param language: Name of the corpus' file that the post is of. One without a table has no terms.
    """
    tables = swap_terms().get(language, {})
    return [Swap(kind, version) for kind, terms in tables.items() for version in _versions(text, terms)]


@cache
def swap_terms() -> Mapping[str, Mapping[str, Terms]]:
    """Return the tables of ``swaps.toml``: by language and kind.

    :raises InputError: if a table repeats a term or has one that nothing can stand for.
    """
    tables = tomllib.loads((Path(__file__).parent / "swaps.toml").read_text("utf-8"))
    return {language: {kind: read_terms(table, kind, language) for kind in KINDS} for language, table in tables.items()}


def read_terms(table: Mapping[str, Any], kind: str, language: str) -> Terms:
    """Return the terms of one kind out of a language's table.

    :raises InputError: if the table repeats a term or has one that nothing can stand for.
    """
    groups = tuple(tuple((side,) if isinstance(side, str) else tuple(side) for side in group) for group in table[kind])
    places: dict[str, tuple[int, int, int] | None] = {word.lower(): None for word in table.get("kept", ())}
    for number, group in enumerate(groups):
        if len(group) < 2:
            raise InputError(f"swaps.toml, {language}: expected two terms or more in a line of {kind}, got {group}")
        for side, spellings in enumerate(group):
            # A side may repeat a spelling, to be put in for several of the other's.
            for term in dict.fromkeys(spellings):
                if term.lower() in places:
                    raise InputError(f"swaps.toml, {language}: {kind} or kept has {term!r} twice")
                places[term.lower()] = number, side, spellings.index(term)
    # The longest first, or a term would be found inside a longer one that begins alike.
    terms = sorted(places, key=len, reverse=True)
    return Terms(groups, _pattern(terms, inside_words=table.get("inside_words", False)), tuple(places[term] for term in terms))


def _pattern(terms: Iterable[str], *, inside_words: bool) -> re.Pattern[str]:
    either = "|".join(f"({re.escape(term)})" for term in terms)
    return re.compile(either if inside_words else f"(?<!{_LETTER})(?:{either})(?!{_LETTER})", re.IGNORECASE)


def _versions(text: str, terms: Terms) -> Iterator[str]:
    """Yield the text with its terms moved one side on in their groups, then two, until all have stood for them."""
    alone = _named_alone(text, terms)
    for step in range(1, max((len(terms.groups[group]) for group in alone), default=1)):
        version = terms.pattern.sub(partial(_other, terms=terms, alone=alone, step=step), text)
        if version != text:
            yield version


def _named_alone(text: str, terms: Terms) -> set[int]:
    """Return the groups of which the text names one side only."""
    named: dict[int, set[int]] = {}
    for match in terms.pattern.finditer(text):
        if found := terms.places[(match.lastindex or 0) - 1]:
            named.setdefault(found[0], set()).add(found[1])
    return {group for group, sides in named.items() if len(sides) == 1}


def _other(match: re.Match[str], *, terms: Terms, alone: set[int], step: int) -> str:
    """Return what stands for a term so many sides on, or the term where it stays."""
    found = terms.places[(match.lastindex or 0) - 1]
    if found is None or found[0] not in alone:
        return match[0]
    group, side, place = found
    sides = terms.groups[group]
    spellings = sides[(side + step) % len(sides)]
    return _in_case_of(match[0], spellings[place] if place < len(spellings) else spellings[0])


def _in_case_of(before: str, term: str) -> str:
    """Return the term in capitals, or with a first letter as large as what it stands for."""
    if before.isupper() and len(before) > 1:
        return term.upper()
    first = term[0].upper() if before[0].isupper() else term[0].lower() if before[0].islower() else term[0]
    return first + term[1:]
