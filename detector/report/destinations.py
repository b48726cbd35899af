"""Countries that flagged posts want people to go to: from the columns of ``facts`` where the file has them, or from the text."""

import re
from functools import cache

from detector.copies import Copies
from detector.facts import UNKNOWN
from detector.facts.gazetteer import gazetteer
from detector.facts.route import find_places
from detector.scored import FLAGGED, ScoredPost
from detector.text import normalise

_KEPT = 20_000
"""Texts whose countries are kept, for their copies."""
_COUNTRY = re.compile("[A-Z]{2}")


class Destinations:
    """Finds the destinations of posts."""

    def __init__(self) -> None:
        self._copies: Copies[tuple[str, ...]] = Copies(_KEPT)

    def of(self, post: ScoredPost) -> tuple[str, ...]:
        """Return ISO 3166-1 codes, or ``unknown`` alone where the post names none; nothing for a post that is not flagged."""
        if post.band not in FLAGGED:
            return ()
        written = post.fields.get("destination")
        if isinstance(written, str) and (countries := _countries(written)):
            return countries
        # The same words can name other places in another language.
        key = f"{post.language}\n{post.text}"
        return self._copies.answer(key, lambda _: _found(post)).result()


def _countries(written: str) -> tuple[str, ...]:
    """Return what a column of ``facts`` says; nothing for a column of another kind."""
    names = written.split(";")
    return tuple(dict.fromkeys(names)) if all(name == UNKNOWN or _COUNTRY.fullmatch(name) for name in names) else ()


def _found(post: ScoredPost) -> tuple[str, ...]:
    places = find_places(normalise(post.text), post.text, language=post.language)
    return tuple(dict.fromkeys(place.country for place in places if place.part == "destination")) or (UNKNOWN,)


def country_name(code: str) -> str:
    """Return the English name of a country; the code where the gazetteer has none."""
    if code == UNKNOWN:
        return "not said"
    return _names().get(code, code)


@cache
def _names() -> dict[str, str]:
    return {name.country: name.place for names in gazetteer().values() for name in names if name.kind == "country"}
