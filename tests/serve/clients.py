"""Both clients behind one face, so that each test holds for both; and a server that answers what it is told."""

import asyncio
import json
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from detector.client import AsyncClient, Client

HANGS_UP = 0
"""As a status: the connection is closed without an answer."""


class Twin:
    """An :class:`AsyncClient` that is waited for; what it yields comes as a list."""

    def __init__(self, *arguments: Any, **members: Any) -> None:
        self._runner = asyncio.Runner()
        self._client = AsyncClient(*arguments, **members)

    def __getattr__(self, name: str) -> Any:
        def call(*arguments: Any, **members: Any) -> Any:
            return self._runner.run(_awaited(getattr(self._client, name)(*arguments, **members)))

        return call

    def __enter__(self) -> "Twin":
        return self

    def __exit__(self, *_: object) -> None:
        self._runner.run(self._client.close())
        self._runner.close()


CLIENTS: list[Any] = [Client, Twin]


async def _awaited(found: Any) -> Any:
    return [each async for each in found] if hasattr(found, "__aiter__") else await found


@dataclass
class Script:
    """What a server answers, one after the other, and what it was asked."""

    answers: list[tuple[int, dict[str, str], Any]]
    port: int = 0
    asked: list[tuple[str, str, dict[str, str], bytes]] = field(default_factory=list)

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def paths(self) -> list[str]:
        return [f"{method} {path}" for method, path, *_ in self.asked]


@contextmanager
def scripted(*answers: tuple[int, dict[str, str], Any]) -> Iterator[Script]:
    """Serve answers in order, the last one for ever; bodies that are no bytes are sent as JSON."""
    script = Script(list(answers))

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def answer(self) -> None:
            body = self.rfile.read(int(self.headers.get("content-length", 0)))
            script.asked.append((self.command, self.path, {k.lower(): v for k, v in self.headers.items()}, body))
            status, headers, said = script.answers.pop(0) if len(script.answers) > 1 else script.answers[0]
            if status == HANGS_UP:
                self.close_connection = True
                return
            sent = said if isinstance(said, bytes) else json.dumps(said).encode()
            self.send_response(status)
            for name, value in {"Content-Length": str(len(sent)), **headers}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(sent)
            if int(headers.get("Content-Length", len(sent))) > len(sent):
                self.close_connection = True

        do_GET = do_POST = do_DELETE = answer  # noqa: N815

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    script.port = server.server_address[1]
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    try:
        yield script
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


__all__: Sequence[str] = ("CLIENTS", "HANGS_UP", "Script", "Twin", "scripted")
