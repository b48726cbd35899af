"""The OpenAPI document: what FastAPI cannot know of bodies read by hand and of problems."""

from typing import Any

from fastapi import FastAPI
from pydantic.json_schema import models_json_schema

from serve.compat_schemas import ModerationRequest, PredictRequest
from serve.problems import MEDIA_TYPE, REQUEST_ID
from serve.rollout_schemas import Swap
from serve.schemas import Body, Problem, ScoreRequest
from serve.security import scope_of

_REF = "#/components/schemas/{model}"
_BODIES: tuple[type[Body], ...] = (ScoreRequest, ModerationRequest, PredictRequest, Swap)
"""Bodies that are read by hand."""


class Service(FastAPI):
    """FastAPI with a document that says how bodies and errors really look."""

    def openapi(self) -> dict[str, Any]:
        """Return the document."""
        document = super().openapi()
        schemas: dict[str, Any] = document["components"]["schemas"]
        _, wanted = models_json_schema([(body, "validation") for body in _BODIES], ref_template=_REF)
        schemas.update(wanted["$defs"])
        for name, path in document["paths"].items():
            for operation in path.values():
                # OpenAPI 3.1 lets these lists name what a key must be for, whatever the kind of key.
                for way in operation.get("security", ()):
                    way.update(dict.fromkeys(way, [scope_of(name)]))
                operation["responses"] = _without_default(operation["responses"])
                for status, response in operation["responses"].items():
                    _complete(int(status), response)
        for name in _DEFAULT_ERRORS:
            schemas.pop(name, None)
        return document


def body_of(model: type[Body]) -> dict[str, Any]:
    """Return the ``openapi_extra`` of a route that reads this body by hand."""
    schema = {"$ref": _REF.format(model=model.__name__)}
    return {"requestBody": {"required": True, "content": {"application/json": {"schema": schema}}}}


def content_of(*media_types: str) -> dict[str, Any]:
    """Return the ``openapi_extra`` of a route whose body is a file."""
    content = {kind: {"schema": {"type": "string", "format": "binary"}} for kind in media_types}
    return {"requestBody": {"required": True, "content": content}}


def lines_of(model: type[Body], media_type: str, *statuses: int) -> dict[int | str, dict[str, Any]]:
    """Return the ``responses`` of a route that answers with a file of such objects, one a line."""
    line = model.model_json_schema(ref_template=_REF, mode="serialization")
    line.pop("$defs")  # all of them are parts of other bodies
    content = {media_type: {"schema": {"type": "string"}, "itemSchema": line}}
    return {status: {"description": _MEANINGS[status], "content": content} for status in statuses}


def problems(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """Return the ``responses`` of a route that answers with these errors."""
    return errors_of(Problem, *statuses)


def errors_of(model: type[Body], *statuses: int) -> dict[int | str, dict[str, Any]]:
    """Return the ``responses`` of a route whose errors have a shape of their own."""
    return {status: {"model": model, "description": _MEANINGS[status]} for status in statuses}


REFUSED = (401, 403, 429, 503)
"""Statuses with which a guard, or what a caller may send in a minute, turns a request away."""

_MEANINGS = {
    200: "The whole file",
    206: "The part of the file that was asked for",
    400: "The body is not JSON, or was cut off; or what was asked for is no range of bytes",
    401: "No key was sent, or one that does not count",
    403: "The key is for something else",
    404: "There is no such batch, or it is another caller's",
    408: "The body comes too slowly",
    409: "Another model is being taken over; the batch has not ended; or the request came before with another content",
    413: "The body is longer than this service reads",
    415: "The body is not declared as what this route reads, or it is compressed",
    416: "The file has none of the bytes that were asked for",
    422: "The request is not what the schema says, or the file has no texts",
    424: "The model failed on valid input",
    429: "More than the caller may send, or more work waits than the service takes on",
    500: "The service failed",
    503: "The model is not loaded or failed on valid input, more work waits than the service takes on, or it is shutting down",
    504: "Not all posts were scored in time",
    507: "The service has no room on its disk",
}
_HEADERS = {
    REQUEST_ID: "Id of this request; name it when you report an error",
    "Retry-After": "Seconds to wait before the request is sent again",
    "WWW-Authenticate": "How to call, and what is wrong with the key that was sent",
}
_HEADERS_OF = {401: ("WWW-Authenticate",), 403: ("WWW-Authenticate",), 429: ("Retry-After",), 503: ("Retry-After",)}


_DEFAULT_ERRORS = ("HTTPValidationError", "ValidationError")
"""What FastAPI documents of its own accord for a route with parameters, and :mod:`serve.problems` never answers."""


def _without_default(responses: dict[str, Any]) -> dict[str, Any]:
    default = {"schema": {"$ref": _REF.format(model=_DEFAULT_ERRORS[0])}}
    return {status: found for status, found in responses.items() if found.get("content", {}).get("application/json") != default}


def _complete(status: int, response: dict[str, Any]) -> None:
    """Add the headers of a response, and give an error its media type."""
    names = (REQUEST_ID, *_HEADERS_OF.get(status, ()))
    added = {name: {"description": _HEADERS[name], "schema": {"type": "string"}} for name in names}
    response["headers"] = added | response.get("headers", {})
    problem = {"schema": {"$ref": _REF.format(model="Problem")}}
    # Of a route that answers with something else than JSON, FastAPI takes the errors for that as well.
    if status >= 400 and problem in response["content"].values():
        response["content"] = {MEDIA_TYPE: problem}
