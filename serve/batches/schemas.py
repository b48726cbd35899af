"""The bodies of batches, and the lines of their results."""

from typing import Annotated, Literal

from pydantic import Field

from serve.schemas import Body, ItemError, Options, Verdict

MOST_LISTED = 100

Format = Literal["jsonl", "csv"]
Status = Literal["queued", "running", "cancelling", "cancelled", "completed", "failed", "expired"]
Time = Annotated[str, Field(pattern=r"Z$", examples=["2026-11-27T08:00:00Z"])]
Count = Annotated[int, Field(ge=0)]


class BatchOptions(Options):
    """How a file is to be read, and its posts scored and shown."""

    text_column: str | None = None
    """Column, or member of each object, that holds the text; by default ``text``, of CSV also other usual names."""
    id_column: str | None = None
    """Column, or member of each object, that names the post; by default ``id`` or ``custom_id``, of CSV other usual names."""


class BatchInput(Body):
    """The file that was sent."""

    format: Format
    bytes: Count
    sha256: Annotated[str, Field(pattern="^[0-9a-f]{64}$")]


class Counts(Body):
    """How far a batch has come, in rows."""

    total: Count | None
    """Rows of the file; unknown until it was read once."""
    done: Count
    scored: Count
    """Rows with a result."""
    failed: Count
    """Rows with an error; see ``/errors``."""


class Batch(Body):
    """A job: a file of posts and what becomes of it."""

    id: str
    status: Status
    created_at: Time
    started_at: Time | None
    ended_at: Time | None
    expires_at: Time | None
    """When all of it is deleted; unknown until it has ended."""
    input: BatchInput
    options: BatchOptions
    counts: Counts
    models: list[str]
    """Name, version and hash of each model that scored rows of it."""
    error: str | None
    """Why it failed, or what it waits for."""


class BatchList(Body):
    """Some batches, newest first."""

    data: list[Batch]
    next: str | None
    """What to send as ``after`` for those that follow; nothing if there are none."""


class ScoredRow(Body):
    """A line of the results."""

    row: Annotated[int, Field(ge=1)]
    """Position among the rows of the file, from 1; the header of CSV and blank lines do not count."""
    id: str | None
    flagged: bool
    result: Verdict


class FailedRow(Body):
    """A line of the errors."""

    row: Annotated[int, Field(ge=1)]
    id: str | None
    error: ItemError
