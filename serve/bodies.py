"""Request bodies: of the right type, within the limits of length and time, and strictly JSON."""

import asyncio
import json
from typing import TypeVar

from fastapi.exceptions import RequestValidationError
from pydantic import ValidationError
from starlette.datastructures import Headers
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request

from serve.schemas import Body, ScoreRequest

Sent = TypeVar("Sent", bound=Body)

BODY_TIMEOUT_S = 30.0
"""How long a body may take to arrive."""


async def read_body(request: Request) -> bytes:
    """Return the whole body of a request that says it is JSON.

    Reading stops at the limit, whether or not the length was declared. Every route that takes a
    body reads it here.

    :raises HTTPException: 415 if it is of another type or compressed, 413 if it is too long, 408 if it comes too slowly.
    """
    media_type(request.headers, "application/json")
    limit: int = request.app.state.settings.max_body_bytes
    too_long = HTTPException(413, f"expected a body of at most {limit} bytes; send fewer items")
    if declared_length(request.headers) > limit:
        raise too_long
    body = bytearray()
    try:
        async with asyncio.timeout(BODY_TIMEOUT_S):
            async for chunk in request.stream():
                body += chunk
                if len(body) > limit:
                    raise too_long
    except ClientDisconnect as error:
        raise cut_off(request) from error
    except TimeoutError:
        raise HTTPException(408, f"expected the whole body within {BODY_TIMEOUT_S:.0f} s") from None
    return bytes(body)


def parse_score_request(body: bytes) -> ScoreRequest:
    """Return what a body asks for.

    :raises HTTPException: 400 if the body is not JSON.
    :raises RequestValidationError: if it is JSON, but not an object with at most 256 items.
    """
    return parse_as(ScoreRequest, body)


def parse_as(kind: type[Sent], body: bytes) -> Sent:
    """Return what a body asks for.

    :raises HTTPException: 400 if the body is not JSON.
    :raises RequestValidationError: if it is JSON, but not what the schema says.
    """
    try:
        return kind.model_validate(parse_json(body))
    except ValidationError as error:
        found = error.errors(include_input=False, include_url=False, include_context=False)
        faults = [{**fault, "loc": ("body", *fault["loc"])} for fault in found]
        # Not chained: no traceback may carry what was sent.
        raise RequestValidationError(faults) from None


def parse_json(body: bytes) -> object:
    """Return the value that a body holds.

    :raises HTTPException: 400 if it is not JSON in UTF-8.
    """
    try:
        return json.loads(body.decode("utf-8-sig"), parse_constant=_refuse_constant)
    except UnicodeDecodeError as error:
        reason = f"expected UTF-8, byte {error.start} is none"
    except json.JSONDecodeError as error:
        reason = f"expected JSON, got a fault at character {error.pos}: {error.msg}"
    except ValueError:
        reason = "expected JSON, got NaN, Infinity or a number too long to read"
    except RecursionError:
        reason = "expected JSON, got too many brackets inside each other"
    raise HTTPException(400, reason)


def media_type(headers: Headers, *expected: str) -> str:
    """Return the media type of a body, one of those expected.

    :raises HTTPException: 415 if it is another one, or compressed.
    """
    # Parameters are passed over: JSON is UTF-8, whatever charset is named (RFC 8259, section 11).
    kind = headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind not in expected:
        raise HTTPException(415, f"expected the content type {', '.join(expected)}")
    if headers.get("content-encoding", "identity").lower() != "identity":
        raise HTTPException(415, "expected a body that is not compressed")
    return kind


def cut_off(request: Request) -> HTTPException:
    """Return the answer to a client that left before the end of its body; nobody will see it."""
    request.state.left = True
    return HTTPException(400, "the connection closed before the end of the body")


def declared_length(headers: Headers) -> int:
    """Return the length that a body says it has, 0 if it says none."""
    try:
        return int(headers.get("content-length", "0"))
    except ValueError:
        return 0


def _refuse_constant(name: str) -> object:
    """Refuse the numbers that Python reads and JSON does not have."""
    raise ValueError(name)
