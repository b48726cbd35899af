"""Whether a text holds enough language to be judged at all."""

import re
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
_LINK = re.compile(r"(?:https?://|www\.)\S+")


def abstain_reason(text: str) -> Reason | None:
    """Return why a text should not be judged, or nothing if it can be.

    :param text: A normalised text.
    """
    words = _LINK.sub(" ", text)
    letters = len(_LETTER.findall(words))
    if letters == 0:
        return "nothing_readable"
    machine = sum(len(_LETTER.findall(run)) for run in _RUN.findall(words) if _looks_encoded(run))
    if machine > 0.6 * letters:
        return "nothing_readable"
    return "too_short" if letters + 2 * len(_DENSE.findall(words)) < MIN_LETTERS else None


def _looks_encoded(run: str) -> bool:
    """Whether a long run mixes digits or cases as base64 and hashes do; words joined without blanks do not."""
    changes = sum(one.islower() and other.isupper() for one, other in zip(run, run[1:], strict=False))
    return any(character.isdigit() for character in run) or changes * 6 > len(run)
