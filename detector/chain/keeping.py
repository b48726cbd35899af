"""Writes flagged posts into a folder of evidence, behind those that are there."""

import fcntl
import hashlib
import os
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType
from typing import BinaryIO, Self, cast

from detector.chain.lines import MANIFEST, Line, Order, Record, objects_of, read_lines, sealed
from detector.chain.objects import PRIVATE_FILE, PRIVATE_FOLDER, Objects, sha256_of
from detector.dates import written
from detector.errors import EvidenceError, OutputError
from detector.outputs import json_line, sync_folder, writing
from detector.records import Evidence, Verdict
from detector.scored import FLAGGED
from detector.summary import Kept
from detector.tables import Row, reading


class EvidenceFolder:
    """Takes posts with their verdicts, and keeps those that are flagged.

    A post is kept once for each source file, row, text and model, whatever runs find it: a run that is resumed or given again adds
    only what is not there.

    :param folder: Is made if it is not there, for its owner alone.
    :param bundle_sha256: Of the model that the verdicts come from.
    :raises OutputError: if it cannot be written, holds something else, or another process is writing it.
    :raises EvidenceError: if its manifest is not whole: nothing is added to a broken chain.
    """

    def __init__(self, folder: Path, bundle_sha256: str) -> None:
        self.kept = Kept(str(folder))
        self._folder = folder
        self._bundle = bundle_sha256
        self._objects = Objects(folder)
        self._known: set[bytes] = set()
        self._lines: list[bytes] = []
        self._head, self._number = "", 0
        self._files: dict[Path | str, str] = {}
        with writing(str(folder)):
            self._stream = self._opened()
        try:
            with writing(str(folder)):
                self._take_up()
        except BaseException:
            self.close()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None) -> None:
        self.close()

    def take(self, path: Path | str, row: Row, text: object, verdict: Verdict) -> None:
        """Keep a post if it is flagged; :meth:`flush` writes it.

        :param path: The source file.
        :param row: As it was read.
        :param text: The post, as it was scored.
        :raises InputError: if the source cannot be read for its hash.
        """
        if verdict.band not in FLAGGED or not isinstance(text, str):
            return
        content = text.encode("utf-8", "surrogatepass")
        source = self._files.get(path) or self._hash_source(path)
        key = _key(source, row.number, hashlib.sha256(content).hexdigest(), self._bundle)
        if key in self._known:
            self.kept.known += 1
            return
        cells = json_line(row.fields)
        with writing(str(self._folder)):
            record = {
                "number": self._number + 1,
                "previous": self._head,
                "time": written(datetime.now(UTC)),
                "id": verdict.id,
                "file": str(path),
                "file_sha256": source,
                "row": row.number,
                "line": row.line,
                "text": {"sha256": self._objects.add(content), "bytes": len(content)},
                "row_cells": {"sha256": self._objects.add(cells), "bytes": len(cells)},
                "verdict": _verdict_record(verdict),
                "model": verdict.model,
                "bundle_sha256": self._bundle,
            }
        self._known.add(key)
        self._append(sealed(record))
        self.kept.added += 1

    def flush(self) -> None:
        """Write what was taken: first the objects, then the lines that name them, and only then each object in its place."""
        if not self._lines:
            return
        with writing(str(self._folder)):
            self._objects.sync()
            self._stream.write(b"".join(self._lines))
            self._stream.flush()
            os.fsync(self._stream.fileno())
            self._objects.settle()
        self._lines.clear()

    def close(self) -> None:
        """Let go of the folder; what has not been flushed is dropped."""
        self.kept.head, self.kept.entries = self._head, self._number
        self._stream.raw.close()  # type: ignore[attr-defined]

    def _opened(self) -> BinaryIO:
        """Return the manifest, open and locked."""
        self._folder.mkdir(mode=PRIVATE_FOLDER, parents=True, exist_ok=True)
        manifest = self._folder / MANIFEST
        if not manifest.exists() and any(self._folder.iterdir()):
            raise OutputError(f"{self._folder}: expected an empty folder or one with a {MANIFEST}; keep evidence in one of its own")
        self._folder.chmod(PRIVATE_FOLDER)
        stream = os.fdopen(os.open(manifest, os.O_RDWR | os.O_CREAT, PRIVATE_FILE), "r+b")
        try:
            # Goes with the process, however that ends.
            fcntl.flock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            stream.close()
            raise OutputError(f"{manifest}: another process is writing it; wait until it has ended") from None
        manifest.chmod(PRIVATE_FILE)
        self._objects.prepare()
        sync_folder(self._folder)
        return cast(BinaryIO, stream)

    def _take_up(self) -> None:
        """Read what is there, and mend what a run that was cut off has left."""
        order, waiting, end = Order(), self._objects.waiting(), 0
        named: set[str] = set()
        for line in read_lines(self._stream):
            if not line.ended:
                self._mend(line, end)
                if line.record is None:
                    break
            fault = order.fault(line)
            if fault is not None or line.record is None:
                raise EvidenceError(
                    f"{self._folder / MANIFEST}, line {line.place}: {fault}; nothing is added to it: "
                    f"see scam-detector verify {self._folder}, and keep new evidence in another folder"
                )
            end += len(line.raw) + 1
            named |= waiting.intersection(part["sha256"] for part in objects_of(line.record).values())
            self._known.add(_key_of(line.record))
        self._objects.recover(waiting, named)
        self._head, self._number = order.head, order.entries
        self._stream.seek(0, os.SEEK_END)

    def _mend(self, line: Line, end: int) -> None:
        """Mend the last line, which has no end: give it one if that is all it lacks, or else remove it."""
        if line.record is not None:
            self._stream.seek(0, os.SEEK_END)
            self._stream.write(b"\n")
            self.kept.mended = f"line {line.place} of {MANIFEST} lacked its line break, which was added"
        else:
            self._stream.truncate(end)
            self.kept.mended = f"line {line.place} of {MANIFEST}, {len(line.raw)} bytes without an end, was removed"
        self._stream.flush()
        os.fsync(self._stream.fileno())

    def _hash_source(self, path: Path | str) -> str:
        with reading(str(path)):
            self._files = {path: sha256_of(Path(path))}
        return self._files[path]

    def _append(self, line: bytes) -> None:
        self._lines.append(line + b"\n")
        self._head, self._number = hashlib.sha256(line).hexdigest(), self._number + 1


def _key(file_sha256: str, row: object, text_sha256: str, bundle_sha256: str) -> bytes:
    """Return what tells one entry from all others."""
    return hashlib.blake2b(f"{file_sha256} {row} {text_sha256} {bundle_sha256}".encode(), digest_size=16).digest()


def _key_of(record: Record) -> bytes:
    return _key(record["file_sha256"], record["row"], record["text"]["sha256"], record["bundle_sha256"])


def _verdict_record(verdict: Verdict) -> Record:
    """Return a verdict without words of the post: places in the text say the same, and contacts are found again from it."""
    return {
        "score": verdict.score,
        "label": verdict.label,
        "label_scores": dict(verdict.label_scores),
        "band": verdict.band,
        "language": verdict.language,
        "note": verdict.note,
        "windows": verdict.windows,
        "evidence": _places(verdict.evidence),
        "indicators": [{"code": each.code, "score": each.score, "evidence": _places(each.evidence)} for each in verdict.indicators],
    }


def _places(found: tuple[Evidence, ...]) -> list[list[int]]:
    return [[piece.start, piece.end] for piece in found]
