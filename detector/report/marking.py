"""A post cut into pieces, those that are evidence marked, so that a template can show it and nothing in it acts.

Pieces are cut by the offsets of the verdict before anything is replaced. The template escapes them.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from detector.records import Evidence

MOST_CHARACTERS = 1200
"""Of a longer text the part around its evidence is shown."""
_MOST_MARKS = 40
_AROUND = 200
"""Characters before the first evidence, where a text is cut."""
_UNWRITABLE = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\ud800-\udfff\u2028-\u202e\u2066-\u2069\ufdd0-\ufdef\ufffe\uffff]")
"""Controls, half surrogate pairs, and the marks that turn the direction of what follows. Those that only say which direction a
sign has (U+200E, U+200F, U+061C) stay: Arabic is written with them."""


@dataclass(frozen=True, slots=True)
class Piece:
    """A part of a post.

    :ivar headline: Whether it is among the words that raised the score most.
    :ivar signs: Places of the indicators whose evidence it is part of.
    :ivar ending: Of these, the ones whose evidence ends with it.
    """

    text: str
    headline: bool = False
    signs: tuple[int, ...] = ()
    ending: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class MarkedText:
    """What is shown of a post.

    :ivar before: Characters left out in front.
    :ivar after: Characters left out behind.
    """

    pieces: tuple[Piece, ...]
    before: int = 0
    after: int = 0


def mark(text: str, headline: Sequence[Evidence], signs: Sequence[Sequence[Evidence]]) -> MarkedText:
    """Return a post with its evidence marked.

    :param text: The original, or a masked text as long.
    :param headline: The words that raised the score most, strongest first.
    :param signs: For each indicator the words that carried it.
    """
    marks: list[tuple[int, int, int | None]] = [(piece.start, piece.end, None) for piece in headline]
    marks += [(piece.start, piece.end, place) for place, pieces in enumerate(signs) for piece in pieces]
    marks = [each for each in marks if 0 <= each[0] < each[1] <= len(text)][:_MOST_MARKS]
    first, last = _window(text, min((start for start, _, _ in marks), default=0))
    marks = [(max(start, first), min(end, last), place) for start, end, place in marks if start < last and end > first]
    cuts = sorted({first, last, *(start for start, _, _ in marks), *(end for _, end, _ in marks)})
    pieces = tuple(_piece(text, start, end, marks) for start, end in zip(cuts, cuts[1:], strict=False))
    return MarkedText(pieces, first, len(text) - last)


def _window(text: str, evidence: int) -> tuple[int, int]:
    """Return what is shown of a text: all of a short one, of a long one the part that begins a little before its evidence."""
    if len(text) <= MOST_CHARACTERS:
        return 0, len(text)
    first = max(min(evidence - _AROUND, len(text) - MOST_CHARACTERS), 0)
    return first, first + MOST_CHARACTERS


def _piece(text: str, start: int, end: int, marks: Sequence[tuple[int, int, int | None]]) -> Piece:
    over = [each for each in marks if each[0] <= start and end <= each[1]]
    signs = {place for _, _, place in over if place is not None}
    ending = {place for _, last, place in over if place is not None and last == end}
    return Piece(writable(text[start:end]), any(place is None for _, _, place in over), tuple(sorted(signs)), tuple(sorted(ending)))


def writable(text: str) -> str:
    """Return a text with a visible stand-in for each character that HTML cannot hold, or that would act on what follows."""
    return _UNWRITABLE.sub(_stand_in, text.replace("\r\n", "\n").replace("\r", "\n"))


def _stand_in(match: re.Match[str]) -> str:
    code = ord(match[0])
    return chr(0x2400 + code) if code < 0x20 else "\ufffd"
