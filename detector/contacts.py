"""Handles, phone numbers and links in a post, for linking posts of one poster.

Source: the rules of each messenger for user names (Telegram: 5-32 letters, digits and underscores, a letter first), and
Google's libphonenumber for numbers.
"""

import re

from detector.records import Contact

_PATTERNS: tuple[tuple[str, re.Pattern[str]], ...] = (
    ("telegram", re.compile(r"(?:https?://)?\b(?:t\.me|telegram\.me)/(?:\+|joinchat/)?(\w{4,64})", re.I)),
    ("whatsapp", re.compile(r"\bwa\.me/(?:\+)?(\d{7,15})", re.I)),
    ("line", re.compile(r"\b(?:lin\.ee|line\.me/ti/p)/(~?[\w@.-]{3,40})", re.I)),
    ("line", re.compile(r"(?:\bline|ไลน์|賴)\s{0,2}(?:id|ไอดี|帳號)?\s{0,2}[:：]\s{0,2}(@?[A-Za-z0-9][\w.-]{3,30})", re.I)),
    ("zalo", re.compile(r"\bzalo(?:\.me/|\s{0,2}[:：]?\s{0,2})(\+?\d[\d .]{7,14}\d)", re.I)),
    ("wechat", re.compile(r"(?:\bwechat|\bweixin|微信|\bvx|薇信)(?:号|號|\s{0,2}id)?\s{0,2}[:：]\s{0,2}([A-Za-z][\w-]{5,19})", re.I)),
    ("email", re.compile(r"(?<![\w.+-])([A-Za-z0-9][\w.+-]{0,63}@[A-Za-z0-9-]{1,63}(?:\.[A-Za-z0-9-]{2,63}){1,4})")),
    ("telegram", re.compile(r"(?<![\w.@/])@([A-Za-z]\w{4,31})(?![\w@]|\.\w)", re.ASCII)),
    ("url", re.compile(r"\b((?:https?://|www\.)[^\s<>\"'()（）【】，。]{4,200})", re.I)),
)  # fmt: skip
_DIGITS = re.compile(r"\d(?:[\s().\-–]{0,3}\d){6}")
_REGIONS = {
    "id": ("ID",), "ms": ("MY",), "tl": ("PH",), "th": ("TH",), "vi": ("VN",), "my": ("MM",), "km": ("KH",), "lo": ("LA",),
    "zh-Hans": ("CN", "KH"), "zh-Hant": ("TW", "HK"), "hi": ("IN",), "hi-Latn": ("IN",), "ta": ("IN", "LK"), "bn": ("BD",),
    "ne": ("NP",), "ur": ("PK",), "si": ("LK",), "sw": ("KE", "TZ"), "am": ("ET",), "ar": ("EG", "SA"), "ru": ("RU", "KZ"),
    "uz": ("UZ",), "pt": ("BR",), "es": ("MX", "PE"), "ko": ("KR",), "ja": ("JP",),
}  # fmt: skip
MAX_CONTACTS = 50


def find_contacts(text: str, language: str | None = None) -> tuple[Contact, ...]:
    """Return the contacts in a text, in order of kind, each once, at most :data:`MAX_CONTACTS`.

    :param text: The normalised text of a post.
    :param language: BCP-47 code; says which countries' local phone numbers to look for. Numbers with a country code are always found.
    """
    found: dict[Contact, None] = {}
    for kind, pattern in _PATTERNS:
        for match in pattern.finditer(text):
            found.setdefault(Contact(kind, _written(kind, match[1])))
    for number in _phones(text, _REGIONS.get(language or "", ())):
        found.setdefault(Contact("phone", number))
    return tuple(found)[:MAX_CONTACTS]


def _written(kind: str, value: str) -> str:
    if kind == "telegram":
        return f"@{value}"
    if kind in {"whatsapp", "zalo"}:
        return re.sub(r"[ .]", "", value)
    return value.rstrip(".,;:!?") if kind == "url" else value


def _phones(text: str, regions: tuple[str, ...]) -> list[str]:
    if not _DIGITS.search(text):
        return []
    # Imported here: it costs more than the rest of the module, and most posts hold no number.
    import phonenumbers

    numbers = []
    for region in regions or (None,):
        for match in phonenumbers.PhoneNumberMatcher(text, region):
            form = phonenumbers.PhoneNumberFormat.E164
            numbers.append(phonenumbers.format_number(match.number, form))
    return numbers
