"""Who may call what, and how much: keys, scopes, the open door on this machine, and rates.

Without any key, a service that only this machine can reach answers everybody on it; it stops to do so as soon as the first key is
made, and does not start again when the last one is revoked. A service that others can reach does not start
without a key, unless it was told to answer nobody without one.
"""

import ipaddress
import math
import re
import sqlite3
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated

from fastapi import Depends, Request, Security, params
from fastapi.security import APIKeyHeader, HTTPAuthorizationCredentials, HTTPBearer
from starlette.exceptions import HTTPException

from detector import InputError
from serve.keys import KeyStore, Scope
from serve.rates import Buckets, Taken
from serve.schemas import MAX_ITEMS
from serve.settings import Settings, variable

ANONYMOUS = "anonymous"
"""Stands for the key in logs and rates where there is none."""

_REALM = 'Bearer realm="scam-recruitment-detector"'
_OPEN: tuple[Scope, ...] = ("score", "batch", "metrics")
"""What needs no key while the door is open; changes of the running service always do."""
_SCOPE_OF: tuple[tuple[str, Scope], ...] = (
    ("/v1/batches", "batch"),
    ("/v1/shadow", "admin"),
    ("/v1/admin", "admin"),
    ("/v1", "score"),
    ("/v1alpha1", "score"),
    ("/predict", "score"),
    ("/metrics", "metrics"),
)
"""Scope of the paths below each of these; the first entry counts."""

_HOST = re.compile(r"(?:\[([0-9A-Fa-f:]+)\]|([0-9A-Za-z.-]+))(?::[0-9]{1,5})?")

_bearer = HTTPBearer(auto_error=False, description="A key of `python -m serve keys add`")
_header = APIKeyHeader(name="X-API-Key", auto_error=False, description="The same, for clients that cannot send the other header")


@dataclass(frozen=True, slots=True)
class Caller:
    """Who sent a request.

    :ivar key: Id of the key.
    :ivar name: Whom or what the key was made for; nothing where there is none.
    :ivar admin: Whether the key is for changes of the running service too.
    :ivar rate: Items a minute; nothing for no limit.
    :ivar buckets: Where they are counted.
    """

    key: str
    rate: int | None
    buckets: Buckets
    name: str | None = None
    admin: bool = False


class Gate:
    """Lets a request pass, or says why not.

    :param settings: The address decides whether the door can be open at all.
    """

    def __init__(self, settings: Settings, *, clock: Callable[[], float] = time.time) -> None:
        self.keys = KeyStore(settings.data, clock=clock)
        self._buckets = Buckets(settings.data)
        self._clock = clock
        self._rate = settings.rate
        self._always_open = settings.anonymous == "yes"
        self._closed = settings.anonymous == "no" or not is_loopback(settings.host)

    def close(self) -> None:
        """Close the files of keys and rates."""
        self.keys.close()
        self._buckets.close()

    async def __call__(
        self,
        request: Request,
        bearer: Annotated[HTTPAuthorizationCredentials | None, Security(_bearer)],
        header: Annotated[str | None, Security(_header)],
    ) -> None:
        """Let the request pass, and note who sent it in ``request.state.caller``.

        :raises HTTPException: 401 without a key that counts, 403 if it is for something else, 503 if keys cannot be read.
        """
        wanted = scope_of(request.scope["path"])
        presented = bearer.credentials if bearer else header
        try:
            caller = self._anonymous(request, wanted) if presented is None else self._known(presented, wanted)
        except sqlite3.Error as error:
            raise HTTPException(503, "the keys cannot be read; try again") from error
        request.state.caller = caller

    def _anonymous(self, request: Request, wanted: Scope) -> Caller:
        if self._open_door() and wanted in _OPEN and _names_this_machine(request):
            return Caller(ANONYMOUS, self._rate, self._buckets)
        detail = "expected a key as 'Authorization: Bearer KEY' or 'X-API-Key: KEY'"
        raise HTTPException(401, detail, headers={"WWW-Authenticate": _REALM})

    def _open_door(self) -> bool:
        # Once shut, it stays so even if the file of keys vanishes.
        self._closed = self._closed or (not self._always_open and self.keys.any_made())
        return not self._closed

    def _known(self, presented: str, wanted: Scope) -> Caller:
        key = self.keys.find(presented)
        state = "not known" if key is None else key.state(self._clock())
        if key is None or state != "active":
            detail = f"expected a key that counts; this one is {state}"
            raise HTTPException(401, detail, headers={"WWW-Authenticate": f'{_REALM}, error="invalid_token"'})
        if wanted not in key.scopes:
            detail = f"expected a key for '{wanted}', got one for {', '.join(map(repr, key.scopes))}"
            error = f'{_REALM}, error="insufficient_scope", scope="{wanted}"'
            raise HTTPException(403, detail, headers={"WWW-Authenticate": error})
        return Caller(key.id, key.rate or self._rate, self._buckets, key.name, "admin" in key.scopes)


def guards(gate: Gate) -> list[params.Depends]:
    """Return the dependencies that :func:`serve.app.create_app` puts before every route but those of health and of the page."""
    return [Depends(gate)]


def charge(request: Request, items: int) -> None:
    """Count the items of a request against the rate of its caller; at least one, and before they are scored.

    A bucket holds a minute's worth, and never less than one full request.

    :raises HTTPException: 429 if the caller has had too many, 503 if they cannot be counted.
    """
    request.state.items = items
    caller: Caller | None = getattr(request.state, "caller", None)
    if caller is None or caller.rate is None:
        return
    burst = max(caller.rate, MAX_ITEMS)
    try:
        taken = caller.buckets.take(caller.key, max(items, 1), rate=caller.rate, burst=burst)
    except (OSError, sqlite3.Error) as error:
        raise HTTPException(503, "the rate cannot be counted; try again") from error
    request.state.answer_headers = _rate_headers(taken, caller.rate)
    if not taken.granted:
        request.state.rejected = "rate"
        wait_s = math.ceil(taken.wait_s)
        detail = f"expected at most {caller.rate} items a minute; send these again in {wait_s} s"
        raise HTTPException(429, detail, headers={"Retry-After": str(wait_s)})


def scope_of(path: str) -> Scope:
    """Return what a key must be for to call a path; for one that nobody thought of, ``admin``."""
    return next((scope for prefix, scope in _SCOPE_OF if path == prefix or path.startswith(f"{prefix}/")), "admin")


def check_exposure(settings: Settings, keys: KeyStore) -> None:
    """Refuse to let everybody in.

    Without a key it may start if it was told to answer nobody without one: so the first can be made where it runs.

    :raises InputError: if other machines can reach the service and no key was made yet, or anonymous calls were asked for.
    """
    if is_loopback(settings.host):
        return
    exposed = f"{variable('host')}: other machines can reach {settings.host}"
    if settings.anonymous == "yes":
        raise InputError(f"{exposed}, where {variable('anonymous')}=yes is not possible; make keys, and unset it")
    if settings.anonymous != "no" and not keys.any_made():
        raise InputError(f"{exposed}, and there is no key yet; make one: python -m serve keys add NAME --scopes score")


def is_loopback(host: str) -> bool:
    """Say whether only this machine can reach an address; a name other than ``localhost`` may be anything."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _names_this_machine(request: Request) -> bool:
    """Say whether the caller asked for this machine by one of its own names.

    A page elsewhere can have its name point here (DNS rebinding), and a proxy here can forward for others; both say so.
    """
    # Read from the header itself: Starlette's own address of a request falls back to the server's where the name is odd.
    host = _HOST.fullmatch(request.headers.get("host", ""))
    return host is not None and is_loopback(host[1] or host[2])


def _rate_headers(taken: Taken, rate: int) -> dict[str, str]:
    """Return the headers of draft-ietf-httpapi-ratelimit-headers-10."""
    return {"RateLimit-Policy": f'"items";q={rate};w=60', "RateLimit": f'"items";r={taken.left};t={math.ceil(taken.wait_s)}'}
