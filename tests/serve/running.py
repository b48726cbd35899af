"""Real servers on free ports: in a thread of this process, and as processes of their own."""

import asyncio
import os
import re
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest
import uvicorn
from fastapi import FastAPI
from letters import LetterBackend
from numpy.typing import NDArray

from serve.connections import PromptProtocol

ROOT = Path(__file__).parents[2]


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


@contextmanager
def served(
    model: Path, *, command: Sequence[str] = ("-m", "serve"), **variables: str
) -> Iterator[tuple[subprocess.Popen[str], int]]:
    """Run ``python -m serve`` with a model; return the process and its port.

    :param command: What Python runs instead.
    :param variables: Settings, by the end of their variables' names.
    """
    environ = os.environ | {f"SCAM_DETECTOR_{name}": value for name, value in variables.items()}
    environ |= {"SCAM_DETECTOR_PORT": "0", "SCAM_DETECTOR_MODEL": str(model), "PYTHONPATH": f"{ROOT}:{ROOT / 'tests'}"}
    process = subprocess.Popen([sys.executable, *command], cwd=ROOT, env=environ, stderr=subprocess.PIPE, text=True)
    try:
        yield process, _port(process)
    finally:
        process.kill()
        process.communicate()


def _port(process: subprocess.Popen[str]) -> int:
    """Wait until the service listens."""
    lines = []
    for line in process.stderr or ():
        lines.append(line)
        if found := re.search(r"running on http://127\.0\.0\.1:(\d+)", line):
            return int(found[1])
    pytest.fail("the service did not start:\n" + "".join(lines))


def wait_until(holds: Callable[[], bool], timeout_s: float = 20.0) -> None:
    """Wait until something holds, and fail if it never does."""
    deadline = time.monotonic() + timeout_s
    while not holds():
        if time.monotonic() > deadline:
            pytest.fail("waited in vain")
        time.sleep(0.01)
