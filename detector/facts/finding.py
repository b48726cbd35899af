"""From a post to what it says of the case: the one path that every surface takes."""

from detector.facts.jobs import find_work
from detector.facts.pay import find_pay
from detector.facts.records import CaseFacts
from detector.facts.route import find_places
from detector.text import normalise


def find_facts(text: str, *, language: str | None = None) -> CaseFacts:
    """Return what a post says of the journey and the job; every offset counts code points of ``text``.

    :param text: The post as scraped.
    :param language: BCP-47 code, if known; some sums and routes cannot be told without it.
    """
    normalised = normalise(text)
    places = find_places(normalised, text, language=language)
    countries = tuple(dict.fromkeys(place.country for place in places if place.part == "destination"))
    pay = find_pay(normalised, text, language=language, countries=countries)
    return CaseFacts(places, find_work(normalised, text), pay)
