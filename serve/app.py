"""The routes: each parses, calls and returns."""

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from functools import partial
from typing import Annotated

from fastapi import APIRouter, Depends, FastAPI, Request, params
from fastapi.concurrency import run_in_threadpool
from fastapi.routing import APIRoute
from starlette.responses import Response

from detector import Detector
from detector.scoring import MAX_CHARACTERS
from serve import compat, metrics, pages, rollout
from serve.access import Access
from serve.admission import Admission
from serve.batches.routes import routes as batch_routes
from serve.batches.running import at_work
from serve.batches.store import Store
from serve.bodies import parse_score_request, read_body
from serve.calls import Calling, Loaded, respond
from serve.compat_schemas import OpenAIError, TeiError
from serve.draining import drained_first
from serve.drift import read_reference
from serve.headers import AnswerHeaders
from serve.items import score_items
from serve.models import Models, on_hangup
from serve.openapi import REFUSED, Service, body_of, errors_of, problems
from serve.problems import RequestIds, handlers
from serve.schemas import (
    MAX_ITEMS,
    Body,
    Health,
    Limits,
    ModelInfo,
    OperatingPoints,
    Problem,
    ScoreRequest,
    ScoreResponse,
)
from serve.settings import Settings, shared_metrics
from serve.shadow import Shadow
from serve.trial import LoadFolder, load_model

Load = Callable[[], Detector]


def create_app(
    load: Load, settings: Settings, *, guards: Sequence[params.Depends] = (), load_folder: LoadFolder | None = None
) -> FastAPI:
    """Build the service.

    :param load: Returns the detector; runs once, at start-up. The service closes at its end what it serves then.
    :param load_folder: Loads another model; by default as the settings say.
    :param guards: Dependencies that every route but those of health and of the page asks first, before its body is
        read: the place for authentication.
    :raises InputError: if the reference of the scores cannot be read.
    """
    app = Service(
        title="scam-recruitment-detector",
        summary="Finds online-scam recruitment in job posts.",
        version="1",
        # The pages would fetch their scripts from elsewhere; the document is enough.
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,
        generate_unique_id_function=_route_name,
        lifespan=_lifespan,
        exception_handlers=handlers(),
        telemetry={"tracing": False, "metrics": False, "logs": False, "auto_configure": False},
    )
    app.state.load = load
    app.state.load_folder = load_folder or partial(load_model, settings)
    app.state.settings = settings
    app.state.detector = None
    app.state.draining = False
    app.state.batches = Store(settings.data)
    app.state.error_shapes = compat.SHAPES
    app.state.metrics = metrics.Metrics(
        shared_metrics(), reference=read_reference(settings.reference), batches=app.state.batches.standing
    )
    app.add_middleware(AnswerHeaders)
    app.add_middleware(RequestIds)
    app.add_middleware(Access, metrics=app.state.metrics)
    app.include_router(_health_routes())
    app.include_router(pages.routes())
    for router, prefix, error in _GUARDED:
        refusals = errors_of(error, *REFUSED) if guards else {}
        app.include_router(router(), prefix=prefix, dependencies=guards, responses=refusals)
    return app


def _health_routes() -> APIRouter:
    router = APIRouter(tags=["health"])
    router.add_api_route("/healthz", healthz, methods=["GET"])
    router.add_api_route("/readyz", readyz, methods=["GET"], responses=problems(503))
    return router


def _score_routes() -> APIRouter:
    router = APIRouter(tags=["scoring"])
    router.add_api_route("/model", model, methods=["GET"], responses=problems(500, 503))
    router.add_api_route(
        "/score",
        score,
        methods=["POST"],
        response_model=ScoreResponse,
        responses=problems(400, 408, 413, 415, 422, 500, 503, 504),
        openapi_extra=body_of(ScoreRequest),
    )
    return router


_GUARDED: tuple[tuple[Callable[[], APIRouter], str, type[Body]], ...] = (
    (metrics.routes, "", Problem),
    (_score_routes, "/v1", Problem),
    (rollout.routes, "/v1", Problem),
    (batch_routes, "/v1", Problem),
    (compat.moderation_routes, "/v1", OpenAIError),
    (compat.predict_routes, "", TeiError),
)
"""Routes that ask the guards first, where they lie, and the shape of their errors."""


async def healthz() -> Health:
    """Say that the process is alive."""
    return Health()


async def readyz(_detector: Loaded) -> Health:
    """Say that posts can be scored."""
    return Health()


async def model(detector: Loaded, request: Request) -> ModelInfo:
    """Say which model is served, and what is accepted."""
    manifest = detector.bundle.manifest
    points = manifest.operating_points
    settings: Settings = request.app.state.settings
    return ModelInfo(
        model=detector.bundle.identity,
        name=manifest.name,
        version=manifest.version,
        sha256=detector.bundle.sha256,
        labels=list(manifest.labels),
        indicators=list(manifest.indicators),
        languages=list(manifest.languages),
        operating_points=OperatingPoints(high=points.high, review=points.review),
        limits=Limits(items=MAX_ITEMS, characters=MAX_CHARACTERS, body_bytes=settings.max_body_bytes),
    )


async def score(call: Calling, body: Annotated[bytes, Depends(read_body)]) -> Response:
    """Score up to 256 posts: one result or one error for each, in the order of the request."""
    asked = await run_in_threadpool(parse_score_request, body)
    await call.charge(len(asked.items))
    results = await score_items(call, asked.items, asked.options)
    return await respond(ScoreResponse(model=call.detector.bundle.identity, results=results))


@asynccontextmanager
async def _lifespan(app: FastAPI) -> AsyncIterator[None]:
    state, settings, found = app.state, app.state.settings, app.state.metrics
    # No name but this one: a model that was exchanged must not be held here.
    state.detector = await run_in_threadpool(state.load)
    state.admission = Admission(
        state.detector.threads,
        max_tokens=max(1, settings.max_waiting_tokens // settings.workers),
        observe=found.timed,
        watch=found.queued,
    )
    state.shadow = Shadow(settings, partial(load_model, settings, threads=1), found, lambda: state.admission.idle)
    state.models = Models(state, state.load_folder, settings, state.shadow)
    state.detector.watch = found.read
    found.serves(state.detector.bundle)
    found.started()
    state.shadow.start(state.detector.bundle.sha256)
    following = asyncio.create_task(state.models.follow())
    try:
        with drained_first(partial(setattr, state, "draining", True), delay_s=settings.drain_s), on_hangup(state.models.reread):
            async with at_work(app):
                yield
    finally:
        following.cancel()
        detector, state.detector = state.detector, None
        await run_in_threadpool(state.admission.close)
        await run_in_threadpool(state.shadow.close)
        found.stopped()
        await run_in_threadpool(detector.close)


def _route_name(route: APIRoute) -> str:
    return route.name
