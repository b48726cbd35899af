"""Which model all workers of a service are to serve: one small file in the data directory, which each of them looks at.

The file is written when a model is swapped in. It outlives a restart, so that a rollout is not undone by a reboot, but only as long
as the setting names the same folder with the same bundle: who configures another model gets it.
"""

import fcntl
import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from detector import BundleError, InputError
from detector.bundle import MANIFEST, file_sha256
from detector.errors import OutputError
from serve.datafiles import make_private

FILE = "model.json"
LOCK = "model.lock"


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """A bundle that all workers are to serve.

    :ivar folder: Where it lies, symbolic links followed.
    :ivar sha256: Hash of its ``bundle.json``, as in :class:`detector.bundle.Bundle`.
    :ivar configured: The folder that the setting named when this was wanted.
    :ivar configured_sha256: The bundle that lay there; nothing if there was none.
    """

    folder: Path
    sha256: str
    configured: Path
    configured_sha256: str | None


class WantedFile:
    """The file of one data directory. Not for several threads at once.

    :param data: The data directory; made when something is first written.
    """

    def __init__(self, data: Path) -> None:
        self._path = data / FILE
        self._lock = data / LOCK
        self._seen: tuple[int, ...] | None = None
        self._read: Wanted | None = None

    def read(self) -> Wanted | None:
        """Return what is wanted, or nothing if that is the configured model; costs next to nothing while it stays the same.

        :raises InputError: if the file cannot be read; told once for each file.
        """
        try:
            status = self._path.stat()
        except FileNotFoundError:
            self._seen = self._read = None
            return None
        except OSError as error:
            raise InputError(f"{self._path}: cannot be read: {error}") from error
        seen = (status.st_dev, status.st_ino, status.st_mtime_ns)
        if seen != self._seen:
            self._seen, self._read = seen, None
            self._read = _parse(self._path)
        return self._read

    def write(self, wanted: Wanted) -> None:
        """Tell all workers what is wanted from now on.

        :raises OSError: if it cannot be written; what was wanted before still is.
        """
        plain = {name: str(value) if isinstance(value, Path) else value for name, value in asdict(wanted).items()}
        new = self._path.with_suffix(".new")
        make_private(new)
        with new.open("w", encoding="utf-8") as stream:
            json.dump(plain, stream, indent=2)
            stream.flush()
            os.fsync(stream.fileno())
        new.replace(self._path)

    def forget_unless(self, configured: Path) -> None:
        """Remove what is wanted if the setting now names another folder, or another bundle lies there.

        :param configured: The folder that the setting names, symbolic links not followed.
        :raises InputError: if the file cannot be read.
        :raises OutputError: if it cannot be removed.
        """
        wanted = self.read()
        if wanted is None or (wanted.configured, wanted.configured_sha256) == (configured, sha256_of(configured)):
            return
        try:
            self._path.unlink(missing_ok=True)
        except OSError as error:
            raise OutputError(f"{self._path}: cannot be removed: {error}; remove it, as another model is configured") from error

    @contextmanager
    def alone(self) -> Iterator[bool]:
        """Within this block, no other process of the service changes what is wanted; false if one is about to already.

        :raises OSError: if the data directory cannot be written.
        """
        make_private(self._lock)
        with self._lock.open("r+b") as stream:
            try:
                fcntl.flock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                yield False
                return
            yield True


def sha256_of(folder: Path) -> str | None:
    """Return the hash of the bundle that lies in a folder, unchecked; nothing if there is none."""
    try:
        return file_sha256(folder / MANIFEST)
    except BundleError:
        return None


def _parse(path: Path) -> Wanted:
    try:
        plain: dict[str, Any] = json.loads(path.read_bytes())
        return Wanted(
            folder=Path(plain["folder"]),
            sha256=str(plain["sha256"]),
            configured=Path(plain["configured"]),
            configured_sha256=plain["configured_sha256"],
        )
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise InputError(f"{path}: expected the model that the service was told to serve, got: {error!r}; remove it") from error
