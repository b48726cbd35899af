"""What a second model made of the same posts, added up in one SQLite file, so that it is right across workers and restarts.

Each pair of models has counts of its own, so a model that is exchanged begins a new comparison. Nothing of a post is kept but the
language, as one of the model's.
"""

import sqlite3
from bisect import bisect_left
from collections.abc import Iterable
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from serve.datafiles import open_shared
from serve.metrics import Compared

FILE = "shadow.sqlite"
EDGES = (-0.5, -0.2, -0.1, -0.05, -0.01, 0.01, 0.05, 0.1, 0.2, 0.5, 1.0)
"""Upper ends of the bins of differences, the shadow's score less the one that was answered; the first begins at -1."""

_TABLES = (
    "CREATE TABLE IF NOT EXISTS compared (served TEXT, shadow TEXT, language TEXT, band TEXT, shadow_band TEXT, "
    "same_label INTEGER, bin INTEGER, items INTEGER NOT NULL, sum REAL NOT NULL, largest REAL NOT NULL, "
    "PRIMARY KEY (served, shadow, language, band, shadow_band, same_label, bin)) STRICT, WITHOUT ROWID",
    "CREATE TABLE IF NOT EXISTS outcomes (served TEXT, shadow TEXT, outcome TEXT, items INTEGER NOT NULL, "
    "PRIMARY KEY (served, shadow, outcome)) STRICT, WITHOUT ROWID",
)
_ADD = (
    "INSERT INTO compared VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO UPDATE SET "
    "items = items + excluded.items, sum = sum + excluded.sum, largest = max(largest, excluded.largest)"
)
_COUNT = "INSERT INTO outcomes VALUES (?, ?, ?, ?) ON CONFLICT DO UPDATE SET items = items + excluded.items"


@dataclass(frozen=True, slots=True)
class Pair:
    """The model whose verdicts are answered, and the one in its shadow; each by name, version and hash."""

    served: str
    shadow: str


@dataclass(frozen=True, slots=True)
class Kind:
    """What is told of a post that both models scored.

    :ivar band: Of the model that is served.
    :ivar same_label: Whether the likeliest label is the same.
    :ivar bin: Where the difference of the scores lies, as a place in :data:`EDGES`.
    """

    language: str
    band: str
    shadow_band: str
    same_label: bool
    bin: int


@dataclass(slots=True)
class Amount:
    """How many posts there are of a kind.

    :ivar sum: Of the absolute differences of their scores.
    :ivar largest: Of these.
    """

    items: int = 0
    sum: float = 0.0
    largest: float = 0.0

    def add(self, other: "Amount") -> None:
        """Take in the posts of another."""
        self.items += other.items
        self.sum += other.sum
        self.largest = max(self.largest, other.largest)


class Tally:
    """What is to be added to a file: a second's worth of posts costs one writing."""

    def __init__(self) -> None:
        self.compared: dict[tuple[Pair, Kind], Amount] = {}
        self.outcomes: dict[tuple[Pair, Compared], int] = {}

    def count(self, pair: Pair, outcome: Compared) -> None:
        """Count an item."""
        self.outcomes[pair, outcome] = self.outcomes.get((pair, outcome), 0) + 1

    def add(self, pair: Pair, kind: Kind, difference: float) -> None:
        """Count an item that both models scored."""
        self.compared.setdefault((pair, kind), Amount()).add(Amount(1, abs(difference), abs(difference)))
        self.count(pair, "compared")


class Comparisons:
    """The comparisons of one data directory. Each use opens the file anew, so that it may be used from any thread.

    :param folder: The data directory; made on first use.
    """

    def __init__(self, folder: Path) -> None:
        self._path = folder / FILE

    def add(self, tally: Tally) -> None:
        """Add what was counted.

        :raises OSError: if the file cannot be made; likewise ``sqlite3.Error`` if it cannot be written. Nothing was added then.
        """
        with closing(self._open()) as connection, connection:
            connection.execute("BEGIN IMMEDIATE")
            connection.executemany(_ADD, [_row(pair, kind, amount) for (pair, kind), amount in tally.compared.items()])
            counted = [(pair.served, pair.shadow, outcome, items) for (pair, outcome), items in tally.outcomes.items()]
            connection.executemany(_COUNT, counted)

    def read(self, pair: Pair) -> tuple[dict[Kind, Amount], dict[str, int]]:
        """Return what was found of each kind, and the number of items by outcome.

        :raises OSError: if the file cannot be made; likewise ``sqlite3.Error`` if it cannot be read.
        """
        models = (pair.served, pair.shadow)
        with closing(self._open()) as connection, connection:
            connection.execute("BEGIN")
            rows = connection.execute("SELECT * FROM compared WHERE served = ? AND shadow = ?", models).fetchall()
            outcomes = connection.execute("SELECT outcome, items FROM outcomes WHERE served = ? AND shadow = ?", models).fetchall()
        return {Kind(row[2], row[3], row[4], bool(row[5]), row[6]): Amount(*row[7:]) for row in rows}, dict(outcomes)

    def _open(self) -> sqlite3.Connection:
        # What is lost with the power is a second of counting.
        return open_shared(self._path, *_TABLES, durable=False)


def bin_of(difference: float) -> int:
    """Return the bin of a difference of two scores, -1 to 1, as a place in :data:`EDGES`."""
    return min(bisect_left(EDGES, difference), len(EDGES) - 1)


def together(amounts: Iterable[Amount]) -> Amount:
    """Return the posts of several kinds."""
    whole = Amount()
    for amount in amounts:
        whole.add(amount)
    return whole


def _row(pair: Pair, kind: Kind, amount: Amount) -> tuple[object, ...]:
    kinds = (kind.language, kind.band, kind.shadow_band, int(kind.same_label), kind.bin)
    return (pair.served, pair.shadow, *kinds, amount.items, amount.sum, amount.largest)
