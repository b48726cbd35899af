"""Two interfaces of others, so that their clients only need another address.

``POST /v1/moderations`` is that of OpenAI: https://platform.openai.com/docs/api-reference/moderations. Its categories are the
two labels that stand for harm; ``scam_compound`` is flagged from the operating point up, ``other_job_fraud`` if it is the
likeliest label, neither if the detector abstains. The parts of an input are pieces of one post; pictures are refused.

``POST /predict`` is that of text-embeddings-inference (``router/src/http/server.rs`` there). Its classes are the labels. Nothing
is cut off, whatever ``truncate`` says. Raw scores are the natural logarithms of the probabilities, which are their softmax. As
there, an array of two strings is a pair of texts and no batch; this model has no use for pairs and refuses them.

Neither has a place for the error of one text, so a text that cannot be scored sinks its request; ``POST /v1/score`` is better
there. Errors have the shape that these clients look for, with the statuses they know.
"""

import math
import sys
from collections.abc import Mapping
from functools import partial
from typing import Annotated, Any

from fastapi import APIRouter, Depends
from fastapi.exceptions import RequestValidationError
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.responses import Response

from detector import BackendError, Detector, Post, Verdict
from detector.scoring import find_fault
from serve.admission import Overloaded
from serve.bodies import parse_json, read_body
from serve.calls import Call, Calling, respond
from serve.compat_schemas import (
    Moderation,
    ModerationRequest,
    Moderations,
    OpenAIError,
    OpenAIFault,
    Prediction,
    Predictions,
    PredictRequest,
    TeiError,
    TeiErrorType,
)
from serve.items import FLAGGED
from serve.openapi import body_of, errors_of
from serve.problems import Shape
from serve.schemas import MAX_ITEMS, Body, OperatingPoint, Problem

HARMFUL = ("scam_compound", "other_job_fraud")
"""Labels that are categories of a moderation."""

Json = Annotated[bytes, Depends(read_body)]
Place = tuple[str | int, ...]
"""Names and numbers that lead to a member of a body."""


def moderation_routes() -> APIRouter:
    """Return the route that lies under ``/v1``."""
    router = APIRouter(tags=["compatible"])
    router.add_api_route(
        "/moderations",
        moderations,
        methods=["POST"],
        response_model=Moderations,
        responses=errors_of(OpenAIError, 400, 408, 413, 415, 500, 503, 504),
        openapi_extra=body_of(ModerationRequest),
    )
    return router


def predict_routes() -> APIRouter:
    """Return the route that lies beside ``/v1``."""
    router = APIRouter(tags=["compatible"])
    router.add_api_route(
        "/predict",
        predict,
        methods=["POST"],
        response_model=Predictions,
        responses=errors_of(TeiError, 400, 408, 413, 415, 422, 424, 429, 500, 503, 504),
        openapi_extra=body_of(PredictRequest),
    )
    return router


async def moderations(call: Calling, body: Json) -> Response:
    """Say which posts are harmful, as OpenAI's endpoint of this name does."""
    sent = _members(await run_in_threadpool(parse_json, body))
    point = sent.get("operating_point", "review")
    if not isinstance(point, str) or point not in FLAGGED:
        raise _fault("expected 'high' or 'review'", "operating_point")
    verdicts = await _score(call, _moderated(sent.get("input")))
    return await respond(
        Moderations(
            id=f"modr-{call.request.state.request_id}",
            model=call.detector.bundle.identity,
            results=[_moderation(verdict, point) for verdict in verdicts],
        )
    )


async def predict(call: Calling, body: Json) -> Response:
    """Give the probability of each label, as text-embeddings-inference does."""
    sent = _members(await run_in_threadpool(parse_json, body))
    raw = sent.get("raw_scores", False)
    if not isinstance(raw, bool):
        raise _fault("expected true or false", "raw_scores")
    texts = _predicted(sent.get("inputs"))
    try:
        verdicts = await _score(call, texts)
    except Overloaded as error:
        raise HTTPException(429, error.detail, error.headers) from None
    except BackendError:
        raise HTTPException(424, "the model failed on valid input; try again") from None
    predictions = [_predictions(verdict, raw=raw) for verdict in verdicts]
    return await respond(Predictions(predictions[0] if ("inputs",) in texts else predictions))


def as_openai(problem: Problem) -> tuple[int, Body]:
    """Return the status and the body of an error for OpenAI's clients."""
    status = 400 if problem.status == 422 else problem.status
    fault = OpenAIFault(
        message="; ".join(fault.detail for fault in problem.errors) or problem.detail,
        type="server_error" if status >= 500 else "invalid_request_error",
        param=next((_path(fault.pointer) for fault in problem.errors), None),
        code={401: "invalid_api_key", 429: "rate_limit_exceeded"}.get(status),
    )
    return status, OpenAIError(error=fault)


def as_tei(problem: Problem) -> tuple[int, Body]:
    """Return the status and the body of an error for clients of text-embeddings-inference."""
    message = "; ".join(f"{fault.pointer}: {fault.detail}" for fault in problem.errors) or problem.detail
    return problem.status, TeiError(error=message, error_type=_TEI_TYPES.get(problem.status, "validation"))


SHAPES: dict[str, Shape] = {"/v1/moderations": as_openai, "/predict": as_tei}
"""How the errors of these paths look."""

_TEI_TYPES: dict[int, TeiErrorType] = {
    424: "backend",
    429: "overloaded",
    500: "backend",
    503: "unhealthy",
    504: "overloaded",
}


def _path(pointer: str) -> str | None:
    """Return a JSON pointer as OpenAI writes it: ``input[3].text``."""
    steps = pointer.split("/")[1:]
    return "".join(f"[{step}]" if step.isdecimal() else f".{step}" for step in steps).lstrip(".") or None


async def _score(call: Call, texts: Mapping[Place, object]) -> list[Verdict]:
    """Return the verdict of each text, in order."""
    posts = _posts(texts)
    await call.charge(len(posts))
    try:
        verdicts = await call.score(partial(_verdict, call.detector), posts)
    except BackendError:
        # One sinks all: none of them gets a result.
        call.metrics.failed("scoring_failed", len(posts))
        raise
    call.metrics.scored(verdicts)
    call.compare(posts, verdicts)
    return verdicts


def _verdict(detector: Detector, post: Post) -> Verdict:
    (verdict,) = detector.score([post])
    return verdict


def _moderation(verdict: Verdict, point: OperatingPoint) -> Moderation:
    scores = {label: verdict.label_scores[label] for label in HARMFUL if label in verdict.label_scores}
    likeliest = None if verdict.band == "abstain" else verdict.label
    categories = {label: verdict.band in FLAGGED[point] if label == "scam_compound" else label == likeliest for label in scores}
    return Moderation(
        flagged=any(categories.values()),
        categories=categories,
        category_scores=scores,
        category_applied_input_types={label: ["text"] for label in scores},
    )


def _predictions(verdict: Verdict, *, raw: bool) -> list[Prediction]:
    ordered = sorted(verdict.label_scores.items(), key=lambda entry: -entry[1])
    # JSON has no infinity, and the logarithm of nothing is one.
    shown = [(label, math.log(max(score, sys.float_info.min)) if raw else score) for label, score in ordered]
    return [Prediction(score=score, label=label) for label, score in shown]


def _members(sent: object) -> Mapping[str, Any]:
    if not isinstance(sent, dict):
        raise _fault("expected an object")
    return sent


def _moderated(given: object) -> dict[Place, object]:
    """Return the texts of an input, each by its place."""
    if not isinstance(given, list):
        return {("input",): given}
    if any(isinstance(entry, dict) for entry in given):
        return {("input",): "\n".join(_part(entry, place) for place, entry in enumerate(given))}
    return {("input", place): entry for place, entry in enumerate(given)}


def _part(part: object, place: int) -> str:
    if not isinstance(part, dict) or part.get("type") != "text":
        raise _fault("expected a part of the type 'text'; pictures are not read", "input", place)
    text = part.get("text")
    if not isinstance(text, str):
        raise _fault("expected a string", "input", place, "text")
    return text


def _predicted(given: object) -> dict[Place, object]:
    """Return the texts of an input, each by its place; a batch's places have numbers."""
    if not isinstance(given, list):
        return {("inputs",): given}
    if given and isinstance(given[0], list):
        return {("inputs", place): _only(entry, ("inputs", place)) for place, entry in enumerate(given)}
    return {("inputs",): _only(given, ("inputs",))}


def _only(entry: object, place: Place) -> object:
    if not isinstance(entry, list) or len(entry) != 1:
        raise _fault("expected one string; a batch is an array of arrays with one each, and pairs are not read", *place)
    return entry[0]


def _posts(texts: Mapping[Place, object]) -> list[Post]:
    """Return a post for each text.

    :raises RequestValidationError: if there are none or too many, or one of them cannot be scored.
    """
    if not 1 <= len(texts) <= MAX_ITEMS:
        raise _fault(f"expected 1 to {MAX_ITEMS} texts, got {len(texts)}")
    faults = [(find_fault(text), place) for place, text in texts.items()]
    for reason, place in faults:
        if reason is not None:
            raise _fault(reason, *place)
    return [Post(text) for text in texts.values() if isinstance(text, str)]


def _fault(reason: str, *place: str | int) -> RequestValidationError:
    return RequestValidationError([{"type": "value_error", "loc": ("body", *place), "msg": reason}])
