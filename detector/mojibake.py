"""Mojibake: UTF-8 that was read as a one-byte encoding, such as "Ã©" for "é".

ftfy judges and repairs; this module decides when to ask it and aligns its answer.
"""

import re
from collections.abc import Iterator
from itertools import zip_longest

# A lead byte of UTF-8 followed by a trail byte, as the usual one-byte encodings show them.
_SUSPECT = re.compile(
    "[\xc2-\xf4][\x80-\xbf€‚ƒ„…†‡ˆ‰Š‹ŒŽ‘’“”•–—˜™š›œžŸ]"  # Latin-1 and 1252
    "|Ã [^A-Z]|[\x80-\x84\x86-\x9f]"
    "|[РС][ЂЃ‚ѓ„…†‡€‰Љ‹ЊЌЋЏђ‘’“”•–—™љ›њќћџЎўЈ¤Ґ¦§Є«¬®Ї°±Ііґµ¶·ё№є»јЅѕї]|вЂ"  # 1251
    "|[ĂÄĹ][\x80-\xbf€‚„…†‡‰Š‹ŚŤŽŹ‘’“”•–—™š›śťžźˇ˘Ł¤ĄŞŻ˛łľµ]"  # 1250
    "|√[^ \\d]|‚Ä|[╨╤Γ][\u00b0-\u00bf\u2500-\u25ff]|[βā]€"  # Mac Roman, 437, 1253, 1257
)
_PIECE = re.compile(r"[\x20-\x7e]+|[^\x20-\x7e]+")
# ftfy works on whole lines; a line without end is judged in parts.
_MAX_LINE = 4096


def edits(text: str) -> Iterator[tuple[int, int, str]]:
    """Yield the repairs of the lines that ftfy finds broken.

    :param text: Any text without surrogates.
    :return: ``(start, end, new)`` in code points of ``text``, in order.
    """
    if text.isascii() or not _SUSPECT.search(text):
        return
    # ftfy takes a quarter of a second to import, and most posts never need it.
    from ftfy import TextFixerConfig, fix_encoding

    config = TextFixerConfig(unescape_html=False)
    for start, line in _lines(text):
        if _SUSPECT.search(line):
            fixed = fix_encoding(line, config)
            if fixed != line:
                yield from _aligned(line, fixed, start)


def _lines(text: str) -> Iterator[tuple[int, str]]:
    start = 0
    while start < len(text):
        end = text.find("\n", start, start + _MAX_LINE) + 1 or min(start + _MAX_LINE, len(text))
        yield start, text[start:end]
        start = end


def _aligned(line: str, fixed: str, offset: int) -> Iterator[tuple[int, int, str]]:
    """Align by bytes; failing that by the ASCII between the repairs; failing that not at all."""
    if _byte_length(fixed) == len(line):
        yield from _by_bytes(fixed, offset)
        return
    before, after = _PIECE.findall(line), _PIECE.findall(fixed)
    pairs = list(zip_longest(before, after, fillvalue=""))
    if any(old != new and (old.isascii() or new.isascii()) for old, new in pairs):
        yield offset, offset + len(line), fixed
        return
    for old, new in pairs:
        if _byte_length(new) == len(old):
            yield from _by_bytes(new, offset)
        else:
            yield offset, offset + len(old), new
        offset += len(old)


def _by_bytes(fixed: str, offset: int) -> Iterator[tuple[int, int, str]]:
    for char in fixed:
        size = _byte_length(char)
        yield offset, offset + size, char
        offset += size


def _byte_length(text: str) -> int:
    return len(text.encode("utf-8", "surrogatepass"))
