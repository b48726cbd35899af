"""The routes: each parses, calls and returns."""

from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from time import perf_counter
from typing import Annotated

from fastapi import APIRouter, Depends, FastAPI, Request, params
from fastapi.concurrency import run_in_threadpool
from fastapi.routing import APIRoute
from starlette.exceptions import HTTPException

from detector import Detector
from detector.scoring import MAX_CHARACTERS
from serve import metrics
from serve.access import Access
from serve.bodies import parse_score_request, read_body
from serve.drift import read_reference
from serve.headers import AnswerHeaders
from serve.items import score_items
from serve.openapi import SCORE_BODY, Service, problems
from serve.problems import RequestIds, handlers
from serve.schemas import (
    MAX_ITEMS,
    Health,
    Limits,
    ModelInfo,
    OperatingPoints,
    ScoreResponse,
)
from serve.security import charge
from serve.settings import Settings, shared_metrics

Load = Callable[[], Detector]


def create_app(load: Load, settings: Settings, *, guards: Sequence[params.Depends] = ()) -> FastAPI:
    """Build the service.

    :param load: Returns the detector; runs once, at start-up. The service closes it at its end.
    :param guards: Dependencies that every route but those of health asks first, before its body is
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
    app.state.settings = settings
    app.state.detector = None
    app.state.metrics = metrics.Metrics(shared_metrics(), reference=read_reference(settings.reference))
    app.add_middleware(AnswerHeaders)
    app.add_middleware(RequestIds)
    app.add_middleware(Access, metrics=app.state.metrics)
    refusals = problems(401, 403, 429, 503) if guards else {}
    app.include_router(_health_routes())
    app.include_router(metrics.routes(), dependencies=guards, responses=refusals)
    app.include_router(_score_routes(), prefix="/v1", dependencies=guards, responses=refusals)
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
        responses=problems(400, 413, 415, 422, 500, 503),
        openapi_extra=SCORE_BODY,
    )
    return router


async def loaded_detector(request: Request) -> Detector:
    """Return the detector.

    :raises HTTPException: 503 before it is loaded, and once the service shuts down.
    """
    detector: Detector | None = request.app.state.detector
    if detector is None:
        raise HTTPException(503, "the model is not loaded; try again")
    return detector


Loaded = Annotated[Detector, Depends(loaded_detector)]


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


def score(detector: Loaded, body: Annotated[bytes, Depends(read_body)], request: Request) -> ScoreResponse:
    """Score up to 256 posts: one result or one error for each, in the order of the request."""
    items = parse_score_request(body).items
    charge(request, len(items))
    started = perf_counter()
    results = score_items(detector, items)
    request.app.state.metrics.scored(results, perf_counter() - started)
    return ScoreResponse(model=detector.bundle.identity, results=results)


@asynccontextmanager
async def _lifespan(app: FastAPI) -> AsyncIterator[None]:
    detector = await run_in_threadpool(app.state.load)
    app.state.metrics.serves(detector.bundle)
    app.state.metrics.started()
    app.state.detector = detector
    try:
        yield
    finally:
        app.state.detector = None
        app.state.metrics.stopped()
        await run_in_threadpool(detector.close)


def _route_name(route: APIRoute) -> str:
    return route.name
