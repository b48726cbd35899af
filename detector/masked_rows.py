"""Rows of tables with contacts and personal numbers hidden in every cell; :mod:`detector.masking` says what that is."""

import math
import re
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import fields as fields_of
from decimal import Decimal

from detector.dates import DATE_NAMES, read_time
from detector.masking import HIDDEN, hide_names, mask_and_name, mask_contact, mask_text, masked_post
from detector.records import Contact, Verdict

_CONTACT_COLUMN = re.compile(
    r"(?:^|_)(?:phones?|tel|telephone|mobile|cell|msisdn|whatsapp|telegram|line_id|we_?chat|weixin|zalo|viber|kakao|facebook|fb"
    r"|e_?mails?|mail|contacts?|user|users|user_?name|screen_name|nick_?name|handle|author|sender|poster|profile|account"
    r"|电话|電話|手机|手機|微信|作者|用户名)(?:$|_)"
)
"""Names of a column that holds contacts, or names of accounts, whatever they look like."""
_VERDICT = frozenset(each.name for each in fields_of(Verdict))


def mask_fields(
    fields: Mapping[str, object], *, text_columns: Sequence[str] = (), kept: Collection[str] = (), language: str | None = None
) -> dict[str, object]:
    """Return the cells of a row with what is to be hidden in each of them.

    Hidden as a whole is what stands in a column for contacts, such as ``phone`` or ``author``. A contact that the text names is
    hidden in every other cell too. A number or bytes that would have to be hidden is left empty: it has no room for a sign. Times
    in columns with a usual name for them stay, also as seconds since 1970.

    :param text_columns: Columns that make the text of the post, joined by line breaks.
    :param kept: Columns that stay as they are, such as the one that names the posts.
    :param language: BCP-47 code of the post, if known.
    """
    written = {name: fields[name] for name in text_columns if isinstance(fields.get(name), str) and fields[name]}
    masked, names = masked_post("\n".join(map(str, written.values())), language)
    cells: dict[str, object] = {}
    start = 0
    for name, value in written.items():
        cells[name] = masked[start : start + len(str(value))]
        start += len(str(value)) + 1
    others = {name: _cell(name, value, names, language, kept) for name, value in fields.items() if name not in cells}
    return {name: cells.get(name, others.get(name)) for name in fields}


def _cell(name: str, value: object, names: Iterable[str], language: str | None, kept: Collection[str]) -> object:
    folded = re.sub(r"[\s_-]+", "_", name.strip().casefold())
    if name in kept or (folded in DATE_NAMES and read_time(value) is not None):
        return value
    if _CONTACT_COLUMN.search(folded):
        return _every_text(value, lambda text: HIDDEN * len(text))
    return _every_text(value, lambda text: hide_names(mask_and_name(text, language)[0], names))


def _every_text(value: object, hide: Callable[[str], str]) -> object:
    """Return a value with each text in it hidden, and nothing for each number that would have to be."""
    if isinstance(value, str):
        return hide(value)
    if isinstance(value, Mapping):
        return {key: _every_text(part, hide) for key, part in value.items()}
    if isinstance(value, list | tuple):
        return [_every_text(part, hide) for part in value]
    if isinstance(value, bytes):
        written = value.decode("utf-8", "surrogateescape")
    elif isinstance(value, int | float | Decimal) and not isinstance(value, bool):
        # Of a fraction only what stands before its point could be a number of somebody.
        written = str(int(value)) if math.isfinite(value) else ""
    else:
        return value
    return value if hide(written) == written else None


def mask_scored(fields: Mapping[str, object], *, text_columns: Sequence[str] = (), kept: Collection[str] = ()) -> dict[str, object]:
    """Return the cells of a row that ``score`` has written with what is to be hidden, the verdict among them masked as a verdict.

    :param text_columns: Columns that make the text of the post.
    :param kept: Columns that stay as they are.
    """
    said = {name for name in fields if name in _VERDICT or name.startswith("score_")} - set(text_columns)
    language = fields.get("language")
    masked = mask_fields(
        fields, text_columns=text_columns, kept={*kept, *said}, language=language if isinstance(language, str) else None
    )
    text, hidden = ("\n".join(str(each[name]) for name in text_columns if each.get(name)) for each in (fields, masked))
    for name, mask in (("contacts", _contacts), ("evidence", _evidence), ("indicators", _indicators)):
        if name in said:
            masked[name] = mask(fields[name], text, hidden)
    return masked


def _contacts(value: object, text: str, hidden: str) -> object:
    """Return the contacts of a verdict: a list of objects, or ``kind:value kind:value`` as CSV has them."""
    if isinstance(value, list):
        contacts = [Contact(str(each.get("kind")), str(each.get("value"))) for each in value if isinstance(each, dict)]
        return [{"kind": each.kind, "value": mask_contact(each).value} for each in contacts]
    pairs = [each.partition(":")[::2] for each in str(value or "").split()]
    return " ".join(f"{kind}:{mask_contact(Contact(kind, found)).value}" for kind, found in pairs)


def _evidence(value: object, text: str, hidden: str) -> object:
    """Return words of a text as they stand in the masked one; CSV has them without their places."""
    if isinstance(value, list):
        return [each | {"text": _piece(each, hidden)} for each in value if isinstance(each, dict)]
    return " | ".join(_quoted(words, text, hidden) for words in str(value or "").split(" | "))


def _indicators(value: object, text: str, hidden: str) -> object:
    """Return indicators with their evidence hidden; CSV has their names alone."""
    if not isinstance(value, list):
        return value
    return [each | {"evidence": _evidence(each.get("evidence") or [], text, hidden)} for each in value if isinstance(each, dict)]


def _piece(piece: Mapping[str, object], hidden: str) -> str:
    start, end = piece.get("start"), piece.get("end")
    return hidden[start:end] if isinstance(start, int) and isinstance(end, int) else ""


def _quoted(words: str, text: str, hidden: str) -> str:
    place = text.find(words)
    return hidden[place : place + len(words)] if place >= 0 else mask_text(words)
