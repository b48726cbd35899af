"""How much a caller may still send: token buckets in one SQLite file, so that all workers draw on the same.

A bucket fills evenly, by ``rate`` a minute, up to ``burst``. What is taken is taken at once or not at all, so that within any
``t`` minutes no caller gets more than ``burst + rate * t``, whatever the number of workers.
"""

import sqlite3
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from threading import Lock

from serve.datafiles import open_shared

FILE = "rates.sqlite"

_TABLE = "CREATE TABLE IF NOT EXISTS buckets (caller TEXT PRIMARY KEY, level REAL NOT NULL, at REAL NOT NULL) STRICT, WITHOUT ROWID"


@dataclass(frozen=True, slots=True)
class Taken:
    """What became of an attempt to take from a bucket.

    :ivar granted: Whether it was taken.
    :ivar left: What the bucket holds now.
    :ivar wait_s: Seconds until it holds as much as was asked for, or, if it was granted, until it is full again.
    """

    granted: bool
    left: int
    wait_s: float


class Buckets:
    """The buckets of one data directory. May be used from several threads and processes.

    :param folder: The data directory; made on first use.
    :param clock: Seconds that pass alike in all processes and never jump.
    """

    def __init__(self, folder: Path, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._path = folder / FILE
        self._clock = clock
        self._lock = Lock()
        self._connection: sqlite3.Connection | None = None

    def take(self, caller: str, amount: int, *, rate: int, burst: int) -> Taken:
        """Take ``amount`` from the bucket of a caller if it holds as much.

        :param rate: How much flows in each minute.
        :param burst: How much it holds at most; it starts full.
        :raises sqlite3.Error: if the file cannot be used.
        """
        with self._lock:
            connection = self._connection or self._open()
            connection.execute("BEGIN IMMEDIATE")
            with connection:
                # Asked only now: the time spent waiting for other workers counts too, and theirs is never later.
                now = self._clock()
                row = connection.execute("SELECT level, at FROM buckets WHERE caller = ?", (caller,)).fetchone()
                level = burst if row is None else _level(row, now, rate=rate, burst=burst)
                granted = amount <= level
                left = level - amount if granted else level
                connection.execute("REPLACE INTO buckets VALUES (?, ?, ?)", (caller, left, now))
        missing = burst - left if granted else amount - level
        return Taken(granted, int(left), missing * 60 / rate)

    def close(self) -> None:
        """Close the file."""
        with self._lock:
            if self._connection is not None:
                self._connection.close()
            self._connection = None

    def _open(self) -> sqlite3.Connection:
        # What is lost with the power is a minute of counting: nothing here is worth waiting for a disk.
        self._connection = open_shared(self._path, _TABLE, durable=False)
        return self._connection


def _level(row: tuple[float, float], now: float, *, rate: int, burst: int) -> float:
    level, at = row
    # The clock starts again with the machine; a bucket from before fills from now on.
    return min(burst, level + max(0.0, now - at) * rate / 60)
