"""Which language a post is written in, offline.

The script settles what it can (Thai, Lao, Khmer, Burmese …). Where a script is shared, py3langid chooses among the languages
that use it, helped by function words where two languages are close (Malay and Indonesian) or where one is written in a foreign script
(Hindi, Urdu and Bengali in Latin letters). Simplified and traditional Chinese are told apart by the characters only one of them has.
"""

import re
from collections import Counter
from functools import cache, lru_cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from py3langid.langid import LanguageIdentifier

UNDETERMINED = "und"
_BLOCKS: tuple[tuple[str, str], ...] = (
    ("Latn", r"A-Za-zÀ-ɏḀ-ỿ"), ("Cyrl", r"Ѐ-ԯ"), ("Arab", r"؀-ۿݐ-ݿࢠ-ࣿ"), ("Deva", r"ऀ-ॿ"),
    ("Beng", r"ঀ-৿"), ("Taml", r"஀-௿"), ("Sinh", r"඀-෿"), ("Thai", r"฀-๿"), ("Laoo", r"຀-໿"), ("Mymr", r"က-႟ꩠ-ꩿ"),
    ("Khmr", r"ក-៿"), ("Ethi", r"ሀ-፿"), ("Hang", r"가-힣ᄀ-ᇿ"), ("Kana", r"ぁ-ヿ"), ("Hani", r"㐀-䶿一-鿿"),
    ("Geor", r"Ⴀ-ჿ"), ("Armn", r"԰-֏"), ("Hebr", r"֐-׿"), ("Grek", r"Ͱ-Ͽ"), ("Telu", r"ఀ-౿"), ("Knda", r"ಀ-೿"),
    ("Mlym", r"ഀ-ൿ"), ("Gujr", r"઀-૿"), ("Guru", r"਀-੿"), ("Orya", r"଀-୿"), ("Tibt", r"ༀ-࿿"),
)  # fmt: skip
_SCRIPTS = {name: re.compile(f"[{block}]") for name, block in _BLOCKS}
_ONE_LANGUAGE = {
    "Thai": "th", "Laoo": "lo", "Mymr": "my", "Khmr": "km", "Taml": "ta", "Sinh": "si", "Ethi": "am", "Hang": "ko", "Kana": "ja",
    "Geor": "ka", "Armn": "hy", "Hebr": "he", "Grek": "el", "Telu": "te", "Knda": "kn", "Mlym": "ml", "Gujr": "gu", "Guru": "pa",
    "Orya": "or", "Tibt": "bo",
}  # fmt: skip
_CANDIDATES = {
    "Cyrl": ("ru", "uk", "bg", "sr", "mk", "be", "kk", "ky", "mn"),
    "Arab": ("ar", "fa", "ur", "ps", "ug"),
    "Deva": ("hi", "ne", "mr"),
    "Beng": ("bn", "as"),
}
_TAGS = {"he": "he", "nb": "no", "nn": "no", "fil": "tl"}
_WORDS = {
    "hi-Latn": "hai hain ka ke ki ko mein me se aur kar karo karna nahi nahin kya bhai apna aap aapko hum tum ye yeh wo woh jo "
    "koi kaam chahiye milega rahe raha rahi liye bhi toh mat abhi bahut paise ghar wala wale jaldi sab tha thi hoga bol ek",
    "ur-Latn": "hai hain mein nahi yahan wahan kiya gaya mulazmat zarurat darkaar rabta tankhwah mulazmeen hazrat sirf baraye",
    "bn-Latn": "ami amar apni kaj korte korbo hobe nai ache lagbe taka bhai kono kore jabe ekta tumi ki na ta theke er",
    "id": "yang dan di ke dari untuk dengan tidak nggak gak ga bisa aja udah sudah saja anda kamu kerja lowongan gaji juta kami "
    "banget karena orang atau kak bang mbak kantor bapak ibu uang rekening bukan mau aku gue lo kalau kalo sama rupiah loker",
    "ms": "yang dan di ke dari untuk dengan tidak tak boleh sahaja je anda awak kerja kekosongan jawatan gaji ringgit kami sangat "
    "kerana orang atau saya pejabat encik puan duit akaun bukan nak aku kalau kat dah macam mana berminat sila cuti kilang syarikat",
    "tl": "ang ng mga sa na at ay ko mo ka po ito yung lang naman kasi para may wala hindi kung ba pa din rin siya kami tayo "
    "trabaho sahod pwede gusto ako sila dito doon ngayon kayo natin namin niyo lahat opo daw raw nung mag",
    "sw": "na ya wa kwa ni za kazi katika hii hiyo watu lakini mimi sisi yako yangu bila kama sana leo hapa pesa kila mshahara",
    "en": "the and of to in for with is are you your we our not be on at this that from will have job work no or as by",
    "vi": "va cua cho khong co duoc nguoi lam viec luong nhan voi cac ban em anh chi minh di lien he tuyen",
    "uz": "va uchun bilan ish kerak bor yoki emas bu siz bizda oylik maosh ham lekin juda shu qilish",
}  # fmt: skip
_VOCABULARY = {language: frozenset(words.split()) for language, words in _WORDS.items()}
_WORD = re.compile(r"[^\W\d_]+")
_NOISE = re.compile(r"https?://\S+|www\.\S+|\S*@\S+|\d+")
_VIETNAMESE = re.compile(r"[ăđơưạảấầẩẫậắằẳẵặẹẻẽếềểễệỉịọỏốồổỗộớờởỡợụủứừửữựỳỵỷỹ]", re.I)
_URDU = re.compile(r"[ٹڈڑںےھ]")
_PERSIAN = re.compile(r"[پچژگ]")
_NEPALI = re.compile(r"छ(?:\s|$|न|ु)|हरू|लाई|को |मा |गर्न|भएको|हुन्छ")
_UZBEK_CYRILLIC = re.compile(r"[ўқғҳ]", re.I)
_UZBEK_LATIN = re.compile(r"\b[og]['ʻ’‘`]\w|\w[og]['ʻ’‘`]", re.I)
_ENOUGH_LETTERS = 3


def identify(text: str) -> str:
    """Return the BCP-47 code of the text's main language, ``und`` if it holds too few letters to tell.

    :param text: A normalised text.
    """
    sample = _NOISE.sub(" ", text[:4000])
    counts = Counter({name: len(pattern.findall(sample)) for name, pattern in _SCRIPTS.items()})
    # A syllable of Han, Hangul or an abugida says as much as two or three Latin letters.
    for name in counts:
        if name not in {"Latn", "Cyrl", "Arab"}:
            counts[name] *= 2
    if counts["Kana"] and counts["Kana"] * 8 > counts["Hani"]:
        counts["Kana"] += counts["Hani"]
    script, number = counts.most_common(1)[0]
    if number < _ENOUGH_LETTERS:
        return UNDETERMINED
    return _in_script(script, sample)


def _in_script(script: str, sample: str) -> str:
    if script in _ONE_LANGUAGE:
        return _ONE_LANGUAGE[script]
    if script == "Hani":
        return _chinese(sample)
    if script == "Latn":
        return _latin(sample)
    return _shared(script, sample)


def _shared(script: str, sample: str) -> str:
    """Tell languages apart that share a script, by their own letters first."""
    if script == "Arab" and _URDU.search(sample):
        return "ur"
    if script == "Arab" and not _PERSIAN.search(sample):
        return "ar"
    if script == "Cyrl" and _UZBEK_CYRILLIC.search(sample):
        return "uz-Cyrl"
    if script == "Deva" and len(_NEPALI.findall(sample)) >= 2:
        return "ne"
    return _ranked(sample, _CANDIDATES[script])


def _latin(sample: str) -> str:
    words = [word.lower() for word in _WORD.findall(sample)]
    if len(_VIETNAMESE.findall(sample)) >= max(1, len(words) // 8):
        return "vi"
    if len(_UZBEK_LATIN.findall(sample)) >= max(1, len(words) // 15):
        return "uz"
    hits = Counter({name: sum(w in known for w in words) for name, known in _VOCABULARY.items()})
    (first, best), (_, second) = hits.most_common(2)
    if {"id", "ms"} >= {name for name, _ in hits.most_common(2)} and best >= 2:
        return "id" if hits["id"] >= hits["ms"] else "ms"
    if best >= 2 and best > second and best * 6 >= len(words):
        return first
    return _ranked(sample, ())


def _ranked(sample: str, candidates: tuple[str, ...]) -> str:
    found = str(_identifier(candidates).classify(sample)[0])
    return _TAGS.get(found, found)


@lru_cache(maxsize=8)
def _identifier(candidates: tuple[str, ...]) -> "LanguageIdentifier":
    # Imported here: unpacking its model takes longer than importing all the rest of the package.
    from py3langid.langid import MODEL_FILE, LanguageIdentifier

    identifier = LanguageIdentifier.from_model_file(MODEL_FILE)
    if candidates:
        identifier.set_languages(list(candidates))
    return identifier


def _chinese(sample: str) -> str:
    simplified = sum(_only_in(character, "gb2312", "big5") for character in sample)
    traditional = sum(_only_in(character, "big5", "gb2312") for character in sample)
    return "zh-Hant" if traditional > simplified else "zh-Hans"


@cache
def _only_in(character: str, one: str, other: str) -> bool:
    return _encodes(character, one) and not _encodes(character, other)


def _encodes(character: str, encoding: str) -> bool:
    try:
        character.encode(encoding)
    except UnicodeEncodeError:
        return False
    return True
