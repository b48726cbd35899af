"""Headers of every answer: what a browser may do with it, and what a route adds."""

from collections.abc import Callable

from starlette.datastructures import MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

SECURITY_HEADERS = {
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; "
        "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    ),
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=(), payment=(), usb=()",
    # Verdicts quote posts, and posts are personal data.
    "Cache-Control": "no-store",
}
"""Sent with each answer, unless its route sets another value."""


class AnswerHeaders:
    """Middleware that adds :data:`SECURITY_HEADERS`, and those a route puts into ``request.state.answer_headers``."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one connection."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        state = scope.setdefault("state", {})

        def add(headers: MutableHeaders) -> None:
            for name, value in SECURITY_HEADERS.items():
                headers.setdefault(name, value)
            headers.update(state.get("answer_headers", {}))

        await self._app(scope, receive, changing_headers(send, add))


def changing_headers(send: Send, change: Callable[[MutableHeaders], None]) -> Send:
    """Return a way to send an answer whose headers are changed on their way."""

    async def send_changed(message: Message) -> None:
        if message["type"] == "http.response.start":
            change(MutableHeaders(scope=message))
        await send(message)

    return send_changed
