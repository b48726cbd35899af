"""Handles, phone numbers and links in a post, for linking posts of one poster.

Source: the rules of each messenger for user names (Telegram: 5-32 letters, digits and underscores, a letter first), and
Google's libphonenumber for numbers.
"""

import re
from collections.abc import Iterator
from itertools import chain, islice

from detector.records import Contact
from detector.spelled_out import spell_plainly

MAX_CONTACTS = 50

Place = tuple[int, int, Contact]
"""Start and end of a contact's value in the text that was searched, in characters, and the contact."""

_LINKS = (
    ("telegram", re.compile(r"\b(?:t\.me|telegram\.me)/(?:s/)?(\+[\w-]{8,64}|joinchat/[\w-]{8,64}|\w{4,32})", re.I | re.A)),
    ("whatsapp", re.compile(r"\b(?:wa\.me/|whatsapp\.com/send/?\?phone=)(?:\+|%2B)?(\d{7,15})", re.I | re.A)),
    ("whatsapp", re.compile(r"\b((?:chat\.whatsapp\.com/(?:invite/)?|wa\.me/(?:message|qr)/|wa\.link/|whatsapp\.com/channel/)\w{6,64})", re.I | re.A)),
    ("line", re.compile(r"\b(?:lin\.ee|line\.me/(?:R/)?ti/p)/(~?@?[\w.-]{3,40})", re.I | re.A)),
    ("zalo", re.compile(r"\bzalo\.me/(?:g/)?(\w{5,40})", re.I | re.A)),
    ("zalo", re.compile(r"\b(?:za ?lo|zl)\b[^\n\d@+]{0,20}(\+?\d(?:[ .-]?\d){7,13})(?!\d)", re.I | re.A)),
    ("kakaotalk", re.compile(r"\b(open\.kakao\.com/(?:o|me)/\w{3,40}|(?:qr|pf)\.kakao(?:talk)?\.com/(?:talk/)?\w{3,64})", re.I | re.A)),
    ("viber", re.compile(r"\b(?:viber://(?:chat|add)/?\?number=)(?:\+|%2B)?(\d{7,15})", re.I | re.A)),
    ("viber", re.compile(r"\b(invite\.viber\.com/\?g=[\w%-]{6,64}|viber\.me/\w{3,40})", re.I | re.A)),
    ("wechat", re.compile(r"\bweixin://dl/chat\?([\w-]{5,40})", re.I | re.A)),
    ("facebook", re.compile(r"\b(?:facebook\.com|fb\.(?:com|me))/(?:profile\.php\?(?:[\w=]{1,40}&)?id=)(\d{5,20})", re.I | re.A)),
    ("facebook", re.compile(r"\b(?:facebook\.com|fb\.com)/((?:groups|people|pages|share)/[\w.%/-]{3,80})", re.I | re.A)),
    ("facebook", re.compile(r"\b(?:facebook\.com/|(?<![\w.])fb(?:\.com|\.me)?/|(?<![\w.])m\.me/)(?!(?:profile\.php|groups|people|pages|share|login|watch|hashtag|marketplace|events|photo|story|permalink|sharer|help|policies|privacy|plugins|reel|dialog|j)\b)([\w.]{3,60})", re.I | re.A)),
    ("email", re.compile(r"(?<![\w.+@/-])([a-z0-9][\w.+-]{0,63}@[a-z0-9-]{1,63}(?:\.[a-z0-9-]{2,63}){1,4})(?![\w@])", re.I | re.A)),
)  # fmt: skip
_URL = re.compile(
    r"(?<![\w@.+-])((?:https?://|www\.)[!-~]{4,200}"
    r"|(?:[a-z0-9][a-z0-9-]{1,62}\.){1,4}(?:com|info|link|online|org|shop|site|top|vip|xyz)(?:\.[a-z]{2})?(?:/[!-~]{1,200}|(?![\w@.-]))"
    r"|(?:[a-z0-9][a-z0-9-]{1,62}\.){1,4}(?:app|cc|club|co|gl|gle|io|ly|me|net)/[!-~]{4,200})",
    re.I | re.A,
)  # fmt: skip
_MESSENGER_URL = re.compile(
    r"(?:https?://)?(?:[a-z-]+\.)?(?:t\.me|telegram\.me|wa\.me|wa\.link|whatsapp\.com|lin\.ee|line\.me|zalo\.me|kakao(?:talk)?\.com|viber\.(?:com|me)|"
    r"facebook\.com|fb\.(?:com|me)|m\.me)/",
    re.I,
)
_URL_END = ".,;:!?'\"<>()[]{}|*"

_PLATFORM = re.compile(
    # The first letters of all that follow stand in front: most places of a text are passed over by them alone.
    r"(?=[tlwvzkfid飞飛电電เតटтတເ텔テไ賴微薇威徽加+卫ว위в카カ페фဗ抖小])(?:(?P<telegram>\btele ?(?:gram)?\b|\bte\|egram\b|телега|텔레(?:그램)?|テレグラム|\btg\b|[飞飛][机機]|电报|電報|เทเล(?:แกรม)?|តេឡេ(?:ក្រាម)?|टेलीग्राम|телеграмм?|тг|တယ်လီဂရမ်|ເທເລແກຣມ)"
    r"|(?P<line>\bline\b|(?<!ออน)ไ ?ล ?น์|賴)"
    r"|(?P<wechat>\bwe ?chat\b|\bweixin\b|\b[vw]x\b|微 ?信|[薇威徽][^\w\s]?信|[vV][信❤♥]|[加+][vV薇微](?!信)|卫星|วีแชท|위챗|ви ?чат)"
    r"|(?P<kakaotalk>카카오톡?|카톡|\bkakao(?: ?talk)?\b|カカオトーク|カカオ)"
    r"|(?P<facebook>\bfb\b|\bfacebook\b|페이스북|фейсбук|เฟซบุ๊ก|เฟสบุ๊ค|เฟส)"
    r"|(?P<viber>\bviber\b|ဗိုင်ဘာ|вайбер)"
    r"|(?P<zalo>\bza ?lo\b)"
    r"|(?P<handle>\big\b|\binsta(?:gram)?\b|\btik ?tok\b|\btwitter\b|\btweet\b|\bdiscord\b|抖音|小红书))",
    re.I | re.A,
)  # fmt: skip
_REACH = 28
"""Characters between a platform's name and the handle that belongs to it."""
_AT_NAME = re.compile(r"(?<![\w.@/+-])@([a-z]\w*(?:[.-]\w+)*)(?![\w@])", re.I | re.A)
_NAME_BEHIND = re.compile(
    r"(?P<between>[ \t]{0,2}(?u:[^\w\s@.,;:()/|'\"]{1,6}[ \t]{0,2})?(?:(?:user ?name|user|acc|is|아이디)[ \t:]{1,2}){0,2})"
    r"(?P<mark>(?:id|ac|account|ไอดี|아이디|[账帐帳][号號]|同?[号號])?[ \t]{0,2}[:：]?)[ \t]{0,2}(?P<name>[a-z]\w*(?:[.-]\w+)*)(?P<end>[ \t]*(?:$|[\n.,;/|()#，。；（）]))?",
    re.I | re.A,
)  # fmt: skip
_TELEGRAM_NAME = re.compile(r"[a-z]\w{4,31}", re.I | re.A)
_TELLING = re.compile(r".*_|.*\d.{0,40}\w{5}|\w{5}.*\d|.*\.[a-z]{2}", re.I | re.A)
"""What sets a handle apart from a word that follows a messenger's name."""
_NO_NAME = re.compile(
    r".{1,3}|everyone|channel|"
    r"(?:usdt?|rm|myr|sgd|idr|rp|thb|baht|php|inr|rs|npr|bdt|lkr|pkr|vnd|mmk|khr|lak|hkd|twd|ntd?|cny|rmb|aed|sar|kes|ksh|ugx|ngn|etb|uzs|rub|eur)"
    r"\d+(?:\.\d+)?[km]?",
    re.I | re.A,
)  # fmt: skip
"""What stands behind an ``@`` and is no name: a price, a call to the whole group."""

_DIGITS = re.compile(r"\d(?:[\s().\-–]{0,3}\d){6}")
_REGIONS = {
    "id": ("ID",), "ms": ("MY",), "tl": ("PH",), "th": ("TH",), "vi": ("VN",), "my": ("MM",), "km": ("KH",), "lo": ("LA",),
    "zh": ("CN", "KH", "TW", "HK"), "zh-Hans": ("CN", "KH"), "zh-Latn": ("CN", "KH"), "zh-Hant": ("TW", "HK"), "zh-TW": ("TW", "HK"), "zh-HK": ("HK", "TW"),
    "hi": ("IN",), "ta": ("IN", "LK"), "te": ("IN",), "mr": ("IN",), "bn": ("BD", "IN"),
    "ne": ("NP",), "ur": ("PK",), "si": ("LK",), "sw": ("KE", "TZ"), "am": ("ET",), "ar": ("EG", "SA", "AE"), "ru": ("RU", "KZ"),
    "uz": ("UZ",), "kk": ("KZ",), "ky": ("KG",), "pt": ("BR",), "es": ("MX", "PE", "CO"), "ko": ("KR",), "ja": ("JP",),
}  # fmt: skip

_MOST_TRIES = 500
"""Numbers taken, and runs of digits tried in vain, before no more are looked for: a table of figures must not take long."""


def find_contacts(text: str, language: str | None = None) -> tuple[Contact, ...]:
    """Return the contacts in a text, each once, at most :data:`MAX_CONTACTS`: links, handles, numbers.

    :param text: The normalised text of a post.
    :param language: BCP-47 code; says which countries' local phone numbers to look for. Numbers with a country code are always found.
    """
    text = spell_plainly(text)
    found: dict[Contact, None] = {}
    for finder in _finders(text, language):
        for _, _, contact in finder:
            found.setdefault(contact)
            if len(found) == MAX_CONTACTS:
                return tuple(found)
    return tuple(found)


def places_of_contacts(text: str, language: str | None = None) -> Iterator[Place]:
    """Yield every place of a contact in a text, also of one named before; several may share characters.

    :param text: A normalised text that is spelled plainly, see :mod:`detector.spelled_out`.
    :param language: As for :func:`find_contacts`.
    """
    return chain.from_iterable(_finders(text, language))


def _finders(text: str, language: str | None) -> tuple[Iterator[Place], ...]:
    return _links(text), _handles(text), _urls(text), _phones(text, language or "")


def _links(text: str) -> Iterator[Place]:
    for kind, pattern in _LINKS:
        for match in pattern.finditer(text):
            yield *match.span(1), _linked(kind, match[1])


def _linked(kind: str, value: str) -> Contact:
    """Return the contact of a link with its value as it stands there."""
    if kind == "telegram":
        invitation = "+" in value or "/" in value
        return Contact(kind, f"t.me/{value}" if invitation else f"@{value}")
    if kind in {"whatsapp", "viber", "zalo"}:
        return Contact(kind, _number(value, country="84" if kind == "zalo" else ""))
    return Contact(kind, value.rstrip("./") if kind == "facebook" else value)


def _number(written: str, *, country: str) -> str:
    """Return a messenger's number in E.164; what is no number, or a local one without a known country, as it is.

    :param country: Calling code that a leading zero stands for, if there is one.
    """
    digits = re.sub(r"[ .+-]", "", written)
    if not digits.isdecimal() or len(digits) > 15:
        return written
    if not digits.startswith("0"):
        return f"+{digits}"
    return f"+{country}{digits[1:]}" if country else digits


def _urls(text: str) -> Iterator[Place]:
    for match in _URL.finditer(text):
        if not _MESSENGER_URL.match(match[1]):
            yield *match.span(1), Contact("url", match[1].rstrip(_URL_END))


def _handles(text: str) -> Iterator[Place]:
    """Yield names with an ``@``, and those without that stand right behind a messenger's name."""
    for match in _AT_NAME.finditer(text):
        platform = _platform_before(text, match.start())
        if not _NO_NAME.fullmatch(match[1]) and (platform or len(match[1]) > 4):
            yield *match.span(), _handle(platform, match[0])
    for match in _PLATFORM.finditer(text):
        behind = _NAME_BEHIND.match(text, match.end())
        if behind is not None and _is_name(behind):
            yield *behind.span("name"), _handle(match.lastgroup, behind["name"])


def _platform_before(text: str, place: int) -> str | None:
    """Return the kind of the platform that is named last on the same line before a handle."""
    kind = None
    for match in _PLATFORM.finditer(text, max(place - _REACH, text.rfind("\n", 0, place), 0), place):
        kind = match.lastgroup
    return kind


def _handle(kind: str | None, name: str) -> Contact:
    """Write a handle as its platform does; one with an ``@`` that fits Telegram's rules is Telegram's unless another is named."""
    bare = name.removeprefix("@")
    kind = kind or ("telegram" if _TELEGRAM_NAME.fullmatch(bare) else "handle")
    if kind == "line":
        return Contact(kind, name)
    return Contact(kind, f"@{bare}" if kind in {"telegram", "handle"} else bare)


def _is_name(match: re.Match[str]) -> bool:
    name = match["name"]
    if not 5 <= len(name) <= 32:
        return False
    return bool(_TELLING.match(name)) or (bool(match["mark"]) and match["end"] is not None and name.islower())


def _phones(text: str, language: str) -> Iterator[Place]:
    if not _DIGITS.search(text):
        return
    # Imported here: it costs more than the rest of the module, and most posts hold no number.
    import phonenumbers

    taken: set[int] = set()
    for region in _regions(language):
        for match in islice(phonenumbers.PhoneNumberMatcher(text, region, max_tries=_MOST_TRIES), _MOST_TRIES):
            # A number that is one in the first country is not read again as one of the next.
            if taken.isdisjoint(range(match.start, match.end)):
                taken.update(range(match.start, match.end))
                number = phonenumbers.format_number(match.number, phonenumbers.PhoneNumberFormat.E164)
                yield match.start, match.end, Contact("phone", number)


def _regions(language: str) -> tuple[str | None, ...]:
    """Return the countries of a language: of its whole tag, or else of the tag without its last parts (RFC 4647, section 3.4)."""
    while language and language not in _REGIONS:
        language = language.rpartition("-")[0]
    return _REGIONS.get(language, (None,))
