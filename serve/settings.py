"""What can be set from outside; the only place that reads the environment, and only when asked."""

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

from detector import InputError
from detector.bundle import DEFAULT_BUNDLE

PREFIX = "SCAM_DETECTOR_"

_MEBIBYTE = 1024 * 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """Settings of the service; each is read from ``SCAM_DETECTOR_`` and its name in capitals.

    :ivar host: Address to listen on.
    :ivar port: TCP port to listen on; 0 takes a free one.
    :ivar model: Folder of the bundle to serve.
    :ivar backend: Runtime of the model, ``onnx`` or ``torch``.
    :ivar threads: Posts read side by side; unset, one for each core this process may use.
    :ivar max_body_bytes: Longest request body that is read.
    :ivar max_waiting_tokens: Tokens that may wait for their turn, about three bytes of text each; more is refused.
    :ivar timeout_s: Longest time from the head of a request until all of it is scored; its sender may allow less.
    :ivar drain_s: How long after SIGTERM the service still listens, while it says that it is not ready.
    :raises InputError: if a number is out of range.
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

    def __post_init__(self) -> None:
        if not 0 <= self.port <= 65535:
            raise InputError(f"{PREFIX}PORT: expected 0 to 65535, got {self.port}")
        if self.threads is not None and self.threads < 1:
            raise InputError(f"{PREFIX}THREADS: expected at least 1, got {self.threads}")
        if self.max_body_bytes < 1:
            raise InputError(f"{PREFIX}MAX_BODY_BYTES: expected at least 1, got {self.max_body_bytes}")
        if self.max_waiting_tokens < 1:
            raise InputError(f"{PREFIX}MAX_WAITING_TOKENS: expected at least 1, got {self.max_waiting_tokens}")
        if self.timeout_s < 1:
            raise InputError(f"{PREFIX}TIMEOUT_S: expected at least 1, got {self.timeout_s}")
        if self.drain_s < 0:
            raise InputError(f"{PREFIX}DRAIN_S: expected at least 0, got {self.drain_s}")

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
    """Return one line for each setting: its variable and its default."""
    lines = [f"  {variable(f.name):<30} {_shown(f.default)}" for f in fields(Settings)]
    return "environment variables and their defaults:\n" + "\n".join(lines)


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
}


def _read(name: str, value: str) -> Any:  # noqa: ANN401 - each setting has its own type
    try:
        return _READERS[name](value)
    except ValueError as error:
        raise InputError(f"{variable(name)}: expected a whole number, got {value!r}") from error


def _shown(default: object) -> str:
    if default == DEFAULT_BUNDLE:
        return "(the bundled model)"
    return "(one for each core)" if default is None else str(default)
