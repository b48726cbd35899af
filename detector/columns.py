"""Which columns hold the text, the name and the language of a post, and under which names columns are carried over."""

import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, time

from detector.errors import ColumnError
from detector.language_tags import hinted_tag

TEXT_NAMES = (
    "text", "post_text", "full_text", "body", "content", "message", "post", "post_content", "message_text",
    "内容", "正文", "文本", "內容", "貼文", "ข้อความ", "เนื้อหา", "nội_dung", "teks", "isi", "konten", "pesan",
)  # fmt: skip
"""Names of a column that holds the whole post, in the order they are looked for."""
TITLE_NAMES = ("title", "job_title", "subject", "headline", "标题", "標題", "judul", "tajuk", "tiêu_đề")
DETAIL_NAMES = (
    "description", "job_description", "desc", "details", "caption", "selftext", "comment", "tweet", "描述", "deskripsi", "mô_tả",
)  # fmt: skip
"""Names of a column that is half a post where there is a title beside it."""
ID_NAMES = ("id", "post_id", "postid", "message_id", "item_id", "ad_id", "job_id", "tweet_id", "uuid", "uid", "_id")
LANGUAGE_NAMES = ("language_code", "lang_code", "lang", "language")
"""Names of a column that may say a post's language; the first that does so in a row is believed."""

_SHOWN = 40
"""Columns that a message lists at most, and characters of each: a file without a header would show its posts."""


@dataclass(frozen=True, slots=True)
class Choice:
    """The columns of one table that matter.

    :ivar text: Columns whose values make the text of the post, joined by line breaks.
    :ivar id: Column that names the post, if there is one.
    :ivar language: Columns that may say in which language the post is.
    """

    text: tuple[str, ...]
    id: str | None = None
    language: tuple[str, ...] = ()

    def text_of(self, fields: Mapping[str, object]) -> object:
        """Return the text of a record; of a wrong type, whatever is there instead."""
        values = [fields.get(name) for name in self.text]
        if len(values) == 1:
            return values[0]
        wrong = [value for value in values if not isinstance(value, str) and value is not None]
        return wrong[0] if wrong else "\n".join(str(value) for value in values if value) or None

    def id_of(self, fields: Mapping[str, object], number: int) -> str | None:
        """Return the name of a record: its cell, or the number of the row where no column names the posts."""
        if self.id is None:
            return str(number)
        value = fields.get(self.id)
        return None if value is None or value == "" else plain(value)

    def language_of(self, fields: Mapping[str, object]) -> str | None:
        """Return the BCP-47 code that a record names its language by; nothing where it names none, or in other words."""
        hints = (hinted_tag(fields.get(name)) for name in self.language)
        return next((hint for hint in hints if hint is not None), None)


def choose(
    name: str,
    columns: Sequence[str],
    *,
    text_columns: Sequence[str] = (),
    id_column: str | None = None,
    language_column: str | None = None,
) -> Choice:
    """Find the columns that hold text, id and language.

    :param name: The table, for messages.
    :param columns: The columns it has.
    :param text_columns: The caller's own choice, instead of looking for a known name.
    :param id_column: The caller's own choice.
    :param language_column: The caller's own choice; an empty one is no column at all.
    :raises ColumnError: if there is no such column; lists those there are.
    """
    known = {_folded(column): column for column in reversed(columns)}

    def named(wanted: str, option: str) -> str:
        return _named(name, wanted, columns, known, option)

    identity = named(id_column, "--id-column") if id_column is not None else next(_present(ID_NAMES, known), None)
    text = tuple(named(each, "--text-column") for each in text_columns) or _found(known)
    if not text:
        raise ColumnError(
            f"{name}: no column is known to hold the text of the posts; name it with --text-column; {_listed(columns)}"
        )
    if language_column is None:
        return Choice(text, identity, tuple(_present(LANGUAGE_NAMES, known)))
    return Choice(text, identity, (named(language_column, "--language-column"),) if language_column else ())


def knows(columns: Iterable[str]) -> bool:
    """Whether one of the columns has a name under which texts are looked for."""
    return bool(_found({_folded(column): column for column in columns}))


class Carrier:
    """Carries the columns of one table over into the output, where the verdict has names of its own.

    A column with such a name becomes ``input_<name>``, but for one called ``id`` that names the posts: it is the verdict's own.

    :param columns: The columns known so far; others are met later.
    :param reserved: Names of the parts of the verdict.
    :param identity: The column that names the posts.
    """

    def __init__(self, columns: Iterable[str], reserved: frozenset[str], identity: str | None) -> None:
        self._names = {"id": "id"} if identity == "id" else {}
        self._taken = set(reserved)
        for column in sorted(columns, key=reserved.__contains__):
            self.name(column)

    def name(self, column: str) -> str:
        """Return the name of a column in the output, always the same one."""
        known = self._names.get(column)
        if known is not None:
            return known
        name = column
        while name in self._taken:
            name = f"input_{name}"
        self._taken.add(name)
        self._names[column] = name
        return name

    def carry(self, fields: Mapping[str, object]) -> dict[str, object]:
        """Return the cells of a record under the names that they have in the output."""
        return {self.name(column): value for column, value in fields.items()}


def plain(value: object) -> str:
    """Return a value as text: itself, or as JSON where it is a list or an object."""
    if isinstance(value, str):
        return value
    if isinstance(value, list | dict | bool):
        return json.dumps(value, ensure_ascii=False, default=plain)
    if isinstance(value, bytes):
        return value.decode("utf-8", "surrogateescape")
    if isinstance(value, date | time):
        return value.isoformat()
    return str(value)


def _found(known: Mapping[str, str]) -> tuple[str, ...]:
    whole = next(_present(TEXT_NAMES, known), None)
    if whole is not None:
        return (whole,)
    parts = (next(_present(names, known), None) for names in (TITLE_NAMES, DETAIL_NAMES))
    return tuple(part for part in parts if part is not None)


def _present(names: Iterable[str], known: Mapping[str, str]) -> Iterator[str]:
    """Yield the columns that have one of the names, in the order of the names."""
    return (known[name] for name in names if name in known)


def _named(name: str, wanted: str, columns: Sequence[str], known: Mapping[str, str], option: str) -> str:
    if wanted in columns:
        return wanted
    if _folded(wanted) in known:
        return known[_folded(wanted)]
    raise ColumnError(f"{name}: no column {wanted!r}, asked for with {option}; {_listed(columns)}")


def _folded(column: str) -> str:
    return re.sub(r"[\s_-]+", "_", column.strip().casefold())


def _listed(columns: Sequence[str]) -> str:
    if not columns:
        return "it has no columns at all"
    shown = [repr(c if len(c) <= _SHOWN else c[: _SHOWN - 1] + "…") for c in columns[:_SHOWN]]
    more = f" and {len(columns) - _SHOWN} more" if len(columns) > _SHOWN else ""
    return f"the columns are {', '.join(shown)}{more}"
