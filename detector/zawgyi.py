"""Zawgyi, the non-standard Burmese font encoding: finding it and turning it into Unicode.

Zawgyi stores letters in the order they are drawn and reuses code points of Burmese, Shan, Mon and
Karen letters for glyph variants. A syllable is therefore mapped letter by letter and sorted into
the storage order of Unicode.

Source: Unicode Technical Note #11, "Representing Myanmar in Unicode", revision 4, and the code
chart of Zawgyi-One.
"""

import re
from collections.abc import Iterator

_KINZI = "\u1004\u103a\u1039"

_LETTERS: dict[str, str] = {
    "\u1033": "\u102f",
    "\u1034": "\u1030",
    "\u1039": "\u103a",
    "\u103a": "\u103b",
    "\u103b": "\u103c",
    "\u103c": "\u103d",
    "\u103d": "\u103e",
    "\u105a": "\u102b\u103a",
    "\u1064": _KINZI,
    "\u106a": "\u1009",
    "\u106b": "\u100a",
    "\u106e": "\u100d\u1039\u100d",
    "\u106f": "\u100d\u1039\u100e",
    "\u107d": "\u103b",
    "\u1086": "\u103f",
    "\u1087": "\u103e",
    "\u1088": "\u103e\u102f",
    "\u1089": "\u103e\u1030",
    "\u108a": "\u103d\u103e",
    "\u108b": _KINZI + "\u102d",
    "\u108c": _KINZI + "\u102e",
    "\u108d": _KINZI + "\u1036",
    "\u108e": "\u102d\u1036",
    "\u108f": "\u1014",
    "\u1090": "\u101b",
    "\u1091": "\u100f\u1039\u100d",
    "\u1092": "\u100b\u1039\u100c",
    "\u1094": "\u1037",
    "\u1095": "\u1037",
    "\u1096": "\u1039\u1010\u103d",
    "\u1097": "\u100b\u1039\u100b",
}
_LETTERS.update(dict.fromkeys("\u107e\u107f\u1080\u1081\u1082\u1083\u1084", "\u103c"))
# Subscript consonants: the Zawgyi glyph, then the consonant it stands for.
for _pair in (
    "\u1060\u1000 \u1061\u1001 \u1062\u1002 \u1063\u1003 \u1065\u1005 \u1066\u1006 \u1067\u1006 "
    "\u1068\u1007 \u1069\u1008 \u106c\u100b \u106d\u100c \u1070\u100f \u1071\u1010 \u1072\u1010 "
    "\u1073\u1011 \u1074\u1011 \u1075\u1012 \u1076\u1013 \u1077\u1014 \u1078\u1015 \u1079\u1016 "
    "\u107a\u1017 \u107b\u1018 \u107c\u1019 \u1085\u101c \u1093\u1018"
).split():
    _LETTERS[_pair[0]] = "\u1039" + _pair[1]

_BASE = "[\u1000-\u102a\u103f\u1040\u1047\u104e\u106a\u106b\u106e\u106f\u1086\u108f-\u1092\u1097]"
_TAIL = "[\u102b-\u1030\u1032-\u103a\u103c\u103d\u105a\u1060-\u1069\u106c\u106d\u1070-\u107d\u1085\u1087-\u108e\u1093-\u1096]"
# The bound keeps a run of prefixes without a consonant from being read again and again.
_PREFIX = "[\u1031\u103b\u107e-\u1084]{0,4}"
_SYLLABLE = re.compile(f"({_PREFIX})({_BASE})({_TAIL}*)|[\u1031-\u109f]")

# Where each part of a syllable is stored, first to last (Technical Note #11, table 4).
_PART = re.compile(f"{_KINZI}|\u1039[\u1000-\u1021]|.", re.DOTALL)
_ORDER = {part: rank for rank, part in enumerate("\u103b\u103c\u103d\u103e\u1031", start=2)}
_ORDER |= dict.fromkeys("\u102d\u102e\u1032", 7) | dict.fromkeys("\u102f\u1030", 8)
_ORDER |= dict.fromkeys("\u102b\u102c", 9) | {
    "\u1036": 11,
    "\u1037": 12,
    "\u103a": 13,
    "\u1038": 14,
}
_KILLED_FIRST = 1

# Sequences that only one of the two encodings writes. Zawgyi: a vowel E or a medial RA before its
# consonant, an asat that stacks nothing, a medial YA under a vowel, glyph variants.
_ZAWGYI = re.compile(
    "(?:^|[^\u1000-\u1021\u1025\u103a-\u1040\u1047\u1031\u1060-\u109f])[\u1031\u103b]"
    "|\u1031\u103b[\u1000-\u1021]"
    "|\u1039(?![\u1000-\u1021])"
    "|\u103a[\u102b-\u102e\u1032]"
    "|(?<=[\u1000-\u1021])\u1064"
    "|[\u1033\u1034\u106a\u106b\u107e\u1086-\u108b\u108e-\u1097]"
)
# Unicode: an asat on a vowel or closing a syllable, a medial HA; then Shan letters and tones, which
# Zawgyi took for its glyphs, and the vowels and tones of Karen.
_UNICODE = re.compile(
    "[\u102b\u102c]\u103a|\u103a(?![\u1000-\u1030\u1032\u103a-\u103e])|\u103e"
    "|[\u1035\u103a\u1062\u1083-\u1086][\u1087-\u108a]|\u1022|(?<![\u1000-\u109f])[\u1075-\u107d]"
    "|[\u102d-\u1030\u103e\u1062]\u1064|[\u1062\u1063]\u103a"
)
# A closing consonant of Unicode, or a medial YA of Zawgyi: half a reason for Unicode.
_CLOSED = re.compile("\u103a[\u1000-\u1021]")
_MYANMAR = re.compile("[\u1000-\u109f]")


def edits(text: str) -> Iterator[tuple[int, int, str]]:
    """Yield the syllables written in Zawgyi with their spelling in Unicode.

    :param text: Any text.
    :return: ``(start, end, new)`` in code points of ``text``, in order.
    """
    if _MYANMAR.search(text):
        for start, end in _spans(text):
            for match in _SYLLABLE.finditer(text, start, end):
                yield match.start(), match.end(), _to_unicode(match)


def _spans(text: str) -> Iterator[tuple[int, int]]:
    """Yield the lines in Zawgyi.

    Posts often carry one text in both encodings, so each line is judged alone; a line without
    evidence follows the lines around it.
    """
    lines = []
    start = 0
    for line in text.split("\n"):
        if _MYANMAR.search(line):
            lines.append((start, start + len(line), _score(line)))
        start += len(line) + 1
    scores = [score for *_, score in lines]
    least = 0 if scores and max(scores) > 0 and min(scores) >= 0 else 1
    for start, end, score in lines:
        if score >= least:
            yield start, end


def _score(line: str) -> int:
    """Return the evidence for Zawgyi less that for Unicode."""
    sure = len(_ZAWGYI.findall(line)) - len(_UNICODE.findall(line))
    return 2 * sure - len(_CLOSED.findall(line))


def _to_unicode(match: re.Match[str]) -> str:
    """Return one syllable with its letters mapped and in storage order."""
    before, base, after = match.group(1), match.group(2), match.group(3)
    if base is None:
        return _LETTERS.get(match[0], match[0])
    base = _LETTERS.get(base) or _letter_for_digit(match, base)
    mapped = "".join(_LETTERS.get(letter, letter) for letter in before + after)
    parts = list(dict.fromkeys(_PART.findall(mapped)))
    kinzi = _KINZI if _KINZI in parts else ""
    killed_first = mapped[len(before) :].startswith("\u103a")
    parts = sorted((part for part in parts if part != _KINZI), key=lambda p: _rank(p, killed_first))
    if base == "\u1025" and parts[:1] == ["\u103a"]:
        base = "\u1009"
    return kinzi + base + "".join(parts)


def _rank(part: str, killed_first: bool) -> int:
    if len(part) > 1:
        return 0
    if part == "\u103a" and killed_first:
        return _KILLED_FIRST
    return _ORDER.get(part, 15)


def _letter_for_digit(match: re.Match[str], base: str) -> str:
    """Return WA or RA for the digits 0 and 7 that Zawgyi typists write in their place."""
    letter = {"\u1040": "\u101d", "\u1047": "\u101b"}.get(base)
    if letter is None:
        return base
    if match.group(1) or match.group(3):
        return letter
    text, start, end = match.string, match.start(), match.end()
    if base == "\u1047":
        return base
    beside = text[max(start - 1, 0) : start] + text[end : end + 1]
    if any("\u1040" <= other <= "\u1049" for other in beside):
        return base
    return letter if _MYANMAR.search(beside) else base
