"""Scored posts for the tests of the report: invented ones, some of them made to break a page."""

import json
from pathlib import Path

MODEL = "letters/0.0.1"
TELEGRAM = "@lotus_hr_desk"
PHONE = "+855 12 345 678"
LURE = f"Chat agents for Poipet, 1500 dollars a month, ticket paid. Telegram {TELEGRAM} or {PHONE}"
ARABIC = "مطلوب موظفين للعمل في كمبوديا، الراتب ٧٠٠ دولار والسكن علينا"
ATTACK = (
    "<script>document.title = 'owned'</script></style></blockquote><img src=x onerror=alert(1)> {{ 7 * 7 }} "
    "\x00 \x1b[31m \u202eevil\u202c \u2066isolate\u2069 \ud800 \udc00 end & \"quoted\" 'too' ]]> <!-- "
)


def row(number: int, text: str, **more: object) -> dict[str, object]:
    """Return a row as ``score`` writes it, with the words ``ticket paid`` and the first ten characters as evidence."""
    at = text.find("ticket paid")
    pieces = [{"start": at, "end": at + 11, "text": "ticket paid"}] if at >= 0 else []
    plain: dict[str, object] = {
        "id": f"p{number}",
        "text": text,
        "date": f"2026-03-{1 + number % 28:02}",
        "score": 0.97,
        "label": "scam_compound",
        "band": "high",
        "reason": None,
        "language": "en",
        "note": None,
        "evidence": [{"start": 0, "end": 10, "text": text[:10]}],
        "indicators": [
            {"code": "travel_paid", "score": 0.9, "evidence": pieces},
            {"code": "no_employer_identity", "score": 0.8, "evidence": []},
        ],
        "contacts": [],
        "model": MODEL,
        "error": None,
    }
    return plain | more


def rows(model: str) -> list[dict[str, object]]:
    """Return twelve rows of all kinds: 8 high, 1 review, 1 low, 1 abstained on, 1 refused."""
    contacts = [{"kind": "telegram", "value": TELEGRAM}, {"kind": "phone", "value": "+85512345678"}]
    posts = [
        *(row(number, f"{LURE} {'!' * number}", contacts=contacts) for number in range(5)),
        row(5, ARABIC, language="ar"),
        row(6, ATTACK, language='"><script>1</script>'),
        row(7, f"{'So many words. ' * 200}ticket paid. {'And more of them. ' * 200}", language="de"),
        row(8, "Typist wanted in Dubai, write to the office for the address", band="review", score=0.62, language="id"),
        row(9, "Barista for a quiet cafe by the river, mornings only", band="low", score=0.02, date="", indicators=[], evidence=[]),
        row(10, "ok", band="abstain", reason="too_short", score=0.1, language="und", date="soon", indicators=[], evidence=[]),
        row(11, "", band=None, score=None, error="expected a text, got nothing but blanks"),
    ]
    return [{**post, "model": model} for post in posts]


def write(path: Path, posts: list[dict[str, object]]) -> Path:
    """Write rows as JSON lines; half a surrogate pair stands there as JSON escapes it."""
    path.write_text("".join(json.dumps(post) + "\n" for post in posts), "utf-8")
    return path
