"""What a table is to the rest of the library: named columns, and rows of which some cannot be read."""

import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Protocol

from detector.errors import InputError

MAX_RECORD = 16 * 1024 * 1024
"""Longest record that is read whole, in characters (bytes in JSONL); memory must not follow the size of a broken file."""

_ESCAPED = re.compile("[\udc00-\udcff]")


@dataclass(frozen=True, slots=True)
class Row:
    """One record of a table.

    :ivar number: Position among the records of its table, from 1.
    :ivar fields: Its cells by the name of the column; of a broken record as many as could be read.
    :ivar position: Bytes of the table that have been read so far.
    :ivar error: Why the record is refused, without the text of the post.
    :ivar line: Line of the file that it begins on, from 1; nothing where there are no lines.
    """

    number: int
    fields: Mapping[str, object] = field(default_factory=dict)
    position: int = 0
    error: str | None = None
    line: int | None = None


class Table(Protocol):
    """A file of posts, open for reading.

    :ivar name: The file as messages name it.
    :ivar kind: What it is, for the summary: ``CSV in gb18030, ';' between cells``.
    :ivar columns: Names of the columns as far as the beginning of the file shows them.
    :ivar size: Bytes in all, if that is known.
    """

    name: str
    kind: str
    columns: tuple[str, ...]
    size: int | None

    def rows(self) -> Iterator[Row]:
        """Yield every record once, in order, also the refused ones.

        :raises InputError: if the file cannot be read on.
        """
        ...

    def all_columns(self) -> dict[str, object]:
        """Return every column that any record has, with the type of its values.

        :return: ``str``, ``int``, ``float``, ``bool`` or an Arrow type, by name. Reads the whole file where it must.
        :raises InputError: if the file cannot be read, or not twice.
        """
        ...

    def undecoded(self, text: str) -> str | None:
        """Return what is wrong with a text whose bytes did not fit the file's encoding, or nothing."""
        ...

    def close(self) -> None:
        """Let go of the file."""
        ...


@contextmanager
def reading(name: str) -> Iterator[None]:
    """Turn a failure of the system while a file is read into an :class:`InputError` that names the file."""
    try:
        yield
    except OSError as error:
        raise InputError(f"{name}: cannot be read: {error.strerror or error}") from error


def has_escapes(text: str) -> bool:
    """Whether a text holds bytes that did not fit its encoding, as ``surrogateescape`` leaves them."""
    return _ESCAPED.search(text) is not None


def mark_bytes(error: UnicodeError) -> tuple[str, int]:
    """Decode bytes at fault one by one into half surrogate pairs.

    What ``surrogateescape`` does, also for bytes below 128: in UTF-16 those can be at fault too.
    """
    if not isinstance(error, UnicodeDecodeError):
        raise error
    return "".join(chr(0xDC00 + byte) for byte in error.object[error.start : error.end]), error.end


def unique_names(names: list[str]) -> list[str]:
    """Name the nameless and the repeated: ``column_3``, ``text_2``."""
    taken: set[str] = set()
    unique = []
    for place, name in enumerate(names, 1):
        base = name or f"column_{place}"
        candidate, count = base, 1
        while candidate in taken:
            count += 1
            candidate = f"{base}_{count}"
        taken.add(candidate)
        unique.append(candidate)
    return unique
