"""An orderly end: on SIGTERM the service says that it is not ready before it stops to listen.

A load balancer needs some seconds to notice; until then it goes on sending requests, which are answered with 503 and not refused
by the machine. Then the server closes its port, answers what it had begun, and ends.
"""

import asyncio
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType


@contextmanager
def drained_first(begin: Callable[[], None], *, delay_s: float) -> Iterator[None]:
    """Within this block, call ``begin`` on SIGTERM, and only ``delay_s`` later what the server does on it.

    A second SIGTERM has its effect at once. Where no server handles SIGTERM, nothing is changed.

    :param begin: Called as signal handlers are, between any two steps of the main thread.
    """
    stop = signal.getsignal(signal.SIGTERM)
    if not callable(stop) or threading.current_thread() is not threading.main_thread():
        yield
        return
    loop = asyncio.get_running_loop()
    handle = stop

    def drain(number: int, _frame: FrameType | None) -> None:
        signal.signal(signal.SIGTERM, handle)
        begin()
        loop.call_soon_threadsafe(loop.call_later, delay_s, handle, number, None)

    signal.signal(signal.SIGTERM, drain)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, handle)
