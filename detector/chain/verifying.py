"""Checks a folder of evidence, byte by byte, and names what is not as it was kept."""

import fcntl
import json
from collections.abc import Iterator
from pathlib import Path

from detector.chain.lines import MANIFEST, START, Line, Order, Record, objects_of, read_lines
from detector.chain.objects import Objects, sha256_of
from detector.errors import InputError, OutputError
from detector.tables import reading

_WHAT = {"text": "the text", "row_cells": "the cells"}


class Verification:
    """What is found in a folder.

    :param folder: The folder of evidence.
    :param head: SHA-256 of a line that must be there, as ``score`` printed it; lines behind it may have been added since.
    :ivar entries: Whole lines in their place.
    :ivar objects: Different objects that they name.
    :ivar head: SHA-256 of the last of these lines.
    :ivar added: Lines behind the one that had to be there; nothing if none was asked for.
    """

    def __init__(self, folder: Path, *, head: str | None = None) -> None:
        self.entries = self.objects = 0
        self.head = START
        self.added: int | None = None
        self._folder = folder
        self._wanted = head.strip().lower() if head is not None else None
        self._objects = Objects(folder)
        # Of each object what is wrong with it: about a hundred bytes for each distinct post.
        self._checked: dict[bytes, str | None] = {}

    def faults(self) -> Iterator[str]:
        """Yield what is wrong, a line each: which file, and which post.

        :raises InputError: if there is no folder of evidence, or it cannot be read.
        :raises OutputError: if a run is writing it.
        """
        manifest = self._folder / MANIFEST
        if not manifest.is_file():
            raise InputError(f"{self._folder}: expected a folder of evidence, found no {MANIFEST} in it")
        with reading(str(manifest)), manifest.open("rb") as stream:
            try:
                fcntl.flock(stream, fcntl.LOCK_SH | fcntl.LOCK_NB)
            except BlockingIOError:
                raise OutputError(f"{manifest}: another process is writing it; wait until it has ended") from None
            yield from self._faults_of_lines(read_lines(stream))
            yield from self._faults_of_names()
        if self._wanted is not None and self.added is None:
            yield (
                f"{MANIFEST}: no line has the hash {self._wanted}; lines were taken from its end, or it is another manifest: "
                f"its last line has {self.head}"
            )

    def _faults_of_lines(self, lines: Iterator[Line]) -> Iterator[str]:
        order = Order()
        self._meet(order)
        for line in lines:
            name = f"{MANIFEST}, line {line.place}{_post(line)}"
            fault = order.fault(line)
            if not line.ended:
                end = "has no line break: bytes were taken from the end, or a run was killed"
                fault = f"{end}; {fault or 'it is whole but for that'}"
            if fault is not None:
                yield f"{name}: {fault}"
            self._meet(order)
            if line.record is not None:
                yield from self._faults_of_objects(line.record, _post(line))
        self.head, self.entries, self.objects = order.head, order.entries, len(self._checked)

    def _meet(self, order: Order) -> None:
        """Count the lines behind the one that must be there."""
        if order.head == self._wanted:
            self._place = order.entries
            self.added = 0
        elif self.added is not None:
            self.added = order.entries - self._place

    def _faults_of_objects(self, record: Record, post: str) -> Iterator[str]:
        for name, part in objects_of(record).items():
            key = bytes.fromhex(part["sha256"])
            if key not in self._checked:
                self._checked[key] = self._fault_of_object(part["sha256"])
            fault = self._checked[key]
            if fault is not None:
                yield f"{self._shown(self._objects.find(part['sha256']))}, {_WHAT[name]} of{post}: {fault}"

    def _fault_of_object(self, digest: str) -> str | None:
        path = self._objects.find(digest)
        try:
            found = sha256_of(path)
        except FileNotFoundError:
            return "is missing"
        except OSError as error:
            return f"cannot be read: {error.strerror or error}"
        return None if found == digest else f"was changed: its SHA-256 is {found}"

    def _faults_of_names(self) -> Iterator[str]:
        """Yield the files among the objects that no line names."""
        for path, digest in self._objects.files():
            if not _is_key(digest) or bytes.fromhex(digest) not in self._checked:
                yield f"{self._shown(path)}: was put in, or its line is missing: no whole line of {MANIFEST} names it"

    def _shown(self, path: Path) -> str:
        return str(path.relative_to(self._folder))


def _is_key(digest: str) -> bool:
    try:
        return len(bytes.fromhex(digest)) == 32 and digest == digest.lower()
    except ValueError:
        return False


def _post(line: Line) -> str:
    """Return which post a line is about, as far as it can still be read."""
    try:
        said = line.record or json.loads(line.raw)
        return f" post {said['id']!r}, row {said['row']} of {said['file']}"
    except (ValueError, KeyError, TypeError, RecursionError):
        return " post unreadable"
