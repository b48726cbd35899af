"""Lines of a manifest: each sealed with a hash of itself, and chained to the line before.

A line is a JSON object. ``number`` counts from 1, ``previous`` is the SHA-256 of the line before without its line break (64 zeros
in the first), and ``sha256``, always last, is that of all bytes of the line in front of it: it says which line was changed, the
chain says that one was.
"""

import hashlib
import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, BinaryIO

from detector.outputs import json_line

MANIFEST = "manifest.jsonl"
START = "0" * 64
"""What the first line has as the hash of the line before."""

_SEAL = re.compile(rb',"sha256":"([0-9a-f]{64})"\}')
_SEAL_LENGTH = len(',"sha256":"') + 64 + len('"}')
_LONGEST = 32 << 20
"""Bytes of a line that are read at a time: of one that was made to be endless, no more is held."""

Record = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Line:
    """A line as it stands in a manifest.

    :ivar place: From 1.
    :ivar raw: Its bytes, without the line break.
    :ivar record: What it says; nothing if it is not as it was sealed.
    :ivar ended: Whether it has its line break.
    """

    place: int
    raw: bytes
    record: Record | None
    ended: bool

    @property
    def sha256(self) -> str:
        """What the next line has as ``previous``."""
        return hashlib.sha256(self.raw).hexdigest()


def sealed(record: Record) -> bytes:
    """Return a record as a line, without a line break."""
    body = json_line(record).removesuffix(b"}\n")
    return body + b',"sha256":"%s"}' % hashlib.sha256(body).hexdigest().encode()


def read_lines(stream: BinaryIO) -> Iterator[Line]:
    """Yield the lines of a manifest."""
    place = 0
    while raw := stream.readline(_LONGEST):
        place += 1
        ended = raw.endswith(b"\n")
        raw = raw.removesuffix(b"\n")
        yield Line(place, raw, _unsealed(raw), ended)


def _unsealed(raw: bytes) -> Record | None:
    body, seal = raw[:-_SEAL_LENGTH], _SEAL.fullmatch(raw[-_SEAL_LENGTH:])
    if seal is None or hashlib.sha256(body).hexdigest().encode() != seal[1]:
        return None
    try:
        record = json.loads(raw)
    except ValueError:
        return None
    return record if _is_entry(record) else None


def _is_entry(record: object) -> bool:
    """Whether a sealed line says what an entry has to say: whoever seals a line anew can write anything."""
    return (
        isinstance(record, dict)
        and isinstance(record.get("number"), int)
        and all(isinstance(record.get(name), str) for name in ("previous", "file_sha256", "bundle_sha256"))
        and all(is_sha256(part.get("sha256")) for part in objects_of(record).values())
        and len(objects_of(record)) == len(OBJECTS)
    )


OBJECTS = ("text", "row_cells")
"""The members of a line that name an object, by its ``sha256`` and ``bytes``."""


def objects_of(record: Record) -> dict[str, Record]:
    """Return the objects that a line names."""
    return {name: record[name] for name in OBJECTS if isinstance(record.get(name), dict)}


def is_sha256(value: object) -> bool:
    """Whether a value is a SHA-256 in hexadecimal, and so makes a name without a way out of its folder."""
    return isinstance(value, str) and re.fullmatch(r"[0-9a-f]{64}", value) is not None


class Order:
    """Follows the lines of a manifest, and says what is wrong with their order.

    :ivar head: SHA-256 of the last line in its place.
    :ivar entries: Whole lines in their place.
    """

    def __init__(self) -> None:
        self.head = START
        self.entries = 0
        self._number = 0
        self._changed = 0

    def fault(self, line: Line) -> str | None:
        """Return what is wrong with the next line, or nothing."""
        if line.record is None:
            self._changed += 1
            return "was changed or put in: its bytes are not those that its own hash was made of"
        number, follows = line.record["number"], line.record["previous"] == self.head
        fault = None
        if number <= self._number:
            # The lines behind it go on from the one before it.
            return f"was put in or moved: it has the number {number}, behind one with the number {self._number}"
        if not follows:
            # A line that was changed stands in its place still, but its hash is another.
            missing = number - self._number - 1 - self._changed
            if missing > 0:
                fault = f"follows on {missing} missing lines: it has the number {number}, behind one with {self._number}"
            elif not self._changed:
                fault = "was rewritten, or the line before it was: it does not have the hash of that line"
        self.head, self._number, self._changed = line.sha256, number, 0
        self.entries += 1
        return fault
