"""A text under correction that remembers where each of its characters came from."""

import re
from array import array
from collections.abc import Callable, Iterable, Iterator
from itertools import chain, compress, repeat

Edit = tuple[int, int, str]


class Draft:
    """Characters and, for each, the code points ``[start, end)`` of the original behind it."""

    __slots__ = ("ends", "starts", "text")

    def __init__(self, text: str) -> None:
        """Start from the original.

        :param text: The original, any string.
        """
        self.text = text
        self.starts = array("I", range(len(text)))
        self.ends = array("I", range(1, len(text) + 1))

    def translate(self, table: dict[int, str]) -> None:
        """Replace characters one by one; a character may become none or several.

        :param table: Code point to replacement, for every code point of the text.
        """
        text = self.text.translate(table)
        if text == self.text:
            return
        sizes = list(map(len, map(table.__getitem__, map(ord, self.text))))
        if max(sizes) > 1:
            self.starts = _repeated(self.starts, sizes)
            self.ends = _repeated(self.ends, sizes)
        elif min(sizes) < 1:
            self.starts = array("I", compress(self.starts, sizes))
            self.ends = array("I", compress(self.ends, sizes))
        self.text = text

    def substitute(self, pattern: re.Pattern[str], replacement: str | Callable[[re.Match[str]], str]) -> None:
        """Replace each match.

        :param pattern: What to look for; must not match the empty string.
        :param replacement: The new characters, or a function from the match to them.
        """
        if isinstance(replacement, str):
            self.edit((m.start(), m.end(), replacement) for m in pattern.finditer(self.text))
        else:
            self.edit((m.start(), m.end(), replacement(m)) for m in pattern.finditer(self.text))

    def edit(self, edits: Iterable[Edit], *, whole: bool = False) -> None:
        """Apply replacements.

        :param edits: ``(start, end, new)`` in code points of the present text, in order, apart.
        :param whole: True if the parts changed places, so that each new character stands for all
            of ``[start, end)``. False aligns what was replaced one for one or only shortened.
        """
        text, done = self.text, 0
        pieces: list[str] = []
        starts, ends = array("I"), array("I")
        for start, end, new in edits:
            if text[start:end] == new:
                continue
            pieces += (text[done:start], new)
            starts += self.starts[done:start]
            ends += self.ends[done:start]
            kept = None if whole else _alignment(text[start:end], new)
            if kept is None:
                starts.extend(repeat(self.starts[start], len(new)))
                ends.extend(repeat(self.ends[end - 1], len(new)))
            else:
                starts.extend(self.starts[start + i] for i in kept)
                ends.extend(self.ends[start + i] for i in kept)
            done = end
        if pieces:
            self.text = "".join(pieces) + text[done:]
            self.starts = starts + self.starts[done:]
            self.ends = ends + self.ends[done:]

    def trim(self, characters: str) -> None:
        """Drop characters at both ends.

        :param characters: The characters to drop.
        """
        start = len(self.text) - len(self.text.lstrip(characters))
        text = self.text.strip(characters)
        if len(text) < len(self.text):
            self.text = text
            self.starts = self.starts[start : start + len(text)]
            self.ends = self.ends[start : start + len(text)]


def _repeated(offsets: "array[int]", sizes: list[int]) -> "array[int]":
    return array("I", chain.from_iterable(map(repeat, offsets, sizes)))


def _alignment(old: str, new: str) -> Iterable[int] | None:
    """Return which character of ``old`` each character of ``new`` is, or None if unclear."""
    if len(old) == len(new):
        return range(len(old))
    if len(new) > len(old):
        return None
    kept = list(_positions(old, new))
    return kept if len(kept) == len(new) else None


def _positions(old: str, new: str) -> Iterator[int]:
    position = -1
    for char in new:
        position = old.find(char, position + 1)
        if position < 0:
            return
        yield position
