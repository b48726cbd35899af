"""The processes that serve: this one alone, or several that share a port, their counters, keys and rates.

Each of several loads a model of its own, so memory grows with their number. What must hold for all of them together lies in files.
"""

import signal
import tempfile
from functools import partial
from pathlib import Path
from typing import Any

import uvicorn
from fastapi import FastAPI
from uvicorn.supervisors import Multiprocess

from detector import Detector
from detector.bundle import read_bundle
from detector.scoring import usable_cores
from serve.app import Load, create_app
from serve.connections import PromptProtocol
from serve.keys import KeyStore
from serve.logs import LOGGING
from serve.security import Gate, check_exposure, guards
from serve.settings import Settings, share_metrics

GRACE_S = 30
"""How long requests that are being answered may go on after SIGTERM."""

_LOOK_S = 0.2
"""How often it is looked whether the workers have ended."""
_HEALTH_S = 60
"""How long a worker may be too busy to say that it lives, before another takes its place."""


def serve(settings: Settings) -> None:
    """Serve until told to stop.

    :raises InputError: if everybody could get in.
    :raises BundleError: if the model cannot be loaded; nothing has listened by then.
    """
    check_exposure(settings, KeyStore(settings.data))
    if settings.workers == 1:
        detector = load(settings)
        uvicorn.run(build(settings, lambda: detector), **_options(settings))
        return
    # Each worker would find it as broken; one sentence says so sooner.
    read_bundle(settings.model)
    with tempfile.TemporaryDirectory(prefix="scam-detector-metrics-") as folder:
        share_metrics(Path(folder))
        config = uvicorn.Config(partial(_worker, settings), factory=True, workers=settings.workers, **_options(settings))
        _Workers(config, [config.bind_socket()]).run()


def build(settings: Settings, load: Load) -> FastAPI:
    """Return the service with its guards.

    :param load: As of :func:`serve.app.create_app`.
    """
    return create_app(load, settings, guards=guards(Gate(settings)))


def load(settings: Settings) -> Detector:
    """Load the model that the settings name; the cores are shared out among the workers.

    :raises BundleError: if the folder is not a whole bundle of this version.
    """
    threads = settings.threads or max(1, usable_cores() // settings.workers)
    return Detector.load(settings.model, backend=settings.backend, threads=threads)


class _Workers(Multiprocess):
    """Workers that drain each by itself; their port is closed with the last that listens, not left open with nobody behind."""

    def init_processes(self) -> None:
        super().init_processes()
        self._leave_their_ends()

    def keep_subprocess_alive(self) -> None:
        super().keep_subprocess_alive()
        self._leave_their_ends()

    def _leave_their_ends(self) -> None:
        # As long as this process holds the worker's end of a pipe too, nobody sees at once that a worker died while it was asked
        # whether it lives.
        for process in self.processes:
            process.child_conn.close()

    def terminate_all(self) -> None:
        for listener in self.sockets:
            listener.close()
        super().terminate_all()

    def join_all(self) -> None:
        """Wait for the workers, and hand on what else comes: a second SIGTERM has its effect at once for them as well."""
        while running := [process for process in self.processes if process.exitcode is None]:
            running[0].process.join(_LOOK_S)
            if {signal.SIGINT, signal.SIGTERM} & set(self.signal_queue):
                self.signal_queue.clear()
                super().terminate_all()
        super().join_all()


def _worker(settings: Settings) -> FastAPI:
    return build(settings, partial(load, settings))


def _options(settings: Settings) -> dict[str, Any]:
    return {
        "host": settings.host,
        "port": settings.port,
        "http": PromptProtocol,
        # Lines of access would show query strings, and someone will put a post into one; serve.access writes its own.
        "access_log": False,
        "log_config": LOGGING,
        "server_header": False,
        "timeout_graceful_shutdown": GRACE_S,
        "timeout_worker_healthcheck": _HEALTH_S,
    }
