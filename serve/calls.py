"""What every route that scores asks for first: a model, a deadline, and a caller that is still there."""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Annotated, TypeVar

from fastapi import Depends, Header, Request
from pydantic import BaseModel
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.responses import Response

from detector import Detector, Post
from serve.admission import Admission, Overloaded
from serve.connections import unless_left
from serve.metrics import Metrics
from serve.security import charge
from serve.settings import Settings
from serve.shadow import Judged, Shadow

Result = TypeVar("Result")

TIMEOUT = "X-Request-Timeout"


async def loaded_detector(request: Request) -> Detector:
    """Return the detector.

    :raises HTTPException: 503 before it is loaded, and from when the service begins to shut down.
    """
    state = request.app.state
    detector: Detector | None = state.detector
    if state.draining:
        request.state.rejected = "draining"
        raise HTTPException(503, "the service is shutting down; send it again")
    if detector is None:
        raise HTTPException(503, "the model is not loaded; try again")
    return detector


Loaded = Annotated[Detector, Depends(loaded_detector)]
TimeoutS = Annotated[
    float,
    Header(
        alias=TIMEOUT,
        gt=0,
        le=86_400,
        description="Seconds from the head of the request until no answer is wanted; the limit of the service holds as well",
    ),
]


@dataclass(frozen=True, slots=True)
class Call:
    """A request that wants posts scored.

    :ivar detector: The model for all of it, whatever is loaded meanwhile.
    :ivar until: When its time is over, in time of the event loop.
    :ivar answered: Posts that the shadow may score as well, each with what is answered.
    """

    request: Request
    detector: Detector
    until: float
    answered: list[tuple[Post, Judged]] = field(default_factory=list)

    @property
    def metrics(self) -> Metrics:
        """Where what becomes of the posts is counted."""
        found: Metrics = self.request.app.state.metrics
        return found

    async def charge(self, items: int) -> None:
        """Count the items against the rate of their sender, before they are scored.

        :raises HTTPException: 429 if these are too many, 503 if they cannot be counted.
        """
        await run_in_threadpool(charge, self.request, items)
        self.metrics.asked(items)

    def compare(self, posts: Iterable[Post], verdicts: Iterable[Judged | None]) -> None:
        """Let the shadow score posts as well, once the answer is sent.

        :param verdicts: What is answered on each of them; nothing on one that the model failed on.
        """
        self.answered.extend((post, verdict) for post, verdict in zip(posts, verdicts, strict=True) if verdict is not None)

    async def score(self, work: Callable[[Post], Result], posts: Sequence[Post]) -> list[Result]:
        """Return what ``work`` returns for each post, in order.

        :raises Overloaded: if too much waits already.
        :raises TooLate: if not all are scored in time.
        :raises HTTPException: if the client left.
        """
        admission: Admission = self.request.app.state.admission
        try:
            return await unless_left(self.request, admission.score(work, posts, until=self.until))
        except Overloaded:
            self.request.state.rejected = "overload"
            raise


async def begin(request: Request, detector: Loaded, timeout_s: TimeoutS = 86_400) -> AsyncIterator[Call]:
    """Yield the call; its time runs from here, before the body is read. What comes after the answer is done here as well."""
    settings: Settings = request.app.state.settings
    call = Call(request, detector, asyncio.get_running_loop().time() + min(timeout_s, settings.timeout_s))
    yield call
    shadow: Shadow = request.app.state.shadow
    for post, verdict in call.answered:
        shadow.offer(post, verdict)


Calling = Annotated[Call, Depends(begin)]


async def respond(body: BaseModel) -> Response:
    """Return the answer that holds a body; written in a thread, as it may be long."""
    return Response(await run_in_threadpool(body.model_dump_json), media_type="application/json")
