"""Words in disguise: spaced out, written in two scripts, with digits for letters, stretched."""

import re

from detector.confusables import (
    AMOUNT_BEFORE,
    AMOUNT_UNITS,
    CYRILLIC,
    EXACT_LATIN,
    LEET,
    LOOSE_LATIN,
)
from detector.draft import Draft

# Names that a handle follows. The first letters stand apart to let the search skip ahead.
_NETWORKS = (
    "[Tt](?i:elegram|ele|g)|[Ll](?i:ine)|[Ww](?i:e?chat|eixin|x|hats?app|a)|[Vv](?i:x|iber)"
    "|[Zz](?i:alo)|[Ss](?i:kype|ignal)|[Ii](?i:d|g)|[Kk](?i:akao(?:talk)?)|[Uu](?i:ser(?:name)?)"
    "|[Qq](?i:q)|[Mm](?i:essenger)|[Pp](?i:otato)"
)
# Contacts and redaction marks, which no step of this module may change.
_PROTECTED = (
    r"<[A-Z_]{2,20}>"
    r"|@(?<![A-Za-z0-9_]@)[A-Za-z0-9_.]+"
    r"|(?<![A-Za-z0-9_@.+-])(?:"
    r"https?://\S+"
    r"|www\.\S+"
    r"|[A-Za-z0-9_.+-]++@[A-Za-z0-9-]++(?:\.[A-Za-z0-9-]++)+"
    r"|(?:[A-Za-z0-9_-]++\.)+[A-Za-z]{2,}(?:[/?#]\S*)?"
    rf"|(?:{_NETWORKS})(?: ?(?i:id))? ?[:=@：] ?[\w.@+-]+)"
    r"|[微飞飛电電纸](?:信|机|機|报|報|飞机)号? ?[:=@：] ?[\w.@+-]+"
)

_MARKS = (
    "\u0300-\u036f\u0591-\u05c7\u0610-\u061a\u064b-\u065f\u0670\u0900-\u0903\u093a-\u093c\u093e-\u094f"
    "\u0981-\u0983\u09bc\u09be-\u09cd\u0a01-\u0a03\u0a3c-\u0a4d\u0a81-\u0a83\u0abc\u0abe-\u0acd"
    "\u0b01-\u0b03\u0b3c\u0b3e-\u0b4d\u0b82\u0bbe-\u0bcd\u0c00-\u0c04\u0c3e-\u0c4d\u0c81-\u0c83\u0cbc"
    "\u0cbe-\u0ccd\u0d00-\u0d03\u0d3e-\u0d4d\u0d81-\u0d83\u0dca-\u0ddf\u0e31\u0e34-\u0e3a\u0e47-\u0e4e"
    "\u0eb1\u0eb4-\u0ebc\u0ec8-\u0ece\u102b-\u103e\u1056-\u109d\u17b4-\u17d3"
)
_LETTER = rf"[^\W\d_][{_MARKS}]*+(?![^\W_]|[{_MARKS}])"
_ITEM = rf"(?:{_LETTER}|(?:[013457]|[{_MARKS}]++)(?![^\W_]|[{_MARKS}]))"
_SEPARATOR = (
    r" {1,3}| ?[-.*_|~'’·•・\u2010-\u2015\u2022-\u2027\u2190-\u2bff\u3001-\u3003"
    r"\U0001f300-\U0001faff] ?"
)
_SPACED = re.compile(rf"(?<![\w{_MARKS}]){_LETTER}(?P<gap>{_SEPARATOR}){_ITEM}(?:(?P=gap){_ITEM}){{2,}}+")
_SPACED_OR_PROTECTED = re.compile(f"{_PROTECTED}|{_SPACED.pattern}")
_SYLLABLE = re.compile("[\u0900-\u0dff\uac00-\ud7a3]")
# Hindi and Korean have enough words of one written syllable for several to meet by chance.
_MIN_SPACED, _MIN_SPACED_SYLLABLES = 4, 8


def join_spaced_letters(draft: Draft) -> None:
    """Join four or more single letters that the same blank or sign keeps apart."""
    if _SPACED.search(draft.text):
        draft.substitute(_SPACED_OR_PROTECTED, _joined)


def _joined(match: re.Match[str]) -> str:
    gap = match["gap"]
    if gap is None:
        return match[0]
    items = match[0].split(gap)
    tail = len(items)
    while items[tail - 1].isdecimal():
        tail -= 1
    word = "".join(items[:tail])
    letters = sum(not item.isdecimal() for item in items[:tail])
    needed = _MIN_SPACED_SYLLABLES if _SYLLABLE.match(word) else _MIN_SPACED
    if letters < needed or (tail - letters) * 2 > letters or re.search(r"\d\d", word):
        return match[0]
    return word + "".join(gap + item for item in items[tail:])


_LATIN = "A-Za-z\u00c0-\u024f"
_OTHER = "\u0370-\u03ff\u0400-\u052f\u0531-\u0587\u13a0-\u13f5\u1400-\u167f\u2c80-\u2cff\u2d30-\u2d67\ua4d0-\ua4f7"
_MIXED = re.compile(rf"[{_LATIN}][\d'’]*+[{_OTHER}]|[{_OTHER}][\d'’]*+[{_LATIN}]")
_WORD = re.compile(r"[^\W_]+")
_LATIN_LETTER = re.compile(f"[{_LATIN}]")
_OTHER_LETTER = re.compile(f"[{_OTHER}]")
_RUN = re.compile(f"[{_LATIN}]+|[{_OTHER}]+")
# Slavic and Turkic texts inflect Latin acronyms without a hyphen: "SMSом", "USDTга".
_INFLECTED = re.compile(rf"[A-Z\d]{{2,}}[{_OTHER}]+|[{_LATIN}\d]{{2,}}[{_OTHER}]{{2,}}")


def unmix_scripts(draft: Draft) -> None:
    """Write each mixed-script word in one script if look-alikes explain the mixture.

    A word wholly in another script stays, unless the text holds mixed words and no letter of
    that script but those that pass for Latin ones.

    Source: Unicode UTS #39, section 4 and confusables.txt.
    """
    text = draft.text
    if text.isascii() or not _MIXED.search(text):
        return
    others = set(_OTHER_LETTER.findall(text))
    disguised = all(letter in EXACT_LATIN for letter in others)
    draft.substitute(_WORD, lambda match: _unmixed(match[0], disguised))


def _unmixed(word: str, disguised: bool) -> str:
    if word.isascii():
        return word
    others, latin = _OTHER_LETTER.findall(word), _LATIN_LETTER.findall(word)
    if not others or not (latin or (disguised and len(word) > 1)):
        return word
    if _INFLECTED.fullmatch(word):
        return word
    looks = LOOSE_LATIN if len(_RUN.findall(word)) > 2 else EXACT_LATIN
    to_latin = all(letter in looks for letter in others)
    to_cyrillic = bool(latin) and all(letter in CYRILLIC for letter in latin)
    if to_cyrillic and (not to_latin or len(others) > len(latin)):
        to_cyrillic = all("\u0400" <= letter <= "\u052f" for letter in others)
        return "".join(CYRILLIC.get(letter, letter) for letter in word) if to_cyrillic else word
    return "".join(looks.get(letter, letter) for letter in word) if to_latin else word


_LEET_TRIGGER = re.compile(r"[a-zA-Z](?:[013457$@]|00|33)[a-zA-Z]|\$[aeiouhck][a-z]{3}")
_TOKEN_OR_PROTECTED = re.compile(rf"{_PROTECTED}|(?P<word>(?<![\w$@])(?:[A-Za-z$@]*+[013457]|[A-Za-z]*+[$@])[\w$@]*+)")
_LEET_WORD = re.compile(r"\$?[A-Za-z013457$@]*[A-Za-z][A-Za-z013457$@]*")
# Longer runs are no words, and looking at each sign of one would take the square of its length.
_MAX_WORD = 40
_INNER = re.compile(r"(?<=[A-Za-z])(?:00|33|[013457$@])(?=[A-Za-z])")
_SIGNS = re.compile(r"00|33|[013457$@]")
_LEADING_DOLLAR = re.compile(r"\$(?=[aeiouhck][a-z]{3,})")
_VOWELS = frozenset("aeiouyAEIOUY")


def replace_leet(draft: Draft) -> None:
    """Write letters for the digits and signs inside Latin words that stand for them.

    Amounts, codes, units and ordinals keep their digits, and so do contacts.
    """
    if _LEET_TRIGGER.search(draft.text):
        draft.substitute(_TOKEN_OR_PROTECTED, _without_leet)


def _without_leet(match: re.Match[str]) -> str:
    word = match[0]
    if match["word"] is None or len(word) > _MAX_WORD or not _LEET_WORD.fullmatch(word):
        return word
    if _LEADING_DOLLAR.match(word) and word[1:].isalpha():
        return "s" + word[1:]
    if not _is_leet(word):
        return word
    return _SIGNS.sub(lambda match: _letters(match, word), word)


def _is_leet(word: str) -> bool:
    letters = "".join(char for char in word if char.isalpha())
    signs = [match[0] for match in _SIGNS.finditer(word)]
    if len(signs) * 2 > len(letters) or not (letters[1:].islower() or letters.isupper()):
        return False
    inner = list(_INNER.finditer(word))
    return bool(inner) and all(_stands_for_letter(match, letters) for match in inner)


def _stands_for_letter(match: re.Match[str], letters: str) -> bool:
    word, sign = match.string, match[0]
    before, after = word[: match.start()], word[match.end() :]
    if sign == "@":
        return len(before) <= 2 <= len(after) and letters.islower()
    if sign == "$":
        return letters.islower()
    if sign in {"0", "00"}:
        return before.lower() not in AMOUNT_BEFORE
    if before.lower() in AMOUNT_BEFORE or after.lower() in AMOUNT_UNITS:
        return False
    single = len(_SIGNS.findall(word)) == 1
    if single and before[-1] in _VOWELS and sign in "34":
        return False
    # Capitals are more often a code or a product: "S4HANA", "SIP3MI", "HDR7JN7".
    return len(letters) >= ((7 if single else 6) if letters.isupper() else 3)


def _letters(match: re.Match[str], word: str) -> str:
    sign = match[0]
    if sign[0] == "1":
        before, after = word[match.start() - 1 : match.start()], word[match.end() : match.end() + 1]
        # "te1egram", "p1ease" but "v1sa", "ema1l".
        letter = "l" if after in _VOWELS and before else "i"
    else:
        letter = LEET[sign[0]]
    return (letter.upper() if word.isupper() else letter) * len(sign)


_REPEAT = re.compile(r"([^\d\s])\1{3,}+")
_REPEAT_OR_PROTECTED = re.compile(rf"{_PROTECTED}|(?P<char>[^\d\s])(?P=char){{3,}}+")

# Where no blank parts the words, four can meet by chance: Thai "ถนน" and "นนทบุรี".
_UNSPACED = re.compile("[\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u9fff]")


def shorten_repeats(draft: Draft) -> None:
    """Leave two of a letter or sign that stands four or more times in a row; digits stay."""
    if _REPEAT.search(draft.text):
        draft.substitute(_REPEAT_OR_PROTECTED, _shortened)


def _shortened(match: re.Match[str]) -> str:
    char = match["char"]
    if char is None or (len(match[0]) == 4 and _UNSPACED.match(char)) or _is_mask(match):
        return match[0]
    return "..." if char == "." else char * 2


def _is_mask(match: re.Match[str]) -> bool:
    """Tell the crosses of a number made unreadable, "0812-xxxx-12", from a stretched word."""
    around = match.string[max(match.start() - 1, 0) : match.start()]
    around += match.string[match.end() : match.end() + 1]
    return match["char"] in "xX*" and any(char.isdecimal() or char == "-" for char in around)
