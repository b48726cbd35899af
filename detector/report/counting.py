"""Counts over a file of any size, in memory that does not grow with it."""

from collections import Counter
from collections.abc import Iterable
from datetime import date, datetime

from detector.glossary import BANDS
from detector.scored import FLAGGED, Refused, ScoredPost, indicators_of

MOST_NAMES = 2000
"""Names that one count holds. A column can hold anything, also another language in each row."""
_LONGEST_NAME = 100
BINS = 20


class NamedCounts:
    """How often each of some names occurs, by band; names beyond :data:`MOST_NAMES` are counted together.

    :ivar beyond: By band, what belongs to names that there was no room for.
    """

    def __init__(self) -> None:
        self.beyond: Counter[str] = Counter()
        self._bands: dict[str, Counter[str]] = {}

    def add(self, name: str, band: str) -> None:
        """Count one."""
        name = name[:_LONGEST_NAME]
        if name not in self._bands and len(self._bands) == MOST_NAMES:
            self.beyond[band] += 1
            return
        self._bands.setdefault(name, Counter())[band] += 1

    def by_size(self, bands: Iterable[str] = tuple(BANDS)) -> list[tuple[str, Counter[str]]]:
        """Return the names with their counts by band, most first; those that occur in none of the bands are left out."""
        wanted = tuple(bands)
        totals = {name: sum(counts[band] for band in wanted) for name, counts in self._bands.items()}
        return [(name, self._bands[name]) for name in sorted(totals, key=lambda name: (-totals[name], name)) if totals[name]]


class Tally:
    """Counts of the rows of scored files.

    :ivar rows: Rows by file, also those that cannot be used.
    :ivar refused: Rows that cannot be used, by file.
    :ivar unscored: Rows that ``score`` had refused, by file.
    :ivar bands: Posts in each band.
    :ivar days: Posts in each band, by day; the undated are left out.
    :ivar undated: Posts without a time, or with one that is not understood.
    :ivar bins: Posts whose score lies in each twentieth from 0 to 1, *length* ``BINS``.
    :ivar languages: Posts in each language.
    :ivar readable: The same without the posts in which nothing can be read, whose language nobody can tell.
    :ivar abstained: Posts abstained on, by reason.
    :ivar models: Names of the models that scored the posts.
    """

    def __init__(self) -> None:
        self.rows: Counter[str] = Counter()
        self.refused: Counter[str] = Counter()
        self.unscored: Counter[str] = Counter()
        self.bands: Counter[str] = Counter()
        self.days: dict[date, Counter[str]] = {}
        self.undated: Counter[str] = Counter()
        self.bins = [0] * BINS
        self.score_sum = 0.0
        self.languages = NamedCounts()
        self.readable = NamedCounts()
        self.indicators = NamedCounts()
        self.destinations = NamedCounts()
        self.abstained = NamedCounts()
        self.models = NamedCounts()
        self.notes = NamedCounts()

    @property
    def posts(self) -> int:
        """Posts that have a score."""
        return self.bands.total()

    @property
    def flagged(self) -> int:
        """Posts in a band that an analyst looks at."""
        return sum(self.bands[band] for band in FLAGGED)

    def refuse(self, row: Refused) -> None:
        """Count a row that cannot be used."""
        self.rows[row.source] += 1
        (self.unscored if row.reason is None else self.refused)[row.source] += 1

    def add(self, post: ScoredPost, destinations: Iterable[str]) -> None:
        """Count a post.

        :param destinations: Countries that it wants people to go to.
        """
        self.rows[post.source] += 1
        self.bands[post.band] += 1
        self.score_sum += post.score
        self.bins[min(int(post.score * BINS), BINS - 1)] += 1
        self.languages.add(post.language, post.band)
        if post.fields.get("reason") != "nothing_readable":
            self.readable.add(post.language, post.band)
        self.models.add(str(post.fields.get("model") or ""), post.band)
        if post.fields.get("note"):
            self.notes.add(str(post.fields["note"]), post.band)
        self._add_time(post.seen, post.band)
        if post.band == "abstain":
            self.abstained.add(str(post.fields.get("reason") or "not said"), post.band)
        if post.band in FLAGGED:
            for code in {finding.code for finding in indicators_of(post)}:
                self.indicators.add(code, post.band)
            for country in destinations:
                self.destinations.add(country, post.band)

    def _add_time(self, seen: datetime | None, band: str) -> None:
        if seen is None:
            self.undated[band] += 1
        else:
            self.days.setdefault(seen.date(), Counter())[band] += 1


def flagged_in(counts: Counter[str]) -> int:
    """Return how many posts of a count by band are flagged."""
    return sum(counts[band] for band in FLAGGED)


def is_of(tally: Tally, identity: str) -> bool:
    """Whether all posts were scored by one model, and by this one."""
    return [name for name, _ in tally.models.by_size()] == [identity] and not tally.models.beyond
