"""What both clients need to know of httpx2: how it is set up, and how a request of ours becomes one of its own."""

import os
import ssl
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from stat import S_ISREG
from typing import Any, BinaryIO

import httpx2

from detector.client.steps import Lost, Send
from detector.errors import InputError, OutputError
from detector.version import package_version

CONNECT_S = 5.0
CHUNK_BYTES = 1 << 16


def settings(base_url: str, key: str | None, timeout_s: float) -> dict[str, Any]:
    """Return the arguments of either kind of ``httpx2`` client.

    :raises InputError: if the address is none, or the time not above 0.
    """
    try:
        url = httpx2.URL(base_url)
    except (httpx2.InvalidURL, TypeError):
        url = httpx2.URL()
    if url.scheme not in {"http", "https"} or not url.host:
        raise InputError("base_url: expected an address such as http://127.0.0.1:8000")
    if not 0 < timeout_s <= 86_400:
        raise InputError(f"timeout_s: expected above 0 and at most 86400, got {timeout_s}")
    headers = {"user-agent": f"scam-recruitment-detector/{package_version() or 0}", "accept": "application/json"}
    if key is not None:
        headers["authorization"] = f"Bearer {key}"
    timeout = httpx2.Timeout(timeout_s, connect=min(CONNECT_S, timeout_s))
    # To read the certificates of all authorities takes 60 ms. Without TLS none is needed, and a context without any trusts nobody.
    verify = True if url.scheme == "https" else ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    return {"base_url": url, "headers": headers, "timeout": timeout, "verify": verify}


def headers_of(send: Send, timeout_s: float) -> dict[str, str]:
    """Return the headers of a request; what nobody waits for any more, the service need not score."""
    own = {"x-request-timeout": f"{timeout_s:g}"} if send.path == "/v1/score" else {}
    length = {"content-length": str(size_of(send.content))} if isinstance(send.content, Path) else {}
    return {**send.headers, **own, **length}


def size_of(path: Path) -> int:
    """Return the length of a file in bytes.

    :raises InputError: if there is none, or it is a folder or another thing that has no length.
    """
    try:
        found = path.stat()
    except OSError as error:
        raise InputError(f"{path}: cannot be read: {error.strerror}") from error
    if not S_ISREG(found.st_mode):
        raise InputError(f"{path}: expected a file, got a folder, a pipe or a device")
    return found.st_size


def opened(path: Path) -> BinaryIO:
    """Open a file.

    :raises InputError: if it cannot be read.
    """
    try:
        return path.open("rb")
    except OSError as error:
        raise InputError(f"{path}: cannot be read: {error.strerror}") from error


def lower(headers: "httpx2.Headers") -> Mapping[str, str]:
    """Return headers with names in small letters."""
    return {name.lower(): value for name, value in headers.items()}


def lost(error: httpx2.TransportError) -> Lost:
    """Return that no answer came; the message of the error may hold anything."""
    return Lost(type(error).__name__)


class Arriving:
    """A file that is being fetched: it has its name only when it is whole.

    :raises OutputError: if it cannot be written.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._new = path.with_name(f"{path.name}.part")
        try:
            self._stream = self._new.open("wb")
        except OSError as error:
            raise OutputError(f"{path}: cannot be written: {error.strerror}") from error

    def write(self, piece: bytes) -> None:
        """Add a piece."""
        try:
            self._stream.write(piece)
        except OSError as error:
            raise OutputError(f"{self._path}: cannot be written: {error.strerror}") from error

    def __enter__(self) -> "Arriving":
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        try:
            if kind is None:
                self._stream.flush()
                os.fsync(self._stream.fileno())
                self._new.replace(self._path)
        except OSError as error:
            raise OutputError(f"{self._path}: cannot be written: {error.strerror}") from error
        finally:
            with suppress(OSError):
                self._stream.close()
                self._new.unlink(missing_ok=True)
