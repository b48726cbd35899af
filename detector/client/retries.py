"""When a request is sent again, and after how long.

Waiting times grow and are drawn at random ("full jitter"), so that clients that failed together do not come back together. Source:
Brooker, "Exponential Backoff And Jitter", AWS Architecture Blog, 2015. What the service says in ``Retry-After`` is a lower bound.
"""

import random
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from math import inf, isfinite

from detector.client.steps import Answer, Lost, Pause, Send, Talk
from detector.errors import InputError

STATUSES = frozenset({408, 429, 502, 503, 504})
"""Answers after which the same request may fare better. A 500 is a bug, which the next attempt would meet as well."""


@dataclass(frozen=True, slots=True)
class Retries:
    """How often and how patiently requests are repeated.

    :ivar attempts: How often a request is sent at most; 1 for no repetition.
    :ivar first_s: Longest pause before the second attempt; it doubles with each further one.
    :ivar longest_s: Longest pause of all. If the service asks for more, the request is given up.
    :ivar outage_s: How long a service that is away is asked again while a batch is waited for, however many attempts that takes;
        the batch goes on when the service is back.
    :ivar draw: Returns a number from 0 to 1, for the jitter.
    :ivar now: Seconds since 1970, to read a ``Retry-After`` that is a date.
    :raises InputError: if a number is out of range.
    """

    attempts: int = 6
    first_s: float = 0.5
    longest_s: float = 60.0
    outage_s: float = 900.0
    draw: Callable[[], float] = random.random
    now: Callable[[], float] = time.time

    def __post_init__(self) -> None:
        if self.attempts < 1 or not 0 <= self.first_s <= self.longest_s < inf or not 0 <= self.outage_s < inf:
            raise InputError("expected at least 1 attempt, 0 <= first_s <= longest_s and outage_s at least 0")

    def pause_s(self, attempt: int, headers: Mapping[str, str], left_s: float = 0.0) -> float | None:
        """Return how long to wait after an attempt; nothing if the service asks for more patience than there is.

        :param attempt: Counted from 1.
        :param left_s: How long an outage is still borne.
        """
        drawn = self.draw() * min(self.longest_s, self.first_s * 2.0 ** min(attempt - 1, 60))
        asked = retry_after_s(headers.get("retry-after", ""), self.now())
        if asked is None:
            return drawn
        # Those who were told the same time still come one after the other.
        return None if asked > max(self.longest_s, left_s) else asked + self.draw() * self.first_s


def sent(send: Send, retries: Retries, *, outage_s: float = 0.0) -> Talk[Answer | Lost]:
    """Send a request that may be repeated without harm; return the last answer.

    :param outage_s: How long it is sent again in any case, beyond the attempts.
    """
    began = time.monotonic()
    attempt = 1
    while True:
        heard = yield send
        if heard is None:
            raise TypeError("expected what came of a request, got nothing")
        if isinstance(heard, Answer) and heard.status not in STATUSES:
            return heard
        left_s = outage_s - (time.monotonic() - began)
        pause_s = retries.pause_s(attempt, heard.headers if isinstance(heard, Answer) else {}, left_s)
        if pause_s is None or (attempt >= retries.attempts and left_s <= 0):
            return heard
        yield Pause(pause_s)
        attempt += 1


def retry_after_s(value: str, now: float) -> float | None:
    """Return the seconds that a ``Retry-After`` stands for, nothing if it is neither a number nor a date.

    Source: RFC 9110, section 10.2.3.

    :param now: Seconds since 1970.
    """
    try:
        seconds = float(value) if value.strip()[:1].isdigit() else parsedate_to_datetime(value).timestamp() - now
    except (ValueError, TypeError, OverflowError):
        return None
    return max(0.0, seconds) if isfinite(seconds) else None
