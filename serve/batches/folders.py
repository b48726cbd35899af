"""The folder of a batch: its input, its results and errors, and the lock of whoever works on it."""

import fcntl
import os
import shutil
from contextlib import suppress
from io import FileIO
from pathlib import Path
from typing import BinaryIO

from detector.errors import OutputError
from serve.datafiles import make_private

INPUT = "input"
RESULTS = "results.jsonl"
ERRORS = "errors.jsonl"
LOCK = "lock"


def make(folder: Path) -> BinaryIO:
    """Make a folder that only this user can read, and return its lock, taken."""
    folder.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    for name in (LOCK, INPUT, RESULTS, ERRORS):
        make_private(folder / name)
    lock = take(folder)
    if lock is None:
        raise OutputError(f"{folder}: another process has taken a folder that was just made; report it")
    return lock


def take(folder: Path) -> BinaryIO | None:
    """Return the lock of a folder, to be closed, or nothing if somebody holds it or the folder is gone.

    It goes with the process that holds it, however that ends.
    """
    try:
        lock = (folder / LOCK).open("r+b")
    except FileNotFoundError:
        return None
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        lock.close()
        return None
    return lock


def is_taken(folder: Path) -> bool:
    """Say whether somebody holds the lock of a folder."""
    lock = take(folder)
    if lock is not None:
        lock.close()
    return lock is None and folder.exists()


def begin(folder: Path) -> int:
    """Note that the work on a folder begins; return how often it did since :func:`get_on`."""
    # One byte of the lock for each: they outlive a process that is killed for what it reads.
    number = (folder / LOCK).stat().st_size + 1
    os.truncate(folder / LOCK, number)
    return number


def get_on(folder: Path) -> None:
    """Note that the work has got on, or is let go of in good order."""
    with suppress(OSError):  # the folder is gone, or counts a bit too much
        os.truncate(folder / LOCK, 0)


def remove(folder: Path) -> None:
    """Remove a folder with all that is in it; one that cannot be removed is met again at the next sweep."""
    shutil.rmtree(folder, ignore_errors=True)


def remove_input(folder: Path) -> None:
    """Remove what was sent, once it is not needed any more; one that cannot be removed is met again at the next sweep."""
    with suppress(OSError):
        (folder / INPUT).unlink()


def sync(folder: Path) -> None:
    """Force the names of a folder and of the files in it to disk."""
    for each in (folder, folder.parent):
        descriptor = os.open(each, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


class Outputs:
    """Results and errors of one batch, open to be written on.

    :param lengths: Bytes of each that count; what lies behind them is cut off.
    :raises OutputError: if a file is shorter than that, or gone.
    """

    def __init__(self, folder: Path, lengths: tuple[int, int]) -> None:
        self._files: list[FileIO] = []
        try:
            for name, length in zip((RESULTS, ERRORS), lengths, strict=True):
                self._files.append(_open(folder / name, length))
            self.cut(lengths)
        except (OSError, OutputError):
            self.close()
            raise

    def cut(self, lengths: tuple[int, int]) -> None:
        """Cut both files to the lengths that count."""
        for file, length in zip(self._files, lengths, strict=True):
            file.truncate(length)

    def append(self, lengths: tuple[int, int], contents: tuple[bytes, bytes]) -> tuple[int, int]:
        """Write behind the lengths that count, and return the new ones once all is on the disk.

        :raises OSError: if it cannot be written; nothing is added then.
        """
        try:
            for file, length, content in zip(self._files, lengths, contents, strict=True):
                file.truncate(length)
                file.seek(length)
                left = memoryview(content)
                while left:
                    left = left[file.write(left) :]
                os.fsync(file.fileno())
        except OSError:
            self.cut(lengths)
            raise
        return lengths[0] + len(contents[0]), lengths[1] + len(contents[1])

    def close(self) -> None:
        """Let go of the files."""
        for file in self._files:
            file.close()


def _open(path: Path, length: int) -> FileIO:
    """Open a file of which some bytes count.

    :raises OutputError: if it has fewer, or is gone.
    """
    found = path.stat().st_size if path.exists() else None
    if found is None or found < length:
        got = "no file" if found is None else found
        raise OutputError(f"{path.name}: expected {length} bytes, got {got}; the disk lost what was written")
    return path.open("r+b", buffering=0)
