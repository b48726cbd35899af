"""What the texts of a campaign have in common, with the places marked where they differ."""

import re
import unicodedata
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

from detector.errors import MissingExtraError

MAX_TEXTS = 8
"""Texts that are aligned."""
_MAX_TOKENS = 1500
_SHARED = 2 / 3
"""Share of the other texts that have a piece, for it to stand in the template."""
_ISLAND = 4
"""Letters and figures below which a piece between two slots is chance, and part of them."""
_SHOWN = 5
_SHOWN_CHARACTERS = 80

_UNSPACED = "\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff"
_TOKEN = re.compile(rf"•+|\d+(?:[.,:]\d+)*|[{_UNSPACED}]|@?[^\W\d{_UNSPACED}][^\s{_UNSPACED}.,;:!?()]*|\S|\n")
_WRITTEN_NUMBER = re.compile(r"[\d.,:+\s-]*\d[\d.,:+\s-]*[kKmM%]?")
_WRITTEN_CONTACT = re.compile(r"\S*@\S*|(?:https?://|www\.|t\.me/)\S+|\+\d[\d -]{6,}|•+")


@dataclass(frozen=True, slots=True)
class Template:
    """A text with slots.

    :ivar text: What the texts share; a slot stands as ``{1:number}``: its number from 1, and what fills it - ``number``,
        ``contact`` or ``text``. A brace of the text itself is doubled.
    :ivar slots: For each slot the commonest things that fill it, empty where a text has nothing there.
    :ivar texts: How many texts it was made from.
    """

    text: str
    slots: tuple[tuple[str, ...], ...]
    texts: int


@dataclass(frozen=True, slots=True)
class _Text:
    """A text in tokens: each with its first and its end character."""

    text: str
    tokens: tuple[str, ...]
    starts: tuple[int, ...]
    ends: tuple[int, ...]

    def piece(self, start: int, end: int) -> str:
        """Return the text from one token up to another, without the blanks around."""
        return self.text[self.starts[start] : self.ends[end - 1]] if start < end else ""


def template_of(texts: Sequence[str]) -> Template:
    """Return the template of some texts: the first of them, with slots where the others differ.

    :param texts: Normalised texts, the commonest first; those behind :data:`MAX_TEXTS` are left out.
    :raises MissingExtraError: if the extra ``cases`` is not installed.
    """
    base, *others = (_tokenised(text) for text in texts[:MAX_TEXTS])
    if not others:
        return Template(_escaped(base.piece(0, len(base.tokens))), (), 1)
    aligned = [_Alignment(base, other) for other in others]
    slots = _slots(base, aligned)
    pieces, fillings, done = [], [], 0
    for number, (start, end) in enumerate(slots, 1):
        values = [base.piece(start, end), *(alignment.filling(start, end) for alignment in aligned)]
        kind = _kind(values)
        pieces += [_escaped(_between(base, done, start)), f"{{{number}:{kind}}}", _gap_behind(base, end)]
        fillings.append(tuple(value[:_SHOWN_CHARACTERS] for value, _ in Counter(values).most_common(_SHOWN)))
        done = end
    pieces.append(_escaped(_between(base, done, len(base.tokens))))
    return Template("".join(pieces).strip(), tuple(fillings), len(texts[:MAX_TEXTS]))


def _tokenised(text: str) -> _Text:
    found = list(_TOKEN.finditer(text))[:_MAX_TOKENS]
    return _Text(
        text, tuple(match[0] for match in found), tuple(match.start() for match in found), tuple(match.end() for match in found)
    )


class _Alignment:
    """A text aligned with the base, token by token.

    :ivar matched: Whether the text has each token of the base, *length* ``n_tokens``.
    :ivar extra: Whether it has something of its own before each token, and behind the last, *length* ``n_tokens + 1``.
    """

    def __init__(self, base: _Text, other: _Text) -> None:
        n = len(base.tokens)
        self._other = other
        self.matched = [False] * n
        self.extra = [False] * (n + 1)
        # Where in the other text each token of the base begins and ends.
        self._begins = [0] * (n + 1)
        self._ends = [0] * (n + 1)
        for tag, i1, i2, j1, j2 in _lcs().opcodes(base.tokens, other.tokens):
            for i in range(i1, i2):
                same = tag == "equal"
                self.matched[i] = same
                self._begins[i] = j1 + (i - i1 if same else 0)
                self._ends[i + 1] = self._begins[i] + 1 if same else j2
            self.extra[i1] |= tag == "insert" and j1 < j2
        self._begins[n] = len(other.tokens)

    def filling(self, start: int, end: int) -> str:
        """Return what the text has where the base has the tokens from ``start`` up to ``end``."""
        return self._other.piece(self._ends[start], self._begins[end])


@cache
def _lcs() -> Any:  # noqa: ANN401  a module without types
    try:
        from rapidfuzz.distance import LCSseq
    except ImportError as error:
        raise MissingExtraError("rapidfuzz", "cases") from error
    return LCSseq


def _slots(base: _Text, aligned: Sequence[_Alignment]) -> list[tuple[int, int]]:
    """Return the slots as ranges of tokens of the base; one that is empty there lies before its token."""
    needed = _SHARED * len(aligned)
    n = len(base.tokens)
    shared = [sum(each.matched[i] for each in aligned) >= needed for i in range(n)]
    extra = [len(aligned) - sum(each.extra[i] for each in aligned) < needed for i in range(n + 1)]
    slots: list[tuple[int, int]] = []
    for i in range(n + 1):
        begins = i == n or shared[i]
        if not begins or extra[i]:
            end = i if begins else i + 1
            if slots and not _is_land(base, slots[-1][1], i):
                slots[-1] = (slots[-1][0], end)
            else:
                slots.append((i, end))
    return slots


def _is_land(base: _Text, start: int, end: int) -> bool:
    """Whether the tokens between two slots are enough to keep these apart: a shared word, not a comma or half a syllable."""
    piece = base.piece(start, end)
    if not piece or unicodedata.category(piece[0])[0] == "M":
        return False
    return sum(character.isalnum() for character in piece) >= _ISLAND or "\n" in piece


def _between(base: _Text, start: int, end: int) -> str:
    """Return the shared text between two slots, with the blanks in front of the next."""
    if start == end:
        return ""
    behind = base.starts[end] if end < len(base.tokens) else len(base.text)
    return base.text[base.starts[start] : behind]


def _gap_behind(base: _Text, end: int) -> str:
    """Return the blanks behind a slot."""
    if 0 < end < len(base.tokens):
        return base.text[base.ends[end - 1] : base.starts[end]]
    return ""


def _kind(values: Sequence[str]) -> str:
    filled = [value for value in values if value]
    if all(_WRITTEN_CONTACT.fullmatch(value) for value in filled):
        return "contact"
    return "number" if all(_WRITTEN_NUMBER.fullmatch(value) for value in filled) else "text"


def _escaped(text: str) -> str:
    return text.replace("{", "{{").replace("}", "}}")
