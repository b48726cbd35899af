"""The names of places, and where they stand in a text.

``places.tsv`` is written by hand and may be added to: one name a line, with the place, its country and where the name is from;
``data/gazetteer/README.md`` describes it.

Source: GeoNames (CC BY 4.0), Unicode CLDR (© Unicode, Inc., Unicode License v3) and own knowledge, as its last column says.
"""

import re
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from importlib import resources

from detector.errors import InputError
from detector.facts.folding import folded, is_letter

FIELDS = ("country", "kind", "place", "name", "language", "needs", "source")
_FILE = "places.tsv"
_KEY = 4
"""Characters by which names are looked up; a shorter name is looked up whole."""
_START = 2
"""Characters that tell whether any name can begin; there is no shorter name but of one character."""


@dataclass(frozen=True, slots=True)
class Name:
    """One name of a place.

    :ivar name: The name, folded.
    :ivar needs: What must be given for the word to be this place: ``capital`` a capital letter, ``cue`` a word of direction before
        it, nothing for a name that means nothing else.
    """

    name: str
    place: str
    country: str
    kind: str
    needs: str


@dataclass(frozen=True, slots=True)
class Found:
    """A name, and where it stands in the folded text: ``[start, end)`` without, ``tail`` with the ending that is joined to it."""

    name: Name
    start: int
    end: int
    tail: int


@cache
def gazetteer() -> dict[str, tuple[Name, ...]]:
    """Return the names of the packaged gazetteer by their first characters, the longest first."""
    source = resources.files("detector.facts").joinpath(_FILE).read_text("utf-8")
    return indexed(read_names(source))


def read_names(source: str) -> Iterator[Name]:
    """Yield the names of a gazetteer.

    :param source: Tab-separated lines with the columns :data:`FIELDS`.
    :raises InputError: if the columns are others, or a line has not as many.
    """
    header, *lines = source.splitlines()
    if tuple(header.split("\t")) != FIELDS:
        raise InputError(f"{_FILE}: expected the columns {', '.join(FIELDS)}, got {header!r}")
    for number, line in enumerate(lines, 2):
        cells = line.split("\t")
        if len(cells) != len(FIELDS):
            raise InputError(f"{_FILE}, line {number}: expected {len(FIELDS)} cells, got {len(cells)}")
        country, kind, place, name, _, needs, _ = cells
        yield Name(folded(name), place, country, kind, needs)


def indexed(names: Iterator[Name]) -> dict[str, tuple[Name, ...]]:
    """Return names by their first characters, the longest first; without the last vowel or mark where endings replace it.

    The first two characters of every name have an entry too, if only an empty one.
    """
    index: defaultdict[str, dict[str, Name]] = defaultdict(dict)
    for name in names:
        for form in _forms(name):
            index[form.name[:_KEY]].setdefault(form.name, form)
    starts: dict[str, tuple[Name, ...]] = {key[:_START]: () for key in index}
    return starts | {key: tuple(sorted(found.values(), key=lambda name: -len(name.name))) for key, found in index.items()}


def find_names(text: str, names: dict[str, tuple[Name, ...]] | None = None) -> Iterator[Found]:
    """Yield the names in a folded text, from left to right, of several at one position the longest.

    :param names: An index of :func:`indexed`; by default the packaged one.
    """
    index = gazetteer() if names is None else names
    end = 0
    for position in range(len(text)):
        # Most positions end here: the search proper is for the few that begin like a name.
        if position < end or (text[position : position + _START] not in index and text[position] not in index):
            continue
        found = next(_at(text, position, index), None)
        if found is not None:
            yield found
            end = found.tail


def _at(text: str, position: int, index: dict[str, tuple[Name, ...]]) -> Iterator[Found]:
    for size in range(_KEY, 0, -1):
        for name in index.get(text[position : position + size], ()):
            if text.startswith(name.name, position) and _begins(text, position, name.name):
                end = position + len(name.name)
                tail = _tail(text, end, name.name)
                if tail is not None:
                    yield Found(name, position, end, tail)


_CYRILLIC_ENDING = re.compile("[аеийоуыьэюя]+$")
_VIRAMA = re.compile("[\u0bcd\u0d4d]$")


def _forms(name: Name) -> Iterator[Name]:
    """Yield a name, and the stem of one that is inflected at its end."""
    yield name
    stem = name.name
    if len(stem) > 4:
        stem = _VIRAMA.sub("", stem) if "஀" <= stem[-1] <= "௿" else stem
        stem = _CYRILLIC_ENDING.sub("", stem) if "Ѐ" <= stem[-1] <= "ӿ" else stem
    if stem != name.name and len(stem) > 3:
        yield Name(stem, name.place, name.country, name.kind, name.needs)


# Ends of words that may be joined to a name, by the script of its last letter. Scripts without blanks between words need none.
_LATIN = re.compile(r"(?:'?(?:da(?:gi(?:lar)?|n(?:man|lik)?)?|ga|ka|qa|ning|ni|lik)|'s)?(?![a-zà-ỹ0-9_])")
_CYRILLIC = re.compile(r"[а-яёўқғҳ]{0,3}(?![а-яёўқғҳ0-9_])")
_CYRILLIC_SHORT = re.compile(r"[аеёиоуыьюя]?(?![а-яёўқғҳ0-9_])")
# Marks that end a sentence stand among the letters of the Indic scripts.
_INDIC_LETTER = r"\u0900-\u0963\u0970-\u0dff"
_INDIC = re.compile(rf"(?!ी|ीय|ি(?![{_INDIC_LETTER}]))[{_INDIC_LETTER}\u200c\u200d]{{0,8}}(?![{_INDIC_LETTER}])")
_INDIC_SHORT = re.compile(
    f"(?:मा|बाट|को|का|की|लाई|में|से|ে|য়|তে|র|ের|য়ে|এ|এর|থেকে|இல்|ல|ல்|லிருந்து|க்கு|வில்|යේ|වේ|ට|ේ|ය|ව)?(?![{_INDIC_LETTER}])"
)
_ARABIC = re.compile(r"(?![\u0620-\u064a\u066e-\u06d3])")
_ETHIOPIC = re.compile(r"[ንምናስ]{0,2}(?![\u1200-\u135a])")
_HANGUL = re.compile("(?=)")
_HANGUL_SHORT = re.compile(r"(?![가-힣])|(?=[에서으로은는을를이가행출발시까도와과의])")
_KANA = re.compile(r"(?![ァ-ヺー])")
_NONE = re.compile("")
_SCRIPTS = (
    ("a", "ɏ", _LATIN), ("ḁ", "ỿ", _LATIN), ("Ѐ", "ӿ", _CYRILLIC), ("؀", "ۿ", _ARABIC), ("ऀ", "෿", _INDIC),
    ("ሀ", "᎟", _ETHIOPIC), ("가", "힯", _HANGUL), ("ァ", "ー", _KANA),
)  # fmt: skip
_LETTERS = {_INDIC: 5, _CYRILLIC: 4, _HANGUL: 3}
"""Letters, or syllables of Hangul, from which a name may be joined to any ending of its script."""
_PREFIXES = {_ARABIC: "وبلفك", _ETHIOPIC: "በከለየስእ"}


@cache
def _ending(last: str, *, short: bool) -> re.Pattern[str]:
    found = next((pattern for first, end, pattern in _SCRIPTS if first <= last <= end), _NONE)
    return {_INDIC: _INDIC_SHORT, _HANGUL: _HANGUL_SHORT, _CYRILLIC: _CYRILLIC_SHORT}.get(found, found) if short else found


def _begins(text: str, position: int, name: str) -> bool:
    """Whether a name may begin at a position: in scripts with blanks between words only where a word begins."""
    if position == 0:
        return True
    before = text[position - 1]
    pattern = _ending(name[-1], short=False)
    if pattern is _KANA:
        return not "ァ" <= before <= "ー"
    if pattern is _HANGUL:
        return not "가" <= before <= "힣"
    if pattern is _NONE:
        return True
    if before in "@_'" or (before.isdigit() and name[0].isascii()):
        return False
    if not is_letter(before) or not _same_script(before, name[0]):
        return True
    return before in _PREFIXES.get(pattern, "") and (position == 1 or not is_letter(text[position - 2]))


def _same_script(one: str, other: str) -> bool:
    # Latin names stand right behind letters of scripts without blanks.
    return (one < "\u0250" or "ḁ" <= one <= "ỿ") == (other < "\u0250" or "ḁ" <= other <= "ỿ")


def _tail(text: str, end: int, name: str) -> int | None:
    """Return where the word with the name in front ends, or nothing if the name is only part of another word."""
    letters = sum(is_letter(char) for char in name)
    whole = _ending(name[-1], short=False)
    match = _ending(name[-1], short=letters < _LETTERS.get(whole, 0)).match(text, end)
    return None if match is None else match.end()
