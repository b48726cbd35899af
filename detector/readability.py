"""Whether a text holds enough language to be judged at all."""

import re
from itertools import pairwise
from typing import Literal

Reason = Literal["too_short", "nothing_readable"]

MIN_LETTERS = 12
"""Letters below which a text says too little; a vowel sign counts as a letter, a character of Han, kana or Hangul as three."""
MACHINE_RUN = 24
"""Length from which a run of letters and digits without blanks is taken for machine output rather than a word."""

# The vowel signs of Thai, Burmese, Hindi … are marks, which are no word characters.
_MARKS = (
    "\u0900-\u0903\u093a-\u094f\u0981-\u0983\u09be-\u09cd\u0bbe-\u0bcd"
    "\u0dca-\u0ddf\u0e31-\u0e3a\u0e47-\u0e4e\u0eb1-\u0ebc\u0ec8-\u0ecd\u102b-\u103e\u17b6-\u17d3"
)
_LETTER = re.compile(rf"[^\W\d_]|[{_MARKS}]")
_DENSE = re.compile(r"[㐀-䶿一-鿿ぁ-ヿ가-힣]")
_RUN = re.compile(rf"[A-Za-z0-9+/=]{{{MACHINE_RUN},}}")
_RARE_PAIRS = {
    "a": "x", "b": "bcdfgjkmnpqtvwxyz", "c": "bdfgjmnpqswxyz", "d": "bcdfgjklnpqtvwxz", "f": "bcdghjkmnpqsvwxyz",
    "g": "bcdfjmpqtvwxyz", "h": "bcdfghjkmpqvwxyz", "i": "u", "j": "bcdfghjklmnpqrstvwxyz", "k": "bcdfgjmnpqvxz",
    "l": "bcjnpqrvwxz", "m": "cdfhjklnqrvxz", "n": "pqrwx", "o": "eq", "p": "bcdfgjknqvwxz", "q": "bcdefghjklmnpqrstvwxyz",
    "r": "fhqwxz", "s": "bfgjnqrvwxz", "t": "bdfjkpqvxz", "u": "fqux", "v": "bcdfghjklmnpqrstvwxyz",
    "w": "bcdfgjklmnpqrstuvwxyz", "x": "bdfghjklmnqrstuvwyz", "y": "bcfghjklnqrtvwxyz", "z": "bcdfghjklmnpqrstuvwxyz",
}  # fmt: skip
"""By letter, those that follow it once in 5,000 pairs or less, on average over the corpus' languages with Latin letters."""
_PIECE = 200
"""Letters that are judged together: a lure behind random letters is one all the same."""
_MIN_PAIRS = 24
_RANDOM = 0.4
"""Share of rare pairs from which Latin letters are no language: random ones have 0.48, Polish 0.30, abbreviated Indonesian 0.33."""
_LATIN_WORD = re.compile(r"[a-z]{2,}")
_LOG_LINE = re.compile(r"\d{1,3}(?:\.\d{1,3}){3}|\d\d/[A-Z][a-z]{2}/\d{4}:\d\d|\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d")
"""An address or a time as machines write them."""
_LOG_WORD = re.compile(r"""(?<!\S)(?:[/"\[]\S*|\S*")(?!\S)""")
"""In such a line: a path, or what stands in brackets or quotation marks."""
_LINK = re.compile(r"(?:https?://|www\.)\S+")


def abstain_reason(text: str) -> Reason | None:
    """Return why a text should not be judged, or nothing if it can be.

    :param text: A normalised text.
    """
    words = "\n".join(_without_log(line) for line in _LINK.sub(" ", text).split("\n"))
    letters = len(_LETTER.findall(words))
    if letters == 0 or _random_letters(words, letters):
        return "nothing_readable"
    machine = sum(len(_LETTER.findall(run)) for run in _RUN.findall(words) if _looks_encoded(run))
    if machine > 0.6 * letters:
        return "nothing_readable"
    return "too_short" if letters + 2 * len(_DENSE.findall(words)) < MIN_LETTERS else None


def _without_log(line: str) -> str:
    """Return a line without what only machines write, if it is one of a log."""
    return _LOG_WORD.sub(" ", line) if _LOG_LINE.search(line) else line


def _looks_encoded(run: str) -> bool:
    """Whether a long run mixes digits or cases as base64 and hashes do; words joined without blanks do not."""
    changes = sum(one.islower() and other.isupper() for one, other in zip(run, run[1:], strict=False))
    return any(character.isdigit() for character in run) or changes * 6 > len(run)


def _random_letters(words: str, letters: int) -> bool:
    """Whether a text is nothing but Latin letters in an order that no language has, wherever one looks.

    :param letters: Letters of the text, of any script.
    """
    runs: list[str] = _LATIN_WORD.findall(words.lower())
    if letters + 2 * len(_DENSE.findall(words)) - sum(map(len, runs)) >= MIN_LETTERS:
        return False
    joined = " ".join(runs)
    shares = [_rare_share(joined[start : start + _PIECE]) for start in range(0, len(joined), _PIECE)]
    told = [share for share in shares if share is not None]
    return bool(told) and min(told) > _RANDOM


def _rare_share(piece: str) -> float | None:
    """Return the share of rare pairs among neighbouring letters; nothing if there are too few to tell."""
    pairs = [(letter, after) for letter, after in pairwise(piece) if " " not in (letter, after)]
    rare = sum(after in _RARE_PAIRS.get(letter, "") for letter, after in pairs)
    return rare / len(pairs) if len(pairs) >= _MIN_PAIRS else None
