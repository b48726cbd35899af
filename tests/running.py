"""The service as a process of its own, with several workers where asked for."""

import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Thread
from typing import Any

import httpx2
import pytest

ROOT = Path(__file__).parents[1]
_WAIT_S = 60


class Running:
    """A service that runs; what it logs is kept in ``lines``."""

    def __init__(self, process: "subprocess.Popen[str]") -> None:
        self.process = process
        self.lines: list[str] = []
        self._reader = Thread(target=self._read, daemon=True)
        self._reader.start()
        self.port = int(self._wait_for(r"running on http://127\.0\.0\.1:(\d+)")[1])
        self.address = f"http://127.0.0.1:{self.port}"

    def client(self, key: str | None = None) -> httpx2.Client:
        headers = {} if key is None else {"authorization": f"Bearer {key}"}
        return httpx2.Client(base_url=self.address, headers=headers, timeout=_WAIT_S)

    def wait_ready(self, workers: int) -> None:
        """Wait until as many workers serve."""
        until(lambda: sum('"Application startup complete."' in line for line in self.lines) >= workers)

    def logged(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.lines]

    def stop(self) -> int:
        """End it by SIGTERM; return its exit status."""
        self.process.send_signal(signal.SIGTERM)
        status = self.process.wait(timeout=_WAIT_S)
        self._reader.join(timeout=_WAIT_S)
        return status

    def _read(self) -> None:
        for line in self.process.stderr or ():
            self.lines.append(line)

    def _wait_for(self, pattern: str) -> "re.Match[str]":
        deadline = time.monotonic() + _WAIT_S
        while time.monotonic() < deadline and self.process.poll() is None:
            if found := re.search(pattern, "".join(self.lines)):
                return found
            time.sleep(0.05)
        pytest.fail(f"the service did not start:\n{''.join(self.lines)}")


@contextmanager
def running(model: Path, data: Path, *, workers: int = 1, **variables: str) -> Iterator[Running]:
    """Run the service on a free port.

    :param variables: Further settings, by the names of their variables without the prefix.
    """
    settings = {"PORT": "0", "MODEL": str(model), "THREADS": "1", "DATA": str(data), "WORKERS": str(workers), **variables}
    environ = os.environ | {f"SCAM_DETECTOR_{name}": value for name, value in settings.items()}
    command = [sys.executable, "-m", "serve"]
    process = subprocess.Popen(command, cwd=ROOT, env=environ, stderr=subprocess.PIPE, text=True)
    service = None
    try:
        service = Running(process)
        service.wait_ready(workers)
        yield service
    finally:
        if process.poll() is None and service is not None:
            service.stop()  # a killed parent would leave its workers behind
        process.kill()
        process.communicate()


def until(holds: Any, *, seconds: float = _WAIT_S) -> None:
    """Wait until something holds."""
    deadline = time.monotonic() + seconds
    while not holds():
        if time.monotonic() > deadline:
            pytest.fail("what was waited for did not come")
        time.sleep(0.05)
