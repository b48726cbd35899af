"""The places of a post and the part each has in the journey, told from the words right before and behind its name.

A place with no such words is taken for the destination: that is what the bare name in an advertisement is. Names of peoples and
languages are no places. Where customers live, and offices at home beside a job abroad, have no part in the route.
"""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from detector.facts.folding import folded
from detector.facts.gazetteer import Found, find_names
from detector.facts.records import Part, Place
from detector.text import NormalisedText

_NEAR = 26
"""Characters before and behind a name that are looked at."""

# Of each language as far as it marks the part with a word before the name or behind it; the other marks are endings of the name.
_BEFORE: Sequence[tuple[Part, str]] = (
    ("transit", r"(?:\b(?:via|through|lewat|melalui|transit(?: di| in)?|singgah(?: di)?|kupitia|pitia|qua cửa khẩu|qua ngả|quá cảnh(?: ở| tại)?"
        r"|vía|por vía|escala en|escala em|pasando por|passando por|через|pickup (?:from|at)|(?:pick ?up|sundo) (?:sa|from|at))\s"
        r"|ผ่าน(?:ทาง)?|ต่อเครื่อง(?:ที่)?|แวะ|ຜ່ານ|ឆ្លងកាត់|តាមច្រក|途经|途經|经由|經由|[经經转轉](?:道)?|عبر |مرورا ب)"),
    ("origin", r"(?:\b(?:from|dari|asal|dr|mula sa|galing(?: sa)?|taga|kutoka|toka|desde|soy de|somos de|sou de|saindo de|salida (?:de|desde)|saída de|saí de|salgo de"
        r"|vengo de|từ|quê(?: ở)?|из|родом из|hire from|hiring from)[\s-]{1,2}(?:the |kota |city of |ciudad de |tỉnh |bandara )?"
        r"|จาก(?:จังหวัด|เมือง)?|ออกจาก|ຈາກ(?:ແຂວງ|ເມືອງ)?|ອອກຈາກ|(?:មក)?ពី(?:ខេត្ត|ក្រុង|ស្រុក)?|[从從自]|来自|來自|(?<![\u0620-\u064a])من (?:مدينة )?|\bمطار )"),
    ("destination", r"(?:\b(?:to|in|at|into|near|around|bound for|ke|di|kat|dkt|dekat|sa|patungong|papuntang|papunta(?: ng| sa)?|en|hacia|para|pra|pro|em|no|na"
        r"|в|во|на|huko|nchini|katika|hapa|pale|đi|sang|qua|tại|ở|bên|bay|tới|đến|vô|location|site|place|negara|country)\s(?:the )?"
        r"|ไป(?:ที่)?|ที่|ใน|ณ|ฝั่ง|เข้า|ประเทศ|เมือง|ໄປ(?:ທີ່)?|ຢູ່(?:ໃນ)?|ທີ່|ຝັ່ງ|ປະເທດ|ເມືອງ|ទៅ(?:ធ្វើការ)?(?:នៅ)?|នៅ(?:ឯ)?|ប្រទេស|ស្រុក|ក្រុង"
        r"|[到在去飞飛往赴驻駐来來]|地点[::]|地點[::]|勤務地[::]|근무지[::] ?|(?<![\u0620-\u064a])(?:في|إلى|الى) |በ|ወደ ?)"),
)  # fmt: skip
_BEHIND: Sequence[tuple[Part, str]] = (
    ("transit", r"(?:\s?(?:airport|bandara|経由|经停|中转|中轉|转机|轉機|集合|会合|會合|경유|होते हुए|के रास्ते|हुँदै|हुदै|হয়ে|হইয়া|வழியாக|வழியா|کے راستے|හරහා|orqali|орқали|በኩል"
        r"|ကတဆင့်|ကိုဖြတ်|ကနေဖြတ်|ကဖြတ်|口岸|机场|機場|空港|공항|विमानस्थल|எயர்போர்ட்|ஏர்போர்ட்|ایئرپورٹ|airportla))"),
    ("origin", r"(?:\s?(?:から|出発|出身|から出発|출발|출신|에서 ?출발|에서 온|से(?!\w)|থেকে|থিকা|बाट|سے(?!\w)|[飞飛](?!机)|出发|出發|启程|老乡|老鄉|ကနေ|သား|සිට|ඉඳන්|ඉඳලා|වෙතින්)"
        r"|se\b| se\b|-?dan(?:man|lik)?\b|дан(?:ман)?\b)"),
)  # fmt: skip
_ORIGIN_ENDINGS = re.compile(r"(?:ல|இ)?(?:ி)?ல?ிருந்து|ிலிருந்து|லேர்ந்து|බාට|बाट|থেকে|න්$|ෙන්$|dan(?:man|lik)?$|дан(?:ман)?$")
_NO_PLACE_BEFORE = re.compile(
    r"(?:\b(?:bahasa|bhs|basa|tiếng|người|orang|org|warga(?: ?negara)?|wn|lugha ya|raia wa|speak|speaking|idioma)\s"
    r"|ภาษา|ชาว|คน|พูด|เชื้อสาย|ພາສາ|ຄົນ|ຊາວ|ເວົ້າ|ភាសា|ជនជាតិ|ជន|អាន|ចេះ|នាយ|เจ้านาย|นาย|บริษัท|ບໍລິສັດ|ក្រុមហ៊ុន|ဘာသာ|[讲講说說懂识識会會])$"
)
_NO_PLACE_BEHIND = re.compile(
    r"\s?(?:人(?!民)|语|語|文(?!化)|籍|어(?:권|로|를|\b|$| )|말(?!레)|인(?:\s|$|\d|들|만|이|을|과|도|끼리)|사람|국적|ဘာသာ|စာ|စကား|လူမျိုး|သူဌေး|စပီကာ|币|幣|ドル|ペソ|バーツ|元|盾|铢|銖|刀|弗"
    r"|speak|language|national|rupee|dollar|dolar|baht|peso|tili(?!\w)|tilida|тилида|тили\b|ትምህርት|भाषा|भाषी|भाषाको|ভাষা|زبان|மொழி)"
)
_MARKET_BEHIND = re.compile(
    r"\s?(?:[-/,、和及 ]{0,2})?(?:\(?(?:and|y|e|dan|và) \w+ )?(?:market|customers?|clients?|users?|investors?|male\b|leads?|time\b|numbers?\b|desk\b|side chat|mercado|clientes"
    r"|客户|客戶|客人|市场|市場|盘|盤|单\b|股民|顧客|お客様|のお客|向け|손님|고객|시장|유저|분들|clients|pelanggan|klien|pasar\b|pasaran|wateja|рын|клиент|трафик|ग्राहक|मार्केट|গ্রাহক|মার্কেট"
    r"|வாடிக்கையாளர்|கஸ்டமர்|کلائنٹ|کسٹمر|مارکیٹ|mijoz|bozor|ደንበኛ|ገበያ|ပြည်သူ|ဈေးကွက်)"
)
_MARKET_BEFORE = re.compile(
    r"(?:customers? (?:from|in)|clients? (?:from|in)|market[ :]+|target(?:ing)? |mercado de |mercados? |clientes (?:de|do|en|da) |khách(?: hàng)? |thị trường |pelanggan |klien |pasar |pasaran |wateja wa"
    r"|ลูกค้า|ตลาด|ลูกค้าชาว|ລູກຄ້າ|ຕະຫຼາດ|ទីផ្សារ|ភ្ញៀវ|клиент\w* (?:из |в )?|рынок |市场[::]?|針對|针对|面向|السوق |عملاء (?:من )?)\s?(?:the )?$"
)
_JOINED = re.compile(
    r"[\s,،、/|&+·•・;()។၊·]*(?:and|or|dan|atau|at|o|y|e|và|hoặc|na|au|va|и|или|和|与|與|及|และ|กับ|หรือ|ແລະ|ຫຼື|និង|ឬ|နဲ့|နှင့်|और|या|र|ও|আর|اور|و|أو|مع|ወይም|සහ|හෝ)?[\s,،、/&+]*"
)
_LONGEST_JOINT = 8

_HOME = {
    "am": "ET", "ar": "MA EG TN DZ JO IQ SY", "bn": "BD IN", "es": "MX PE CO AR BO EC GT DO SV UY CL VE", "hi": "IN", "id": "ID", "ja": "JP",
    "km": "KH", "ko": "KR", "lo": "LA", "ms": "MY", "my": "MM", "ne": "NP", "pt": "BR PT", "ru": "RU KZ KG UZ TJ BY", "si": "LK", "sw": "KE TZ UG",
    "ta": "IN LK", "th": "TH", "tl": "PH", "ur": "PK IN", "uz": "UZ", "vi": "VN", "zh-hans": "CN", "zh-latn": "CN", "zh-hant": "TW HK", "zh": "CN TW HK",
}  # fmt: skip
"""The countries that posts in a language usually recruit from."""


def _compiled(rules: Sequence[tuple[Part, str]], end: str) -> tuple[tuple[Part, re.Pattern[str]], ...]:
    return tuple((part, re.compile(pattern + end)) for part, pattern in rules)


_CUES_BEFORE = _compiled(_BEFORE, r"['\"“‘«(]?$")
_CUES_BEHIND = _compiled(_BEHIND, "")


@dataclass(frozen=True, slots=True)
class _Mention:
    """A name, with the part that the words around it give it, or nothing where they are silent."""

    found: Found
    part: Part | None


def find_places(text: NormalisedText, original: str, *, language: str | None = None) -> tuple[Place, ...]:
    """Return the places that a post names, in order, each with its part in the route.

    :param text: The normalised text.
    :param original: The text as it was before.
    :param language: BCP-47 code, if known; tells which country is home.
    """
    reading = folded(text.text)
    mentions = [_Mention(found, _cue(reading, found)) for found in find_names(reading) if _is_place(text.text, reading, found)]
    parts = _settled(_shared(mentions, reading), (language or "").lower())
    return tuple(_place(mention.found, part, text, original) for mention, part in zip(mentions, parts, strict=True))


def _place(found: Found, part: Part, text: NormalisedText, original: str) -> Place:
    start, end = text.original_span(found.start, found.end)
    name = found.name
    return Place(start, end, original[start:end], name.place, name.country, name.kind, part)


def _is_place(text: str, reading: str, found: Found) -> bool:
    """Whether a name stands for the place, not for a people, a language or another word."""
    before, behind = _around(reading, found)
    if _NO_PLACE_BEFORE.search(before) or _NO_PLACE_BEHIND.match(behind):
        return False
    if found.name.needs == "capital":
        return text[found.start].isupper()
    if found.name.needs == "cue":
        return any(pattern.search(before) for _, pattern in _CUES_BEFORE)
    return True


def _around(reading: str, found: Found) -> tuple[str, str]:
    return reading[max(0, found.start - _NEAR) : found.start], reading[found.end : found.end + _NEAR]


def _cue(reading: str, found: Found) -> Part | None:
    before, behind = _around(reading, found)
    if _MARKET_BEFORE.search(before) or _MARKET_BEHIND.match(behind):
        return "unspecified"
    if _ORIGIN_ENDINGS.search(reading[found.end : found.tail]):
        return "origin"
    for part, pattern in _CUES_BEHIND:
        if pattern.match(behind):
            return part
    return next((part for part, pattern in _CUES_BEFORE if pattern.search(before)), None)


def _shared(mentions: Sequence[_Mention], reading: str) -> list[_Mention]:
    """Give the members of a list of places the part that one of them is marked with: the first, or else the last."""
    shared = list(mentions)
    for group in _groups(mentions, reading):
        marked = [mentions[place].part for place in group if mentions[place].part is not None]
        if len(set(marked)) == 1 and len(marked) < len(group):
            for place in group:
                shared[place] = replace(mentions[place], part=marked[0])
    return shared


def _groups(mentions: Sequence[_Mention], reading: str) -> Iterable[list[int]]:
    group: list[int] = []
    for place, mention in enumerate(mentions):
        if group and not _is_joined(reading, mentions[place - 1].found.tail, mention.found.start):
            yield group
            group = []
        group.append(place)
    if group:
        yield group


def _is_joined(reading: str, end: int, start: int) -> bool:
    """Whether nothing but a comma or an "and" stands between two places; with a mere blank they are no list."""
    return start - end <= _LONGEST_JOINT and not reading[end:start].isspace() and _JOINED.fullmatch(reading, end, start) is not None


def _settled(mentions: Sequence[_Mention], language: str) -> list[Part]:
    """Return the part of every mention, with what the others are taken into account."""
    home = _home(language)
    abroad = any(m.part in {None, "destination"} and m.found.name.country not in home for m in mentions)
    parts: list[Part] = []
    for mention in mentions:
        part = mention.part or "destination"
        if abroad and part == "destination" and mention.found.name.country in home:
            # Beside a job abroad a place at home is where people are from, or where they are to come to.
            part = "origin" if mention.part is None and mention.found.name.kind != "country" else "unspecified"
        elif home and abroad and part == "origin" and mention.found.name.country not in home:
            # Those who are brought from a place abroad have come through it.
            part = "transit"
        parts.append(part)
    return parts


def _home(language: str) -> frozenset[str]:
    while language and language not in _HOME:
        language = language.rpartition("-")[0]
    return frozenset(_HOME.get(language, "").split())
