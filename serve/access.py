"""Each request counted and written down: what was asked and what became of it, never a word of what was sent."""

import logging
import time

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from serve.metrics import Metrics, Rejection

CLIENT_LEFT = 499
"""Stands for the status where the client left before it was answered."""

_LOG = logging.getLogger(__name__)
_METHODS = frozenset({"DELETE", "GET", "HEAD", "OPTIONS", "PATCH", "POST", "PUT"})
_REASONS: dict[int, Rejection] = {
    400: "malformed",
    401: "key",
    403: "scope",
    408: "too_slow",
    413: "too_large",
    415: "media_type",
    422: "invalid",
    424: "unavailable",
    429: "overload",
    503: "unavailable",
    504: "deadline",
    507: "unavailable",
}
"""Why a request was refused, where its route does not say so in ``request.state.rejected``."""


class Access:
    """Middleware that counts each request and writes one line for it.

    :param metrics: Where they are counted.
    """

    def __init__(self, app: ASGIApp, metrics: Metrics) -> None:
        self._app = app
        self._metrics = metrics

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one connection."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        started = time.perf_counter()
        status = CLIENT_LEFT

        async def send_and_note(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        try:
            await self._app(scope, receive, send_and_note)
        except Exception:
            # Answered outside of all middleware.
            status = 500
            raise
        finally:
            self._note(scope, status, time.perf_counter() - started)

    def _note(self, scope: Scope, status: int, duration_s: float) -> None:
        state = scope.get("state", {})
        route = route_of(scope)
        if state.get("left"):
            status = CLIENT_LEFT
        self._metrics.answered(route, status, duration_s)
        reason = state.get("rejected") or _REASONS.get(status)
        if reason is not None:
            self._metrics.rejected(reason)
        caller = state.get("caller")
        fields = {
            "request_id": state.get("request_id"),
            "method": scope["method"] if scope["method"] in _METHODS else "other",
            "route": route,
            "status": status,
            "duration_ms": round(duration_s * 1000, 1),
            "items": state.get("items"),
            "key": caller.key if caller else None,
            "rejected": reason,
        }
        _LOG.info("request", extra={"fields": {name: value for name, value in fields.items() if value is not None}})


def route_of(scope: Scope) -> str:
    """Return the template of the path that was asked for; the path itself may hold anything."""
    # A route knows its path within its router; the whole of it FastAPI notes apart.
    whole = scope.get("fastapi", {}).get("effective_route_context") or scope.get("route")
    return getattr(whole, "path", "unknown")
