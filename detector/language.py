"""Which language a post is written in, offline.

The script settles what it can (Thai, Lao, Khmer …), together with the letters that only one of its languages has. Where languages
share a script, the small words of their grammar are counted (:mod:`detector.function_words`), and py3langid, a model of letter
groups, is asked where the words leave doubt. Simplified and traditional Chinese differ by the characters only one of them has.

A text of two languages is taken for the one that holds it together: people drop English words into Hindi, Malay or Burmese, and
hardly ever the other way round. English and the Latin script must therefore clearly outweigh the others.

py3langid 0.4 knows no Hindi, Urdu, Bengali, Nepali, Tamil, Sinhala or Amharic in Latin letters, no Uzbek in Cyrillic, no Shan,
Karen, Mon or Tigrinya, and does not tell the two scripts of Chinese apart; for these the words and letters here stand alone.
Romanised Hindi and Urdu are one language in chats, and are told apart only where a word is. Nigerian Pidgin counts as English,
and Javanese, Sundanese and Cebuano as the national language beside it, which their speakers mix with them.
"""

import math
import re
from bisect import bisect_right
from collections import Counter
from functools import cache, lru_cache
from importlib import import_module
from threading import Lock, Thread
from typing import TYPE_CHECKING

from detector.function_words import WORDS

if TYPE_CHECKING:
    from py3langid.langid import LanguageIdentifier

UNDETERMINED = "und"
_READ = 4000
"""Characters looked at: more does not make it clearer."""
_READ_BY_MODEL = 600
"""Characters shown to py3langid, which takes a microsecond for each."""

_BLOCKS = (
    ("A", "Z", "Latn"), ("a", "z", "Latn"), ("À", "ɏ", "Latn"), ("Ͱ", "Ͽ", "Grek"), ("Ѐ", "ԯ", "Cyrl"), ("԰", "֏", "Armn"), ("֐", "׿", "Hebr"),
    ("؀", "ۿ", "Arab"), ("ݐ", "ݿ", "Arab"), ("ࢠ", "ࣿ", "Arab"), ("ऀ", "ॿ", "Deva"), ("ঀ", "৿", "Beng"), ("਀", "੿", "Guru"), ("઀", "૿", "Gujr"),
    ("଀", "୿", "Orya"), ("஀", "௿", "Taml"), ("ఀ", "౿", "Telu"), ("ಀ", "೿", "Knda"), ("ഀ", "ൿ", "Mlym"), ("඀", "෿", "Sinh"), ("฀", "๿", "Thai"),
    ("຀", "໿", "Laoo"), ("ༀ", "࿿", "Tibt"), ("က", "႟", "Mymr"), ("Ⴀ", "ჿ", "Geor"), ("ᄀ", "ᇿ", "Hang"), ("ሀ", "፿", "Ethi"), ("ក", "៿", "Khmr"),
    ("ᠠ", "ᡸ", "Mong"), ("Ḁ", "ỿ", "Latn"), ("ぁ", "ヿ", "Kana"), ("㐀", "䶿", "Hani"), ("一", "鿿", "Hani"), ("ꩠ", "ꩿ", "Mymr"), ("가", "힣", "Hang"),
)  # fmt: skip
_STARTS = [start for start, _, _ in _BLOCKS]
_WEIGHTS = {"Latn": 1, "Hani": 5, "Kana": 5, "Hang": 5}
_OTHER_WEIGHT = 4
"""What a character counts for: one of Han says as much as two or three letters, and Latin letters may be borrowed words."""
_ENOUGH = 3

_ONE_LANGUAGE = {
    "Armn": "hy", "Beng": "bn", "Ethi": "am", "Geor": "ka", "Grek": "el", "Gujr": "gu", "Guru": "pa", "Hang": "ko", "Hebr": "he", "Kana": "ja",
    "Khmr": "km", "Knda": "kn", "Laoo": "lo", "Mlym": "ml", "Mong": "mn", "Mymr": "my", "Orya": "or", "Sinh": "si", "Taml": "ta", "Telu": "te",
    "Thai": "th", "Tibt": "bo",
}  # fmt: skip
_OWN_LETTERS = {
    "Arab": (("ur", "ٹڈڑںےھ", "ێۆڵڕ"), ("ps", "ټډړږښڼۍ", ""), ("ckb", "ێۆڵڕ", ""), ("ug", "ۇۈۋ", "")),
    "Beng": (("as", "ৰৱ", ""),),
    "Cyrl": (("tg", "ӣӯҷ", ""), ("uz-Cyrl", "қғҳў", "ыіңәұ")),
    "Ethi": (("ti", "ኣኦኧዃ", ""),),
    "Mymr": (("shn", "ၵၶၷၸၹၺၻၼၽၾၿႀႁႂႃႄ", ""), ("ksw", "ၢၣၤ", ""), ("mnw", "ၚၛၜၝ", "")),
}
"""By script: a language, letters that it has for itself there, and letters of others that must not outnumber them."""
_RARE = 40
"""A text has at least one of its language's own letters in so many."""

_CANDIDATES = {
    "Latn": "en id ms tl vi sw es pt fr de it nl pl cs sk sl hr bs hu ro sq tr az uz da sv no nn fi et lv lt is ga cy eu ca gl mt af so ha yo "
    "ig zu xh rw ln mg ht qu eo jv pcm",
    "Cyrl": "ru uk bg sr mk be kk ky mn tt tg",
    "Arab": "ar fa",
    "Deva": "hi ne mr",
}
"""By script: the languages of py3langid that a post may be in; it takes clipped posts for all kinds of others."""
_COUNTED_AS = {"pcm": "en", "jv": "id", "nn": "no"}
_LEAST = -4.0
"""Log-probability below which the model is not believed: it is worth four words."""
_UNKNOWN = -2.5
"""Log-probability of a language that the model does not know."""
_ENGLISH = 0.5
"""What an English word counts for among those of other languages, which borrow it."""

_ONE_LOADS = Lock()
_WORD = re.compile(r"[ऀ-ॣॱ-ॿ]+|[^\W\d_]+")
_NOISE = re.compile(
    r"https?://[!-~]+|www\.[!-~]+|(?<![\w.+-])[\w.+-]{0,64}@[\w.-]+|\d+|\b(?:whatsapp|telegram|line|zalo|facebook)\b", re.I | re.A
)
_PERSIAN = re.compile(r"[پچژگ]")
_UZBEK = re.compile(r"[og]['ʻ’‘`ʼ](?=[a-z]{2})")
_VIETNAMESE = re.compile(r"[ơưạảấầẩẫậắằẳẵặẻẽếềểễệỉỏốồổỗộớờởỡợủứừửữựỳỷỹ]")
_SIMPLIFIED = frozenset("价优体听据机极构气洁种网胜适")
_TRADITIONAL = frozenset("後徵於菸著姊喔")
"""Characters that both encodings have, and one way of writing uses."""


def identify(text: str) -> str:
    """Return the BCP-47 code of the text's main language, ``und`` if it holds too few letters to tell.

    :param text: A normalised text.
    """
    sample = _NOISE.sub(" ", text[:_READ]).lower()
    letters = _letters(sample)
    script = max(letters, key=letters.__getitem__, default="")
    if letters[script] < _ENOUGH:
        return UNDETERMINED
    if script == "Hani":
        return _chinese(sample)
    return _by_own_letters(script, sample) or _ONE_LANGUAGE.get(script) or _shared(script, sample)


def load_ahead() -> None:
    """Begin to load py3langid's model beside what else there is to load; :func:`identify` waits for it where it is needed."""
    with _ONE_LOADS:
        _loading()


def _letters(sample: str) -> Counter[str]:
    """Return the weight of each script in a text."""
    letters: Counter[str] = Counter()
    for character, number in Counter(sample).items():
        script = _script(character)
        if script is not None:
            letters[script] += number * _WEIGHTS.get(script, _OTHER_WEIGHT)
    # Japanese is written in both; Chinese borrows a kana at most.
    if letters["Kana"] * 8 > letters["Hani"]:
        letters["Kana"] += letters["Hani"]
    return letters


@lru_cache(maxsize=1 << 14)
def _script(character: str) -> str | None:
    place = bisect_right(_STARTS, character) - 1
    if place < 0:
        return None
    _, last, script = _BLOCKS[place]
    return script if character <= last else None


def _by_own_letters(script: str, sample: str) -> str | None:
    for language, own, others in _OWN_LETTERS.get(script, ()):
        number = sum(map(sample.count, own))
        if number > sum(map(sample.count, others)) and number * _RARE >= sum(_script(letter) == script for letter in sample):
            return language
    return None


def _shared(script: str, sample: str) -> str:
    """Tell languages apart that share a script, by words and where these leave doubt by groups of letters."""
    if script == "Arab" and not _PERSIAN.search(sample):
        return "ar"
    words = _WORD.findall(sample)
    if script == "Latn" and len(_VIETNAMESE.findall(sample)) >= max(1, len(words) // 5):
        return "vi"
    hits = _hits(script, words)
    hits["en"] *= _ENGLISH
    hits["uz"] += len(_UZBEK.findall(sample))
    (first, most), (_, second), *_ = sorted(hits.items(), key=lambda hit: -hit[1])
    if most - second < -_LEAST:
        first = _with_model(script, sample, hits)
    return _COUNTED_AS.get(first, first)


def _hits(script: str, words: list[str]) -> dict[str, float]:
    """Count the words that each language of a script has in its list."""
    hits = dict.fromkeys((*WORDS.get(script, ()), "en", "uz"), 0.0)
    languages = _languages(script)
    for word in words:
        for language in languages.get(word, ()):
            hits[language] += 1
    return hits


@cache
def _languages(script: str) -> dict[str, list[str]]:
    """Return the languages of each word that is listed for a script."""
    languages: dict[str, list[str]] = {}
    for language, words in WORDS.get(script, {}).items():
        for word in set(words.split()):
            languages.setdefault(word, []).append(language)
    return languages


def _with_model(script: str, sample: str, hits: dict[str, float]) -> str:
    """Return the likeliest language by words and model together; a word weighs as much as a factor of e."""
    chances = _chances(_CANDIDATES[script], sample[:_READ_BY_MODEL])
    total = {language: hits.get(language, 0.0) + max(chance, _LEAST) for language, chance in chances.items()}
    total |= {language: number + _UNKNOWN for language, number in hits.items() if number and language not in chances}
    return max(total, key=total.__getitem__)


def _chances(candidates: str, sample: str) -> dict[str, float]:
    """Return the model's log-probability of each candidate."""
    # Its sum over letter groups grows with the text; the root of the length, which it uses itself, keeps that from passing for certainty.
    width = math.sqrt(len(sample.encode()) or 1)
    scores = {language: score / width for language, score in _model().rank(sample) if language in candidates.split()}
    top = max(scores.values())
    total = top + math.log(sum(math.exp(score - top) for score in scores.values()))
    return {language: score - total for language, score in scores.items()}


def _model() -> "LanguageIdentifier":
    # Who asks meanwhile waits, instead of unpacking it once more.
    load_ahead()
    _loading().join()
    return _unpacked()


@cache
def _loading() -> Thread:
    """Return the thread that unpacks the model, which lets others run for most of that time."""
    # Imported before the thread starts: a process forked during an import in another thread may wait for it forever.
    import_module("py3langid.langid")
    import_module("zipfile")  # numpy does so when it first reads an archive
    thread = Thread(target=_unpacked, name="language", daemon=True)
    thread.start()
    return thread


@cache
def _unpacked() -> "LanguageIdentifier":
    # Imported here: unpacking the model takes longer than importing all the rest of the package.
    from py3langid.langid import MODEL_FILE, LanguageIdentifier

    return LanguageIdentifier.from_model_file(MODEL_FILE)


def _chinese(sample: str) -> str:
    simplified = sum(character in _SIMPLIFIED or _only_in(character, "gb2312", "big5") for character in sample)
    traditional = sum(character in _TRADITIONAL or _only_in(character, "big5", "gb2312") for character in sample)
    return "zh-Hant" if traditional > simplified else "zh-Hans"


@lru_cache(maxsize=1 << 14)
def _only_in(character: str, one: str, other: str) -> bool:
    return _encodes(character, one) and not _encodes(character, other)


def _encodes(character: str, encoding: str) -> bool:
    try:
        character.encode(encoding)
    except UnicodeEncodeError:
        return False
    return True
