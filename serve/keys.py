"""API keys: made once, shown once, kept as hashes in one SQLite file that a running service reads for each request.

A key reads ``srd_<id>_<secret>``. The id is public: lists, logs and metrics name a key by it. The secret is 32 random bytes, so
its SHA-256 is enough at rest: nobody can try 2^256 of them, and a slow hash would only let strangers keep the service busy.
"""

import hashlib
import hmac
import re
import secrets
import sqlite3
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from threading import Lock
from typing import Literal, get_args

from detector import InputError
from detector.errors import OutputError
from serve.datafiles import WAIT_S, make_private

Scope = Literal["score", "batch", "metrics", "admin"]
SCOPES: tuple[Scope, ...] = get_args(Scope)
"""What a key can be for: single calls, jobs, ``/metrics``, and changes of the running service."""

FILE = "keys.sqlite"
PREFIX = "srd"

_ID_BYTES = 5
_SECRET_BYTES = 32
_SHAPE = re.compile(rf"{PREFIX}_([0-9a-f]{{{2 * _ID_BYTES}}})_[0-9a-f]{{{2 * _SECRET_BYTES}}}")
_NOBODY = bytes(hashlib.sha256().digest_size)
"""Compared with where no key has the id, so that the answer takes as long."""
_TABLE = """
CREATE TABLE IF NOT EXISTS keys (
    id TEXT PRIMARY KEY, name TEXT NOT NULL, hash BLOB NOT NULL, scopes TEXT NOT NULL,
    rate INTEGER, created INTEGER NOT NULL, expires INTEGER, revoked INTEGER
) STRICT
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Key:
    """What is known of a key; never the key itself.

    :ivar name: Whom or what it was made for.
    :ivar rate: Items a minute, if not what the service grants everyone.
    :ivar created: When it was made, in seconds since 1970; ``expires`` and ``revoked`` likewise, if they are set.
    """

    id: str
    name: str
    scopes: tuple[Scope, ...]
    rate: int | None
    created: int
    expires: int | None
    revoked: int | None

    def state(self, now: float) -> Literal["active", "expired", "revoked"]:
        """Return whether the key counts at ``now``, in seconds since 1970."""
        if self.revoked is not None:
            return "revoked"
        return "expired" if self.expires is not None and self.expires <= now else "active"


class KeyStore:
    """The keys of one data directory. May be used from several threads.

    :param folder: The data directory; made when the first key is.
    """

    def __init__(self, folder: Path, *, clock: Callable[[], float] = time.time) -> None:
        self._path = folder / FILE
        self._clock = clock
        self._lock = Lock()
        self._reader: sqlite3.Connection | None = None
        self._read_file: tuple[int, int] | None = None

    def add(self, name: str, scopes: Sequence[str], *, rate: int | None = None, lifetime_s: int | None = None) -> str:
        """Make a key and return it; this is the only time that anybody sees it.

        :param rate: Items a minute.
        :param lifetime_s: Seconds until it expires; by default never.
        :raises InputError: if there is no such scope, or the name or a number will not do.
        :raises OutputError: if it cannot be written.
        """
        _check(name, scopes, rate, lifetime_s)
        now = int(self._clock())
        identifier, secret = secrets.token_hex(_ID_BYTES), secrets.token_hex(_SECRET_BYTES)
        key = f"{PREFIX}_{identifier}_{secret}"
        expires = None if lifetime_s is None else now + lifetime_s
        row = (identifier, name, _hash(key), " ".join(sorted(set(scopes))), rate, now, expires)
        with self._writer() as writer:
            writer.execute("INSERT INTO keys VALUES (?, ?, ?, ?, ?, ?, ?, NULL)", row)
        return key

    def revoke(self, identifier: str) -> None:
        """Make a key count no more, for the running service from its next request on.

        :raises InputError: if no key has this id.
        :raises OutputError: if it cannot be written.
        """
        if not self._path.exists():
            raise InputError(f"{self._path}: no keys yet; make one: python -m serve keys add NAME")
        with self._writer() as writer:
            changed = writer.execute(
                "UPDATE keys SET revoked = coalesce(revoked, ?) WHERE id = ?", (int(self._clock()), identifier)
            )
            if not changed.rowcount:
                raise InputError("expected the id of a key; they are listed by: python -m serve keys list")

    def keys(self) -> list[Key]:
        """Return all keys, also those that count no more, oldest first."""
        rows = self._query("SELECT * FROM keys ORDER BY created, rowid", ())
        return [_key(row) for row in rows]

    def any_made(self) -> bool:
        """Say whether a key was ever made; one that was revoked counts too."""
        return bool(self._query("SELECT 1 FROM keys LIMIT 1", ()))

    def find(self, presented: str) -> Key | None:
        """Return the key that was presented, whatever its state, or nothing if it is none of ours.

        :raises sqlite3.Error: if the file cannot be read.
        """
        shape = _SHAPE.fullmatch(presented)
        rows = self._query("SELECT * FROM keys WHERE id = ?", (shape[1] if shape else "",))
        stored = rows[0]["hash"] if rows else _NOBODY
        same = hmac.compare_digest(stored, _hash(presented))
        return _key(rows[0]) if rows and same else None

    def close(self) -> None:
        """Close the file."""
        with self._lock:
            self._close()

    def _query(self, question: str, values: tuple[object, ...]) -> list[sqlite3.Row]:
        with self._lock:
            reader = self._open_reader()
            return [] if reader is None else reader.execute(question, values).fetchall()

    def _open_reader(self) -> sqlite3.Connection | None:
        try:
            status = self._path.stat()
        except FileNotFoundError:
            status = None
        # A file is empty until its first key is in it.
        if status is None or not status.st_size:
            self._close()
            return None
        # A file put back from a copy is another one: the one still open would go on to honour keys revoked since.
        if self._read_file != (status.st_dev, status.st_ino):
            self._close()
        if self._reader is None:
            self._reader = sqlite3.connect(
                f"{self._path.absolute().as_uri()}?mode=ro", uri=True, timeout=1, check_same_thread=False
            )
            self._reader.row_factory = sqlite3.Row
            self._read_file = (status.st_dev, status.st_ino)
        return self._reader

    def _close(self) -> None:
        if self._reader is not None:
            self._reader.close()
        self._reader = self._read_file = None

    @contextmanager
    def _writer(self) -> Iterator[sqlite3.Connection]:
        try:
            make_private(self._path)
            with closing(sqlite3.connect(self._path, timeout=WAIT_S)) as writer, writer:
                writer.execute(_TABLE)
                yield writer
        except (OSError, sqlite3.Error) as error:
            raise OutputError(f"{self._path}: cannot be written: {error}") from error


def _hash(key: str) -> bytes:
    return hashlib.sha256(key.encode("utf-8", "surrogatepass")).digest()


def _key(row: sqlite3.Row) -> Key:
    scopes = tuple(scope for scope in SCOPES if scope in row["scopes"].split())
    members = {name: row[name] for name in ("id", "name", "rate", "created", "expires", "revoked")}
    return Key(scopes=scopes, **members)


def _check(name: str, scopes: Sequence[str], rate: int | None, lifetime_s: int | None) -> None:
    if not (name.isprintable() and 0 < len(name.strip()) <= 100):
        raise InputError("expected a name of 1 to 100 printable characters")
    if not scopes or not set(scopes) <= set(SCOPES):
        raise InputError(f"expected scopes out of {', '.join(SCOPES)}, got {', '.join(scopes) or 'none'}")
    for what, number in (("items a minute", rate), ("seconds until the key expires", lifetime_s)):
        if number is not None and number < 1:
            raise InputError(f"{what}: expected at least 1, got {number}")
