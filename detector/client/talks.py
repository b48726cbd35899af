"""Each thing that can be asked of the service, as a talk: what is sent, what may be repeated, and how the answer is read."""

import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import quote
from uuid import uuid4

from detector.client import answers
from detector.client.answers import Batch, BatchRow, Limits, Model
from detector.client.retries import Retries, sent
from detector.client.steps import Answer, Pause, Send, Talk
from detector.errors import InputError, ServiceError
from detector.records import Post, Verdict, check_are_posts

Read = TypeVar("Read")

CONTENT_TYPES = {".csv": "text/csv", ".jsonl": "application/jsonl", ".ndjson": "application/x-ndjson"}
"""Of files, by their endings."""
MOST_LISTED = 100

_FIRST_LOOK_S = 0.5
_LONGEST_LOOK_S = 30.0
_JSON = {"content-type": "application/json"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """How posts are scored and shown.

    :ivar evidence: Whether the words that carried the scores are shown.
    :ivar mask_contacts: Whether handles, numbers and addresses are made unreadable.
    :ivar language: BCP-47 code of the posts that come without one of their own.
    """

    evidence: bool = True
    mask_contacts: bool = False
    language: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class BatchOptions(Options):
    """How a file is read, and its posts are scored and shown.

    :ivar text_column: Column or member that holds the text, if the service is not to find it.
    :ivar id_column: Column or member that names the post, likewise.
    :ivar operating_point: From where on a post is flagged, ``review`` or ``high``.
    """

    text_column: str | None = None
    id_column: str | None = None
    operating_point: str = "review"


@dataclass(frozen=True, slots=True)
class Chunk:
    """Posts of one request, in order, and its body.

    :ivar items: Each post as JSON; nothing for one that no request can hold.
    """

    posts: tuple[Post, ...]
    items: tuple[bytes, ...]


def model(retries: Retries) -> Talk[Model]:
    """Ask which model is served."""
    heard = yield from sent(Send("GET", "/v1/model"), retries)
    return _read(answers.model, answers.body_of(heard, "model"), "model")


def ready() -> Talk[bool]:
    """Ask once whether posts can be scored."""
    heard = yield Send("GET", "/readyz")
    return isinstance(heard, Answer) and heard.status == 200


def score(chunk: Chunk, options: Options, retries: Retries) -> Talk[list[Verdict]]:
    """Have the posts of a request scored; one verdict for each, in order. Scoring changes nothing, so it may be repeated."""
    told = {"evidence": options.evidence, "mask_contacts": options.mask_contacts, "language": options.language}
    body = b'{"items":[%s],"options":%s}' % (b",".join(chunk.items), json.dumps(told).encode())
    heard = yield from sent(Send("POST", "/v1/score", headers=_JSON, content=body), retries)
    plain = answers.body_of(heard, "score")
    verdicts = _read(lambda found: [answers.verdict(entry) for entry in found["results"]], plain, "score")
    if len(verdicts) != len(chunk.posts):
        raise ServiceError(f"score: expected {len(chunk.posts)} results, got {len(verdicts)}")
    return verdicts


def chunks(posts: Iterable[Post | str], limits: Limits) -> Iterator[Chunk | Verdict]:
    """Yield the posts in requests that keep within the limits; in its place, the verdict on a post that no request can hold.

    :raises InputError: if there is one text instead of posts.
    """
    check_are_posts(posts)
    room = limits.body_bytes - _FRAME
    kept: list[tuple[Post, bytes]] = []
    size = 0
    for each in posts:
        post = each if isinstance(each, Post) else Post(each)
        item = _item(post)
        full = len(kept) == limits.items or size + len(item) + 1 > room
        if kept and (full or len(item) > room):
            yield _chunk(kept)
            kept, size = [], 0
        if len(item) > room:
            yield Verdict(post.id, error=f"text: expected at most {limits.characters} characters, got {len(post.text)}")
            continue
        kept.append((post, item))
        size += len(item) + 1
    if kept:
        yield _chunk(kept)


def start_batch(path: Path, options: BatchOptions, name: str | None, retries: Retries) -> Talk[Batch]:
    """Send a file; under one name it makes one batch, however often it is sent.

    :param name: Name of the request; by default a new one.
    :raises InputError: if it is neither CSV nor JSONL by its name, or cannot be read.
    """
    kind = CONTENT_TYPES.get(path.suffix.lower())
    if kind is None:
        raise InputError(f"{path}: expected a file whose name ends in {', '.join(CONTENT_TYPES)}")
    headers = {"content-type": kind, "idempotency-key": name or uuid4().hex}
    send = Send("POST", "/v1/batches", params=_params(options), headers=headers, content=path)
    heard = yield from sent(send, retries)
    return _read(answers.batch, answers.body_of(heard, "batch"), "batch")


def wanted_files(results: Path | str | None, errors: Path | str | None) -> dict[str, Path]:
    """Return where to save what of a batch."""
    return {which: Path(into) for which, into in (("results", results), ("errors", errors)) if into is not None}


def batch(
    path: Path, options: BatchOptions, name: str | None, wanted: Mapping[str, Path], retries: Retries, *, wait: bool
) -> Talk[Batch]:
    """Send a file, wait until it is done, and fetch what is wanted.

    :param wanted: As of :func:`wanted_files`; there is nothing to fetch before the end, so it is waited for.
    """
    found = yield from start_batch(path, options, name, retries)
    if wait or wanted:
        found = yield from wait_for(found.id, retries)
    for which, into in wanted.items():
        yield from save(found.id, which, into, retries)
    return found


def show_batch(batch: str, retries: Retries, *, outage_s: float = 0.0) -> Talk[Batch]:
    """Ask how far a batch has come.

    :param outage_s: How long a service that is away is asked again.
    """
    heard = yield from sent(Send("GET", _path(batch)), retries, outage_s=outage_s)
    # Named, so that whoever is told of an error can ask for this batch again and need not make another.
    what = f"batch {batch}"
    return _read(answers.batch, answers.body_of(heard, what), what)


def wait_for(batch: str, retries: Retries) -> Talk[Batch]:
    """Ask less and less often how far a batch has come, until it has ended; a service that is away for a while is waited for."""
    pause_s = _FIRST_LOOK_S
    while not (found := (yield from show_batch(batch, retries, outage_s=retries.outage_s))).ended:
        yield Pause(pause_s * (0.5 + retries.draw()))
        pause_s = min(1.5 * pause_s, _LONGEST_LOOK_S)
    return found


def page(after: str | None, retries: Retries) -> Talk[tuple[list[Batch], str | None]]:
    """Ask for a page of batches, newest first, and what the next one comes after."""
    params = {"limit": str(MOST_LISTED)} | ({} if after is None else {"after": after})
    heard = yield from sent(Send("GET", "/v1/batches", params=params), retries)
    plain = answers.body_of(heard, "batches")
    return _read(lambda found: ([answers.batch(each) for each in found["data"]], found["next"]), plain, "batches")


def cancel(batch: str, retries: Retries) -> Talk[Batch]:
    """End a batch as soon as can be."""
    heard = yield from sent(Send("POST", _path(batch, "/cancel")), retries)
    what = f"cancel {batch}"
    return _read(answers.batch, answers.body_of(heard, what), what)


def delete(batch: str, retries: Retries) -> Talk[None]:
    """Delete a batch that has ended, with all that belongs to it; one that is not there needs no deleting."""
    heard = yield from sent(Send("DELETE", _path(batch)), retries)
    # An attempt may have got through whose answer was lost.
    if not (isinstance(heard, Answer) and heard.status == 404):
        answers.accepted(heard, f"delete {batch}")


def save(batch: str, which: str, path: Path, retries: Retries) -> Talk[None]:
    """Fetch the results or the errors of a batch into a file.

    :param which: ``results`` or ``errors``.
    """
    heard = yield from sent(Send("GET", _path(batch, f"/{which}"), into=path), retries)
    answers.accepted(heard, f"{which} of {batch}")


def rows(lines: Iterable[bytes]) -> Iterator[BatchRow]:
    """Yield the rows of a file of results or errors."""
    for line in lines:
        try:
            plain = json.loads(line)
        except ValueError:
            raise ServiceError("results: expected JSON in each line, got something else") from None
        yield _read(answers.batch_row, plain, "results")


_FRAME = 200
"""Bytes of a request's body beside its items, at most: the options hold no text but a language code."""


def _chunk(kept: list[tuple[Post, bytes]]) -> Chunk:
    return Chunk(tuple(post for post, _ in kept), tuple(item for _, item in kept))


def _item(post: Post) -> bytes:
    given = {"text": post.text, "id": post.id, "language": post.language}
    plain = {name: value for name, value in given.items() if value is not None}
    try:
        return json.dumps(plain, ensure_ascii=False).encode()
    except UnicodeEncodeError:
        # Half a surrogate pair; the service refuses this item and no other.
        return json.dumps(plain).encode()


def _path(batch: str, below: str = "") -> str:
    return f"/v1/batches/{quote(batch, safe='')}{below}"


def _params(options: BatchOptions) -> Mapping[str, str]:
    given = {
        "text_column": options.text_column,
        "id_column": options.id_column,
        "language": options.language,
        "evidence": str(options.evidence).lower(),
        "mask_contacts": str(options.mask_contacts).lower(),
        "operating_point": options.operating_point,
    }
    return {name: value for name, value in given.items() if value is not None}


def _read(read: Callable[[Any], Read], plain: object, what: str) -> Read:
    """Return what an answer says.

    :raises ServiceError: if it has not the shape of this service's answers.
    """
    try:
        return read(plain)
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        reason = f"{what}: expected an answer of this service, got another shape; are client and service of one version?"
        raise ServiceError(reason) from error
