"""Which post is scored next, and which work is refused: bounded by tokens, shared out post by post.

A post is the smallest piece of work: the detector reads posts one by one, one on each of its threads, and gains nothing from
several at once (``tests/serve/load.py batching 104`` on a busy machine: 90 ms of processor time for a post handed over alone, 88
among 8, 89 among 104). So no request holds a thread longer than one of its posts takes. Requests take
turns; those of jobs come behind those that somebody waits for, but for one turn in :data:`JOB_TURN`, so that a job ends on a busy
day too. What its caller does not want any more is not scored.

All of this runs in the event loop and needs no lock; only the scoring is done in threads.
"""

import asyncio
import math
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from enum import Enum
from functools import partial
from typing import Any, Generic, TypeVar

from starlette.exceptions import HTTPException

from detector import Post
from detector.scoring import MAX_CHARACTERS

Result = TypeVar("Result")

JOB_TURN = 16
"""One post in so many is a job's, however many others wait."""
LONG_TOKENS = 1024
"""Posts of more tokens than this never take all threads at once where there are several: they would hold up everything else."""
MOST_RETRY_AFTER_S = 300

_BYTES_PER_TOKEN = 3
_SPECIAL_TOKENS = 2
_FIRST_RATE = 1000.0
"""Tokens that a thread is thought to read in a second before the first post was timed."""
_MEMORY = 0.99
"""What a post's time counts for after the next one."""


class Priority(Enum):
    """Whether somebody waits for the answer."""

    INTERACTIVE = "interactive"
    JOB = "job"


class Overloaded(HTTPException):
    """More work waits than the service takes on.

    :ivar retry_after_s: Seconds in which, at the rate of late, so much is done that this would have been taken.
    """

    def __init__(self, retry_after_s: int) -> None:
        detail = f"more posts wait than this service takes on; send it again in {retry_after_s} s"
        super().__init__(503, detail, {"Retry-After": str(retry_after_s)})
        self.retry_after_s = retry_after_s


class TooLate(HTTPException):
    """The time that a request had is over."""

    def __init__(self) -> None:
        super().__init__(504, "not all posts were scored in time; send fewer, or allow more time")


@dataclass(frozen=True, slots=True)
class Timing:
    """How a post fared.

    :ivar tokens: What it was counted as.
    :ivar waited_s: From when its request was taken on until its turn.
    :ivar took_s: From then until it was scored.
    """

    priority: Priority
    tokens: int
    waited_s: float
    took_s: float


def count_tokens(text: str) -> int:
    """Return about how many tokens the model reads of a text: its bytes in UTF-8 by three, and two.

    Counted this way it costs microseconds; the tokenizer would have to read everything twice, also what is refused. Of 40 posts in
    each of the corpus's 26 languages one in a hundred has more tokens than 1.12 times this; half have less than 0.74 times.
    """
    read = text[:MAX_CHARACTERS].encode("utf-8", "surrogatepass")
    return -(-len(read) // _BYTES_PER_TOKEN) + _SPECIAL_TOKENS


class Admission:
    """Takes on posts to score, and scores them in turn.

    To be used from one event loop.

    :param threads: Posts scored side by side.
    :param max_tokens: Most tokens that wait, of each priority. One request is taken on whatever its size if none waits: the longest
        body bounds it, and no later attempt would fare better.
    :param observe: Is told of each post that was scored.
    :param watch: Is told how many requests and how many tokens of a priority wait, whenever that may have changed.
    """

    def __init__(
        self,
        threads: int,
        *,
        max_tokens: int,
        observe: Callable[[Timing], None] | None = None,
        watch: Callable[[Priority, int, int], None] | None = None,
    ) -> None:
        self._threads = threads
        self._max_tokens = max_tokens
        self._observe = observe
        self._watch = watch
        self._pool = ThreadPoolExecutor(threads, thread_name_prefix="admitted")
        self._queues: dict[Priority, deque[_Request[Any]]] = {priority: deque() for priority in Priority}
        self._waiting = dict.fromkeys(Priority, 0)
        self._running = 0
        self._long = 0
        self._turn = 0
        self._closed = False
        self._tokens = _FIRST_RATE
        self._seconds = 1.0

    def waiting_tokens(self, priority: Priority) -> int:
        """Return how many tokens wait for their turn."""
        return self._waiting[priority]

    @property
    def tokens_per_second(self) -> float:
        """Tokens read in a second of late, while there was enough to do."""
        return self._threads * self._tokens / self._seconds

    @property
    def idle(self) -> bool:
        """Whether nothing waits, and a thread is free."""
        return not any(self._queues.values()) and self._running < self._threads

    async def score(
        self,
        work: Callable[[Post], Result],
        posts: Sequence[Post],
        *,
        priority: Priority = Priority.INTERACTIVE,
        until: float | None = None,
    ) -> list[Result]:
        """Return what ``work`` says of each post, in order.

        If the caller is cancelled, or ``work`` raises, those of the posts that are not being scored yet never will be.

        :param work: Scores one post; called in a thread.
        :param until: By when all must be scored, in time of the event loop.
        :raises Overloaded: if too much waits already; nothing of this is scored then.
        :raises TooLate: if not all are scored by ``until``.
        """
        request = _Request(work, priority, posts)
        self._take_on(request)
        try:
            async with asyncio.timeout_at(until):
                return await request.done
        except TimeoutError:
            raise TooLate from None
        finally:
            self._drop(request)

    def close(self) -> None:
        """Wait for the posts that are being scored, and stop the threads."""
        self._closed = True
        self._pool.shutdown()

    def _take_on(self, request: "_Request[Any]") -> None:
        waiting = self._waiting[request.priority]
        tokens = sum(piece.tokens for piece in request.pieces)
        if waiting and waiting + tokens > self._max_tokens:
            needed_s = min(waiting, waiting + tokens - self._max_tokens) / self.tokens_per_second
            raise Overloaded(max(1, min(MOST_RETRY_AFTER_S, math.ceil(needed_s))))
        self._waiting[request.priority] += tokens
        if request.pieces:
            self._queues[request.priority].append(request)
            self._start()

    def _start(self) -> None:
        """Give each free thread a post, as long as there are any."""
        loop = asyncio.get_running_loop()
        while not self._closed and self._running < self._threads and (request := self._next()) is not None:
            piece = request.pieces.popleft()
            if request.pieces:
                self._queues[request.priority].append(request)
            self._waiting[request.priority] -= piece.tokens
            self._running += 1
            self._long += piece.is_long
            started = loop.time()
            scored = loop.run_in_executor(self._pool, request.work, piece.post)
            scored.add_done_callback(partial(self._finish, request, piece, started))
        self._tell()

    def _next(self) -> "_Request[Any] | None":
        """Take the request whose turn it is out of its queue."""
        most_long = max(1, self._threads - 1)
        for queue in self._queues_in_turn():
            for _ in range(len(queue)):
                request = queue.popleft()
                if not request.pieces[0].is_long or self._long < most_long:
                    return request
                queue.append(request)
        return None

    def _queues_in_turn(self) -> "list[deque[_Request[Any]]]":
        queues = list(self._queues.values())
        if all(queues):
            self._turn = (self._turn + 1) % JOB_TURN
            if self._turn == 0:
                queues.reverse()
        return queues

    def _finish(self, request: "_Request[Any]", piece: "_Piece", started: float, scored: "asyncio.Future[Any]") -> None:
        took_s = asyncio.get_running_loop().time() - started
        self._running -= 1
        self._long -= piece.is_long
        self._tokens = _MEMORY * self._tokens + piece.tokens
        self._seconds = _MEMORY * self._seconds + took_s
        request.note(piece, scored)
        if self._observe is not None:
            self._observe(Timing(request.priority, piece.tokens, started - request.since, took_s))
        self._start()

    def _drop(self, request: "_Request[Any]") -> None:
        """Forget what is left of a request."""
        if request.pieces:
            self._waiting[request.priority] -= sum(piece.tokens for piece in request.pieces)
            request.pieces.clear()
            self._queues[request.priority].remove(request)
            self._tell()

    def _tell(self) -> None:
        if self._watch is not None:
            for priority, queue in self._queues.items():
                self._watch(priority, len(queue), self._waiting[priority])


@dataclass(frozen=True, slots=True)
class _Piece:
    """One post of a request, and its place there."""

    place: int
    post: Post
    tokens: int

    @property
    def is_long(self) -> bool:
        return self.tokens > LONG_TOKENS


class _Request(Generic[Result]):
    """What was asked for, and what came of it so far.

    :ivar pieces: Posts whose turn is still to come.
    :ivar done: The results, once all are there; or what went wrong.
    """

    def __init__(self, work: Callable[[Post], Result], priority: Priority, posts: Sequence[Post]) -> None:
        loop = asyncio.get_running_loop()
        self.work = work
        self.priority = priority
        self.pieces = deque(_Piece(place, post, count_tokens(post.text)) for place, post in enumerate(posts))
        self.since = loop.time()
        self.done: asyncio.Future[list[Result]] = loop.create_future()
        self._results: dict[int, Result] = {}
        self._number = len(posts)
        self._settle()

    def note(self, piece: _Piece, scored: "asyncio.Future[Result]") -> None:
        """Keep the result of one post."""
        # Asked for even if nobody wants to know any more: asyncio would report it as overlooked.
        error = scored.exception()
        if self.done.done():
            return
        if error is not None:
            self.done.set_exception(error)
            return
        self._results[piece.place] = scored.result()
        self._settle()

    def _settle(self) -> None:
        if len(self._results) == self._number:
            self.done.set_result([self._results[place] for place in range(self._number)])
