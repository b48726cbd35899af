"""From a request to a file on the disk: written as it comes, within the limits of length and time."""

import asyncio
import hashlib
import os
from io import FileIO
from pathlib import Path

from starlette.concurrency import run_in_threadpool
from starlette.datastructures import Headers
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request

from serve.batches.disk import require_room
from serve.batches.schemas import Format
from serve.bodies import cut_off, declared_length, media_type

FORMATS: dict[str, Format] = {"application/jsonl": "jsonl", "application/x-ndjson": "jsonl", "text/csv": "csv"}
"""What a file can be, by the content type that says so."""

PAUSE_S = 30.0
"""Longest time in which nothing comes."""
SLOWEST = 10_000
"""Bytes a second that have to come on average, beyond the first :data:`PAUSE_S`."""

_PIECE = 1 << 20


def format_of(headers: Headers) -> Format:
    """Return the format that a request says its body has.

    :raises HTTPException: 415 if it is another one, or compressed.
    """
    return FORMATS[media_type(headers, *FORMATS)]


def check_length(headers: Headers, limit: int) -> None:
    """Refuse a body that says itself that it is too long.

    :raises HTTPException: 413 if it is.
    """
    if declared_length(headers) > limit:
        raise _too_long(limit)


async def receive(request: Request, path: Path, limit: int) -> tuple[int, str]:
    """Write the body of a request to a file; return how many bytes these were, and their SHA-256.

    :param limit: Most bytes that are read.
    :raises HTTPException: 413 if it is too long, 408 if it comes too slowly, 400 if it is cut off.
    :raises OSError: if it cannot be written.
    """
    with path.open("r+b", buffering=0) as file:
        written = _Written(file)
        try:
            await _receive(request, written, limit)
        except ClientDisconnect as error:
            raise cut_off(request) from error
        except TimeoutError:
            raise HTTPException(408, f"expected {SLOWEST} bytes a second, and no pause of {PAUSE_S:.0f} s") from None
        await run_in_threadpool(written.finish)
    return written.length, written.digest.hexdigest()


async def _receive(request: Request, written: "_Written", limit: int) -> None:
    loop = asyncio.get_running_loop()
    started = loop.time()
    async with asyncio.timeout(PAUSE_S) as allowed:
        async for chunk in request.stream():
            written.add(chunk)
            if written.length > limit:
                raise _too_long(limit)
            if len(written.waiting) >= _PIECE:
                await run_in_threadpool(written.flush)
            allowed.reschedule(min(loop.time(), started + written.length / SLOWEST) + PAUSE_S)


class _Written:
    """A body on its way to a file.

    :ivar length: Bytes that came.
    :ivar waiting: Those of them that are still to be written.
    """

    def __init__(self, file: FileIO) -> None:
        self._file = file
        self.digest = hashlib.sha256()
        self.length = 0
        self.waiting = bytearray()

    def add(self, chunk: bytes) -> None:
        """Take in what came; this is quick."""
        self.length += len(chunk)
        self.waiting += chunk

    def flush(self) -> None:
        """Write what waits."""
        require_room(Path(os.fsdecode(self._file.name)), len(self.waiting))
        piece, self.waiting = self.waiting, bytearray()
        self.digest.update(piece)
        left = memoryview(piece)
        while left:
            left = left[self._file.write(left) :]

    def finish(self) -> None:
        """Write the rest, and force all to the disk."""
        self.flush()
        os.fsync(self._file.fileno())


def _too_long(limit: int) -> HTTPException:
    return HTTPException(413, f"expected a file of at most {limit} bytes; send it in parts")
