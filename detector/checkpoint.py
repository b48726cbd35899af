"""Runs that can be gone on with: what was scored is kept beside the output until the output is whole.

The checkpoint of ``out.csv`` is ``out.csv.progress``: a line that says which run it belongs to, and behind it a line for each row
with its verdict. Scoring takes hours and writing minutes, so nothing else is kept: a run that is resumed reads its inputs from
their start, takes the verdicts from the checkpoint as far as they go, and writes the output anew. That makes it the same bytes as
that of a run without a break, in every format.

It is kept only if asked for: it takes about half a kilobyte a row, the inputs are read once more for their hashes, and who has not
asked to resume expects an interrupted run to leave nothing behind. It holds no text of a post: evidence is kept by its place.
"""

import fcntl
import hashlib
import json
import os
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, fields
from pathlib import Path
from typing import Any, BinaryIO, cast

from detector.bundle import Bundle
from detector.errors import InputError, OutputError
from detector.inputs import Input, Reading, check_lasts
from detector.outputs import writing
from detector.records import Contact, Evidence, IndicatorFinding, Post, Verdict
from detector.tables import reading
from detector.version import package_version

FORMAT = 1
SUFFIX = ".progress"
_START = b'{"progress": '
"""What every checkpoint begins with, and no other file under its name."""
_SYNC_S = 5.0
"""Seconds of work that a power cut may cost; a process that is killed loses no finished batch."""
_WHAT = {
    "progress": "format",
    "package": "version of the package",
    "runtime": "backend",
    "options": "choice of columns or encoding",
    "mask": "choice of --mask",
}
"""Names for what belongs to a run, where they are not the same as in the file."""

Run = Mapping[str, object]
"""What a checkpoint belongs to, as JSON has it."""


def describe_run(bundle: Bundle, runtime: str, inputs: Sequence[Input], how: Reading, *, mask: bool = False) -> Run:
    """Return all that a verdict depends on: inputs with their hashes, options, model and version.

    Threads, batches, engines, parts and the names of other outputs may differ when a run is resumed.

    :param runtime: Name of the backend.
    :param mask: Whether contacts are hidden, in the progress too: a run that shows them cannot go on from it.
    :raises InputError: if an input is not a file, and cannot be read again.
    """
    run = {
        "progress": FORMAT,
        "package": package_version() or "none",
        "model": bundle.sha256,
        "runtime": runtime,
        "options": asdict(how),
        "mask": mask,
        "inputs": [_fingerprint(each.path) for each in inputs],
    }
    return cast(Run, json.loads(json.dumps(run)))


def _fingerprint(path: Path | str) -> list[object]:
    """Return name, size and SHA-256 of an input; of one that is missing or no file only the name."""
    check_lasts(path, "a resumed run can read again")
    try:
        with open(path, "rb") as stream:
            return [str(path), os.fstat(stream.fileno()).st_size, hashlib.file_digest(stream, "sha256").hexdigest()]
    except OSError:
        return [str(path), None, None]


class Checkpoint:
    """The verdicts of one run in their order, as far as it has come.

    :param path: The file, which may be there already.
    :param run: What :func:`describe_run` says of this run.
    :raises InputError: if the file belongs to another run.
    :raises OutputError: if it cannot be written, or another process is writing it.
    """

    def __init__(self, path: Path, run: Run) -> None:
        self.path = path
        with writing(str(path)):
            self._stream = cast(BinaryIO, path.open("r+b" if path.exists() else "x+b"))
        try:
            self._lock()
            # The length of the first line, and of what has been recalled behind it.
            self._start = self._end = self._begin(run)
        except BaseException:
            self.close()
            raise
        self._recalling = True
        self._synced = time.monotonic()

    @property
    def is_empty(self) -> bool:
        """Whether no row is kept."""
        return os.fstat(self._stream.fileno()).st_size <= self._start

    def recall(self, items: Sequence[Post | Verdict], model: str) -> list[Verdict]:
        """Return the verdicts on the next rows, of as many as were kept.

        :param items: What the rows hold: a post, or the verdict on what is none.
        :param model: The identity of the bundle, as verdicts carry it.
        """
        verdicts: list[Verdict] = []
        for item in items if self._recalling else ():
            verdict = self._next(item, model)
            if verdict is None:
                # Behind the last whole line there may be half a line, of a process that was killed.
                self._recalling = False
                with writing(str(self.path)):
                    self._stream.seek(self._end)
                    self._stream.truncate()
                break
            verdicts.append(verdict)
        return verdicts

    def keep(self, verdicts: Iterable[Verdict]) -> None:
        """Add verdicts behind those that are kept."""
        with writing(str(self.path)):
            self._stream.write(b"".join(map(verdict_line, verdicts)))
            self._stream.flush()
            if time.monotonic() > self._synced + _SYNC_S:
                os.fsync(self._stream.fileno())
                self._synced = time.monotonic()

    def close(self) -> None:
        """Let go of the file; what has not reached it is dropped instead of tried again."""
        self._stream.raw.close()  # type: ignore[attr-defined]

    def _lock(self) -> None:
        try:
            # Goes with the process, however that ends.
            fcntl.flock(self._stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise OutputError(f"{self.path}: another process is writing it; wait until it has ended") from None

    def _begin(self, run: Run) -> int:
        """Check the first line, or write it; return its length in bytes."""
        with reading(str(self.path)):
            first = self._stream.readline()
        if not first.startswith(_START[: len(first)]):
            raise InputError(f"{self.path}: expected the progress of a run, got another file; move it away")
        if first.endswith(b"\n"):
            self._check(json.loads(first), run)
            return len(first)
        # New, or of a process that was killed while it wrote this line.
        first = json.dumps(run).encode() + b"\n"
        with writing(str(self.path)):
            self._stream.seek(0)
            self._stream.truncate()
            self._stream.write(first)
            self._stream.flush()
        return len(first)

    def _check(self, kept: Run, run: Run) -> None:
        other = next((key for key in run if kept.get(key) != run[key]), None)
        if other is None:
            return
        what = _changed_input(kept, run) if other == "inputs" else f"another {_WHAT.get(other, other)}"
        raise InputError(
            f"{self.path}: belongs to a run with {what}; go on with the same inputs and options, or remove it to start over"
        )

    def _next(self, item: Post | Verdict, model: str) -> Verdict | None:
        with reading(str(self.path)):
            line = self._stream.readline()
        try:
            verdict = read_verdict(line, item, model) if line.endswith(b"\n") else None
        except (ValueError, KeyError, TypeError):
            # A power cut leaves holes: what lies behind one is scored again.
            return None
        self._end += len(line) if verdict else 0
        return verdict


def _changed_input(kept: Run, run: Run) -> str:
    was, now = (cast(list[list[object]], each["inputs"]) for each in (kept, run))
    if [name for name, *_ in was] != [name for name, *_ in now]:
        return f"other inputs ({len(was)} there, {len(now)} here)"
    return f"another content of {next(new[0] for old, new in zip(was, now, strict=True) if old != new)}"


@contextmanager
def checkpoint_beside(output: Path, run: Run) -> Iterator[Checkpoint]:
    """Keep a checkpoint for as long as the output is not whole; an exception carries a note that says how to go on."""
    checkpoint = Checkpoint(output.with_name(output.name + SUFFIX), run)
    try:
        yield checkpoint
    except BaseException as error:
        if checkpoint.is_empty:
            checkpoint.path.unlink(missing_ok=True)
            raise
        error.add_note(f"what was scored is kept in {checkpoint.path}; to go on, give the same command with --resume again")
        raise
    else:
        with writing(str(checkpoint.path)):
            checkpoint.path.unlink(missing_ok=True)
    finally:
        checkpoint.close()


def verdict_line(verdict: Verdict) -> bytes:
    """Return a verdict as a line, without what the row itself holds and what all rows share."""
    plain = {each.name: getattr(verdict, each.name) for each in fields(Verdict) if each.name not in {"id", "model"}}
    return json.dumps(plain, default=_plain, separators=(",", ":")).encode() + b"\n"


def _plain(part: object) -> object:
    if isinstance(part, Evidence):
        return [part.start, part.end]
    if isinstance(part, IndicatorFinding):
        return [part.code, part.score, part.evidence]
    if isinstance(part, Contact):
        return [part.kind, part.value]
    raise TypeError(f"expected a part of a verdict, got {type(part).__name__}")


def read_verdict(line: bytes, item: Post | Verdict, model: str) -> Verdict:
    """Return the verdict on a row from its line and the row.

    :raises ValueError: if the line is none of :func:`verdict_line`; so do KeyError and TypeError.
    """
    plain: dict[str, Any] = json.loads(line)
    text = item.text if isinstance(item, Post) else ""

    def evidence(found: list[list[int]]) -> tuple[Evidence, ...]:
        return tuple(Evidence(start, end, text[start:end]) for start, end in found)

    parts = {
        "evidence": evidence(plain["evidence"]),
        "indicators": tuple(IndicatorFinding(code, score, evidence(found)) for code, score, found in plain["indicators"]),
        "contacts": tuple(Contact(*contact) for contact in plain["contacts"]),
    }
    return Verdict(**plain | parts | {"id": item.id, "model": model})
