"""The routes of batches: each parses, calls and returns."""

import asyncio
import logging
import re
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from functools import partial
from typing import Annotated, Any, TypeVar

from fastapi import APIRouter, Depends, Header, Query, Request
from fastapi.concurrency import run_in_threadpool
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.responses import FileResponse, Response

from detector import InputError
from serve.batches import folders
from serve.batches.disk import is_full
from serve.batches.reading import check
from serve.batches.schemas import (
    MOST_LISTED,
    Batch,
    BatchInput,
    BatchList,
    BatchOptions,
    Counts,
    FailedRow,
    ScoredRow,
)
from serve.batches.store import (
    ENDED,
    MOST_KEPT,
    File,
    OtherContentError,
    Record,
    Store,
    TooManyError,
    TooMuchError,
    Upload,
)
from serve.batches.upload import FORMATS, check_length, format_of, receive
from serve.calls import loaded_detector
from serve.openapi import content_of, lines_of, problems
from serve.schemas import Language, OperatingPoint
from serve.security import Caller
from serve.settings import Settings

Result = TypeVar("Result")

_LOG = logging.getLogger(__name__)

LINES = "application/jsonl"

_RETRY_S = 60
_RANGE = re.compile(r"bytes=(?:(\d{1,18})-(\d{0,18})|-(\d{1,18}))")

Column = Annotated[str | None, Query(min_length=1, max_length=200)]


class Lines(FileResponse):
    """A file with one JSON object a line."""

    media_type = LINES


def routes() -> APIRouter:
    """Return the routes that lie under ``/v1/batches``."""
    router = APIRouter(tags=["batches"], prefix="/batches")
    made: dict[str, Any] = {"description": "The batch waits for its turn", "model": Batch, "headers": _LOCATION}
    known: dict[str, Any] = {"description": "The same request came before; this is its batch", "model": Batch, "headers": _LOCATION}
    router.add_api_route(
        "",
        create,
        methods=["POST"],
        status_code=202,
        response_model=Batch,
        responses={202: made, 200: known, **problems(400, 408, 409, 413, 415, 422, 429, 500, 503, 507)},
        openapi_extra=content_of(*FORMATS),
        dependencies=[Depends(_ready)],
    )
    router.add_api_route("", show_all, methods=["GET"], responses=problems(422, 500, 503))
    router.add_api_route("/{batch}", show, methods=["GET"], responses=problems(404, 500, 503))
    router.add_api_route("/{batch}", delete, methods=["DELETE"], status_code=204, responses=problems(404, 409, 500, 503, 507))
    router.add_api_route("/{batch}/cancel", cancel, methods=["POST"], responses=problems(404, 500, 503, 507))
    for path, route, line in (("results", results, ScoredRow), ("errors", errors, FailedRow)):
        router.add_api_route(
            f"/{{batch}}/{path}",
            route,
            methods=["GET"],
            response_class=Lines,
            responses=lines_of(line, LINES, 200, 206) | problems(400, 404, 409, 416, 500, 503),
        )
    return router


_LOCATION = {"Location": {"description": "Path of the batch", "schema": {"type": "string"}}}


def read_options(
    request: Request,
    text_column: Column = None,
    id_column: Column = None,
    *,
    evidence: bool = True,
    mask_contacts: bool = False,
    language: Annotated[Language | None, Query()] = None,
    operating_point: OperatingPoint = "review",
) -> BatchOptions:
    """Return how a file is to be read and scored.

    :raises RequestValidationError: if there is a parameter of another name.
    """
    known = BatchOptions.model_fields.keys()
    if request.query_params.keys() - known:
        reason = f"expected no parameters but {', '.join(sorted(known))}"
        raise RequestValidationError([{"type": "unknown_parameter", "loc": ("query",), "msg": reason}])
    return BatchOptions(
        text_column=text_column,
        id_column=id_column,
        evidence=evidence,
        mask_contacts=mask_contacts,
        language=language,
        operating_point=operating_point,
    )


async def _ready(request: Request) -> None:
    """Take nothing in while no posts are scored. A file may take long to come, and holds no model meanwhile.

    :raises HTTPException: 503 then.
    """
    await loaded_detector(request)


async def create(
    request: Request,
    options: Annotated[BatchOptions, Depends(read_options)],
    idempotency_key: Annotated[
        str | None,
        Header(
            min_length=1,
            max_length=255,
            description="Name of this request; sent again, it makes no second batch, unless the first failed",
        ),
    ] = None,
) -> Response:
    """Take in a file of posts, to be scored as soon as nobody waits for anything else.

    The body is the file: JSONL, each line an item as in /v1/score (``custom_id`` is taken for ``id``), or CSV.
    """
    settings: Settings = request.app.state.settings
    format = format_of(request.headers)
    check_length(request.headers, settings.max_batch_bytes)
    with _storing():
        begin = partial(
            _store(request).begin,
            _owner(request),
            most=settings.max_batches,
            request=idempotency_key,
            most_kept=settings.max_kept_bytes,
        )
        try:
            upload: Upload = await run_in_threadpool(begin)
        except TooManyError:
            raise _too_many(request, settings.max_batches) from None
        except TooMuchError:
            most = f"{MOST_KEPT} batches that have ended, with {settings.max_kept_bytes} bytes of results in all"
            raise HTTPException(507, f"expected at most {most}; delete those that were fetched") from None
        try:
            length, sha256 = await receive(request, upload.path, settings.max_batch_bytes)
            await _refuse_unreadable(request, partial(check, upload.path, format, options))
            file = File(format, length, sha256, options.model_dump_json())
            try:
                record, new = await run_in_threadpool(upload.queue, file)
            except OtherContentError:
                raise HTTPException(409, "this Idempotency-Key came before with another content; send it under another") from None
        finally:
            await asyncio.shield(run_in_threadpool(upload.close))
    if new:
        request.app.state.runner.wake()
    shown = _batch(request, record)
    location = f"/v1/batches/{record.id}"
    return Response(shown.model_dump_json(), 202 if new else 200, {"Location": location}, "application/json")


async def show_all(
    request: Request,
    limit: Annotated[int, Query(ge=1, le=MOST_LISTED)] = 20,
    after: Annotated[str | None, Query(pattern="^[0-9]{1,18}$", description="The ``next`` of the page before")] = None,
) -> BatchList:
    """List batches, newest first."""
    before = None if after is None else int(after)
    owner = None if _sees_all(request) else _owner(request)
    records = await _do(partial(_store(request).page, owner, limit=limit + 1, before=before))
    more = len(records) > limit
    shown = [_batch(request, record) for record in records[:limit]]
    return BatchList(data=shown, next=str(records[limit - 1].number) if more else None)


async def show(request: Request, batch: str) -> Batch:
    """Say how far a batch has come."""
    return _batch(request, await _find(request, batch))


async def cancel(request: Request, batch: str) -> Batch:
    """End a batch as soon as can be; what was done is kept. One that has ended stays as it is."""
    found = await _find(request, batch)
    await _do(partial(_store(request).cancel, found.id))
    request.app.state.runner.wake()
    return _batch(request, await _find(request, batch))


async def delete(request: Request, batch: str) -> Response:
    """Delete a batch that has ended, and its file, results and errors with it."""
    found = await _find(request, batch)
    if not await _do(partial(_store(request).delete, found.id)):
        raise HTTPException(409, f"expected a batch that has ended, got one that is {found.status}; cancel it first")
    return Response(status_code=204)


async def results(request: Request, batch: str) -> Lines:
    """Return the results, one a line, in the order of the file."""
    return await _lines(request, batch, folders.RESULTS)


async def errors(request: Request, batch: str) -> Lines:
    """Return the errors of rows without a result, one a line, in the order of the file."""
    return await _lines(request, batch, folders.ERRORS)


async def _lines(request: Request, batch: str, name: str) -> Lines:
    found = await _find(request, batch)
    if found.status == "expired":
        raise HTTPException(404, "this batch has expired; send the file again")
    if found.status not in ENDED:
        raise HTTPException(409, f"expected a batch that has ended, got one that is {found.status}; ask again later")
    path = _store(request).folder(found.id) / name
    try:
        status = await run_in_threadpool(path.stat)
    except FileNotFoundError:
        raise HTTPException(404, "this batch was deleted meanwhile") from None
    _check_range(request.headers.get("range"), status.st_size)
    return Lines(path, media_type=LINES, stat_result=status)


def _check_range(wanted: str | None, size: int) -> None:
    """Refuse here what Starlette would refuse without a word of ours.

    :raises HTTPException: 400 if it is not one range of bytes, 416 if the file has none of these.
    """
    if wanted is None:
        return
    shape = _RANGE.fullmatch(wanted)
    if shape is None or (shape[2] and int(shape[1]) > int(shape[2])):
        raise HTTPException(400, "expected one range of bytes, such as bytes=1000-")
    if int(shape[1] or 0) >= size or (shape[3] and not int(shape[3])):
        raise HTTPException(416, f"expected a range within {size} bytes", {"Content-Range": f"bytes */{size}"})


async def _find(request: Request, batch: str) -> Record:
    """Return a batch that the caller may see.

    :raises HTTPException: 404 if there is none.
    """
    record = await _do(partial(_store(request).find, batch)) if batch.isascii() else None
    if record is None or not (record.owner == _owner(request) or _sees_all(request)):
        raise HTTPException(404, "no such batch; yours are listed at /v1/batches")
    return record


async def _do(work: Callable[[], Result]) -> Result:
    with _storing():
        return await run_in_threadpool(work)


@contextmanager
def _storing() -> Iterator[None]:
    """Answer a disk that is full or broken.

    :raises HTTPException: 507 where there is no room, 503 where something else is wrong.
    """
    try:
        yield
    except (OSError, sqlite3.Error) as error:
        if is_full(error):
            raise HTTPException(507, "no room on the disk of the service for this; send it again later") from error
        _LOG.error("the batches cannot be read or written: %s", error)
        raise HTTPException(503, "the batches cannot be read or written; try again") from error


async def _refuse_unreadable(request: Request, look: Callable[[], None]) -> None:
    try:
        await request.app.state.runner.look(look)
    except InputError as error:
        raise HTTPException(422, str(error)) from None


def _too_many(request: Request, most: int) -> HTTPException:
    request.state.rejected = "overload"
    detail = f"expected at most {most} batches of one caller that wait or run; send it when one has ended"
    return HTTPException(429, detail, {"Retry-After": str(_RETRY_S)})


def _store(request: Request) -> Store:
    store: Store = request.app.state.batches
    return store


def _owner(request: Request) -> str:
    """Return whose batch it is: that of all keys of one name, so that a new key finds what the old one sent."""
    caller: Caller | None = getattr(request.state, "caller", None)
    return "anonymous" if caller is None or caller.name is None else f"key {caller.name}"


def _sees_all(request: Request) -> bool:
    caller: Caller | None = getattr(request.state, "caller", None)
    return caller is not None and caller.admin


def _batch(request: Request, record: Record) -> Batch:
    kept_s = request.app.state.settings.batch_kept_s
    return Batch(
        id=record.id,
        status=record.status,
        created_at=_time(record.created),
        started_at=None if record.started is None else _time(record.started),
        ended_at=None if record.ended is None else _time(record.ended),
        expires_at=None if record.ended is None else _time(record.ended + kept_s),
        input=BatchInput(format=record.file.format, bytes=record.file.length, sha256=record.file.sha256),
        options=BatchOptions.model_validate_json(record.file.options),
        counts=Counts(total=record.total, done=record.done, scored=record.scored, failed=record.done - record.scored),
        models=list(record.models),
        error=record.error,
    )


def _time(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
