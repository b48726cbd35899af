"""What can be set from outside; the only place that reads the environment, and only when asked."""

import os
import re
import textwrap
from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

from detector import InputError
from detector.bundle import DEFAULT_BUNDLE

PREFIX = "SCAM_DETECTOR_"
DEFAULT_DATA = Path("~/.local/state/scam-recruitment-detector")
DEFAULT_REFERENCE = Path(__file__).parent / "reference.json"
ANONYMOUS = ("auto", "yes", "no")
SHARED_METRICS = "PROMETHEUS_MULTIPROC_DIR"
"""Under this name, and no other, prometheus_client looks for the folder that workers write their numbers into."""

_MEBIBYTE = 1024 * 1024
_INDENT = " " * 8


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """Settings of the service; each is read from ``SCAM_DETECTOR_`` and its name in capitals.

    :ivar host: Address to listen on.
    :ivar port: TCP port to listen on; 0 takes a free one.
    :ivar model: Folder of the bundle to serve.
    :ivar backend: Runtime of the model, ``onnx`` or ``torch``.
    :ivar threads: Posts read side by side; unset, one for each core this process may use.
    :ivar max_body_bytes: Longest request body that is read.
    :ivar max_waiting_tokens: Tokens that may wait for their turn, about three bytes of text each; more is refused. Shared out
        among the workers.
    :ivar timeout_s: Longest time from the head of a request until all of it is scored; its sender may allow less.
    :ivar drain_s: How long after SIGTERM the service still listens, while it says that it is not ready.
    :ivar workers: Processes that serve side by side; each holds a model of its own.
    :ivar data: The data directory, for keys and all else that outlives a restart; made when it is first needed.
    :ivar anonymous: Whether a service that only this machine can reach answers calls without a key: ``yes``, ``no``, or ``auto``
        for as long as no key was made.
    :ivar max_batch_bytes: Longest file that is taken in as a batch.
    :ivar max_batches: Batches of one caller that may wait or run; their posts are not counted against its rate.
    :ivar max_kept_bytes: Bytes of results of one caller's batches that have ended, beyond which it has to delete some first.
    :ivar batch_days: Days after its end that a batch is kept, with all that belongs to it.
    :ivar reference: File with the scores that recent ones are compared with, as ``python -m serve reference`` writes it.
    :ivar rate: Items a minute for each caller whose key says nothing else; by default without limit.
    :ivar models: Folder below which lie the bundles that can be swapped in by a call; unset, ``models`` in the data directory.
    :ivar shadow: Folder of a second bundle that scores a share of the posts as well, for comparison; unset, none does.
    :ivar shadow_share: That share, 0 to 1, of the texts that calls bring.
    :raises InputError: if a value is out of range.
    """

    host: str = "127.0.0.1"
    port: int = 8000
    model: Path = DEFAULT_BUNDLE
    backend: str = "onnx"
    threads: int | None = None
    max_body_bytes: int = 4 * _MEBIBYTE
    max_waiting_tokens: int = 100_000
    timeout_s: int = 30
    drain_s: int = 5
    workers: int = 1
    data: Path = DEFAULT_DATA
    anonymous: str = "auto"
    rate: int | None = None
    reference: Path = DEFAULT_REFERENCE
    models: Path | None = None
    shadow: Path | None = None
    shadow_share: float = 0.1
    max_batch_bytes: int = 200 * _MEBIBYTE
    max_batches: int = 16
    max_kept_bytes: int = 10 * 1024 * _MEBIBYTE
    batch_days: int = 7

    def __post_init__(self) -> None:
        if not 0 <= self.port <= 65535:
            raise InputError(f"{PREFIX}PORT: expected 0 to 65535, got {self.port}")
        for name in _AT_LEAST_ONE:
            number = getattr(self, name)
            if number is not None and number < 1:
                raise InputError(f"{variable(name)}: expected at least 1, got {number}")
        if self.drain_s < 0:
            raise InputError(f"{variable('drain_s')}: expected at least 0, got {self.drain_s}")
        if not 0 <= self.shadow_share <= 1:
            raise InputError(f"{variable('shadow_share')}: expected 0 to 1, got {self.shadow_share}")
        if self.anonymous not in ANONYMOUS:
            raise InputError(f"{variable('anonymous')}: expected one of {', '.join(ANONYMOUS)}, got {self.anonymous!r}")
        object.__setattr__(self, "data", _at_home(self.data))

    @property
    def batch_kept_s(self) -> int:
        """Seconds after its end that a batch is kept."""
        return self.batch_days * 86_400

    @classmethod
    def from_environment(cls, environ: Mapping[str, str] | None = None) -> "Settings":
        """Read the settings; a variable that is unset or empty leaves the default.

        :param environ: Variables to read instead of those of this process.
        :raises InputError: if a value is not a number where one is needed, or out of range.
        """
        source = os.environ if environ is None else environ
        given = {name: source.get(variable(name), "") for name in _READERS}
        return cls(**{name: _read(name, value) for name, value in given.items() if value})


def variable(name: str) -> str:
    """Return the environment variable of a setting."""
    return PREFIX + name.upper()


def describe() -> str:
    """Return each setting: its variable, its default, and what it is for."""
    lines = [f"  {variable(f.name):<30} {_shown(f.name, f.default)}\n{_purpose(f.name)}" for f in fields(Settings)]
    return "environment variables, their defaults and what they are for:\n" + "\n".join(lines)


def _purpose(name: str) -> str:
    """Return what the docstring above says of a setting, indented."""
    found = re.search(rf":ivar {name}: (.*?)(?=\n *:)", Settings.__doc__ or "", re.DOTALL)
    said = " ".join(found[1].split()).replace("``", "") if found else ""
    return textwrap.fill(said, 110, initial_indent=_INDENT, subsequent_indent=_INDENT)


def share_metrics(folder: Path) -> None:
    """Let the processes started from now on write their numbers into one folder."""
    os.environ[SHARED_METRICS] = str(folder)


def shared_metrics() -> Path | None:
    """Return the folder that this process shares its numbers in, if it does."""
    folder = os.environ.get(SHARED_METRICS)
    return Path(folder) if folder else None


_AT_LEAST_ONE = (
    *("threads", "max_body_bytes", "max_waiting_tokens", "timeout_s", "workers", "rate"),
    *("max_batch_bytes", "max_batches", "max_kept_bytes", "batch_days"),
)
_READERS: dict[str, Callable[[str], Any]] = {
    "host": str,
    "port": int,
    "model": Path,
    "backend": str,
    "threads": int,
    "max_body_bytes": int,
    "max_waiting_tokens": int,
    "timeout_s": int,
    "drain_s": int,
    "workers": int,
    "data": Path,
    "anonymous": str,
    "rate": int,
    "reference": Path,
    "models": Path,
    "shadow": Path,
    "shadow_share": float,
    "max_batch_bytes": int,
    "max_batches": int,
    "max_kept_bytes": int,
    "batch_days": int,
}


def _read(name: str, value: str) -> Any:  # noqa: ANN401 - each setting has its own type
    try:
        return _READERS[name](value)
    except ValueError as error:
        kind = "number" if _READERS[name] is float else "whole number"
        raise InputError(f"{variable(name)}: expected a {kind}, got {value!r}") from error


def _at_home(path: Path) -> Path:
    try:
        return path.expanduser()
    except RuntimeError as error:
        raise InputError(f"{variable('data')}: expected a data directory, as this user has no home folder") from error


def _shown(name: str, default: object) -> str:
    return _SHOWN.get(name, str(default))


_SHOWN = {
    "model": "(the bundled model)",
    "threads": "(one for each core, shared out among the workers)",
    "rate": "(no limit)",
    "models": "(models in the data directory)",
    "shadow": "(none)",
    "reference": "(posts of job boards, scored by the bundled model)",
}
