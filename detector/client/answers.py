"""The answers of the service as records; members that this version does not know are passed over."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from detector.client.steps import Answer, Lost
from detector.errors import ServiceError
from detector.records import Contact, Evidence, IndicatorFinding, Verdict

ENDED = frozenset({"completed", "cancelled", "failed", "expired"})
"""Statuses of a batch that do not change any more, but for its expiry."""


@dataclass(frozen=True, slots=True)
class Limits:
    """Most that the service accepts: items of a request, code points of a text, bytes of a body."""

    items: int
    characters: int
    body_bytes: int


@dataclass(frozen=True, slots=True)
class Model:
    """The model that is served.

    :ivar model: Name, version and hash, as in each verdict.
    :ivar high: Score from which a post is in the band ``high``; ``review`` likewise.
    """

    model: str
    name: str
    version: str
    sha256: str
    labels: tuple[str, ...]
    indicators: tuple[str, ...]
    languages: tuple[str, ...]
    high: float
    review: float
    limits: Limits


@dataclass(frozen=True, slots=True)
class Counts:
    """Rows of a batch: all of them, once that is known, and what became of them so far."""

    total: int | None
    done: int
    scored: int
    failed: int


@dataclass(frozen=True, slots=True)
class Batch:
    """A file that the service scores.

    :ivar status: ``queued``, ``running``, ``cancelling``, ``cancelled``, ``completed``, ``failed`` or ``expired``.
    :ivar models: Those that scored its rows; several if the model was exchanged meanwhile.
    :ivar error: Why it failed, or waits.
    """

    id: str
    status: str
    created_at: datetime
    started_at: datetime | None
    ended_at: datetime | None
    expires_at: datetime | None
    counts: Counts
    models: tuple[str, ...]
    error: str | None

    @property
    def ended(self) -> bool:
        """Whether nothing more will be done."""
        return self.status in ENDED


@dataclass(frozen=True, slots=True)
class BatchRow:
    """A row of a batch.

    :ivar row: Its number in the file, as the service counts.
    :ivar flagged: Whether it reaches the operating point; nothing if it has no result.
    :ivar verdict: With ``error`` set if it has none.
    """

    row: int
    flagged: bool | None
    verdict: Verdict


def body_of(heard: Answer | Lost, what: str) -> Any:  # noqa: ANN401 - JSON
    """Return the JSON of an answer that is as hoped for.

    :param what: What was asked for, in words.
    :raises ServiceError: if it is not.
    """
    answer = accepted(heard, what)
    try:
        return json.loads(answer.body)
    except ValueError:
        reason = f"{what}: expected JSON, got something else; is this the address of the service?"
        raise ServiceError(reason, answer.status) from None


def accepted(heard: Answer | Lost, what: str) -> Answer:
    """Return an answer with a status below 300.

    :raises ServiceError: if there is none.
    """
    if isinstance(heard, Lost):
        raise ServiceError(f"{what}: the service cannot be reached ({heard.reason}); is the address right, and does it run?")
    if heard.status < 300:
        return heard
    problem = _problem(heard.body)
    faults = [fault for fault in problem.get("errors") or [] if isinstance(fault, dict)]
    reasons = [str(problem.get("detail") or "no reason given")] + [
        f"{each.get('pointer')}: {each.get('detail')}" for each in faults
    ]
    message = f"{what}: refused with {heard.status}: {'; '.join(reasons)}"
    raise ServiceError(message, heard.status, heard.headers.get("x-request-id"))


def model(plain: Mapping[str, Any]) -> Model:
    """Return the model of an answer."""
    points, limits = plain["operating_points"], plain["limits"]
    return Model(
        model=plain["model"],
        name=plain["name"],
        version=plain["version"],
        sha256=plain["sha256"],
        labels=tuple(plain["labels"]),
        indicators=tuple(plain["indicators"]),
        languages=tuple(plain["languages"]),
        high=points["high"],
        review=points["review"],
        limits=Limits(limits["items"], limits["characters"], limits["body_bytes"]),
    )


def batch(plain: Mapping[str, Any]) -> Batch:
    """Return the batch of an answer."""
    counts = plain["counts"]
    times = {name: _time(plain[name]) for name in ("started_at", "ended_at", "expires_at")}
    return Batch(
        id=plain["id"],
        status=plain["status"],
        created_at=datetime.fromisoformat(plain["created_at"]),
        counts=Counts(counts["total"], counts["done"], counts["scored"], counts["failed"]),
        models=tuple(plain["models"]),
        error=plain["error"],
        **times,
    )


def batch_row(plain: Mapping[str, Any]) -> BatchRow:
    """Return the row in a line of results or errors."""
    return BatchRow(plain["row"], plain.get("flagged"), verdict(plain))


def verdict(entry: Mapping[str, Any]) -> Verdict:
    """Return the verdict of an entry, which has either a result or an error."""
    plain = entry.get("result")
    if plain is None:
        return Verdict(entry["id"], error=str(entry["error"]["message"]))
    same = ("score", "label", "label_scores", "band", "reason", "language", "note", "windows", "model")
    return Verdict(
        entry["id"],
        evidence=_evidence(plain["evidence"]),
        indicators=tuple(_finding(each) for each in plain["indicators"]),
        contacts=tuple(Contact(each["kind"], each["value"]) for each in plain["contacts"]),
        **{name: plain[name] for name in same},
    )


def _finding(plain: Mapping[str, Any]) -> IndicatorFinding:
    return IndicatorFinding(plain["code"], plain["score"], _evidence(plain["evidence"]))


def _evidence(found: list[Mapping[str, Any]]) -> tuple[Evidence, ...]:
    return tuple(Evidence(each["start"], each["end"], each["text"]) for each in found)


def _time(text: str | None) -> datetime | None:
    return None if text is None else datetime.fromisoformat(text)


def _problem(body: bytes) -> dict[str, Any]:
    try:
        problem = json.loads(body)
    except ValueError:
        return {}
    return problem if isinstance(problem, dict) else {}
