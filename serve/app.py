"""The routes: each parses, calls and returns."""

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
from serve import compat
from serve.admission import Admission
from serve.bodies import parse_score_request, read_body
from serve.calls import Calling, Loaded, respond
from serve.draining import drained_first
from serve.items import score_items
from serve.openapi import Service, body_of, problems
from serve.problems import RequestIds, handlers
from serve.schemas import (
    MAX_ITEMS,
    Health,
    Limits,
    ModelInfo,
    OperatingPoints,
    ScoreRequest,
    ScoreResponse,
)
from serve.settings import Settings

Load = Callable[[], Detector]


def create_app(load: Load, settings: Settings, *, guards: Sequence[params.Depends] = ()) -> FastAPI:
    """Build the service.

    :param load: Returns the detector; runs once, at start-up. The service closes it at its end.
    :param guards: Dependencies that every route under ``/v1`` asks first, before its body is read:
        the place for authentication. Health stays open.
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
    app.state.settings = settings
    app.state.detector = None
    app.state.draining = False
    app.state.error_shapes = compat.SHAPES
    app.add_middleware(RequestIds)
    app.include_router(_health_routes())
    app.include_router(_score_routes(), prefix="/v1", dependencies=guards)
    app.include_router(compat.moderation_routes(), prefix="/v1", dependencies=guards)
    app.include_router(compat.predict_routes(), dependencies=guards)
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
    results = await score_items(call, asked.items, asked.options)
    return await respond(ScoreResponse(model=call.detector.bundle.identity, results=results))


@asynccontextmanager
async def _lifespan(app: FastAPI) -> AsyncIterator[None]:
    settings: Settings = app.state.settings
    detector = await run_in_threadpool(app.state.load)
    app.state.admission = Admission(detector.threads, max_tokens=settings.max_waiting_tokens)
    app.state.detector = detector
    try:
        with drained_first(partial(setattr, app.state, "draining", True), delay_s=settings.drain_s):
            yield
    finally:
        app.state.detector = None
        await run_in_threadpool(app.state.admission.close)
        await run_in_threadpool(detector.close)


def _route_name(route: APIRoute) -> str:
    return route.name
