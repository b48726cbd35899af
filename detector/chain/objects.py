"""The objects of a folder of evidence: files under the SHA-256 of what they hold."""

import hashlib
import os
from collections.abc import Collection, Iterator
from pathlib import Path

from detector.outputs import sync_folder

OBJECTS, INCOMING = "objects", "incoming"
PRIVATE_FOLDER, PRIVATE_FILE = 0o700, 0o600
"""Modes: what is kept holds the posts as they are, with contacts."""


class Objects:
    """Writes objects in two steps, so that none is in its place without a line that names it.

    :param folder: The folder of evidence.
    """

    def __init__(self, folder: Path) -> None:
        self._objects = folder / OBJECTS
        self._incoming = folder / INCOMING
        self._new: list[str] = []

    def prepare(self) -> None:
        """Make the folders that are not there."""
        for folder in (self._objects, self._incoming):
            folder.mkdir(mode=PRIVATE_FOLDER, exist_ok=True)

    def add(self, content: bytes) -> str:
        """Write an object that is not there yet, not in its place; return its SHA-256."""
        digest = hashlib.sha256(content).hexdigest()
        if digest in self._new or self.place(digest).exists():
            return digest
        self._new.append(digest)
        descriptor = os.open(self._incoming / digest, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, PRIVATE_FILE)
        with os.fdopen(descriptor, "wb") as stream:
            stream.write(content)
            stream.flush()
            os.fsync(descriptor)
        return digest

    def sync(self) -> None:
        """Make the names of what was added last over a power cut."""
        if self._new:
            sync_folder(self._incoming)

    def settle(self) -> None:
        """Move what was added to its place: its lines are written."""
        for digest in self._new:
            self._move(digest)
        self._new.clear()

    def waiting(self) -> frozenset[str]:
        """Return the names of what a run that was cut off did not move."""
        return frozenset(os.listdir(self._incoming)) if self._incoming.is_dir() else frozenset()

    def recover(self, waiting: Collection[str], named: Collection[str]) -> None:
        """Move what lines name to its place, and remove the rest.

        :param waiting: Names in the folder of what came in.
        :param named: Those of them that a line names.
        """
        for name in waiting:
            if name in named:
                self._move(name)
            else:
                (self._incoming / name).unlink()

    def place(self, digest: str) -> Path:
        """Return where an object lies in the end."""
        return self._objects / digest[:2] / digest[2:]

    def find(self, digest: str) -> Path:
        """Return where an object is now: in its place, or still where it came in."""
        place, incoming = self.place(digest), self._incoming / digest
        return incoming if not place.exists() and incoming.exists() else place

    def files(self) -> Iterator[tuple[Path, str]]:
        """Yield every file among the objects, with the SHA-256 that its name stands for."""
        for place, folders, names in os.walk(self._objects):
            folders.sort()
            for name in sorted(names):
                path = Path(place, name)
                yield path, "".join(path.relative_to(self._objects).parts)

    def _move(self, digest: str) -> None:
        place = self.place(digest)
        place.parent.mkdir(mode=PRIVATE_FOLDER, exist_ok=True)
        (self._incoming / digest).replace(place)


def sha256_of(path: Path) -> str:
    """Return the SHA-256 of a file."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()
