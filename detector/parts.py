"""An output in parts: a folder of files with so many rows each, which appears under its name only when it is whole."""

import os
import secrets
import shutil
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from detector.errors import OutputError
from detector.outputs import PARTIAL, Columns, Writer, sync_folder, writer_for, writing
from detector.records import Verdict


class PartsWriter:
    """Writes ``part-00000.jsonl`` and so on, each a file that stands for itself; see :class:`detector.outputs.Writer`.

    :param folder: Where to; it is empty.
    :param suffix: Of the parts: ``.jsonl``, ``.csv`` or ``.parquet``.
    :param rows: In each part but the last.
    """

    def __init__(self, folder: Path, suffix: str, columns: Columns, labels: Sequence[str], rows: int) -> None:
        self._folder = folder
        self._suffix = suffix
        self._columns = columns
        self._labels = labels
        self._rows = rows
        self._written = self._parts = 0
        self._begin()

    def write(self, carried: Mapping[str, object], verdict: Verdict) -> None:
        """Write one record."""
        if self._written == self._rows:
            self.finish()
            self._begin()
        self._writer.write(carried, verdict)
        self._written += 1

    def flush(self) -> None:
        """Hand on what can be handed on."""
        self._writer.flush()

    def finish(self) -> None:
        """Write what is still held back of the last part."""
        self._writer.finish()
        self._stream.flush()
        os.fsync(self._stream.fileno())
        self._stream.close()

    def abandon(self) -> None:
        """Drop what is still held back."""
        self._writer.abandon()
        self._stream.raw.close()  # type: ignore[attr-defined]

    def _begin(self) -> None:
        self._stream: BinaryIO = (self._folder / f"part-{self._parts:05}{self._suffix}").open("xb")
        self._writer: Writer = writer_for(self._suffix, self._stream, self._columns, self._labels)
        self._parts += 1
        self._written = 0


@contextmanager
def whole_folder(path: Path, *, token: str | None = None) -> Iterator[Path]:
    """Yield a hidden folder that takes the name only when the block has ended well.

    :param token: As for :func:`detector.outputs.whole_file`.
    :raises OutputError: if it cannot be made, or there is something under the name.
    """
    if os.path.lexists(path):
        raise OutputError(f"{path}: is there already, and a folder of parts replaces nothing; remove it or write to another name")
    partial = path.with_name(f".{path.name[:200]}.{token or secrets.token_hex(4)}{PARTIAL}")
    try:
        with writing(str(path)):
            if token:
                # Left behind by a process that was killed.
                shutil.rmtree(partial, ignore_errors=True)
            partial.mkdir()
        yield partial
        with writing(str(path)):
            sync_folder(partial)
            partial.rename(path)
            sync_folder(path.parent)
    finally:
        shutil.rmtree(partial, ignore_errors=True)
