"""Whether a text holds enough language to be judged at all."""

import re
from typing import Literal

Reason = Literal["too_short", "nothing_readable"]

MIN_LETTERS = 12
"""Letters below which a text says too little; a character of Han, kana or Hangul counts as three, of an abugida as one."""

_LETTER = re.compile(r"[^\W\d_]")
_DENSE = re.compile(r"[㐀-䶿一-鿿ぁ-ヿ가-힣]")
_MACHINE = re.compile(r"(?=[A-Za-z0-9+/_=-]*[0-9+/=])[A-Za-z0-9+/_=-]{24,}|[A-Za-z]{32,}")
_LINK = re.compile(r"(?:https?://|www\.)\S+")


def abstain_reason(text: str) -> Reason | None:
    """Return why a text should not be judged, or nothing if it can be.

    :param text: A normalised text.
    """
    words = _LINK.sub(" ", text)
    letters = len(_LETTER.findall(words))
    if letters == 0:
        return "nothing_readable"
    machine = sum(len(_LETTER.findall(run)) for run in _MACHINE.findall(words))
    if machine > 0.6 * letters:
        return "nothing_readable"
    return "too_short" if letters + 2 * len(_DENSE.findall(words)) < MIN_LETTERS else None
