"""The client that waits for each answer."""

import tempfile
import time
from collections.abc import Iterable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Self

import httpx2

from detector.client import talks
from detector.client.answers import Batch, BatchRow, Limits, Model
from detector.client.connecting import Arriving, headers_of, lost, lower, opened, settings
from detector.client.retries import Retries
from detector.client.steps import Answer, Heard, Lost, Pause, Send, Talk, Value
from detector.client.talks import BatchOptions, Options
from detector.records import Post, Verdict


class Client:
    """Talks with a service. To be used by one thread at a time; to be closed, or used in a ``with`` block.

    Requests that fail for a while are repeated, as all of them may be without harm; see :class:`Retries`. Every call raises
    ``ServiceError`` if the service refuses it for good or cannot be reached.

    :param base_url: Address of the service, such as ``http://127.0.0.1:8000``.
    :param key: As ``python -m serve keys add`` printed it.
    :param timeout_s: How long each single request may take between two signs of life.
    :raises InputError: if an argument is out of range.
    """

    def __init__(self, base_url: str, *, key: str | None = None, timeout_s: float = 60.0, retries: Retries | None = None) -> None:
        self._http = httpx2.Client(**settings(base_url, key, timeout_s))
        self._timeout_s = timeout_s
        self._retries = retries or Retries()
        self._limits: Limits | None = None

    def model(self) -> Model:
        """Return the model that is served, and the limits of the service."""
        found = self._carry_out(talks.model(self._retries))
        self._limits = found.limits
        return found

    def ready(self) -> bool:
        """Say whether posts can be scored now; asked once, and never raises because of the answer."""
        return self._carry_out(talks.ready())

    def score(self, posts: Iterable[Post | str], options: Options | None = None) -> Iterator[Verdict]:
        """Yield one verdict for each post, in order, as :meth:`detector.Detector.stream` does.

        A post that cannot be scored gets a verdict with ``error`` set, and never stops the others. Posts are taken as they are
        needed, and sent by as many as fit into a request.
        """
        limits = self._limits or self.model().limits
        for chunk in talks.chunks(posts, limits):
            if isinstance(chunk, Verdict):
                yield chunk
            else:
                yield from self._carry_out(talks.score(chunk, options or Options(), self._retries))

    def batch(
        self,
        path: Path | str,
        options: BatchOptions | None = None,
        *,
        name: str | None = None,
        results: Path | str | None = None,
        errors: Path | str | None = None,
        wait: bool = True,
    ) -> Batch:
        """Have a file of posts scored, CSV or JSONL by its name, and return the batch.

        :param name: Name of the request: sent again under the same name, a file makes no second batch.
        :param results: Where the results go; nothing keeps them at the service, for :meth:`results`.
        :param errors: Where the rows without a result go, likewise.
        :param wait: Whether to return only when the batch has ended; what is fetched into files needs it.
        """
        wanted = talks.wanted_files(results, errors)
        talk = talks.batch(Path(path), options or BatchOptions(), name, wanted, self._retries, wait=wait)
        return self._carry_out(talk)

    def status(self, batch: str) -> Batch:
        """Return how far a batch has come."""
        return self._carry_out(talks.show_batch(batch, self._retries))

    def wait(self, batch: str) -> Batch:
        """Return a batch when it has ended; a service that is away meanwhile is waited for, see :class:`Retries`.

        Who is told of an error can wait for the batch again: the error names it, and the service goes on with it.
        """
        return self._carry_out(talks.wait_for(batch, self._retries))

    def batches(self) -> Iterator[Batch]:
        """Yield the batches of this caller, newest first."""
        after = None
        while True:
            found, after = self._carry_out(talks.page(after, self._retries))
            yield from found
            if after is None:
                return

    def results(self, batch: str) -> Iterator[BatchRow]:
        """Yield the rows of a batch that have a result, in the order of the file."""
        return self._rows(batch, "results")

    def errors(self, batch: str) -> Iterator[BatchRow]:
        """Yield the rows of a batch that have none, in the order of the file."""
        return self._rows(batch, "errors")

    def cancel(self, batch: str) -> Batch:
        """End a batch as soon as can be; what was done is kept."""
        return self._carry_out(talks.cancel(batch, self._retries))

    def delete(self, batch: str) -> None:
        """Delete a batch that has ended, and all that belongs to it."""
        self._carry_out(talks.delete(batch, self._retries))

    def close(self) -> None:
        """Close the connections."""
        self._http.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _rows(self, batch: str, which: str) -> Iterator[BatchRow]:
        # Whole before the first row is shown: a connection that breaks is no end of the results.
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / which
            self._carry_out(talks.save(batch, which, path, self._retries))
            with path.open("rb") as lines:
                yield from talks.rows(lines)

    def _carry_out(self, talk: Talk[Value]) -> Value:
        heard: Heard = None
        try:
            while True:
                step = talk.send(heard)
                heard = self._do(step)
        except StopIteration as end:
            value: Value = end.value
            return value

    def _do(self, step: Send | Pause) -> Heard:
        if isinstance(step, Send):
            return self._send(step)
        time.sleep(step.seconds)
        return None

    def _send(self, send: Send) -> Answer | Lost:
        headers = headers_of(send, self._timeout_s)
        with ExitStack() as stack:
            content = stack.enter_context(opened(send.content)) if isinstance(send.content, Path) else send.content
            try:
                sent = self._http.stream(send.method, send.path, params=send.params, headers=headers, content=content)
                answer = stack.enter_context(sent)
                return Answer(answer.status_code, lower(answer.headers), self._receive(answer, send.into))
            except httpx2.TransportError as error:
                return lost(error)

    def _receive(self, answer: httpx2.Response, into: Path | None) -> bytes:
        if into is None or answer.status_code != 200:
            return answer.read()
        with Arriving(into) as file:
            for piece in answer.iter_bytes():
                file.write(piece)
        return b""
