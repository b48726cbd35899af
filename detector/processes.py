"""One question after another answered on several processor cores, and the answers in the order of the questions."""

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from itertools import islice
from multiprocessing import get_context
from typing import TypeVar

from detector.errors import BackendError

_BATCH = 500
_ALONE = 4
"""Batches that are answered before other processes are started: most files are done sooner than these are ready."""

Item = TypeVar("Item")
Question = TypeVar("Question")
Answer = TypeVar("Answer")


def answered(
    items: Iterable[Item], ask: Callable[[Item], Question | None], answer: Callable[[Question], Answer], *, workers: int
) -> Iterator[tuple[Item, Answer | None]]:
    """Yield items in order with the answers to what they ask.

    :param ask: Returns an item's question, or nothing if it has none. Is called in this process, ahead of what is yielded.
    :param answer: Is called in other processes, which import it by its name; it and the questions are pickled.
    :param workers: Processes; with one, or few items, all is done in this one.
    :raises BackendError: if a process is killed.
    """
    remaining = iter(items)
    alone = remaining if workers < 2 else islice(remaining, _ALONE * _BATCH)
    for item in alone:
        question = ask(item)
        yield item, None if question is None else answer(question)
    first = list(islice(remaining, _BATCH))
    if first:
        yield from _side_by_side(first, remaining, ask, answer, workers)


def _side_by_side(
    batch: list[Item],
    remaining: Iterator[Item],
    ask: Callable[[Item], Question | None],
    answer: Callable[[Question], Answer],
    workers: int,
) -> Iterator[tuple[Item, Answer | None]]:
    # Started afresh instead of forked: a fork copies the locks of other threads as they are.
    pool = ProcessPoolExecutor(workers, mp_context=get_context("spawn"))
    waiting: deque[tuple[list[Item], Future[list[Answer | None]]]] = deque()
    try:
        while batch or waiting:
            if batch:
                waiting.append((batch, pool.submit(_answers, answer, [ask(item) for item in batch])))
                batch = list(islice(remaining, _BATCH))
            if not batch or len(waiting) > 2 * workers:
                items, future = waiting.popleft()
                yield from zip(items, future.result(), strict=True)
    except BrokenProcessPool as error:
        raise BackendError("a process that prepares posts was ended from outside; try again with --workers 1") from error
    finally:
        pool.shutdown(cancel_futures=True)


def _answers(answer: Callable[[Question], Answer], questions: list[Question | None]) -> list[Answer | None]:
    return [None if question is None else answer(question) for question in questions]
