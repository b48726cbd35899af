"""Texts to windows of token ids: the one place for lengths, overlap and special tokens.

A post longer than a window is read in several that overlap; nothing is cut off. They are of one length, as many as are needed and
none longer than it must be. Windows are run one at a time, without padding: no work is wasted on it, and a post scores the same to
the last bit whatever it is scored beside.
"""

from dataclasses import dataclass
from pathlib import Path
from weakref import WeakValueDictionary

import numpy as np
from numpy.typing import NDArray
from tokenizers import Tokenizer

from detector.errors import BundleError

IdArray = NDArray[np.int64]
SpanArray = NDArray[np.int64]

SPECIAL_TOKENS = 2
"""``<s>`` before and ``</s>`` behind each window."""

_IN_USE: "WeakValueDictionary[tuple[str, int, int], Encoder]" = WeakValueDictionary()
"""Encoders that somebody holds, by the hash of their file, the longest window and the overlap; when nobody does, they go."""


@dataclass(frozen=True, slots=True)
class Window:
    """A piece of a post as the model reads it.

    :ivar ids: Token ids with ``<s>`` and ``</s>``, *shape* ``(n_tokens,)``.
    :ivar spans: Where each token lies in the normalised text, start and end in characters, *shape* ``(n_tokens, 2)``;
        empty spans for ``<s>`` and ``</s>``.
    """

    ids: IdArray
    spans: SpanArray


class Encoder:
    """Cuts normalised texts into windows.

    :param tokenizer: The tokenizer; its own truncation, padding and special tokens are not used.
    :param max_tokens: Longest window, special tokens included.
    :param overlap: Tokens that a window shares with the one before it, at least.
    :raises BundleError: if the numbers leave no room to move on, or the tokenizer lacks ``<s>`` or ``</s>``.
    """

    def __init__(self, tokenizer: Tokenizer, *, max_tokens: int, overlap: int) -> None:
        if not 0 <= overlap < max_tokens - SPECIAL_TOKENS:
            raise BundleError(f"expected 0 <= overlap < {max_tokens - SPECIAL_TOKENS}, got {overlap}")
        tokenizer.no_truncation()
        tokenizer.no_padding()
        self._tokenizer = tokenizer
        self._start, self._end = (_token_id(tokenizer, name) for name in ("<s>", "</s>"))
        self._room = max_tokens - SPECIAL_TOKENS
        self._overlap = overlap

    @classmethod
    def from_file(cls, path: Path, *, max_tokens: int, overlap: int) -> "Encoder":
        """Read ``tokenizer.json``.

        :raises BundleError: if the file is missing or not a tokenizer.
        """
        try:
            tokenizer = Tokenizer.from_file(str(path))
        except Exception as error:  # the library raises bare Exception
            raise BundleError(f"{path}: expected a tokenizer file, got: {error}") from error
        return cls(tokenizer, max_tokens=max_tokens, overlap=overlap)

    @classmethod
    def shared(cls, path: Path, *, sha256: str, max_tokens: int, overlap: int) -> "Encoder":
        """Return the encoder of a file with this hash that is in use in this process, or else read the file.

        The library holds up all threads of Python while it reads a large vocabulary, and a second one would take as much memory
        again: a model in the place of another of the same base has the same tokenizer. An encoder never changes, and may be used
        from several threads.

        :param sha256: Hash of the file, as checked by :func:`detector.bundle.read_bundle`.
        :raises BundleError: as :meth:`from_file`.
        """
        key = (sha256, max_tokens, overlap)
        found = _IN_USE.get(key)
        if found is None:
            found = _IN_USE[key] = cls.from_file(path, max_tokens=max_tokens, overlap=overlap)
        return found

    def windows(self, text: str) -> list[Window]:
        """Return the windows that cover a normalised text, at least one, in order."""
        encoding = self._tokenizer.encode(text, add_special_tokens=False)
        ids = np.asarray(encoding.ids, dtype=np.int64)
        spans = np.asarray(encoding.offsets, dtype=np.int64).reshape(-1, 2)
        return [self._window(ids[place], spans[place]) for place in self._cut(len(ids))]

    def _cut(self, n_tokens: int) -> list[slice]:
        """Return the fewest windows that cover ``n_tokens``, of equal length and at equal distances."""
        number = max(1, -(-(n_tokens - self._overlap) // (self._room - self._overlap)))
        size = -(-(n_tokens + (number - 1) * self._overlap) // number)
        starts = (i * (n_tokens - size) // max(number - 1, 1) for i in range(number))
        return [slice(start, start + size) for start in starts]

    def _window(self, ids: IdArray, spans: SpanArray) -> Window:
        edge = np.zeros((1, 2), dtype=np.int64)
        return Window(np.concatenate(([self._start], ids, [self._end])), np.concatenate((edge, spans, edge)))


def _token_id(tokenizer: Tokenizer, name: str) -> int:
    found = tokenizer.token_to_id(name)
    if found is None:
        raise BundleError(f"the tokenizer has no token {name}")
    return int(found)
