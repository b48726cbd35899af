"""Which encoding a text file is written in.

Byte order marks and UTF-8 are certain or nearly so. Beyond them the legacy encodings of the regions these posts come from compete:
each decodes a sample, and the one that yields most of the characters its languages really use wins. General detectors weigh a
hundred encodings and go wrong on samples as short as a table of ten posts.
"""

import codecs
import re
from collections.abc import Callable, Iterable, Iterator
from functools import cache, partial
from typing import BinaryIO

from detector.errors import InputError

MARKS = (
    (codecs.BOM_UTF8, "utf-8-sig"), (codecs.BOM_UTF32_LE, "utf-32"), (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"), (codecs.BOM_UTF16_BE, "utf-16"),
)  # fmt: skip
_CONTROLS = frozenset(range(0x20)) - frozenset(b"\t\n\r\f\x1a\x1b\x1c\x1d\x1e\x1f")
"""Bytes that are in no text: beyond these there are ends of lines, pages and files, separators, and the escape of ISO-2022."""
_CHUNK = 1 << 20
_SAMPLE = 1 << 16
"""Bytes of lines beyond ASCII that are enough to tell an encoding; the file is searched for them from its start."""

_EXPLAINED = 0.5
"""Share of the characters beyond ASCII that must be usual ones."""


def encoding_of(stream: BinaryIO) -> str:
    """Return the encoding of a text file, UTF-8 if it cannot be told, and leave the stream at its start."""
    stream.seek(0)
    head = stream.read(4096)
    marked = mark_of(head) or _unmarked_utf16(head)
    stream.seek(0)
    if marked:
        return marked
    lines = _beyond_ascii(stream)
    stream.seek(0)
    fitting = sum(_is_utf8(line) for line in lines)
    # A line in another encoding is almost never UTF-8 by chance, so that a few broken lines do not make a file another encoding's.
    if 2 * fitting >= len(lines):
        return "utf-8"
    return _legacy(b"\n".join(lines))


def mark_of(head: bytes) -> str | None:
    """Return the encoding that a byte order mark declares."""
    return next((encoding for mark, encoding in MARKS if head.startswith(mark)), None)


def check_encoding(name: str) -> str:
    """Return the name of an encoding if there is such a one.

    :raises InputError: if Python knows none of this name.
    """
    try:
        info = codecs.lookup(name)
        if not info._is_text_encoding:
            raise LookupError
    except LookupError:
        raise InputError(f"expected the name of a text encoding such as utf-8 or gb18030, got {name!r}") from None
    return info.name


def looks_binary(head: bytes) -> bool:
    """Whether a file begins with a line that no program writes as the header of a table, in any encoding.

    :param head: The first bytes. Only their first line counts: what comes behind it was written by strangers.
    """
    if mark_of(head) or _unmarked_utf16(head):
        return False
    header = (head.splitlines() or [b""])[0]
    found = _CONTROLS & set(header)
    return 0 in found or len(found) > 1


def _unmarked_utf16(head: bytes) -> str | None:
    even, odd = head[0::2].count(0), head[1::2].count(0)
    if odd > len(head) // 8 and odd > 8 * even:
        return "utf-16-le"
    if even > len(head) // 8 and even > 8 * odd:
        return "utf-16-be"
    return None


def _beyond_ascii(stream: BinaryIO) -> list[bytes]:
    """Return lines that hold bytes beyond ASCII."""
    found: list[bytes] = []
    size = 0
    while size < _SAMPLE and (chunk := stream.read(_CHUNK)):
        chunk += stream.readline(_CHUNK)
        if chunk.isascii():
            continue
        for line in chunk.splitlines():
            if size < _SAMPLE and not line.isascii():
                found.append(line[:_SAMPLE])
                size += len(line)
    return found


def _is_utf8(line: bytes) -> bool:
    # A line longer than the sample may be cut in the middle of a character.
    decoder = codecs.getincrementaldecoder("utf-8")()
    try:
        decoder.decode(line, final=len(line) < _SAMPLE)
    except UnicodeDecodeError:
        return False
    return True


def _legacy(sample: bytes) -> str:
    shares = {encoding: _share(sample, encoding, usual) for encoding, usual in _candidates()}
    best = max(shares, key=lambda encoding: shares[encoding])
    # If nothing explains the bytes, the lines that hold them are refused one by one.
    return best if shares[best] >= _EXPLAINED else "utf-8"


def _share(sample: bytes, encoding: str, usual: Callable[[str], int]) -> float:
    """Return the share of the decoded characters beyond ASCII that the encoding's languages use."""
    text = sample.decode(encoding, "replace")
    beyond = sum(character > "\x7f" for character in text)
    return usual(text) / beyond if beyond else 0.0


def _candidates() -> Iterable[tuple[str, Callable[[str], int]]]:
    """Return each encoding with a count of the usual characters in a text; on a tie the first wins."""
    return (
        ("cp949", _korean),
        ("gb18030", partial(_first_level, codec="gb2312", last=0xD7)),
        ("big5hkscs", partial(_first_level, codec="big5", last=0xC6)),
        ("cp932", _japanese),
        ("euc_jp", _japanese),
        ("cp1252", partial(_matched, _WESTERN)),
        ("cp874", partial(_matched, _THAI)),
        ("cp1251", partial(_matched, _CYRILLIC)),
        ("koi8_r", partial(_matched, _CYRILLIC)),
        ("cp1256", partial(_matched, _ARABIC)),
        ("cp1258", partial(_matched, _VIETNAMESE)),
        ("cp1254", partial(_matched, _TURKISH)),
        ("cp1250", partial(_matched, _CENTRAL)),
    )


def _matched(pattern: re.Pattern[str], text: str) -> int:
    return sum(match.end() - match.start() for match in pattern.finditer(text))


def _first_level(text: str, *, codec: str, last: int) -> int:
    return sum(_is_first_level(character, codec, last) for character in _unmixed(text))


def _korean(text: str) -> int:
    return sum("가" <= c <= "힣" and _is_first_level(c, "euc_kr", 0xC8) or c in _PUNCTUATION for c in _unmixed(text))


def _japanese(text: str) -> int:
    return sum("ぁ" <= c <= "ヿ" or _is_first_level(c, "euc_jp", 0xCF) for c in _unmixed(text))


def _unmixed(text: str) -> Iterator[str]:
    """Yield the characters beyond ASCII that do not stand alone behind a Latin letter: those are accents of another encoding."""
    for match in _RUNS.finditer(text):
        yield from match[0]


@cache
def _is_first_level(character: str, codec: str, last: int) -> bool:
    """Whether a character is among those that the standard lists first, as the ones in daily use, or is punctuation."""
    try:
        encoded = character.encode(codec)
    except UnicodeEncodeError:
        return False
    return len(encoded) == 2 and (character in _PUNCTUATION or (encoded[0] <= last and character >= "一"))


_PUNCTUATION = frozenset("，。、；：？！（）“”‘’《》【】「」…—·～￥％＋－")
_MARKS_WESTERN = "‘’“”–—…•€«»¿¡©®°·"
_RUNS = re.compile(r"[^\x00-\x7f]{2,}|(?<![A-Za-z])[^\x00-\x7f]")
_THAI = re.compile(r"(?:[เ-ไ]?[ก-ฮ][ัิ-ฺ็]?[่-๎]?[ะาำๅ]?[ฯๆ]?){2,}|(?<![A-Za-z])[฿๐-๙]++(?![A-Za-z])|[‘’“”–…•]")
_CYRILLIC = re.compile(rf"\b[А-ЯЁЎҚҒҲІЇЄ]?[а-яёўқғҳіїє]+\b|\b[А-ЯЁ]+\b|[{_MARKS_WESTERN}№]")
_ARABIC = re.compile(r"(?<![A-Za-z])[ء-غف-ْپچژگکیے]++(?![A-Za-z])|[،؛؟‘’“”–…]")


def _accented(letters: str) -> re.Pattern[str]:
    """Return a pattern for the accented letters of a language in Latin script: at most two in a row, beside plain ones."""
    both = "".join(letter for letter in letters + letters.upper() if letter > "\x7f")
    within = rf"(?<=[A-Za-z])[{both}]{{1,2}}(?![^\W\d_A-Za-z])"
    first = rf"(?<![^\W\d_])[{both}]{{1,2}}(?=[A-Za-z])"
    marks = rf"\xa0|(?<!\w)[{_MARKS_WESTERN}]|[{_MARKS_WESTERN}](?!\w)|(?<=[a-z])’(?=[a-z])"
    return re.compile(f"{within}|{first}|{marks}")


_WESTERN = _accented("àáâãäåæçèéêëìíîïñòóôõöøœùúûüß")
_TURKISH = _accented("çğıiöşüâî")
_CENTRAL = _accented("ąćęłńóśźżáčďéěíňřšťúůýžőűöüäăâîșț")
_VIETNAMESE = _accented("âăđêôơư\u0300\u0301\u0303\u0309\u0323àáèéùúóíôì")
