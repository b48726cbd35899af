"""The processes that serve: this one alone, or several that share a port, their counters, keys and rates.

Each of several loads a model of its own, so memory grows with their number. What must hold for all of them together lies in files.
"""

import os
import signal
import tempfile
from functools import partial
from pathlib import Path
from typing import Any

import uvicorn
from fastapi import FastAPI
from uvicorn.supervisors import Multiprocess

from detector.bundle import read_bundle
from serve.app import Load, create_app
from serve.connections import PromptProtocol
from serve.keys import KeyStore
from serve.logs import LOGGING
from serve.security import Gate, check_exposure, guards
from serve.settings import Settings, share_metrics
from serve.trial import load_wanted
from serve.wanted import WantedFile

GRACE_S = 30
"""How long requests that are being answered may go on after SIGTERM."""

_LOOK_S = 0.2
"""How often it is looked whether the workers have ended."""
_ANSWER_S = 1
"""How long a worker may take to say that it has started, before another is asked."""
_HEALTH_S = 60
"""How long a worker may be too busy to say that it lives, before another takes its place."""


def serve(settings: Settings) -> None:
    """Serve until told to stop.

    :raises InputError: if everybody could get in.
    :raises BundleError: if the model cannot be loaded; nothing has listened by then.
    """
    check_exposure(settings, KeyStore(settings.data))
    configured = settings.model.resolve()
    WantedFile(settings.data).forget_unless(settings.model.absolute())
    if settings.workers == 1:
        # Until it is served, there is nothing to read anew.
        signal.signal(signal.SIGHUP, signal.SIG_IGN)
        loaded = [load_wanted(settings, configured)]
        # Handed over, not held: the first model is to go when another takes its place.
        uvicorn.run(build(settings, loaded.pop), **_options(settings))
        return
    # Each worker would find it as broken; one sentence says so sooner.
    read_bundle(configured)
    with tempfile.TemporaryDirectory(prefix="scam-detector-metrics-") as folder:
        share_metrics(Path(folder))
        make = partial(_worker, settings, configured)
        config = uvicorn.Config(make, factory=True, workers=settings.workers, **_options(settings))
        _Workers(config, [config.bind_socket()]).run()


def build(settings: Settings, load: Load) -> FastAPI:
    """Return the service with its guards.

    :param load: As of :func:`serve.app.create_app`.
    """
    return create_app(load, settings, guards=guards(Gate(settings)))


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

    def handle_hup(self) -> None:
        """Let one worker read the configured model anew; the others follow it."""
        ready = next((process for process in self.processes if process.is_ready(_ANSWER_S)), None)
        if ready is None or ready.pid is None:
            self.signal_queue.append(signal.SIGHUP)  # they are about to start
        else:
            os.kill(ready.pid, signal.SIGHUP)

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


def _worker(settings: Settings, configured: Path) -> FastAPI:
    return build(settings, partial(load_wanted, settings, configured))


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
