"""The slow part of reading posts - normalising, hashing, finding contacts - on several processor cores."""

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass
from itertools import islice
from multiprocessing import get_context

from detector.campaigns.wording import MIN_CHARACTERS, fold, signature
from detector.contacts import find_contacts
from detector.errors import BackendError
from detector.records import Contact
from detector.scored import ScoredPost
from detector.text import normalise

_BATCH = 500
_ALONE = 4
"""Batches that are prepared before other processes are started: most files are done sooner than these are ready."""


@dataclass(frozen=True, slots=True)
class Prepared:
    """What is computed of one post alone.

    :ivar text: Its normalised text.
    :ivar folded: What of it is compared.
    :ivar signature: MinHash signature; nothing for a text too short to be recognised.
    :ivar contacts: As the file names them, or else as found in the text.
    """

    text: str
    folded: str
    signature: bytes | None
    contacts: tuple[Contact, ...]


Asked = tuple[str, str, tuple[Contact, ...] | None]
"""Text, language and known contacts of a post: all that another process is sent of it."""


def prepare(post: Asked) -> Prepared:
    """Return what is computed of a post."""
    original, language, known = post
    text = normalise(original).text
    folded = fold(text)
    contacts = find_contacts(text, language) if known is None else known
    return Prepared(text, folded, None if len(folded) < MIN_CHARACTERS else signature(folded), contacts)


def prepared_posts(
    posts: Iterable[ScoredPost], *, is_known: Callable[[ScoredPost], bool], workers: int
) -> Iterator[tuple[ScoredPost, Prepared | None]]:
    """Yield posts in order with what is computed of them; nothing of that for a post that is known.

    :param is_known: Whether a post needs no computing, being the copy of an earlier one.
    :param workers: Processes; with one, or few posts, all is done in this one.
    :raises BackendError: if a process is killed.
    """
    remaining = iter(posts)
    alone = remaining if workers < 2 else islice(remaining, _ALONE * _BATCH)
    for post in alone:
        yield post, None if is_known(post) else prepare(asked(post))
    first = list(islice(remaining, _BATCH))
    if first:
        yield from _side_by_side(first, remaining, is_known, workers)


def _side_by_side(
    batch: list[ScoredPost], remaining: Iterator[ScoredPost], is_known: Callable[[ScoredPost], bool], workers: int
) -> Iterator[tuple[ScoredPost, Prepared | None]]:
    # Started afresh instead of forked: a fork copies the locks of other threads as they are.
    pool = ProcessPoolExecutor(workers, mp_context=get_context("spawn"))
    waiting: deque[tuple[list[ScoredPost], list[bool], Future[list[Prepared]]]] = deque()
    try:
        while batch or waiting:
            if batch:
                known = [is_known(post) for post in batch]
                new = [asked(post) for post, old in zip(batch, known, strict=True) if not old]
                waiting.append((batch, known, pool.submit(_prepare_all, new)))
                batch = list(islice(remaining, _BATCH))
            if not batch or len(waiting) > 2 * workers:
                yield from _answers(*waiting.popleft())
    except BrokenProcessPool as error:
        raise BackendError("a process that prepares posts was ended from outside; try again with --workers 1") from error
    finally:
        pool.shutdown(cancel_futures=True)


def asked(post: ScoredPost) -> Asked:
    """Return what of a post is needed to prepare it."""
    return post.text, post.language, post.contacts


def _prepare_all(posts: Sequence[Asked]) -> list[Prepared]:
    return [prepare(post) for post in posts]


def _answers(
    batch: list[ScoredPost], known: list[bool], future: "Future[list[Prepared]]"
) -> Iterator[tuple[ScoredPost, Prepared | None]]:
    answers = iter(future.result())
    return ((post, None if old else next(answers)) for post, old in zip(batch, known, strict=True))
