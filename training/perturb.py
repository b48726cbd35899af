"""What is done to posts on their way to a reader, by senders who hide or by machines that garble: fourteen ways to change a text.

Each keeps the label: a person would still read the post as the same thing. The robustness suite scores posts changed by one of
them; training with ``noise`` sees those of :data:`TRAINED`, one or two at a time.
"""

import re
import unicodedata
from collections.abc import Callable, Mapping
from functools import cache
from pathlib import Path

import numpy as np
from anyascii import anyascii

Random = np.random.Generator
Perturbation = Callable[[str, Random], str]

PADDING_WORDS = 500
OPENING = 0.3
"""Share of the text that truncation leaves."""

_LOOKALIKES = dict(zip("aceopxyiABCEHKMOPTX", "асеорхуіАВСЕНКМОРТХ", strict=True))
_DIGITS = {"a": "4", "e": "3", "i": "1", "o": "0", "s": "5", "t": "7", "b": "8", "g": "9"}
_MISREAD = {
    "l": "1", "1": "l", "O": "0", "0": "O", "o": "c", "c": "e", "e": "c", "n": "ri", "m": "rn", "u": "v", "i": "l", "S": "5", "B": "8",
    "h": "b", "口": "曰", "日": "目", "人": "入", "大": "犬", "工": "エ", "未": "末", "己": "已", "ก": "ถ", "ค": "ด", "ท": "ห", "บ": "ป",
    "व": "ब", "म": "भ", "घ": "ध", "က": "ဂ", "ခ": "ဓ", "ន": "ឧ", "ກ": "ຖ", "ر": "ز", "ح": "ج", "и": "н", "ш": "щ", "로": "르",
}  # fmt: skip
_EMOJI = "🔥✅💰✨👉📌🙏😊📞⭐"
_ZERO_WIDTH = "\u200b\u200c\u200d\u2060\ufeff"


def zero_width(text: str, random: Random) -> str:
    """Put invisible characters inside one word in two of an alphabet that does not use them."""
    return _words(text, random, 0.5, lambda word: _insert(word, random, str(random.choice(list(_ZERO_WIDTH)))), latin=True)


def lookalikes(text: str, random: Random) -> str:
    """Swap Latin letters for Cyrillic ones of the same shape, in one word of two, never all of its letters."""

    def swap(word: str) -> str:
        places = [i for i, letter in enumerate(word) if letter in _LOOKALIKES]
        chosen = set(places[: max(1, len(places) // 2)]) if len(places) < len(word) else set(places[1:])
        return "".join(_LOOKALIKES[letter] if i in chosen else letter for i, letter in enumerate(word))

    return _words(text, random, 0.5, swap, latin=True)


def spaced(text: str, random: Random) -> str:
    """Space out the letters of one word in six."""
    return _words(text, random, 1 / 6, lambda word: " ".join(word), latin=True)


def emoji(text: str, random: Random) -> str:
    """Put an emoji in the place of one full stop, comma or line break in three; those inside numbers and links stay."""
    return re.sub(
        r"(?:[.,،]+(?=\s|$)|[。၊।\n])+\s?", lambda m: f" {random.choice(list(_EMOJI))} " if random.random() < 1 / 3 else m[0], text
    )


def leetspeak(text: str, random: Random) -> str:
    """Write digits for some letters of one Latin word in four."""

    def swap(word: str) -> str:
        return "".join(_DIGITS.get(letter, letter) if random.random() < 0.6 else letter for letter in word)

    return _words(text, random, 0.25, swap, latin=True)


def no_diacritics(text: str, random: Random) -> str:
    """Drop the accents of Latin, Greek and Cyrillic letters; the vowel signs of other scripts are no accents and stay."""
    del random
    plain = text.replace("đ", "d").replace("Đ", "D").replace("ı", "i").replace("ʻ", "").replace("ʼ", "")
    return "".join(unicodedata.normalize("NFD", letter)[0] if _is_alphabet(letter) else letter for letter in plain)


def other_case(text: str, random: Random) -> str:
    """Write all in capitals, or all in small letters."""
    return text.upper() if random.random() < 0.5 else text.lower()


def romanised(text: str, random: Random) -> str:
    """Write in Latin letters, one for one."""
    del random
    return "".join(anyascii(letter) if unicodedata.category(letter)[0] in "LM" else letter for letter in text)


def typos(text: str, random: Random) -> str:
    """Swap, drop or double a letter in one word of eight."""

    def slip(word: str) -> str:
        place = int(random.integers(len(word) - 1))
        kind = random.integers(3)
        if kind == 0:
            return word[:place] + word[place + 1] + word[place] + word[place + 2 :]
        return word[:place] + (word[place] * 2 if kind == 1 else "") + word[place + 1 :]

    return _words(text, random, 1 / 8, slip, latin=False)


def opening(text: str, random: Random) -> str:
    """Keep the first 30 %, at least 20 characters."""
    del random
    return text[: max(20, int(OPENING * len(text)))]


def padded(text: str, random: Random) -> str:
    """Put 500 words of harmless prose before, behind or around the text."""
    lines = [_lines("harmless.txt")[i] for i in random.permutation(len(_lines("harmless.txt")))]
    words = " ".join(lines).split()
    filler = (words * (1 + PADDING_WORDS // len(words)))[:PADDING_WORDS]
    cut = int(random.choice([0, PADDING_WORDS // 2, PADDING_WORDS]))
    return f"{' '.join(filler[:cut])}\n{text}\n{' '.join(filler[cut:])}"


def quoted(text: str, random: Random) -> str:
    """Wrap in quotation marks or mark each line as forwarded."""
    kind = random.integers(3)
    if kind == 0:
        return f"“{text}”"
    return f"「{text}」" if kind == 1 else "\n".join(f"> {line}" for line in text.splitlines())


def misread(text: str, random: Random) -> str:
    """Read as a machine reads a screenshot: one letter in twenty-five wrong, some blanks and line ends lost."""
    kept = []
    for letter in text:
        draw = random.random()
        if letter.isspace():
            kept.append("" if draw < 0.02 else " " if letter == "\n" and draw < 0.5 else letter)
        else:
            kept.append(_MISREAD.get(letter, "" if draw < 0.005 else letter) if draw < 0.04 else letter)
    return "".join(kept)


def shuffled_lines(text: str, random: Random) -> str:
    """Put lines in another order; a text of one line, its sentences."""
    parts = text.splitlines() if "\n" in text else re.split(r"(?<=[.!?])\s+|(?<=[。！？။።।])\s*", text)
    return ("\n" if "\n" in text else " ").join(parts[i] for i in random.permutation(len(parts)))


PERTURBATIONS: Mapping[str, Perturbation] = {
    "zero_width": zero_width, "lookalikes": lookalikes, "spaced": spaced, "emoji": emoji, "leetspeak": leetspeak,
    "no_diacritics": no_diacritics, "other_case": other_case, "romanised": romanised, "typos": typos, "opening": opening,
    "padded": padded, "quoted": quoted, "misread": misread, "shuffled_lines": shuffled_lines,
}  # fmt: skip


def surrounded(text: str, random: Random) -> str:
    """Put up to five lines about nothing that matters, in any language, before or behind the text."""
    chosen = random.permutation(len(_lines("asides.txt")))[: int(random.integers(1, 6))]
    around = [_lines("asides.txt")[i] for i in chosen]
    cut = int(random.integers(len(around) + 1))
    joint = str(random.choice([" ", "\n", "\n\n"]))
    return joint.join((*around[:cut], text, *around[cut:]))


def cut_short(text: str, random: Random) -> str:
    """Keep the first 25 to 75 %, at least 40 characters."""
    return text[: max(40, int(random.uniform(0.25, 0.75) * len(text)))]


TRAINED: Mapping[Perturbation, float] = {
    spaced: 1, emoji: 1, leetspeak: 1, no_diacritics: 2, other_case: 2, romanised: 8, typos: 1, quoted: 1, misread: 1, shuffled_lines: 1,
    lookalikes: 1, surrounded: 4, cut_short: 4,
}  # fmt: skip
"""What training may meet, and how often. Invisible characters are undone before the model reads. Padding and truncation come in
shapes and words of their own, so that the suite's are new to the model."""


def roughen(text: str, random: Random) -> str:
    """Return the text after one or two perturbations of :data:`TRAINED`; lines about something else come last, or they alone might stay."""
    shares = np.array(list(TRAINED.values()))
    chosen = random.choice(len(TRAINED), size=int(random.integers(1, 3)), replace=False, p=shares / shares.sum())
    for change in sorted((list(TRAINED)[place] for place in chosen), key=lambda change: change is surrounded):
        text = change(text, random)
    return text


@cache
def _lines(name: str) -> tuple[str, ...]:
    return tuple((Path(__file__).parent / name).read_text("utf-8").splitlines())


def _words(text: str, random: Random, share: float, change: Callable[[str], str], *, latin: bool) -> str:
    """Change a share of the words that have four letters or more."""
    # Not \w: it leaves out the vowel signs of Indic, Thai and Burmese.
    kind = r"[A-Za-zÀ-ɏḀ-ỿ]{4,}" if latin else r"[^\s\d!-/:-@\[-`{-~]{4,}"
    return re.sub(kind, lambda m: change(m[0]) if random.random() < share else m[0], text)


def _insert(word: str, random: Random, piece: str) -> str:
    place = int(random.integers(1, len(word)))
    return word[:place] + piece + word[place:]


@cache
def _is_alphabet(letter: str) -> bool:
    return unicodedata.name(letter, "").startswith(("LATIN", "GREEK", "CYRILLIC")) and letter not in "йЙ"
