"""The model of one process, and how another takes its place while requests come in.

The new model is loaded and tried out beside the old one, in a thread. Then it becomes ``app.state.detector`` between two requests.
Nothing is closed under anybody: whoever began with the old model holds it until the end, and with the last who does its threads and
its memory go. A model that fails its trial is refused, and the old one stays.

What was taken over is written down (:mod:`serve.wanted`); all other workers look there, and one that starts anew begins with it.
"""

import asyncio
import logging
import math
import signal
import threading
import weakref
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from types import FrameType

from starlette.concurrency import run_in_threadpool
from starlette.datastructures import State
from starlette.exceptions import HTTPException

from detector import Detector, InputError
from serve.drift import Reference, read_reference
from serve.metrics import Metrics
from serve.settings import Settings
from serve.shadow import Shadow
from serve.trial import LoadFolder, Refused, give_back_memory, load_tried
from serve.wanted import Wanted, WantedFile, sha256_of

LOOK_S = 0.5
"""How often it is looked whether another model is wanted."""
MOST_PAUSE_S = 60.0
"""How long a worker that could not take over what is wanted waits at most before it tries again."""

_LOG = logging.getLogger(__name__)


class Busy(HTTPException):
    """Another model is being taken over."""

    def __init__(self) -> None:
        super().__init__(409, "another model is being taken over; send it again when that is done")


class Models:
    """Keeps ``state.detector`` the model that is wanted.

    To be used from one event loop.

    :param state: Of the application, with ``detector``, ``metrics`` and ``draining``.
    :param load: Loads a folder.
    """

    def __init__(self, state: State, load: LoadFolder, settings: Settings, shadow: Shadow) -> None:
        self._state = state
        self._load = load
        self._settings = settings
        self._shadow = shadow
        self._wanted = WantedFile(settings.data)
        self._lock = asyncio.Lock()
        self._hung_up = asyncio.Event()
        self._leaving: list[Callable[[], Detector | None]] = []
        self._pause_s = LOOK_S
        self._not_before = -math.inf

    async def swap(self, folder: Path) -> None:
        """Take over the model in a folder, for all workers; returns when this one has.

        :raises Refused: if it is no whole bundle, fails its trial, or cannot be written down.
        :raises Busy: if another is being taken over.
        """
        if self._lock.locked():
            raise Busy
        async with self._lock:
            try:
                await self._swap(folder)
            except OSError as error:
                raise self._noted(Refused("record", error, 503)) from error

    def reread(self) -> None:
        """Take over what now lies in the configured folder, soon."""
        self._hung_up.set()

    async def follow(self) -> None:
        """Take over whatever is wanted, until cancelled."""
        while True:
            with suppress(TimeoutError):
                await asyncio.wait_for(self._hung_up.wait(), LOOK_S)
            if self._state.draining:
                continue
            if self._hung_up.is_set():
                await self._reread()
            await self._catch_up()
            await self._give_back()

    async def _swap(self, folder: Path) -> None:
        with self._wanted.alone() as alone:
            if not alone:
                raise Busy
            detector = await self._tried(folder)
            bundle, configured = detector.bundle, self._settings.model.absolute()
            wanted = Wanted(
                folder=bundle.folder,
                sha256=bundle.sha256,
                configured=configured,
                configured_sha256=await run_in_threadpool(sha256_of, configured),
            )
            await run_in_threadpool(self._wanted.write, wanted)
            self._switch(detector)

    async def _reread(self) -> None:
        self._hung_up.clear()
        try:
            await self.swap(self._settings.model)
        except Busy:
            await asyncio.sleep(LOOK_S)
            self._hung_up.set()
        except Refused:
            pass  # told and counted already

    async def _catch_up(self) -> None:
        now = asyncio.get_running_loop().time()
        if self._lock.locked() or now < self._not_before:
            return
        try:
            wanted = self._wanted.read()
            if wanted is None or wanted.sha256 == self._state.detector.bundle.sha256:
                return
            async with self._lock:
                self._switch(await self._tried(wanted.folder, wanted.sha256))
            self._pause_s = LOOK_S
            return
        except InputError as error:
            self._noted(Refused("record", error))
        except Refused:
            pass  # told and counted already
        self._pause_s = min(2 * self._pause_s, MOST_PAUSE_S)
        self._not_before = now + self._pause_s

    async def _give_back(self) -> None:
        """Give back the memory of models that nobody holds any more."""
        held = [model for model in self._leaving if model() is not None]
        if len(held) < len(self._leaving):
            self._leaving = held
            await run_in_threadpool(give_back_memory)

    async def _tried(self, folder: Path, sha256: str | None = None) -> Detector:
        try:
            return await run_in_threadpool(load_tried, self._load, folder, sha256)
        except Refused as refused:
            self._noted(refused)
            self._leaving.append(lambda: None)
            raise

    def _noted(self, refused: Refused) -> Refused:
        found: Metrics = self._state.metrics
        found.swapped(refused.fault)
        _LOG.error(refused.detail, extra={"fields": {"fault": refused.fault}})
        return refused

    def _switch(self, detector: Detector) -> None:
        """Serve another model from the next request on."""
        before: Detector = self._state.detector
        found: Metrics = self._state.metrics
        detector.watch = found.read
        self._state.detector = detector
        self._leaving.append(weakref.ref(before))
        found.compare_with(_reference(self._settings.reference))
        found.serves(detector.bundle)
        found.swapped("none")
        self._shadow.beside(detector.bundle.sha256)
        models = {"model": detector.bundle.identity, "before": before.bundle.identity, "folder": str(detector.bundle.folder)}
        _LOG.info("another model is served", extra={"fields": models})


@contextmanager
def on_hangup(call: Callable[[], None]) -> Iterator[None]:
    """Within this block, call ``call`` in the event loop on SIGHUP, if this is the main thread."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    loop = asyncio.get_running_loop()

    def handle(_number: int, _frame: FrameType | None) -> None:
        loop.call_soon_threadsafe(call)

    before = signal.signal(signal.SIGHUP, handle)
    try:
        yield
    finally:
        signal.signal(signal.SIGHUP, before)


def _reference(path: Path) -> Reference | None:
    """Return the reference as it stands now: that of another model may have been put there."""
    try:
        return read_reference(path)
    except InputError as error:
        _LOG.warning("scores are compared with no reference: %s", error)
        return None
