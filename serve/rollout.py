"""The routes of rollouts: which model is served, another in its place, and how the shadow compares."""

import asyncio
import sqlite3
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Request
from fastapi.exceptions import RequestValidationError
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.responses import Response

from detector.bundle import Bundle
from serve.bodies import parse_as, read_body
from serve.calls import loaded_detector, respond
from serve.comparisons import EDGES, Amount, Kind, Pair, together
from serve.metrics import Metrics
from serve.models import Models
from serve.openapi import body_of, problems
from serve.rollout_schemas import Agreement, Bands, Bin, LanguageAgreement, Served, ShadowReport, Swap
from serve.settings import Settings, variable
from serve.shadow import UNKNOWN, Shadow

MODELS = "models"
"""Where in the data directory bundles lie, unless the settings say otherwise."""
FOLLOWED_S = 15.0
"""How long the answer to a swap waits for the other workers."""

_LOOK_S = 0.1


async def _serving(request: Request) -> Bundle:
    """Return the bundle that is served; unlike its detector, it may be held while another takes its place.

    :raises HTTPException: 503 if none is.
    """
    return (await loaded_detector(request)).bundle


Serving = Annotated[Bundle, Depends(_serving)]


def routes() -> APIRouter:
    """Return the routes, which lie under ``/v1``."""
    router = APIRouter(tags=["rollout"])
    router.add_api_route("/admin/model", served_model, methods=["GET"], responses=problems(500, 503))
    router.add_api_route(
        "/admin/model",
        swap_model,
        methods=["POST"],
        response_model=Served,
        responses={
            202: {"model": Served, "description": "This worker serves it, and others are still about to"},
            **problems(400, 408, 409, 413, 415, 422, 500, 503),
        },
        openapi_extra=body_of(Swap),
    )
    router.add_api_route("/shadow", shadow, methods=["GET"], responses=problems(500, 503))
    return router


async def served_model(_served: Serving, request: Request) -> Served:
    """Say which model is served, and whether all workers serve it."""
    return await run_in_threadpool(_told, request)


async def swap_model(_served: Serving, request: Request, body: Annotated[bytes, Depends(read_body)]) -> Response:
    """Load another model, try it out and serve it; returns when all workers do, or after a while."""
    asked = await run_in_threadpool(parse_as, Swap, body)
    folder = await run_in_threadpool(_within, asked.folder, request.app.state.settings)
    models: Models = request.app.state.models
    await models.swap(folder)
    told = await _followed(request)
    answer = await respond(told)
    answer.status_code = 200 if told.following == told.workers else 202
    return answer


async def shadow(served: Serving, request: Request) -> ShadowReport:
    """Compare the verdicts of the model in the shadow with those that were answered; other workers may be a second behind."""
    found: Shadow = request.app.state.shadow
    if found.folder is None:
        return _report(found, served.identity, {}, {})
    pair = Pair(served.identity, found.model or UNKNOWN)
    try:
        await run_in_threadpool(found.flush)
        kinds, outcomes = await run_in_threadpool(found.comparisons.read, pair)
    except (OSError, sqlite3.Error) as error:
        raise HTTPException(503, "the comparisons cannot be read; try again") from error
    return _report(found, served.identity, kinds, outcomes)


def _told(request: Request) -> Served:
    bundle: Bundle = request.app.state.detector.bundle
    found: Metrics = request.app.state.metrics
    following, workers = found.workers_on(bundle.sha256)
    return Served(model=bundle.identity, sha256=bundle.sha256, folder=str(bundle.folder), workers=workers, following=following)


async def _followed(request: Request) -> Served:
    """Return what is served when all workers serve the same, or after a while."""
    loop = asyncio.get_running_loop()
    last = loop.time() + FOLLOWED_S
    while True:
        told = await run_in_threadpool(_told, request)
        if told.following == told.workers or loop.time() > last:
            return told
        await asyncio.sleep(_LOOK_S)


def _within(name: str, settings: Settings) -> Path:
    """Return the folder that a caller names.

    :raises RequestValidationError: if it is none that a call may name: a key must not open the whole disk.
    """
    root = settings.models or settings.data / MODELS
    try:
        folder = (root / name).resolve()
        named = [folder == known.resolve() for known in (settings.model, settings.shadow) if known is not None]
        if any(named) or folder.is_relative_to(root.resolve()):
            return folder
    except (OSError, RuntimeError, ValueError):
        pass  # no path at all, or links in a circle
    reason = f"expected a folder below that of {variable('models')}, or the one of {variable('model')} or {variable('shadow')}"
    raise RequestValidationError([{"type": "value_error", "loc": ("body", "folder"), "msg": reason}])


def _report(found: Shadow, served: str, kinds: Mapping[Kind, Amount], outcomes: Mapping[str, int]) -> ShadowReport:
    def add_up(of: Callable[[Kind], Any]) -> dict[Any, int]:
        keys = sorted({of(kind) for kind in kinds})
        return {key: sum(amount.items for kind, amount in kinds.items() if of(kind) == key) for key in keys}

    in_bins = add_up(lambda kind: kind.bin)
    return ShadowReport(
        state=found.state,
        served=served,
        shadow=found.model,
        folder=None if found.folder is None else str(found.folder),
        share=found.share,
        dropped=outcomes.get("dropped", 0),
        failed=outcomes.get("failed", 0),
        all=Agreement(**_agreement(kinds)),
        bands=[Bands(served=a, shadow=b, items=n) for (a, b), n in add_up(lambda kind: (kind.band, kind.shadow_band)).items()],
        differences=[
            Bin(above=above, up_to=up_to, items=in_bins.get(place, 0))
            for place, (above, up_to) in enumerate(zip((-1.0, *EDGES), EDGES, strict=False))
        ],
        languages=[
            LanguageAgreement(language=language, **_agreement({kind: kinds[kind] for kind in kinds if kind.language == language}))
            for language in sorted({kind.language for kind in kinds})
        ],
    )


def _agreement(kinds: Mapping[Kind, Amount]) -> dict[str, Any]:
    whole = together(kinds.values())
    if not whole.items:
        return {"items": 0} | dict.fromkeys(("band_changed", "labels_agree", "mean_difference", "largest_difference"))
    return {
        "items": whole.items,
        "band_changed": together(kinds[kind] for kind in kinds if kind.band != kind.shadow_band).items / whole.items,
        "labels_agree": together(kinds[kind] for kind in kinds if kind.same_label).items / whole.items,
        "mean_difference": whole.sum / whole.items,
        "largest_difference": whole.largest,
    }
