"""From the items of a request to its results: one for each, in order, and none sinks another."""

import logging
from collections.abc import Sequence

from pydantic import ValidationError

from detector import BackendError, Detector, Post, Verdict
from serve import schemas
from serve.schemas import Failed, Item, ItemError, Scored, describe_fault

_LOG = logging.getLogger(__name__)


def score_items(detector: Detector, items: Sequence[object]) -> list[Scored | Failed]:
    """Return one result or one error for each item, in order.

    :param items: What was sent; anything that is not an item gets an error.
    :raises BackendError: if the model fails on every post among the items.
    """
    entries = [_read(sent) for sent in items]
    outcomes = iter(_score(detector, [entry for entry in entries if isinstance(entry, Post)]))
    return [_result(entry, next(outcomes)) if isinstance(entry, Post) else entry for entry in entries]


def _read(sent: object) -> Post | Failed:
    try:
        item = Item.model_validate(sent)
    except ValidationError as error:
        return _refusal(sent, error)
    return Post(item.text, item.id, item.language)


def _refusal(sent: object, error: ValidationError) -> Failed:
    found = error.errors(include_input=False, include_url=False, include_context=False)
    faults = {str(fault["loc"][0]) if fault["loc"] else "item": fault for fault in found}
    member, fault = next(iter(faults.items()))
    return Failed(
        id=sent.get("id") if isinstance(sent, dict) and "id" not in faults else None,
        error=ItemError(code=_CODES[member], message=f"{member}: {describe_fault(fault)}"),
    )


def _score(detector: Detector, posts: Sequence[Post]) -> Sequence[Verdict | BackendError]:
    """Return a verdict for each post; if the model fails on some, its error in their place."""
    try:
        return detector.score(posts)
    except BackendError as error:
        _LOG.error("scoring each of %d posts alone, as together they failed: %s", len(posts), error)
        alone = [_score_alone(detector, post) for post in posts]
        if all(isinstance(outcome, BackendError) for outcome in alone):
            raise BackendError(f"the model failed on each of {len(posts)} posts") from error
        return alone


def _score_alone(detector: Detector, post: Post) -> Verdict | BackendError:
    try:
        return detector.score([post])[0]
    except BackendError as error:
        return error


def _result(post: Post, outcome: Verdict | BackendError) -> Scored | Failed:
    if isinstance(outcome, BackendError):
        message = "the model failed on this post; send it again"
        return Failed(id=post.id, error=ItemError(code="scoring_failed", message=message))
    if outcome.error is not None:
        error = ItemError(code="invalid_text", message=f"text: {outcome.error}")
        return Failed(id=post.id, error=error)
    verdict = schemas.Verdict.model_validate(outcome, from_attributes=True)
    return Scored(id=post.id, result=verdict)


_CODES: dict[str, schemas.Code] = {
    "item": "invalid_item",
    "id": "invalid_id",
    "text": "invalid_text",
    "language": "invalid_language",
}
