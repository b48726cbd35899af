"""One form of letters and digits to look words up in, as long as the text it was made from."""

import unicodedata

_APOSTROPHES = "’‘ʻʼʹ`´"


class _Folding(dict[int, str]):
    """Code point to the one character it is read as, worked out when first met."""

    def __missing__(self, code: int) -> str:
        self[code] = read = _read(chr(code))
        return read


def _read(char: str) -> str:
    if char in _APOSTROPHES:
        return "'"
    digit = unicodedata.decimal(char, None)
    if digit is not None:
        return str(digit)
    folded = char.casefold()
    return folded if len(folded) == 1 else char


_FOLDING = _Folding()


def folded(text: str) -> str:
    """Return a text in lower case, with European digits and straight apostrophes; every character keeps its position."""
    return text.translate(_FOLDING)


def is_letter(char: str) -> bool:
    """Whether a character is part of a word: a letter, or a mark on one."""
    return char.isalpha() or unicodedata.category(char)[0] == "M"
