"""The OpenAPI document: what FastAPI cannot know of bodies read by hand and of problems."""

from typing import Any

from fastapi import FastAPI
from pydantic.json_schema import models_json_schema

from serve.problems import MEDIA_TYPE, REQUEST_ID
from serve.schemas import Problem, ScoreRequest

_REF = "#/components/schemas/{model}"

SCORE_BODY: dict[str, Any] = {
    "requestBody": {
        "required": True,
        "content": {"application/json": {"schema": {"$ref": _REF.format(model="ScoreRequest")}}},
    }
}
"""The body of ``POST /v1/score``."""


class Service(FastAPI):
    """FastAPI with a document that says how bodies and errors really look."""

    def openapi(self) -> dict[str, Any]:
        """Return the document."""
        document = super().openapi()
        schemas: dict[str, Any] = document["components"]["schemas"]
        _, wanted = models_json_schema([(ScoreRequest, "validation")], ref_template=_REF)
        schemas.update(wanted["$defs"])
        for path in document["paths"].values():
            for operation in path.values():
                for status, response in operation["responses"].items():
                    _complete(int(status), response)
        return document


def problems(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """Return the ``responses`` of a route that answers with these errors."""
    return {status: {"model": Problem, "description": _MEANINGS[status]} for status in statuses}


_MEANINGS = {
    400: "The body is not JSON",
    401: "No key was sent, or one that does not count",
    403: "The key is for something else",
    413: "The body is longer than this service reads",
    415: "The body is not declared as JSON, or it is compressed",
    422: "The body is JSON, but not what the schema says",
    429: "More than the caller may send",
    500: "The service failed",
    503: "The model is not loaded, or failed on valid input",
}
_HEADERS = {
    REQUEST_ID: "Id of this request; name it when you report an error",
    "Retry-After": "Seconds to wait before the request is sent again",
    "WWW-Authenticate": "How to call, and what is wrong with the key that was sent",
}
_HEADERS_OF = {401: ("WWW-Authenticate",), 403: ("WWW-Authenticate",), 429: ("Retry-After",), 503: ("Retry-After",)}


def _complete(status: int, response: dict[str, Any]) -> None:
    """Add the headers of a response, and give an error its media type."""
    names = (REQUEST_ID, *_HEADERS_OF.get(status, ()))
    response["headers"] = {name: {"description": _HEADERS[name], "schema": {"type": "string"}} for name in names}
    if status >= 400 and "application/json" in response["content"]:
        response["content"] = {MEDIA_TYPE: response["content"]["application/json"]}
