"""Copies: a text that comes again is not read again.

Half of a scrape or more are copies, also of other ways of writing the same: after normalisation they are one text. What the model
says of a text is kept under the hash of the text, never with the text itself. Of more texts than are kept, the one that was asked
for least lately goes first.
"""

import hashlib
from collections import OrderedDict
from collections.abc import Callable
from concurrent.futures import Future
from threading import Lock
from typing import Generic, TypeVar

Answer = TypeVar("Answer")

KEPT = 100_000
"""Readings that a run over files keeps. One takes 1.6 KB on average over posts of the corpus, so that all take 160 MB."""


class Copies(Generic[Answer]):
    """Answers to texts, each worked out once. May be used from several threads.

    :param most: Answers that are kept; 0 keeps none, and works out each anew.
    :ivar found: Times an answer was there already, or on its way.
    """

    def __init__(self, most: int) -> None:
        self.found = 0
        self._most = most
        self._kept: OrderedDict[bytes, Answer] = OrderedDict()
        self._awaited: dict[bytes, Future[Answer]] = {}
        self._lock = Lock()

    def answer(self, text: str, work_out: Callable[[str], Answer]) -> "Future[Answer]":
        """Return the answer to a text, which may be still on its way if another thread works it out.

        What ``work_out`` raises is raised here, and by the answers that others wait for; it is not kept.
        """
        answer: Future[Answer] = Future()
        if not self._most:
            answer.set_result(work_out(text))
            return answer
        key = hashlib.blake2b(text.encode("utf-8", "surrogatepass"), digest_size=32).digest()
        with self._lock:
            if key in self._kept:
                self.found += 1
                self._kept.move_to_end(key)
                answer.set_result(self._kept[key])
                return answer
            if key in self._awaited:
                self.found += 1
                return self._awaited[key]
            self._awaited[key] = answer
        self._work_out(key, text, work_out, answer)
        return answer

    def _work_out(self, key: bytes, text: str, work_out: Callable[[str], Answer], answer: "Future[Answer]") -> None:
        try:
            result = work_out(text)
        except BaseException as error:
            with self._lock:
                del self._awaited[key]
            answer.set_exception(error)
            raise
        with self._lock:
            del self._awaited[key]
            self._kept[key] = result
            if len(self._kept) > self._most:
                self._kept.popitem(last=False)
        answer.set_result(result)
