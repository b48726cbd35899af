"""What every route that scores asks for first: a model, a deadline, and a caller that is still there."""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass
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
    """

    request: Request
    detector: Detector
    until: float

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


async def begin(request: Request, detector: Loaded, timeout_s: TimeoutS = 86_400) -> Call:
    """Return the call; its time runs from here, before the body is read."""
    settings: Settings = request.app.state.settings
    return Call(request, detector, asyncio.get_running_loop().time() + min(timeout_s, settings.timeout_s))


Calling = Annotated[Call, Depends(begin)]


async def respond(body: BaseModel) -> Response:
    """Return the answer that holds a body; written in a thread, as it may be long."""
    return Response(await run_in_threadpool(body.model_dump_json), media_type="application/json")
