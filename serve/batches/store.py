"""What is known of each batch: one row in an SQLite file that all workers share, and one folder.

A batch is ``uploading`` before it can be seen. From then on each change of its status is one transaction that says from which
status on, so that whoever comes second changes nothing.
"""

import hashlib
import json
import secrets
import sqlite3
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from threading import Lock, RLock
from types import TracebackType
from typing import BinaryIO, Literal, Self, cast, get_args

from serve.batches import folders
from serve.batches.clocks import Moment, now
from serve.batches.disk import require_room
from serve.batches.schemas import Format, Status
from serve.datafiles import open_shared

FILE = "batches.sqlite"
FOLDERS = "batches"
ENDED: tuple[Status, ...] = ("completed", "cancelled", "failed")
MOST_KEPT = 1000
"""Batches of an owner that have ended and were not deleted."""

_TABLE = """
CREATE TABLE IF NOT EXISTS batches (
    number INTEGER PRIMARY KEY AUTOINCREMENT, id TEXT NOT NULL UNIQUE, owner TEXT NOT NULL, status TEXT NOT NULL,
    request BLOB, content BLOB, turn INTEGER NOT NULL DEFAULT 0,
    created REAL NOT NULL, started REAL, ended REAL, ended_boot TEXT, ended_uptime REAL,
    format TEXT NOT NULL DEFAULT '', bytes INTEGER NOT NULL DEFAULT 0, sha256 TEXT NOT NULL DEFAULT '',
    options TEXT NOT NULL DEFAULT '{}', total INTEGER, done INTEGER NOT NULL DEFAULT 0, scored INTEGER NOT NULL DEFAULT 0,
    results_bytes INTEGER NOT NULL DEFAULT 0, errors_bytes INTEGER NOT NULL DEFAULT 0,
    models TEXT NOT NULL DEFAULT '[]', error TEXT, UNIQUE (owner, request)
) STRICT
"""
_OPEN = "('queued', 'running', 'cancelling')"


class TooManyError(Exception):
    """As many batches of a caller wait or run as may."""


class TooMuchError(Exception):
    """As much of a caller's batches that have ended is kept as may be."""


class OtherContentError(Exception):
    """A request was sent again under its name, but with another content."""


@dataclass(frozen=True, slots=True)
class File:
    """What was sent.

    :ivar length: In bytes.
    :ivar sha256: Of its bytes, in hexadecimal.
    :ivar options: How it is to be read and scored, as JSON.
    """

    format: Format
    length: int
    sha256: str
    options: str

    @property
    def content(self) -> bytes:
        """What a request that is sent again must have in common with the first."""
        return _hash(json.dumps([self.format, self.sha256, self.options]))


@dataclass(frozen=True, slots=True, kw_only=True)
class Record:
    """What is known of a batch.

    :ivar number: Rises from batch to batch.
    :ivar created: In seconds since 1970; ``started`` and ``ended`` likewise.
    :ivar total: Rows of the file, once they were counted.
    :ivar done: Rows whose results or errors are kept; ``scored`` of these have a result.
    :ivar lengths: Bytes of the results and of the errors that count.
    :ivar models: Identities of the bundles that scored some of it.
    """

    number: int
    id: str
    owner: str
    status: Status
    created: float
    started: float | None
    ended: float | None
    file: File
    total: int | None
    done: int
    scored: int
    lengths: tuple[int, int]
    models: tuple[str, ...]
    error: str | None


@dataclass(frozen=True, slots=True)
class Standing:
    """How the batches of everybody stand.

    :ivar numbers: How many there are, by status.
    :ivar rows_left: Rows that are still to be scored, of the batches whose rows were counted.
    :ivar oldest_s: Seconds since the oldest one came that has not ended; 0 without one.
    """

    numbers: Mapping[Status, int]
    rows_left: int
    oldest_s: float


class Store:
    """The batches of one data directory. May be used from several threads and processes.

    :param data: The data directory; nothing is written there before the first batch comes.
    :param clock: Returns the moment.
    """

    def __init__(self, data: Path, *, clock: Callable[[], Moment] = now) -> None:
        self._path = data / FILE
        self._folders = data / FOLDERS
        self._clock = clock
        self._lock = RLock()
        self._connection: sqlite3.Connection | None = None

    def folder(self, batch: str) -> Path:
        """Return the folder of a batch."""
        return self._folders / batch

    def begin(self, owner: str, *, most: int, request: str | None = None, most_kept: int = sys.maxsize) -> "Upload":
        """Make room for a file that is about to come.

        :param most: Batches of the owner that may wait or run.
        :param request: Name that the caller gives to this request. One that is sent again only asks for what is there already.
        :param most_kept: Bytes of results of the owner's batches that have ended, beyond which there is no room for another.
        :raises TooManyError: if that many do.
        :raises TooMuchError: if there are more, or :data:`MOST_KEPT` such batches.
        :raises OSError: if there is no room on the disk.
        """
        require_room(self._folders)
        batch = f"batch_{secrets.token_hex(16)}"
        with self._changing() as connection:
            known = connection.execute("SELECT 1 FROM batches WHERE owner = ? AND request = ?", (owner, _name(request))).fetchone()
            counted = "('uploading')" if known else "('uploading', 'queued', 'running', 'cancelling')"
            (waiting,) = connection.execute(
                f"SELECT count(*) FROM batches WHERE owner = ? AND status IN {counted}",
                (owner,),
            ).fetchone()
            if waiting >= most:
                raise TooManyError
            number, length = connection.execute(
                f"SELECT count(*), total(results_bytes + errors_bytes) FROM batches WHERE owner = ? AND status IN {ENDED}", (owner,)
            ).fetchone()
            if not known and (number >= MOST_KEPT or length >= most_kept):
                raise TooMuchError
            lock = folders.make(self.folder(batch))
            connection.execute(
                "INSERT INTO batches (id, owner, status, created) VALUES (?, ?, 'uploading', ?)", (batch, owner, self._clock().wall)
            )
        return Upload(self, batch, owner, request, lock)

    def queue(self, batch: str, owner: str, request: str | None, file: File) -> tuple[Record, bool]:
        """Let a batch whose file is there wait for its turn; return it, or the one that was made by the same request before.

        :return: The batch, and whether it is the new one.
        :raises OtherContentError: if that one has another content.
        """
        with self._changing() as connection:
            known = connection.execute("SELECT * FROM batches WHERE owner = ? AND request = ?", (owner, _name(request))).fetchone()
            if known is not None:
                if known["content"] != file.content:
                    raise OtherContentError
                return _record(known), False
            connection.execute(
                "UPDATE batches SET status = 'queued', request = ?, content = ?, format = ?, bytes = ?, sha256 = ?, options = ?"
                " WHERE id = ?",
                (_name(request), file.content, file.format, file.length, file.sha256, file.options, batch),
            )
            return self._there(batch), True

    def find(self, batch: str) -> Record | None:
        """Return a batch whose file is there."""
        rows = self._read("SELECT * FROM batches WHERE id = ? AND status != 'uploading'", batch)
        return _record(rows[0]) if rows else None

    def page(self, owner: str | None, *, limit: int, before: int | None) -> list[Record]:
        """Return batches, newest first.

        :param owner: Whose; by default everybody's.
        :param before: Number below which they lie.
        """
        rows = self._read(
            "SELECT * FROM batches WHERE status != 'uploading' AND (?1 IS NULL OR owner = ?1) AND (?2 IS NULL OR number < ?2)"
            " ORDER BY number DESC LIMIT ?3",
            owner,
            before,
            limit,
        )
        return [_record(row) for row in rows]

    def standing(self) -> Standing:
        """Say how the batches of everybody stand."""
        rows = self._read(
            f"SELECT status, count(*) AS number, total(iif(status IN {_OPEN}, coalesce(total, done) - done, 0)) AS rows_left,"
            f" min(iif(status IN {_OPEN}, created, NULL)) AS oldest FROM batches WHERE status != 'uploading' GROUP BY status"
        )
        numbers = dict.fromkeys(get_args(Status), 0) | {row["status"]: row["number"] for row in rows}
        oldest = [row["oldest"] for row in rows if row["oldest"] is not None]
        age_s = max(0.0, self._clock().wall - min(oldest)) if oldest else 0.0
        return Standing(numbers, int(sum(row["rows_left"] for row in rows)), age_s)

    def cancel(self, batch: str) -> None:
        """Let a batch end as soon as can be; one that has ended stays as it is."""
        moment = self._clock()
        with self._changing() as connection:
            connection.execute(
                "UPDATE batches SET status = 'cancelling', error = NULL WHERE id = ? AND status = 'running'", (batch,)
            )
            cancelled = connection.execute(
                "UPDATE batches SET status = 'cancelled', ended = ?, ended_boot = ?, ended_uptime = ?"
                " WHERE id = ? AND status = 'queued'",
                (moment.wall, moment.boot, moment.uptime, batch),
            )
        if cancelled.rowcount:
            folders.remove_input(self.folder(batch))

    def delete(self, batch: str) -> bool:
        """Delete a batch that has ended with all that belongs to it; say whether it had."""
        with self._changing() as connection:
            ended = f"FROM batches WHERE id = ? AND status NOT IN {_OPEN}"
            if connection.execute(f"SELECT 1 {ended}", (batch,)).fetchone() is None:
                return False
            # The files first: on a full disk there is no room to write anything before they are gone.
            folders.remove(self.folder(batch))
            connection.execute(f"DELETE {ended}", (batch,))
        return True

    def drop(self, batch: str) -> None:
        """Forget a batch whose file did not come."""
        with self._changing() as connection:
            connection.execute("DELETE FROM batches WHERE id = ? AND status = 'uploading'", (batch,))

    # What the workers do.

    def waiting(self) -> list[str]:
        """Return the batches that have not ended, in the order in which they are to be worked on.

        First those that were begun: nobody may be working on them any more. Then the oldest of the owner whose last turn is longest
        ago, so that nobody waits for all batches of another.
        """
        rows = self._read(
            f"SELECT id FROM batches AS one WHERE status IN {_OPEN} ORDER BY status = 'queued',"
            " (SELECT max(turn) FROM batches AS other WHERE other.owner = one.owner), number"
        )
        return [row["id"] for row in rows]

    def start(self, batch: str) -> Record | None:
        """Take a batch up, or on again; return it unless it has ended meanwhile. The caller holds its lock."""
        with self._changing() as connection:
            connection.execute(
                "UPDATE batches SET status = 'running', started = ?, turn = (SELECT max(turn) FROM batches) + 1"
                " WHERE id = ? AND status = 'queued'",
                (self._clock().wall, batch),
            )
        record = self.find(batch)
        return record if record is not None and record.status in {"running", "cancelling"} else None

    def set_total(self, batch: str, total: int) -> None:
        """Note how many rows the file has."""
        with self._changing() as connection:
            connection.execute("UPDATE batches SET total = ? WHERE id = ?", (total, batch))

    def keep(self, record: Record, *, rows: int, scored: int, lengths: tuple[int, int], models: Sequence[str]) -> Record:
        """Count rows whose results are on the disk, and return the batch as it is now.

        :param record: The batch as it was before these rows.
        :param models: Identities of the bundles that scored them.
        """
        known = list(dict.fromkeys((*record.models, *models)))
        with self._changing() as connection:
            changed = connection.execute(
                "UPDATE batches SET done = done + ?, scored = scored + ?, results_bytes = ?, errors_bytes = ?, models = ?,"
                " error = NULL WHERE id = ? AND done = ?",
                (rows, scored, *lengths, json.dumps(known), record.id, record.done),
            )
            if not changed.rowcount:
                raise RuntimeError(f"{record.id}: somebody else has counted rows of it; report it")
            return self._there(record.id)

    def note(self, batch: str, what: str) -> None:
        """Note what a running batch waits for."""
        with self._changing() as connection:
            connection.execute("UPDATE batches SET error = ? WHERE id = ? AND status = 'running'", (what, batch))

    def end(self, batch: str, status: Literal["completed", "cancelled", "failed"], error: str | None = None) -> None:
        """End a batch that was begun, and delete what was sent. One that was to be cancelled and was done first is completed.

        The request of one that failed makes another when it is sent again.
        """
        moment = self._clock()
        with self._changing() as connection:
            changed = connection.execute(
                "UPDATE batches SET status = ?1, error = ?2, ended = ?3, ended_boot = ?4, ended_uptime = ?5,"
                " request = iif(?1 = 'failed', NULL, request) WHERE id = ?6 AND status IN ('running', 'cancelling')",
                (status, error, moment.wall, moment.boot, moment.uptime, batch),
            )
        if changed.rowcount:
            folders.remove_input(self.folder(batch))

    def sweep(self, kept_s: float) -> None:
        """Delete the files of what ended long ago, and as much later the rest; and what uploads of killed processes left.

        :param kept_s: Seconds after its end that a batch is kept. A jump of the clock does not count, unless the machine was
            started anew.
        """
        if not self._path.exists():
            return
        moment = self._clock()
        with self._changing() as connection:
            rows = connection.execute("SELECT * FROM batches").fetchall()
            statuses = {row["id"]: self._after_sweep(row, moment, kept_s) for row in rows}
            # Listed before others can make new ones.
            found = list(self._folders.iterdir()) if self._folders.is_dir() else []
        # The files first: on a full disk there is no room to write anything before they are gone.
        for folder in found:
            if statuses.get(folder.name) in {None, "expired"}:
                folders.remove(folder)
            elif statuses[folder.name] in ENDED:
                folders.remove_input(folder)
        changed = [(statuses[row["id"]], row["id"]) for row in rows if statuses[row["id"]] != row["status"]]
        if changed:
            with self._changing() as connection:
                connection.executemany("UPDATE batches SET status = ? WHERE id = ?", [each for each in changed if each[0]])
                connection.executemany("DELETE FROM batches WHERE id = ?", [each[1:] for each in changed if not each[0]])

    def _after_sweep(self, row: sqlite3.Row, moment: Moment, kept_s: float) -> str | None:
        """Return the status that a batch has from now on, or nothing if it is to be forgotten."""
        status: str = row["status"]
        if status == "uploading":
            return status if folders.is_taken(self.folder(row["id"])) else None
        if row["ended"] is None:
            return status
        age_s = moment.since(Moment(row["ended"], row["ended_boot"], row["ended_uptime"]))
        if age_s >= 2 * kept_s:
            return None
        return "expired" if age_s >= kept_s else status

    def close(self) -> None:
        """Close the file."""
        with self._lock:
            if self._connection is not None:
                self._connection.close()
            self._connection = None

    def _there(self, batch: str) -> Record:
        (row,) = self._read("SELECT * FROM batches WHERE id = ?", batch)
        return _record(row)

    def _read(self, question: str, *values: object) -> list[sqlite3.Row]:
        with self._lock:
            if self._connection is None and not self._path.exists():
                return []
            return self._open().execute(question, values).fetchall()

    @contextmanager
    def _changing(self) -> Iterator[sqlite3.Connection]:
        with self._lock:
            connection = self._open()
            connection.execute("BEGIN IMMEDIATE")
            with connection:
                yield connection

    def _open(self) -> sqlite3.Connection:
        if self._connection is not None:
            return self._connection
        self._connection = open_shared(self._path, _TABLE)
        self._connection.row_factory = sqlite3.Row
        return self._connection


class Upload:
    """A file that is about to come; unless it is queued, nothing is left of it.

    What is queued in one thread is waited for by who closes it in another.
    """

    def __init__(self, store: Store, batch: str, owner: str, request: str | None, lock: BinaryIO) -> None:
        self._store = store
        self._batch = batch
        self._owner = owner
        self._request = request
        self._lock = lock
        self._using = Lock()
        self._kept = False

    @property
    def path(self) -> Path:
        """Where the file is to be written."""
        return self._store.folder(self._batch) / folders.INPUT

    def queue(self, file: File) -> tuple[Record, bool]:
        """Let the batch wait for its turn; see :meth:`Store.queue`."""
        with self._using:
            folders.sync(self.path.parent)
            record, self._kept = self._store.queue(self._batch, self._owner, self._request, file)
            return record, self._kept

    def close(self) -> None:
        """Let go of the batch, with all that is there of it unless it was queued. May take its time."""
        with self._using, self._lock:
            if not self._kept:
                folders.remove(self.path.parent)
                with suppress(sqlite3.Error):  # swept later, where there is no room or others write for too long
                    self._store.drop(self._batch)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close()


_PLAIN = ("number", "id", "owner", "status", "created", "started", "ended", "total", "done", "scored", "error")


def _record(row: sqlite3.Row) -> Record:
    return Record(
        **{name: row[name] for name in _PLAIN},
        file=File(cast(Format, row["format"]), row["bytes"], row["sha256"], row["options"]),
        lengths=(row["results_bytes"], row["errors_bytes"]),
        models=tuple(json.loads(row["models"])),
    )


def _name(request: str | None) -> bytes | None:
    """Return what stands for the name of a request; nobody needs to read it again."""
    return None if request is None else _hash(request)


def _hash(text: str) -> bytes:
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).digest()


__all__: Sequence[str] = (
    "ENDED", "File", "OtherContentError", "Record", "Standing", "Store", "TooManyError", "TooMuchError", "Upload",
)  # fmt: skip
