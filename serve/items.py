"""From the items of a request to its results: one for each, in order, and none sinks another."""

import logging
from collections.abc import Sequence
from dataclasses import replace
from functools import partial

from pydantic import ValidationError

from detector import BackendError, Detector, Post, Verdict
from detector.masking import mask_verdict
from serve import schemas
from serve.calls import Call
from serve.metrics import Metrics
from serve.schemas import Failed, Item, ItemError, OperatingPoint, Options, Scored, describe_fault

_LOG = logging.getLogger(__name__)

FLAGGED: dict[OperatingPoint, tuple[str, ...]] = {"review": ("high", "review"), "high": ("high",)}
"""Bands that reach each operating point."""


async def score_items(call: Call, items: Sequence[object], options: Options) -> list[Scored | Failed]:
    """Return one result or one error for each item, in order.

    :param items: What was sent; anything that is not an item gets an error.
    :raises BackendError: if the model fails on every post among the items.
    """
    entries = [_read(sent, options) for sent in items]
    posts = [entry for entry in entries if isinstance(entry, Post)]
    results = await call.score(partial(_score, call.detector, options), posts)
    call.compare(posts, (scored.result for scored in results))
    following = iter(results)
    found = [next(following) if isinstance(entry, Post) else entry for entry in entries]
    _count(found, call.metrics)
    _refuse_if_all_failed(results)
    return found


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


def _count(results: Sequence[Scored | Failed], metrics: Metrics) -> None:
    metrics.scored(result.result for result in results if isinstance(result, Scored))
    for result in results:
        if isinstance(result, Failed):
            metrics.failed(result.error.code)


def _refuse_if_all_failed(results: Sequence[Scored | Failed]) -> None:
    """Let a request fail on whose every post the model failed: the model is at fault then, not a post."""
    if results and all(isinstance(result, Failed) and result.error.code == "scoring_failed" for result in results):
        raise BackendError(f"the model failed on each of {len(results)} posts")


_CODES: dict[str, schemas.Code] = {
    "item": "invalid_item",
    "id": "invalid_id",
    "text": "invalid_text",
    "language": "invalid_language",
}
