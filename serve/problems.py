"""Every error of the service as a problem (RFC 9457), and the one table of statuses."""

import logging
from collections.abc import Callable, Coroutine, Mapping, Sequence
from http import HTTPStatus
from typing import Any
from uuid import uuid4

from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ASGIApp, Receive, Scope, Send

from detector import BackendError, DetectorError, InputError
from serve.headers import SECURITY_HEADERS, changing_headers
from serve.schemas import Body, Fault, Problem, describe_fault

Handler = Callable[[Request, Any], Coroutine[Any, Any, Response]]
Shape = Callable[[Problem], tuple[int, Body]]
"""Another way to show a problem: its status and its body."""

MEDIA_TYPE = "application/problem+json"
REQUEST_ID = "X-Request-ID"

STATUS: dict[type[DetectorError], int] = {InputError: 422, BackendError: 503, DetectorError: 500}
"""Status of each branch of the error tree; the nearest entry counts."""

_LOG = logging.getLogger(__name__)
_DETAILS = {
    404: "no such path; the paths are listed in /openapi.json",
    405: "this path does not take this method; the header Allow names those it takes",
    500: "the service failed; report it with the request id",
    503: "the model failed on valid input; try again",
}


class RequestIds:
    """Middleware that gives each request an id and sends it back in ``X-Request-ID``."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one connection."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        request_id = str(uuid4())
        scope.setdefault("state", {})["request_id"] = request_id

        await self._app(scope, receive, changing_headers(send, lambda headers: headers.update({REQUEST_ID: request_id})))


def status_of(error: DetectorError) -> int:
    """Return the HTTP status of a library error."""
    return next(STATUS[kind] for kind in type(error).__mro__ if kind in STATUS)


def handlers() -> dict[int | type[Exception], Handler]:
    """Return the handler of every kind of error."""
    return {
        HTTPException: _on_http_error,
        RequestValidationError: _on_invalid,
        DetectorError: _on_detector_error,
        Exception: _on_bug,
    }


def _problem(
    request: Request,
    status: int,
    detail: str,
    *,
    faults: Sequence[Fault] = (),
    headers: Mapping[str, str] | None = None,
) -> Response:
    request_id: str = request.state.request_id
    body = Problem(
        title=HTTPStatus(status).phrase,
        status=status,
        detail=detail,
        instance=f"urn:uuid:{request_id}",
        request_id=request_id,
        errors=list(faults),
    )
    extra = {"Retry-After": "1"} if status == HTTPStatus.SERVICE_UNAVAILABLE else {}
    # The id and the headers of all answers are set here as well: the answer to a bug is sent outside of all middleware.
    shown = {**SECURITY_HEADERS, **extra, **(headers or {}), REQUEST_ID: request_id}
    shape: Shape | None = request.app.state.error_shapes.get(request.scope["path"])
    if shape is not None:
        status, other = shape(body)
        return Response(other.model_dump_json(), status, shown, "application/json")
    return Response(body.model_dump_json(), status, shown, MEDIA_TYPE)


async def _on_http_error(request: Request, error: HTTPException) -> Response:
    plain = error.detail == HTTPStatus(error.status_code).phrase
    detail = _DETAILS.get(error.status_code, error.detail) if plain else error.detail
    return _problem(request, error.status_code, detail, headers=error.headers)


async def _on_invalid(request: Request, error: RequestValidationError) -> Response:
    faults = dict.fromkeys(_fault(one) for one in error.errors())
    return _problem(request, 422, "the request is not what the API expects", faults=list(faults))


async def _on_detector_error(request: Request, error: DetectorError) -> Response:
    status = status_of(error)
    if status >= 500:
        _LOG.error("request %s: %s", request.state.request_id, error)
    return _problem(request, status, _DETAILS.get(status, str(error)))


async def _on_bug(request: Request, _error: Exception) -> Response:
    return _problem(request, 500, _DETAILS[500])


def _fault(error: Mapping[str, Any]) -> Fault:
    place = [str(step) for step in error["loc"]]
    if place[0] != "body":
        return Fault(pointer="#", detail=f"{' '.join(place)}: {describe_fault(error)}")
    # The name of a member nobody asked for is text from outside, so its parent is named instead.
    steps = place[1:-1] if error["type"] == "extra_forbidden" else place[1:]
    return Fault(pointer="/".join(["#", *steps]), detail=describe_fault(error))
