"""From the items of a request to its results: one for each, in order, and none sinks another."""

import logging
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from functools import partial
from typing import Protocol, TypeVar

from pydantic import ValidationError

from detector import BackendError, Detector, Post, Verdict
from detector.masking import mask_verdict
from serve import schemas
from serve.metrics import Metrics
from serve.schemas import Failed, Item, ItemError, OperatingPoint, Options, Scored, describe_fault

Result = TypeVar("Result")

_LOG = logging.getLogger(__name__)

FLAGGED: dict[OperatingPoint, tuple[str, ...]] = {"review": ("high", "review"), "high": ("high",)}
"""Bands that reach each operating point."""


class Scoring(Protocol):
    """Who wants posts scored: a request (:class:`serve.calls.Call`), or a job."""

    @property
    def detector(self) -> Detector:
        """The model for all of the posts."""
        ...

    @property
    def metrics(self) -> Metrics:
        """Where what becomes of the posts is counted."""
        ...

    async def score(self, work: Callable[[Post], Result], posts: Sequence[Post]) -> list[Result]:
        """Return what ``work`` returns for each post, in order."""
        ...

    def compare(self, posts: Sequence[Post], verdicts: Iterable[schemas.Verdict | None]) -> None:
        """Take note of what is answered; a second model may be compared with it."""
        ...


async def score_items(call: Scoring, items: Sequence[object], options: Options) -> list[Scored | Failed]:
    """Return one result or one error for each item, in order.

    :param items: What was sent; anything that is not an item gets an error.
    :raises BackendError: if the model fails on every post among the items that it reads.
    """
    found = await try_items(call, items, options)
    count_items(found, call.metrics)
    if all_failed(found):
        raise BackendError("the model failed on each of the posts")
    return found


async def try_items(call: Scoring, items: Sequence[object], options: Options) -> list[Scored | Failed]:
    """Return the same whatever the model fails on, and count nothing.

    :param items: As of :func:`score_items`; an error stands for itself.
    """
    entries = [sent if isinstance(sent, Failed) else _read(sent, options) for sent in items]
    posts = [entry for entry in entries if isinstance(entry, Post)]
    results = await call.score(partial(_score, call.detector, options), posts)
    call.compare(posts, (scored.result for scored in results))
    following = iter(results)
    return [next(following) if isinstance(entry, Post) else entry for entry in entries]


def count_items(results: Sequence[Scored | Failed], metrics: Metrics) -> None:
    """Count what became of items."""
    metrics.scored(result.result for result in results if isinstance(result, Scored))
    for result in results:
        if isinstance(result, Failed):
            metrics.failed(result.error.code)


def all_failed(results: Sequence[Scored | Failed]) -> bool:
    """Say whether the model failed on every post that it read: it is at fault then, not a post."""
    codes = {None if isinstance(result, Scored) else result.error.code for result in results}
    return "scoring_failed" in codes and None not in codes


def _read(sent: object, options: Options) -> Post | Failed:
    try:
        item = Item.model_validate(sent)
    except ValidationError as error:
        return _refusal(sent, error)
    return Post(item.text, item.id, item.language or options.language)


def _refusal(sent: object, error: ValidationError) -> Failed:
    found = error.errors(include_input=False, include_url=False, include_context=False)
    faults = {str(fault["loc"][0]) if fault["loc"] else "item": fault for fault in found}
    member, fault = next(iter(faults.items()))
    return Failed(
        id=sent.get("id") if isinstance(sent, dict) and "id" not in faults else None,
        error=ItemError(code=_CODES[member], message=f"{member}: {describe_fault(fault)}"),
    )


def _score(detector: Detector, options: Options, post: Post) -> Scored | Failed:
    try:
        (verdict,) = detector.score([post])
    except BackendError as failure:
        _LOG.error("the model failed on a post: %s", failure)
        message = "the model failed on this post; send it again"
        return Failed(id=post.id, error=ItemError(code="scoring_failed", message=message))
    if verdict.error is not None:
        fault = ItemError(code="invalid_text", message=f"text: {verdict.error}")
        return Failed(id=post.id, error=fault)
    shown = schemas.Verdict.model_validate(_shown(verdict, post, options), from_attributes=True)
    return Scored(id=post.id, flagged=verdict.band in FLAGGED[options.operating_point], result=shown)


def _shown(verdict: Verdict, post: Post, options: Options) -> Verdict:
    """Return as much of a verdict as is to be seen."""
    if not options.evidence:
        bare = tuple(replace(finding, evidence=()) for finding in verdict.indicators)
        verdict = replace(verdict, evidence=(), indicators=bare)
    return mask_verdict(verdict, post.text) if options.mask_contacts else verdict


_CODES: dict[str, schemas.Code] = {
    "item": "invalid_item",
    "id": "invalid_id",
    "text": "invalid_text",
    "language": "invalid_language",
}
