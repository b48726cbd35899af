"""The review page at ``/``, for a person without a client: files that hold no data and need no key.

What the page asks of the service, it asks as every other client does, with a key where one is needed. No file draws on anything
outside of the service, and none holds a script or a style in its markup, so that the policy of :mod:`serve.headers` stays as it is.
"""

import hashlib
from importlib import resources
from pathlib import PurePath

from fastapi import APIRouter, Request
from starlette.exceptions import HTTPException
from starlette.responses import Response

_TYPES = {
    ".css": "text/css",
    ".html": "text/html",
    ".js": "text/javascript",
    ".json": "application/json",
    ".svg": "image/svg+xml",
}
"""Media types of the files that are shown; others in the folder are not."""
_COLOURS = resources.files("detector") / "report" / "page" / "colours.css"
"""The page has the colours of the report."""


def routes() -> APIRouter:
    """Return the routes of the page; they are no part of the API, and its document leaves them out."""
    router = APIRouter(include_in_schema=False)
    router.add_api_route("/", index, methods=["GET", "HEAD"])
    router.add_api_route("/page/{name}", file, methods=["GET", "HEAD"])
    return router


def index(request: Request) -> Response:
    """Return the page."""
    return _answer("index.html", request)


def file(name: str, request: Request) -> Response:
    """Return a file of the page.

    :raises HTTPException: 404 if there is none of this name.
    """
    return _answer(name, request)


def _answer(name: str, request: Request) -> Response:
    kind = _TYPES.get(PurePath(name).suffix)
    # Looked up among the names that there are, so that no name leads anywhere else.
    found = next((each for each in (*resources.files(__name__).iterdir(), _COLOURS) if each.name == name), None)
    if kind is None or found is None:
        raise HTTPException(404)
    body = found.read_bytes()
    tag = f'"{hashlib.sha256(body).hexdigest()[:32]}"'
    # Asked for anew each time, so that page and service are of one version, and sent anew only if it has changed.
    headers = {"Cache-Control": "no-cache", "ETag": tag}
    if tag in request.headers.get("if-none-match", ""):
        return Response(status_code=304, headers=headers)
    return Response(body, media_type=kind, headers=headers)
