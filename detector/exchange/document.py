"""What a format is to the job: a JSON document of long lists, written as they come."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import BinaryIO, Protocol

from detector.campaigns.summary import Campaign
from detector.exchange.findings import Finding
from detector.outputs import json_line

Object = dict[str, object]


@dataclass(frozen=True, slots=True)
class Case:
    """What is known of all findings before the first is written.

    :ivar texts: Findings there will be.
    :ivar posts: Posts they stand for.
    :ivar first: SHA-256 of the text that was seen first, in hexadecimal, and when; nothing and nothing if there is none.
    """

    texts: int
    posts: int
    first: tuple[str | None, str | None]


@dataclass(frozen=True, slots=True)
class Linked:
    """A campaign, and the SHA-256 of its texts."""

    campaign: Campaign
    texts: Sequence[str]


class Document(Protocol):
    """A document in one of the formats.

    :ivar opening: Its beginning, up to the first list.
    :ivar closing: Its end.
    :ivar id: What it goes by in the other tool.
    """

    opening: bytes
    closing: bytes
    id: str

    def lists(self, findings: Iterable[Finding], campaigns: Iterable[Linked]) -> Iterator[tuple[str, Iterable[Object]]]:
        """Yield its lists by name; each is taken to its end before the next, and ``campaigns`` after ``findings``."""
        ...


def write(stream: BinaryIO, document: Document, findings: Iterable[Finding], campaigns: Iterable[Linked]) -> None:
    """Write a document, one object of a list a line."""
    stream.write(document.opening)
    for name, items in document.lists(findings, campaigns):
        stream.write(f',"{name}":['.encode())
        before = b"\n"
        for item in items:
            stream.write(before + json_line(item).rstrip(b"\n"))
            before = b",\n"
        stream.write(b"\n]")
    stream.write(document.closing)


def opened(record: Mapping[str, object]) -> bytes:
    """Return an object as JSON, without its closing brace."""
    return json_line(record).rstrip(b"\n").removesuffix(b"}")
