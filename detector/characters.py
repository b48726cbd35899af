"""Characters with more than one form: invisible, wide, fancy, decomposed, blank."""

import re
import unicodedata
from functools import cache
from itertools import chain

from detector.confusables import BLOOD_TYPES, FANCY, FLAGS
from detector.draft import Draft

# Compatibility forms that are the normal spelling or a picture of their own: SARA AM of Thai and
# Lao, the Lao digraphs, an Armenian ligature, Tibetan, Korean letters on their own, signs whose
# decomposition would join the neighbouring word, and Chinese punctuation (see fold_symbols).
_KEPT = frozenset("ำຳໜໝևༀ༌ཷཹ…™℠ªºﷺﷻℹ№，！？：；（）～") | frozenset(map(chr, chain(range(0x3131, 0x3164), range(0x3165, 0x318F))))
# Format characters that are seen, and the joiners, which drop_stray_joiners looks at.
_VISIBLE_FORMAT = frozenset("\u0600\u0601\u0602\u0603\u0604\u0605\u06dd\u070f\u0890\u0891\u08e2")
_JOINERS = frozenset("\u200c\u200d")
_BREAKS = frozenset("\n\r\v\f\x85\u2028\u2029")
_BLANKS = frozenset("\t\x1c\x1d\x1e\x1f\u2800")
# Tatweel, fillers, selectors, unassigned ignorables (DerivedCoreProperties.txt of Unicode 16)
# and marks that strike letters out.
_IGNORED = re.compile(
    "[\u034f\u0640\u115f\u1160\u17b4\u17b5\u180b-\u180f\u2065\u3164\ufe00-\ufe0f\uffa0\ufff0-\ufff8"
    "\U000e0000-\U000e0fff\u0305\u0332-\u0338\u033f\u20d0-\u20f0]"
)
_HALFWIDTH_HANGUL = re.compile("[\uffa1-\uffdc]")
_ARABIC_FORM = re.compile("[\ufb50-\ufdff\ufe70-\ufefc]")


class _Folding(dict[int, str]):
    """Code point to its one form, worked out when first met."""

    def __missing__(self, code: int) -> str:
        self[code] = folded = _folded(chr(code))
        return folded


def _folded(char: str) -> str:
    if char in _KEPT or char in _JOINERS or char in _VISIBLE_FORMAT:
        return char
    if char in _BREAKS:
        return "\n"
    if char in _BLANKS:
        return " "
    if char in FANCY:
        return FANCY[char]
    category = unicodedata.category(char)
    if category in {"Cc", "Cf", "Cs", "Me"} or _IGNORED.match(char):
        return ""
    return _compatible(char, category)


def _compatible(char: str, category: str) -> str:
    """Return the compatibility form (NFKC) where it reads the same."""
    if category == "Zs":
        return " "
    decomposition = unicodedata.decomposition(char)
    if decomposition.startswith("<fraction>"):
        return char
    if _HALFWIDTH_HANGUL.match(char):
        return chr(int(decomposition.split()[1], 16)) if decomposition else char
    form = unicodedata.normalize("NFKC", char)
    if form.startswith(" "):
        # A spacing accent would fall apart into a blank and a mark.
        return form[1:] if _ARABIC_FORM.match(char) else char
    return form.replace("\u2010", "-").replace("\u2212", "-")


_FOLDING = _Folding()
_SURROGATE_PAIR = re.compile("[\ud800-\udbff][\udc00-\udfff]")
_CARRIAGE_RETURN = re.compile("\r\n")


def join_surrogates(draft: Draft) -> None:
    """Read each pair of surrogates as the character it encodes; fold drops lone ones."""
    draft.substitute(_SURROGATE_PAIR, lambda m: m[0].encode("utf-16", "surrogatepass").decode("utf-16"))


def fold(draft: Draft) -> None:
    """Fold each character to its one form and drop what cannot be seen."""
    if "\r" in draft.text:
        draft.substitute(_CARRIAGE_RETURN, "\n")
    draft.translate(_FOLDING)


_JOINER_RUN = re.compile("[\u200c\u200d]+")
# Signs beside which a joiner picks a letter form: the viramas and the Khmer shifters.
_VIRAMA = frozenset(
    "\u094d\u09cd\u0a4d\u0acd\u0b4d\u0bcd\u0c4d\u0ccd\u0d4d\u0dca\u1039\u103a\u17c9\u17ca\u17d2\u0d7a\u0d7b\u0d7c\u0d7d\u0d7e\u0d7f"
)
_CURSIVE = re.compile(
    "[\u0620-\u065f\u066e-\u06d3\u06d5-\u06dc\u06df-\u06e8\u06ea-\u06ef\u06fa-\u07ff\u0840-\u085b"
    "\u08a0-\u08e1\u08e3-\u08ff\u1820-\u18aa]{2}"
)


def drop_stray_joiners(draft: Draft) -> None:
    """Keep U+200C and U+200D only where they can change how a word is written.

    Persian and Urdu, the Indic scripts, Khmer and Burmese spell words with them.

    Source: Unicode UAX #31, section 2.3, "Layout and Format Control Characters".
    """
    if "\u200c" in draft.text or "\u200d" in draft.text:
        draft.substitute(_JOINER_RUN, _joiner)


def _joiner(match: re.Match[str]) -> str:
    text, start, end = match.string, match.start(), match.end()
    before, after = text[max(start - 1, 0) : start], text[end : end + 1]
    beside_virama = before in _VIRAMA or (after in _VIRAMA and not before.isspace())
    if before and (beside_virama or _CURSIVE.fullmatch(before + after)):
        return match[0][0]
    return ""


_CJK = re.compile("[\u2e80-\u2fff\u3005-\u312f\u31a0-\u9fff\uf900-\ufaff\U00020000-\U0003ffff]")
_WIDE = re.compile("[，！？：；（）～]")
_WIDE_AMID_ASCII = re.compile("(?<=[!-~])[，！？：；（）～](?=[!-~])")
_REGIONAL = re.compile("[\U0001f1e6-\U0001f1ff]+")
_BLOOD = "".join(BLOOD_TYPES)
_BLOOD_LETTER = re.compile(f"(?<=[A-Za-z{_BLOOD}])[{_BLOOD}]|[{_BLOOD}](?=[A-Za-z{_BLOOD}])")
_SKIN_TONE = re.compile("(?<=[\u2600-\u27bf\U0001f300-\U0001faff])[\U0001f3fb-\U0001f3ff]+")
_SYMBOLS = frozenset("，！？：；（）～\u309b\u309c" + _BLOOD) | frozenset(
    map(chr, chain(range(0x1F1E6, 0x1F200), range(0x1F3FB, 0x1F400)))
)
_VOICED = re.compile("(?<=[うか-とは-ほウカ-トハ-ホワ-ヲ])[\u309b\u309c]")


def fold_symbols(draft: Draft) -> None:
    """Fold what reads differently beside a letter: wide punctuation, letters made of emoji."""
    if _SYMBOLS.isdisjoint(draft.text):
        return
    # Chinese and Japanese write these; elsewhere, and inside links and handles, they are a mask.
    wide = _WIDE_AMID_ASCII if _CJK.search(draft.text) else _WIDE
    draft.substitute(wide, lambda m: unicodedata.normalize("NFKC", m[0]))
    draft.substitute(_VOICED, lambda m: chr(ord(m[0]) - 2))
    draft.substitute(_REGIONAL, _flags_or_letters)
    draft.substitute(_BLOOD_LETTER, lambda m: BLOOD_TYPES[m[0]])
    draft.substitute(_SKIN_TONE, "")


def _flags_or_letters(match: re.Match[str]) -> str:
    letters = "".join(chr(ord(char) - 0x1F1E6 + 0x41) for char in match[0])
    pairs = (letters[i : i + 2] for i in range(0, len(letters), 2))
    return match[0] if all(pair in FLAGS for pair in pairs) else letters


_SARA_AM = re.compile("[\u0e4d\u0ecd]([\u0e48-\u0e4b\u0ec8-\u0ecb]?)([\u0e32\u0eb2])")
# Marks that no orthography stacks three high.
_GENERIC = "\u0300-\u036f\u1ab0-\u1aff\u1dc0-\u1dff\ufe20-\ufe2f"
# The blocks beyond U+FFFF that hold marks.
_ASTRAL = re.compile("[\U000101f0-\U00011fff\U00016a00-\U0001e94b]")
_ZALGO = re.compile(f"[{_GENERIC}]{{4,}}")
_ZALGO_COMPOSED = re.compile(f"[{_GENERIC}]{{3,}}")
# Sorting the marks of a letter takes the square of their number. Hebrew stacks four.
_MAX_MARKS = 4
_CONJOINING = "[\u1100-\u1112][\u1161-\u1175][\u11a8-\u11c2]?|[\uac00-\ud7a3][\u11a8-\u11c2]"
# Starters that compose with the letter before them.
_VOWEL_SIGNS = "".join(
    "\u09be\u09d7\u0b3e\u0b56\u0b57\u0bbe\u0bd7\u0cc2\u0cd5\u0cd6\u0d3e\u0d57\u0dcf\u0ddf\u102e"
    "\u1b35\U00011127\U0001133e\U00011357\U000114b0\U000114ba\U000114bd\U000115af\U00011930"
)


def compose(draft: Draft) -> None:
    """Bring letters and their marks into Normalization Form C and thin out piles of marks."""
    # Typed as two signs, in either order with a tone; NFC does not know this composition.
    if "\u0e4d" in draft.text or "\u0ecd" in draft.text:
        draft.substitute(_SARA_AM, lambda m: m[1] + ("\u0e33" if m[2] == "\u0e32" else "\u0eb3"))
    piled, cluster = _mark_patterns(astral=bool(_ASTRAL.search(draft.text)))
    draft.substitute(_ZALGO, "")
    draft.substitute(piled, lambda m: m[0][:_MAX_MARKS])
    if not unicodedata.is_normalized("NFC", draft.text):
        draft.edit(
            ((m.start(), m.end(), unicodedata.normalize("NFC", m[0])) for m in cluster.finditer(draft.text)),
            whole=True,
        )
    draft.substitute(_ZALGO_COMPOSED, "")


@cache
def _mark_patterns(*, astral: bool) -> tuple[re.Pattern[str], re.Pattern[str]]:
    """Return patterns of too many marks on one letter, and of a letter with its marks.

    :param astral: True to know the marks beyond U+FFFF, which slow every search down.
    """
    codes = range(0x300, 0x1E94B if astral else 0x10000)
    marks = "".join(chr(code) for code in codes if unicodedata.combining(chr(code)))
    extenders = marks + _VOWEL_SIGNS
    return (
        re.compile(f"[{marks}]{{{_MAX_MARKS + 1},}}+"),
        re.compile(f"{_CONJOINING}|[^{extenders}]?[{extenders}]+"),
    )


_WIDER_BLANK = re.compile(" {2,}")
_LINE_BREAK = re.compile(" ?\n[ \n]*")


def fold_blanks(draft: Draft) -> None:
    """Leave one blank between words and at most one empty line between lines."""
    if "  " in draft.text:
        draft.substitute(_WIDER_BLANK, " ")
    if "\n" in draft.text:
        draft.substitute(_LINE_BREAK, lambda m: "\n" if m[0].count("\n") == 1 else "\n\n")
    draft.trim(" \n")
