"""Contacts spelled so that no filter finds them, written plainly: "zero eight one", "hr (at) example [dot] com", "O8l-234".

What :func:`detector.text.normalise` leaves alone, because in a sentence it is no disguise. Here it is read as part of a contact, so
the result is only for :mod:`detector.contacts` to search, never for the model.
"""

import re
from collections.abc import Callable
from itertools import islice
from typing import Protocol

Replacement = str | Callable[[re.Match[str]], str]
"""The new characters, without references to groups, or a function from the match to them."""

_DIGIT_WORDS = (
    "zero nol kosong sifar cero ноль không zéro शून्य صفر ศูนย์ ສູນ သုည សូន្យ",
    "one satu uno um одна один một एक واحد หนึ่ง ໜຶ່ງ ຫນຶ່ງ တစ် មួយ",
    "two dua dos dois два hai दो اثنان สอง ສອງ နှစ် ពីរ",
    "three tiga tres três три ba तीन ثلاثة สาม ສາມ သုံး បី",
    "four empat cuatro quatro четыре bốn चार اربعة أربعة สี่ ສີ່ လေး បួន",
    "five lima cinco пять năm पांच पाँच خمسة ห้า ຫ້າ ငါး ប្រាំ",
    "six enam seis шесть sáu छह छः ستة หก ຫົກ ခြောက် ប្រាំមួយ",
    "seven tujuh siete sete семь bảy bẩy सात سبعة เจ็ด ເຈັດ ခုနစ် ခုနှစ် ប្រាំពីរ",
    "eight delapan lapan ocho oito восемь tám आठ ثمانية แปด ແປດ ရှစ် ប្រាំបី",
    "nine sembilan nueve nove девять chín नौ تسعة เก้า ເກົ້າ ကိုး ប្រាំបួន",
)
"""Words for 0 to 9, each digit's in one row; written signs for digits are in ``_DIGIT_SIGNS``."""
_DIGIT_SIGNS = str.maketrans("〇零一幺二两兩三四五六七八九공영일이삼사오육칠팔구", "00112223456789" + "00123456789")
_WORDS = {word: str(digit) for digit, row in enumerate(_DIGIT_WORDS) for word in row.split()}
_WORD = "|".join(sorted(_WORDS, key=len, reverse=True))
_SIGN = "[〇零一幺二两兩三四五六七八九]"
_HANGUL = "[공영일이삼사오육칠팔구]"

_BLANK = r"[ \t,.\-]{0,3}"
_FIRST = "".join(sorted({word[0] for word in _WORDS}))
_ONE = rf"(?:(?:double[ \t]+)?(?:{_WORD})|\d)"
_IN_WORDS = re.compile(rf"(?=[+p\d{_FIRST}])(?:plus[ \t]+|\+)?{_ONE}(?:{_BLANK}{_ONE}){{6,16}}(?![a-z\d])", re.I)
_IN_SIGNS = re.compile(
    rf"(?:{_SIGN}|\d)(?:[ \-]?(?:{_SIGN}|\d)){{6,14}}(?![十百千万萬亿億])"
    rf"|(?:공일공|영일영|{_HANGUL}{{3,4}}[ \-]{_HANGUL}{{3,4}}[ \-])[ \-]?{_HANGUL}{{4}}(?:[ \-]?{_HANGUL}{{4}})?"
)
_SPACED_DIGITS = re.compile(r"(?<![\w.,])\+?[ ]?\d(?:[ .\-_*/]{1,3}\d){7,14}(?![\w.,]?\d)")
_LETTERS_AS_DIGITS = re.compile(r"(?<![\w@/.%-])\+?[\dOoIlSB](?:[ .\-]?[\dOoIlSB]){7,13}(?![\w@])", re.A)
_LOOKS = str.maketrans("OoIlSB", "001158")
_COUNTING = "0123456789012345678"

_OPEN, _CLOSE = r"[ \t]?[\[({<][ \t]?", r"[ \t]?[\])}>][ \t]?"
_AT_SIGN = re.compile(rf"(?<=\w){_OPEN}(?:at|@|arroba){_CLOSE}(?=\w)", re.I)
_DOT_SIGN = re.compile(rf"(?<=\w){_OPEN}(?:dot|\.|punto|ponto|titik){_CLOSE}(?=\w)", re.I)
_ADDRESS = re.compile(
    r"\b([a-z0-9][\w.-]{1,40})[ \t](?:at|arroba)[ \t]([a-z0-9-]{2,40})[ \t](?:dot|punto|ponto|titik)[ \t](com|net|org|info)\b",
    re.I | re.A,
)
_HOST = re.compile(r"\b(t|wa|m|zalo|line|fb)[ \t]{0,2}[., ][ \t]{0,2}(me|com)[ \t]{0,2}/[ \t]{0,2}(?=[\w+~@])", re.I | re.A)
_HIDDEN_SCHEME = re.compile(r"\bh(?:xx|\*\*)p(s?)[ \t]?(?::|\[:\])[ \t]?//[ \t]?", re.I)
_AT_BLANK = re.compile(r"(?<![\w@])@[ \t]{1,2}(?=[a-z]\w{2,})", re.I | re.A)
_SPACED_NAME = re.compile(r"(?<![\w@])@[ \t]?[a-z]\w*(?:[ \t][_.][ \t]\w+)+(?:[ \t]\w(?!\w))*", re.I | re.A)

_HINT = re.compile(
    rf"[\[({{<][ \t]?(?:at|@|dot|\.|arroba|punto|ponto|titik)|hxx|h\*\*|@[ \t]|[ \t](?:at|arroba)[ \t]|/"
    rf"|{_SIGN}{{2}}|{_HANGUL}{{3}}",
    re.I,
)


class Spelling(Protocol):
    """A text that can be rewritten; a :class:`detector.draft.Draft` is one that remembers where its characters came from."""

    text: str

    def substitute(self, pattern: re.Pattern[str], replacement: Replacement) -> None:
        """Replace each match."""
        ...


class _Plain:
    """A text that forgets what was replaced."""

    __slots__ = ("text",)

    def __init__(self, text: str) -> None:
        self.text = text

    def substitute(self, pattern: re.Pattern[str], replacement: Replacement) -> None:
        self.text = pattern.sub(replacement, self.text)


def spell_plainly(text: str) -> str:
    """Return a normalised text with the contacts in it written in their usual form; most texts as they are.

    Figures in words count only in a row of seven or more, digits of which letters are a part only in one of eight or more.
    """
    spelling = _Plain(text)
    rewrite(spelling)
    return spelling.text


def rewrite(spelling: Spelling) -> None:
    """Write the contacts in a text in their usual form, as :func:`spell_plainly` does."""
    if _has_digit_words(spelling.text):
        spelling.substitute(_IN_WORDS, _digits_of_words)
    spelling.substitute(_SPACED_DIGITS, _joined_digits)
    spelling.substitute(_LETTERS_AS_DIGITS, _digits_of_letters)
    if _HINT.search(spelling.text):
        for pattern, replacement in _HINTED:
            spelling.substitute(pattern, replacement)


def _has_digit_words(text: str) -> bool:
    """Whether four of the words are anywhere in a text: asked first, since the pattern itself is slow."""
    lower = text.lower()
    found = (word for word in _WORDS if word in lower)
    return next(islice(found, 3, None), None) is not None


def _digits_of_words(match: re.Match[str]) -> str:
    found = match[0]
    words = re.findall(_WORD, found, re.I)
    if len(words) < 4:
        return found
    digits = re.sub(rf"double[ \t]+({_WORD}|\d)", r"\1 \1", found, flags=re.I)
    digits = re.sub(_WORD, lambda word: _WORDS[word[0].lower()], digits, flags=re.I)
    return re.sub(r"[^\d+]", "", re.sub(r"(?i)plus", "+", digits))


def _digits_of_signs(match: re.Match[str]) -> str:
    found = match[0]
    return found if found.isascii() else re.sub(r"[ \-]", "", found).translate(_DIGIT_SIGNS)


def _joined_digits(match: re.Match[str]) -> str:
    digits = re.sub(r"[^\d+]", "", match[0])
    # People count, too: "1 2 3 4 5 6 7 8".
    return match[0] if digits in _COUNTING else digits


def _digits_of_letters(match: re.Match[str]) -> str:
    found = match[0]
    letters = sum(character.isalpha() for character in found)
    if not 1 <= letters <= 3:
        return found
    # A letter by itself is a word or a list's: it stands for a digit only beside one.
    alone = re.search(r"(?<![0-9OoIlSB])[OoIlSB](?![0-9OoIlSB])", found)
    return found if alone else found.translate(_LOOKS)


_HINTED: tuple[tuple[re.Pattern[str], Replacement], ...] = (
    (_IN_SIGNS, _digits_of_signs),
    (_AT_SIGN, "@"),
    (_DOT_SIGN, "."),
    (_ADDRESS, lambda match: f"{match[1]}@{match[2]}.{match[3]}"),
    (_HIDDEN_SCHEME, lambda match: f"http{match[1]}://"),
    (_HOST, lambda match: f"{match[1]}.{match[2]}/"),
    (_SPACED_NAME, lambda match: re.sub(r"[ \t]", "", match[0])),
    (_AT_BLANK, "@"),
)
"""What is rewritten only in a text with one of the signs of :data:`_HINT`, in this order."""
