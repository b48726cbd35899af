"""A disk that is full, told from one that is broken; and the room that batches leave to all else."""

import errno
import shutil
import sqlite3
from pathlib import Path

RESERVE = 64 << 20
"""Bytes that batches leave free: for keys and rates, and for what is written when a batch is cancelled or deleted."""

_FULL = frozenset({errno.ENOSPC, errno.EDQUOT})


def require_room(folder: Path, length: int = 0) -> None:
    """Refuse to write what the reserve would be needed for.

    :param folder: Where, whether it was made yet or not.
    :param length: Bytes that are about to be written.
    :raises OSError: as of a full disk.
    """
    there = next(each for each in (folder, *folder.absolute().parents) if each.exists())
    if shutil.disk_usage(there).free < RESERVE + length:
        raise OSError(errno.ENOSPC, f"{folder}: expected {RESERVE + length} bytes free")


def is_full(error: Exception) -> bool:
    """Say whether more room would help."""
    if isinstance(error, sqlite3.Error):
        return getattr(error, "sqlite_errorcode", None) == sqlite3.SQLITE_FULL
    return isinstance(error, OSError) and error.errno in _FULL


def is_busy(error: Exception) -> bool:
    """Say whether another process only took its time with the file."""
    return isinstance(error, sqlite3.Error) and getattr(error, "sqlite_errorcode", None) == sqlite3.SQLITE_BUSY
