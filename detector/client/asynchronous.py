"""The client for programs that do something else meanwhile; the twin of :class:`detector.client.Client`."""

import asyncio
import tempfile
from collections.abc import AsyncIterator, Iterable
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Self

import httpx2

from detector.client import talks
from detector.client.answers import Batch, BatchRow, Limits, Model
from detector.client.connecting import CHUNK_BYTES, Arriving, headers_of, lost, lower, opened, settings
from detector.client.retries import Retries
from detector.client.steps import Answer, Heard, Lost, Pause, Send, Talk, Value
from detector.client.talks import BatchOptions, Options
from detector.records import Post, Verdict


class AsyncClient:
    """Talks with a service, within one event loop of asyncio; several calls may be under way at once.

    Arguments, returned values and errors are those of :class:`detector.client.Client`.
    """

    def __init__(self, base_url: str, *, key: str | None = None, timeout_s: float = 60.0, retries: Retries | None = None) -> None:
        self._http = httpx2.AsyncClient(**settings(base_url, key, timeout_s))
        self._timeout_s = timeout_s
        self._retries = retries or Retries()
        self._limits: Limits | None = None

    async def model(self) -> Model:
        """Return the model that is served, and the limits of the service."""
        found = await self._carry_out(talks.model(self._retries))
        self._limits = found.limits
        return found

    async def ready(self) -> bool:
        """Say whether posts can be scored now; asked once, and never raises because of the answer."""
        return await self._carry_out(talks.ready())

    async def score(self, posts: Iterable[Post | str], options: Options | None = None) -> AsyncIterator[Verdict]:
        """Yield one verdict for each post, in order; see :meth:`detector.client.Client.score`."""
        limits = self._limits or (await self.model()).limits
        for chunk in talks.chunks(posts, limits):
            if isinstance(chunk, Verdict):
                yield chunk
            else:
                for verdict in await self._carry_out(talks.score(chunk, options or Options(), self._retries)):
                    yield verdict

    async def batch(
        self,
        path: Path | str,
        options: BatchOptions | None = None,
        *,
        name: str | None = None,
        results: Path | str | None = None,
        errors: Path | str | None = None,
        wait: bool = True,
    ) -> Batch:
        """Have a file of posts scored, and return the batch; see :meth:`detector.client.Client.batch`."""
        wanted = talks.wanted_files(results, errors)
        talk = talks.batch(Path(path), options or BatchOptions(), name, wanted, self._retries, wait=wait)
        return await self._carry_out(talk)

    async def status(self, batch: str) -> Batch:
        """Return how far a batch has come."""
        return await self._carry_out(talks.show_batch(batch, self._retries))

    async def wait(self, batch: str) -> Batch:
        """Return a batch when it has ended; see :meth:`detector.client.Client.wait`."""
        return await self._carry_out(talks.wait_for(batch, self._retries))

    async def batches(self) -> AsyncIterator[Batch]:
        """Yield the batches of this caller, newest first."""
        after = None
        while True:
            found, after = await self._carry_out(talks.page(after, self._retries))
            for batch in found:
                yield batch
            if after is None:
                return

    def results(self, batch: str) -> AsyncIterator[BatchRow]:
        """Yield the rows of a batch that have a result, in the order of the file."""
        return self._rows(batch, "results")

    def errors(self, batch: str) -> AsyncIterator[BatchRow]:
        """Yield the rows of a batch that have none, in the order of the file."""
        return self._rows(batch, "errors")

    async def cancel(self, batch: str) -> Batch:
        """End a batch as soon as can be; what was done is kept."""
        return await self._carry_out(talks.cancel(batch, self._retries))

    async def delete(self, batch: str) -> None:
        """Delete a batch that has ended, and all that belongs to it."""
        await self._carry_out(talks.delete(batch, self._retries))

    async def close(self) -> None:
        """Close the connections."""
        await self._http.aclose()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    async def _rows(self, batch: str, which: str) -> AsyncIterator[BatchRow]:
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / which
            await self._carry_out(talks.save(batch, which, path, self._retries))
            with path.open("rb") as lines:
                for row in talks.rows(lines):
                    yield row

    async def _carry_out(self, talk: Talk[Value]) -> Value:
        heard: Heard = None
        try:
            while True:
                step = talk.send(heard)
                heard = await self._do(step)
        except StopIteration as end:
            value: Value = end.value
            return value

    async def _do(self, step: Send | Pause) -> Heard:
        if isinstance(step, Send):
            return await self._send(step)
        await asyncio.sleep(step.seconds)
        return None

    async def _send(self, send: Send) -> Answer | Lost:
        headers = headers_of(send, self._timeout_s)
        content = _pieces(send.content) if isinstance(send.content, Path) else send.content
        async with AsyncExitStack() as stack:
            try:
                sent = self._http.stream(send.method, send.path, params=send.params, headers=headers, content=content)
                answer = await stack.enter_async_context(sent)
                return Answer(answer.status_code, lower(answer.headers), await self._receive(answer, send.into))
            except httpx2.TransportError as error:
                return lost(error)

    async def _receive(self, answer: httpx2.Response, into: Path | None) -> bytes:
        if into is None or answer.status_code != 200:
            return await answer.aread()
        with Arriving(into) as file:
            async for piece in answer.aiter_bytes():
                await asyncio.to_thread(file.write, piece)
        return b""


async def _pieces(path: Path) -> AsyncIterator[bytes]:
    with opened(path) as stream:
        while piece := await asyncio.to_thread(stream.read, CHUNK_BYTES):
            yield piece
