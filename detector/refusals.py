"""What was refused, set aside as JSONL: where it stands and why, so that it can be looked at and mended."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from detector.outputs import json_line, whole_file, writing
from detector.tables import Row


@dataclass(frozen=True, slots=True)
class ErrorFile:
    """Where refusals are written.

    :ivar path: The file; it appears under its name only when it is whole, also if nothing was refused.
    :ivar with_text: Whether the texts are written too. They may be personal data, and are not by default.
    """

    path: Path
    with_text: bool = False


class Refusals:
    """Writes one object a line: ``file``, ``row`` and ``line`` from 1, ``id``, ``reason``, and ``text`` if it is wanted.

    A file that could not be read, or not to its end, has neither row nor id.

    :param stream: Where to; nothing is written without it.
    """

    def __init__(self, stream: BinaryIO | None, name: str = "", *, with_text: bool = False) -> None:
        self._stream = stream
        self._name = name
        self._with_text = with_text

    def row(self, file: str, row: Row, identity: str | None, reason: str, text: object) -> None:
        """Set one row aside."""
        self._write(file, row.number, row.line, identity, reason, text)

    def file(self, file: str, reason: str) -> None:
        """Set aside what is left of a file."""
        self._write(file, None, None, None, reason, None)

    def _write(self, file: str, row: int | None, line: int | None, identity: str | None, reason: str, text: object) -> None:
        if self._stream is None:
            return
        record = {"file": file, "row": row, "line": line, "id": identity, "reason": reason}
        with writing(self._name):
            self._stream.write(json_line(record | {"text": text} if self._with_text else record))


@contextmanager
def set_aside(errors: ErrorFile | None, *, token: str | None = None) -> Iterator[Refusals]:
    """Yield what takes the refusals.

    :param token: For :func:`detector.outputs.whole_file`.
    :raises OutputError: if the file cannot be written.
    """
    if errors is None:
        yield Refusals(None)
        return
    with whole_file(errors.path, token=token) as stream:
        yield Refusals(stream, str(errors.path), with_text=errors.with_text)
