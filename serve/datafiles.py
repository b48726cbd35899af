"""Files of the data directory: for this user alone, and those in SQLite for all workers at once."""

import os
import sqlite3
import time
from pathlib import Path

WAIT_S = 5.0
"""How long whoever writes waits for another that does."""
_PAUSE_S = 0.005


def make_private(path: Path) -> None:
    """Make an empty file that only this user can read, and its folder, unless they are there."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    os.close(os.open(path, os.O_CREAT | os.O_RDWR, 0o600))


def open_shared(path: Path, *tables: str, durable: bool = True) -> sqlite3.Connection:
    """Open a database with a write-ahead log, made if it is not there; transactions are begun by hand.

    :param tables: Statements that make what is not there yet.
    :param durable: Whether what was written outlives a loss of power.
    :raises OSError: if it cannot be made; likewise ``sqlite3.Error`` if it cannot be used. Nothing is left open then.
    """
    make_private(path)
    connection = sqlite3.connect(path, timeout=WAIT_S, isolation_level=None, check_same_thread=False)
    try:
        _write_ahead(connection)
        if not durable:
            connection.execute("PRAGMA synchronous = OFF")
        for table in tables:
            connection.execute(table)
    except BaseException:
        connection.close()
        raise
    return connection


def _write_ahead(connection: sqlite3.Connection) -> None:
    """Switch a file to a write-ahead log, which outlasts the connection.

    While another process switches it, SQLite says at once that the file is locked, whatever timeout was set.
    """
    last = time.monotonic() + WAIT_S
    while True:
        try:
            connection.execute("PRAGMA journal_mode = WAL")
            return
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode != sqlite3.SQLITE_BUSY or time.monotonic() > last:
                raise
            time.sleep(_PAUSE_S)
