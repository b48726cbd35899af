"""What a talk with the service consists of: requests and pauses that a client carries out, and what it then hears."""

from collections.abc import Generator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar

Value = TypeVar("Value")


@dataclass(frozen=True, slots=True)
class Send:
    """A request.

    :ivar path: Below the address of the service.
    :ivar content: The body, or the file that is; a file is opened anew each time the request is sent.
    :ivar into: File to which the body of an answer with status 200 goes; it is there whole or not at all.
    """

    method: str
    path: str
    params: Mapping[str, str] = field(default_factory=dict)
    headers: Mapping[str, str] = field(default_factory=dict)
    content: bytes | Path | None = field(default=None, repr=False)
    into: Path | None = None


@dataclass(frozen=True, slots=True)
class Pause:
    """Time to let pass, in seconds."""

    seconds: float


@dataclass(frozen=True, slots=True)
class Answer:
    """What the service answered.

    :ivar headers: With names in small letters.
    :ivar body: Empty if it went into a file.
    """

    status: int
    headers: Mapping[str, str]
    body: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class Lost:
    """No answer came.

    :ivar reason: Kind of the error, in one word.
    """

    reason: str


Heard = Answer | Lost | None
"""Nothing after a pause."""
Talk = Generator[Send | Pause, Heard, Value]
"""Yields steps, is sent what came of each, and returns a value."""
