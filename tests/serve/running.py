"""Real servers on free ports: in a thread of this process, and as processes of their own."""

import asyncio
import json
import os
import re
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import httpx2
import numpy as np
import pytest
import uvicorn
from fastapi import FastAPI
from letters import LetterBackend
from numpy.typing import NDArray

from serve.connections import PromptProtocol

ROOT = Path(__file__).parents[2]
WAIT_S = 60.0


class SlowBackend(LetterBackend):
    """Takes its time for each window, as the model does: without holding Python up.

    :ivar seen: Windows that were asked for.
    :ivar open: Windows wait until it is set.
    """

    def __init__(self, window_s: float = 0.0) -> None:
        super().__init__()
        self.window_s = window_s
        self.seen = 0
        self.open = threading.Event()
        self.open.set()

    def token_scores(self, ids: NDArray[np.int64]) -> NDArray[np.float32]:
        self.seen += 1
        self.open.wait(timeout=30)
        time.sleep(self.window_s)
        return super().token_scores(ids)


@contextmanager
def running(app: FastAPI) -> Iterator[int]:
    """Serve in a thread of this process; return the port."""
    config = uvicorn.Config(app, port=0, http=PromptProtocol, log_config=None, access_log=False)
    server = uvicorn.Server(config)
    thread = threading.Thread(target=asyncio.run, args=(server.serve(),))
    thread.start()
    try:
        wait_until(lambda: server.started)
        yield server.servers[0].sockets[0].getsockname()[1]
    finally:
        server.should_exit = True
        thread.join(timeout=20)
    assert not thread.is_alive()


class Service:
    """A service that runs as a process of its own; what it logs is kept in ``lines``."""

    def __init__(self, process: "subprocess.Popen[str]") -> None:
        self.process = process
        self.lines: list[str] = []
        # Read all the time: a pipe that nobody empties would hold the service up.
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()
        self.port = int(self._wait_for(r"running on http://127\.0\.0\.1:(\d+)")[1])
        self.address = f"http://127.0.0.1:{self.port}"

    def client(self, key: str | None = None) -> httpx2.Client:
        headers = {} if key is None else {"authorization": f"Bearer {key}"}
        return httpx2.Client(base_url=self.address, headers=headers, timeout=WAIT_S)

    def wait_ready(self, workers: int, *, timeout_s: float = WAIT_S) -> None:
        """Wait until as many workers have begun to serve."""
        wait_until(lambda: sum("Application startup complete." in line for line in self.lines) >= workers, timeout_s)

    def logged(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.lines]

    def stop(self) -> int:
        """End it by SIGTERM; return its exit status."""
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(timeout=WAIT_S)

    def close(self) -> None:
        """Read what is left of its log, once it has ended."""
        self._reader.join(timeout=WAIT_S)
        if self.process.stderr is not None:
            self.process.stderr.close()

    def _read(self) -> None:
        for line in self.process.stderr or ():
            self.lines.append(line)

    def _wait_for(self, pattern: str) -> "re.Match[str]":
        deadline = time.monotonic() + WAIT_S
        while time.monotonic() < deadline and self.process.poll() is None:
            if found := re.search(pattern, "".join(self.lines)):
                return found
            time.sleep(0.05)
        pytest.fail(f"the service did not start:\n{''.join(self.lines)}")


@contextmanager
def served(
    model: Path, data: Path | None = None, *, workers: int = 1, command: Sequence[str] = ("-m", "serve"), **variables: str
) -> Iterator[Service]:
    """Run ``python -m serve`` with a model on a free port; by default it does not drain.

    :param data: The data directory; by default a new one.
    :param command: What Python runs instead.
    :param variables: Further settings, by the names of their variables without the prefix.
    """
    with TemporaryDirectory() as folder:
        settings = {"PORT": "0", "MODEL": model, "DATA": data or folder, "WORKERS": workers, "DRAIN_S": "0", **variables}
        environ = os.environ | {f"SCAM_DETECTOR_{name}": str(value) for name, value in settings.items()}
        environ |= {"PYTHONPATH": f"{ROOT}:{ROOT / 'tests'}"}
        process = subprocess.Popen([sys.executable, *command], cwd=ROOT, env=environ, stderr=subprocess.PIPE, text=True)
        service = None
        try:
            service = Service(process)
            service.wait_ready(workers)
            yield service
        finally:
            if workers > 1 and service is not None and process.poll() is None:
                service.stop()  # a killed parent would leave its workers behind
            process.kill()
            process.wait()
            if service is not None:
                service.close()


def wait_until(holds: Callable[[], bool], timeout_s: float = WAIT_S) -> None:
    """Wait until something holds, and fail if it never does."""
    deadline = time.monotonic() + timeout_s
    while not holds():
        if time.monotonic() > deadline:
            pytest.fail("waited in vain")
        time.sleep(0.01)
