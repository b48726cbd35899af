"""Clients that are too slow to ask, too many at once, or gone before they are answered.

uvicorn waits for ever for the head of a request, and reads without end what follows a request that was refused; here both have
:data:`HEAD_TIMEOUT_S`. The time for a body is limited in :mod:`serve.bodies`, its length and that of a head by number of bytes.
"""

import asyncio
from collections.abc import Coroutine
from typing import Any, TypeVar

from starlette.exceptions import HTTPException
from starlette.requests import Request
from uvicorn.protocols.http.h11_impl import H11Protocol

Answer = TypeVar("Answer")

HEAD_TIMEOUT_S = 10.0
"""How long a connection may take for the head of its next request, from when it was opened or its last one was answered."""
MOST_CONNECTIONS = 1000
"""Connections that a process holds; by default a process may have 1,024 files."""

_FULL = b"HTTP/1.1 503 Service Unavailable\r\nRetry-After: 1\r\nConnection: close\r\nContent-Length: 0\r\n\r\n"
"""Sent before anything was asked: whoever opens connections without end gets no further."""


class PromptProtocol(H11Protocol):
    """HTTP/1.1 that closes connections without a whole head of a request in time, and those that are too many."""

    _deadline: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Begin with the first request."""
        super().connection_made(transport)
        if len(self.connections) > MOST_CONNECTIONS:
            transport.write(_FULL)
            transport.close()
            return
        self._await_head()

    def handle_events(self) -> None:
        """Take in what arrived; a new cycle stands for a head that is complete."""
        before = self.cycle
        super().handle_events()
        if self.cycle is not before and not self.cycle.response_complete:
            self._stop_waiting()

    def on_response_complete(self) -> None:
        """Begin with the next request."""
        self._await_head()
        super().on_response_complete()

    def connection_lost(self, exc: Exception | None) -> None:
        """Forget the connection."""
        self._stop_waiting()
        super().connection_lost(exc)

    def _await_head(self) -> None:
        self._stop_waiting()
        self._deadline = self.loop.call_later(HEAD_TIMEOUT_S, self.transport.close)

    def _stop_waiting(self) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None


async def unless_left(request: Request, work: Coroutine[Any, Any, Answer]) -> Answer:
    """Return what ``work`` returns; cancel it if the client closes its connection meanwhile.

    A client that only closes its own half has left as well: uvicorn does not tell the two apart. That it left is noted in
    ``request.state.left``.

    :param request: A request whose body has been read.
    :raises HTTPException: if the client left; nobody will see it.
    """
    working, leaving = asyncio.ensure_future(work), asyncio.ensure_future(_left(request))
    try:
        await asyncio.wait({working, leaving}, return_when=asyncio.FIRST_COMPLETED)
        if not working.done():
            request.state.left = True
            raise HTTPException(400, "the connection closed before the answer")
        return working.result()
    finally:
        working.cancel()
        leaving.cancel()


async def _left(request: Request) -> None:
    """Return when the client has left."""
    while (await request.receive())["type"] != "http.disconnect":
        pass
