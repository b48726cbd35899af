"""The work on batches: one after the other in each worker, chunk by chunk, behind whatever somebody waits for.

A chunk is scored by :class:`serve.admission.Admission` as work of a job, so that calls hardly notice. What it gives is kept before
the next one is begun; a worker that ends or dies loses one chunk at most, and whoever takes the batch over scores it again.

Where the model fails on posts of a chunk and on one of our own too, it is not the posts that are at fault: they are tried again
after a while, and after :data:`TRIES` times the batch fails with what it had. Where there is no room on the disk, the batch
waits for it, however long, and says so.
"""

import asyncio
import logging
import sqlite3
import time
from collections.abc import AsyncIterator, Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from functools import partial
from typing import BinaryIO, Literal, TypeVar

from fastapi import FastAPI

from detector import BackendError, Detector, InputError, Post
from detector.errors import OutputError
from serve.admission import Admission, Overloaded, Priority
from serve.batches.disk import is_busy, is_full, require_room
from serve.batches.folders import INPUT, Outputs, begin, get_on, take
from serve.batches.reading import Slice, slices
from serve.batches.schemas import BatchOptions, FailedRow, ScoredRow
from serve.batches.store import Record, Store
from serve.items import count_items, try_items
from serve.metrics import Metrics
from serve.schemas import Failed, Scored, Verdict

Result = TypeVar("Result")

TRIES = 10
"""How often posts are tried again while the model fails."""
BEGINNINGS = 5
"""How often a batch may be begun, or gone on with, by processes that die before it has got on: it may be what kills them."""

_LOG = logging.getLogger(__name__)
_PROBE = {"text": "a driver is wanted"}
"""A post that any model can score."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Pace:
    """How long the work waits, in seconds.

    :ivar look_s: For new batches, and for the wish to cancel the one that is worked on.
    :ivar sweep_s: Between looks for what has expired.
    :ivar retry_s: Before posts are tried again that the model failed on; twice as long each time, but never over ``most_s``.
    :ivar room_s: Before it is tried again to write to a full disk.
    :ivar end_s: For the chunk that is being scored when the service ends.
    """

    look_s: float = 0.5
    sweep_s: float = 60.0
    retry_s: float = 1.0
    most_s: float = 60.0
    room_s: float = 5.0
    end_s: float = 20.0


class _EndingError(Exception):
    """The service ends; the batch is to be gone on with by the next."""


@dataclass(frozen=True, slots=True)
class _Job:
    """A chunk that wants its posts scored; see :class:`serve.items.Scoring`."""

    detector: Detector
    metrics: Metrics
    admission: Admission

    async def score(self, work: Callable[[Post], Result], posts: Sequence[Post]) -> list[Result]:
        """Return what ``work`` returns for each post, in order, however long that takes."""
        return await self.admission.score(work, posts, priority=Priority.JOB)

    def compare(self, posts: Sequence[Post], verdicts: Iterable[Verdict | None]) -> None:
        """Leave the second model to what calls bring: a batch would fill all its room."""


class Runner:
    """Works on the batches of one data directory, in the event loop of one process.

    :param app: The service; its state holds the detector, which may be another for each chunk.
    """

    def __init__(self, app: FastAPI, store: Store, *, kept_s: float, pace: Pace) -> None:
        self._state = app.state
        self._store = store
        self._kept_s = kept_s
        self._pace = pace
        self._stopping = asyncio.Event()
        self._wanted = asyncio.Event()
        self._sweep_at = time.monotonic()
        # Whatever touches files is done by this one thread, in order: what was begun when a task is cancelled is done before
        # anything else.
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="batches")

    def wake(self) -> None:
        """Look for batches at once."""
        self._wanted.set()

    async def look(self, check: Callable[[], None]) -> None:
        """Look into a file that has come: one after the other, as what is read takes memory."""
        await self._do(check)

    def stop(self) -> None:
        """Begin no more chunks."""
        self._stopping.set()
        self._wanted.set()

    def close(self) -> None:
        """Stop the thread."""
        self._thread.shutdown()

    async def run(self) -> None:
        """Work until stopped."""
        while not self._ending:
            self._wanted.clear()
            worked = False
            try:
                await self._sweep()
                worked = await self._take_one()
            except (OSError, sqlite3.Error) as error:
                _LOG.error("batches cannot be looked for: %s", type(error).__name__)
            if not worked:
                with suppress(TimeoutError):
                    await asyncio.wait_for(self._wanted.wait(), self._pace.look_s)

    @property
    def _ending(self) -> bool:
        return self._stopping.is_set() or bool(self._state.draining)

    async def _sweep(self) -> None:
        """Delete what has expired, now and then."""
        if time.monotonic() >= self._sweep_at:
            self._sweep_at = time.monotonic() + self._pace.sweep_s
            await self._do(self._store.sweep, self._kept_s)

    async def _take_one(self) -> bool:
        """Work on one batch that nobody works on; say whether there was one."""
        for batch in await self._do(self._store.waiting):
            try:
                if await self._take_up(batch):
                    return True
            except (OSError, sqlite3.Error) as error:  # those behind it are not to wait for this one
                _LOG.error("a batch cannot be worked on: %s", type(error).__name__, extra={"fields": {"batch": batch}})
        return False

    async def _take_up(self, batch: str) -> bool:
        """Work on a batch unless somebody does; say whether there was anything to be done."""
        lock: BinaryIO | None = await self._do(self._take, batch)
        if lock is None:
            return False
        try:
            record = await self._do(self._store.start, batch)
            if record is not None:
                await self._finish(record)
            return record is not None
        finally:
            # Behind whatever this process still writes.
            self._thread.submit(get_on, self._store.folder(batch))
            self._thread.submit(lock.close)

    def _take(self, batch: str) -> BinaryIO | None:
        folder = self._store.folder(batch)
        lock = take(folder)
        if lock is None and not folder.exists() and self._store.start(batch) is not None:
            self._store.end(batch, "failed", "its files are gone; send the file again")
        return lock

    async def _finish(self, record: Record) -> None:
        """Work on a batch until it has ended, or the service ends."""
        if await self._do(begin, self._store.folder(record.id)) > BEGINNINGS:
            why = f"{BEGINNINGS} processes died over the same rows; send the file without those that follow, and report it"
            await self._do(self._end, record.id, "failed", why)
            return
        working = asyncio.ensure_future(self._work(record))
        try:
            cancelled = record.status == "cancelling"
            while not cancelled and not (await asyncio.wait({working}, timeout=self._pace.look_s))[0]:
                with suppress(OSError, sqlite3.Error):  # looked at again soon
                    cancelled = await self._is_cancelled(record.id)
                    await self._sweep()
        finally:
            working.cancel()
            await asyncio.wait({working})
        with suppress(_EndingError):
            await self._settle(record.id, working, cancelled=cancelled)

    async def _is_cancelled(self, batch: str) -> bool:
        record = await self._do(self._store.find, batch)
        return record is None or record.status == "cancelling"

    async def _settle(self, batch: str, working: "asyncio.Task[None]", *, cancelled: bool) -> None:
        """Write down how the work on a batch ended."""
        error = None if working.cancelled() else working.exception()
        if isinstance(error, _EndingError):
            return
        if error is None:
            end = partial(self._end, batch, "cancelled" if cancelled else "completed")
        elif isinstance(error, BackendError | InputError | OutputError):
            end = partial(self._end, batch, "failed", str(error))
        else:
            _LOG.error("a batch failed", exc_info=error, extra={"fields": {"batch": batch}})
            end = partial(self._end, batch, "failed", "the service failed; report it with the id of the batch")
        await self._as_soon_as_there_is_room(end, lambda: None)

    def _end(self, batch: str, status: Literal["completed", "cancelled", "failed"], error: str | None = None) -> None:
        record = self._store.find(batch)
        if record is not None:
            # What a killed worker left behind the lengths that count is no result. It ends too where that cannot be cut off.
            with suppress(OutputError, OSError):
                Outputs(self._store.folder(batch), record.lengths).close()
            self._store.end(batch, status, error)

    async def _work(self, record: Record) -> None:
        """Score what is left of a batch.

        :raises InputError: if its file cannot be read.
        :raises BackendError: if the model fails for too long.
        :raises OutputError: if what was kept is not there any more.
        :raises _EndingError: if the service ends before.
        """
        options = BatchOptions.model_validate_json(record.file.options)
        read = partial(slices, self._store.folder(record.id) / INPUT, record.file.format, options)
        if record.total is None:
            total, reading = 0, read()
            while rows := await self._next(reading):
                total += len(rows)
            await self._as_soon_as_there_is_room(partial(self._store.set_total, record.id, total), lambda: None)
            await self._do(get_on, self._store.folder(record.id))
        outputs = await self._do(Outputs, self._store.folder(record.id), record.lengths)
        reading = read()
        try:
            while rows := await self._next(reading):
                if left := [row for row in rows if row[0] > record.done]:
                    record = await self._work_on(record, outputs, left, options)
        finally:
            self._thread.submit(outputs.close)

    async def _next(self, reading: Iterator[Slice]) -> Slice:
        """Return the next rows of a file, none at its end; what was spent on reading is left to others for as long.

        Reading holds all of Python up, and a file may have a million rows that are only to be counted or passed over.
        """
        self._unless_ending()
        started = time.perf_counter()
        rows: Slice = await self._do(next, reading, [])
        await asyncio.sleep(time.perf_counter() - started)
        return rows

    async def _work_on(self, record: Record, outputs: Outputs, rows: Slice, options: BatchOptions) -> Record:
        """Score a chunk and keep what it gives; return the batch as it is then."""
        results = await self._score(record, [item for _, item in rows], options)
        count_items(results, self._state.metrics)
        keep = partial(self._keep, record, outputs, [number for number, _ in rows], results)
        note = partial(self._store.note, record.id, "no room on the disk; it waits for some")
        return await self._as_soon_as_there_is_room(keep, note)

    async def _score(self, record: Record, items: list[object], options: BatchOptions) -> list[Scored | Failed]:
        """Return a result or an error for each item, in order.

        What the model fails on is tried again between two posts of our own; if it scores these, the others are at fault.
        """
        results = await self._try(items, options)
        for tried in range(TRIES):
            failed = [place for place, result in enumerate(results) if _is_open(result)]
            if not failed:
                return results
            first, *again, last = await self._try([_PROBE, *(items[place] for place in failed), _PROBE], options)
            for place, result in zip(failed, again, strict=True):
                results[place] = result
            if not (_is_open(first) or _is_open(last)):
                return results
            with suppress(OSError, sqlite3.Error):
                await self._do(self._store.note, record.id, "the model fails; it is tried again")
            await self._pause(min(self._pace.most_s, self._pace.retry_s * 2**tried))
        raise BackendError(f"the model failed {TRIES} times in a row; send the file again")

    async def _try(self, items: list[object], options: BatchOptions) -> list[Scored | Failed]:
        """Return a result or an error for each item, of whatever model is served now."""
        while True:
            job = _Job(self._state.detector, self._state.metrics, self._state.admission)
            try:
                return await try_items(job, items, options)
            except Overloaded as error:
                await self._pause(error.retry_after_s)
            except InputError:  # the model was closed, as another took its place
                await self._pause(self._pace.retry_s)

    def _keep(self, record: Record, outputs: Outputs, numbers: Sequence[int], results: Sequence[Scored | Failed]) -> Record:
        """Write results and errors, and only then count them."""
        entries = list(zip(numbers, results, strict=True))
        scored = [_scored_line(number, result) for number, result in entries if isinstance(result, Scored)]
        failed = [_failed_line(number, result) for number, result in entries if isinstance(result, Failed)]
        contents = (b"".join(scored), b"".join(failed))
        require_room(self._store.folder(record.id), sum(map(len, contents)))
        lengths = outputs.append(record.lengths, contents)
        models = [result.result.model for result in results if isinstance(result, Scored)]
        kept = self._store.keep(record, rows=len(entries), scored=len(scored), lengths=lengths, models=models)
        get_on(self._store.folder(record.id))
        return kept

    async def _as_soon_as_there_is_room(self, write: Callable[[], Result], note: Callable[[], None]) -> Result:
        while True:
            try:
                return await self._do(write)
            except (OSError, sqlite3.Error) as error:
                if not (is_full(error) or is_busy(error)):
                    raise
            with suppress(OSError, sqlite3.Error):  # there may be no room for this either
                await self._do(note)
            await self._pause(self._pace.room_s)

    async def _pause(self, seconds: float) -> None:
        with suppress(TimeoutError):
            await asyncio.wait_for(self._stopping.wait(), seconds)
        self._unless_ending()

    def _unless_ending(self) -> None:
        if self._ending:
            raise _EndingError

    async def _do(self, work: Callable[..., Result], *arguments: object) -> Result:
        return await asyncio.get_running_loop().run_in_executor(self._thread, partial(work, *arguments))


@asynccontextmanager
async def at_work(app: FastAPI, *, pace: Pace | None = None) -> AsyncIterator[None]:
    """Work on batches within this block."""
    settings = app.state.settings
    pace = pace or Pace()
    runner = Runner(app, app.state.batches, kept_s=settings.batch_kept_s, pace=pace)
    app.state.runner = runner
    running = asyncio.create_task(runner.run())
    running.add_done_callback(_report)
    try:
        yield
    finally:
        runner.stop()
        await asyncio.wait({running}, timeout=pace.end_s)
        running.cancel()
        await asyncio.wait({running})
        await asyncio.to_thread(runner.close)
        app.state.batches.close()


def _report(running: "asyncio.Task[None]") -> None:
    if not running.cancelled() and (error := running.exception()) is not None:
        _LOG.critical("this process works on no more batches", exc_info=error)


def _is_open(result: Scored | Failed) -> bool:
    return isinstance(result, Failed) and result.error.code == "scoring_failed"


def _scored_line(number: int, result: Scored) -> bytes:
    row = ScoredRow.model_construct(row=number, id=result.id, flagged=result.flagged, result=result.result)
    return row.model_dump_json().encode() + b"\n"


def _failed_line(number: int, result: Failed) -> bytes:
    row = FailedRow.model_construct(row=number, id=result.id, error=result.error)
    return row.model_dump_json().encode() + b"\n"
