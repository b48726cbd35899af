"""Readers' answers to the posts of a queue: the sheet of ``scam-detector review`` filled in, or Label Studio's JSON export.

Source: https://labelstud.io/guide/export for the export, https://labelstud.io/tags/labels for the marked words.
"""

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from detector.errors import ColumnError, InputError
from detector.records import ABSENCES, INDICATORS, LABELS
from detector.review.label_studio import ABSENT, COMMENT, EVIDENCE, LABEL, NO_INDICATORS, TEXT
from detector.review.sheet import ANSWERS
from detector.tables import Row, open_table, reading

_SHOWN = 40
"""Characters of a reader's word that a message shows: a sheet whose cells have slipped would show its posts."""


@dataclass(frozen=True, slots=True)
class Mark:
    """Words that show an indicator.

    :ivar words: As they stand in the text that was shown; empty for something that is missing from it.
    :ivar start: Where in that text, if the reader marked them there.
    """

    indicator: str
    words: str
    start: int | None = None


@dataclass(frozen=True, slots=True)
class Answer:
    """What a reader holds of one post.

    :ivar place: Where the answer stands, as messages name it.
    :ivar text: As shown: contacts may be hidden, and a spreadsheet may have changed it.
    :ivar origin: Where the post comes from: what stands in the columns or keys ``id file row model why stands_for``.
    :ivar marks: Indicators; ``None`` where the reader did not look for them.
    :ivar reader: Nothing where the file does not say.
    :ivar date: Of the answer, as ISO 8601, if the file says.
    """

    file: str
    place: str
    sha256: str
    text: str
    language: str
    origin: Mapping[str, str]
    label: str
    marks: tuple[Mark, ...] | None
    comment: str
    reader: str
    date: str = ""


@dataclass(frozen=True, slots=True)
class Fault:
    """An answer that cannot be used, and why, without the text of the post."""

    file: str
    place: str
    reason: str

    def __str__(self) -> str:
        return f"{self.file}, {self.place}: {self.reason}"


class _WrongError(ValueError):
    """Says what is wrong with an answer."""


_ORIGIN = ("id", "file", "row", "model", "why", "stands_for")


def read_answers(path: Path) -> Iterator[Answer | Fault | None]:
    """Yield each post's answers in order; nothing for a post that is not answered.

    :raises InputError: if the file cannot be read, or is neither a filled-in sheet nor Label Studio's JSON.
    """
    with reading(str(path)), path.open("rb") as stream:
        head = stream.read(64).removeprefix(b"\xef\xbb\xbf").lstrip()
    yield from _of_tasks(path) if head.startswith(b"[") else _of_sheet(path)


def _of_sheet(path: Path) -> Iterator[Answer | Fault | None]:
    with closing(open_table(path)) as table:
        if missing := [name for name in (TEXT, "sha256", LABEL) if name not in table.columns]:
            raise ColumnError(f"{path}: no column {missing[0]!r}; expected a sheet of scam-detector review, filled in")
        for row in table.rows():
            place = f"row {row.number}" + (f" (line {row.line})" if row.line else "")
            try:
                yield _of_row(path.name, place, row)
            except _WrongError as wrong:
                yield Fault(path.name, place, str(wrong))


def _of_row(file: str, place: str, row: Row) -> Answer | None:
    if row.error is not None:
        raise _WrongError(row.error)
    cells = {name: str(value or "").strip() for name, value in row.fields.items()}
    given = {name: cells.get(name, "") for name in ANSWERS}
    if not given["label"]:
        return None
    return Answer(
        file=file,
        place=place,
        sha256=_sha256(cells["sha256"]),
        text=str(row.fields[TEXT] or ""),
        language=cells.get("language", ""),
        origin={name: cells.get(name, "") for name in _ORIGIN},
        label=_label(given["label"]),
        marks=_written_marks(given["indicators"], given["quotes"]),
        comment=given["comment"],
        reader=given["reader"],
    )


def _sha256(value: object) -> str:
    found = str(value or "").strip().lower()
    if not re.fullmatch(r"[0-9a-f]{64}", found):
        raise _WrongError("expected the post's SHA-256 as the queue had it, so that the answer can be joined with the post")
    return found


def _label(written: str) -> str:
    label = re.sub(r"[\s-]+", "_", written.strip().lower())
    if label not in LABELS:
        raise _WrongError(f"expected a label out of {', '.join(LABELS)}, got {_short(written)}")
    return label


def _indicator(written: str) -> str:
    code = re.sub(r"[\s-]+", "_", written.strip().lower())
    if code not in INDICATORS:
        raise _WrongError(f"unknown indicator {_short(written)}")
    return code


def _short(word: str) -> str:
    return repr(word if len(word) <= _SHOWN else word[: _SHOWN - 1] + "…")


def _written_marks(indicators: str, quotes: str) -> tuple[Mark, ...] | None:
    """Return the marks of a sheet: codes with ``;`` between, and the words for each in the same order with ``|`` between."""
    codes = [code for code in re.split(r"[;,\n]", indicators) if code.strip()]
    words = [words.strip() for words in quotes.split("|")] if quotes else []
    if not codes and not words:
        return None
    if [code.strip().lower() for code in codes] == [NO_INDICATORS] and not words:
        return ()
    known = [_indicator(code) for code in codes]
    if len(words) != len(known):
        # Words are left out where there are none to show.
        shown = iter(words)
        absent = sum(code in ABSENCES for code in known)
        if len(words) != len(known) - absent:
            raise _WrongError(f"expected {len(known) - absent} quotes with '|' between, one for each indicator, got {len(words)}")
        words = ["" if code in ABSENCES else next(shown) for code in known]
    return tuple(Mark(code, word) for code, word in zip(known, words, strict=True))


def _of_tasks(path: Path) -> Iterator[Answer | Fault | None]:
    try:
        with reading(str(path)):
            tasks = json.loads(path.read_text("utf-8-sig"))
    except ValueError as error:
        raise InputError(f"{path}: expected Label Studio's JSON export, got broken JSON") from error
    for number, task in enumerate(tasks, 1):
        place = f"task {number}"
        if not isinstance(task, dict) or not isinstance(task.get("data"), dict) or not isinstance(task.get("annotations"), list):
            yield Fault(path.name, place, "expected data and annotations; export as JSON, not as JSON-MIN")
            continue
        given = [each for each in task["annotations"] if isinstance(each, dict) and not each.get("was_cancelled")]
        if not given:
            yield None
        for each in given:
            try:
                yield _of_annotation(path.name, place, task, each)
            except _WrongError as wrong:
                yield Fault(path.name, place, str(wrong))


def _of_annotation(file: str, place: str, task: Mapping[str, Any], given: Mapping[str, Any]) -> Answer | None:
    data, meta = task["data"], task.get("meta") or {}
    result = [each for each in given.get("result") or () if isinstance(each, dict) and isinstance(each.get("value"), dict)]
    label = _chosen(result, LABEL)
    if not label:
        return None
    text = data.get(TEXT)
    if not isinstance(text, str):
        raise _WrongError("expected the text of the post in data")
    return Answer(
        file=file,
        place=place,
        sha256=_sha256(data.get("sha256")),
        text=text,
        language=str(data.get("language") or ""),
        origin={name: str(meta.get(name, data.get(name, ""))) for name in _ORIGIN},
        label=_label(label[0]),
        marks=_marked(result, text),
        comment=" ".join(_strings(result, COMMENT, "text")).strip(),
        reader=_reader(given.get("completed_by")),
        date=str(given.get("updated_at") or given.get("created_at") or "")[:10],
    )


def _reader(value: object) -> str:
    """Return a reader's number in Label Studio: names and addresses, which some exports have, are not needed."""
    number = value.get("id") if isinstance(value, dict) else value
    return "" if number is None else f"ls-{number}"


def _chosen(result: Sequence[Mapping[str, Any]], part: str) -> list[str]:
    return _strings(result, part, "choices")


def _strings(result: Sequence[Mapping[str, Any]], part: str, key: str) -> list[str]:
    found = (each["value"].get(key) for each in result if each.get("from_name") == part)
    return [str(value) for values in found for value in (values if isinstance(values, list) else [values]) if value]


def _marked(result: Sequence[Mapping[str, Any]], text: str) -> tuple[Mark, ...] | None:
    absent = _chosen(result, ABSENT)
    marks = [Mark(_indicator(code), "") for code in absent if code != NO_INDICATORS]
    for value in (each["value"] for each in result if each.get("from_name") == EVIDENCE):
        start, words = _marked_words(value, text)
        marks += [Mark(_indicator(str(code)), words, start) for code in value.get("labels") or ()]
    if marks and NO_INDICATORS in absent:
        raise _WrongError(f"expected indicators or {NO_INDICATORS!r}, got both")
    return tuple(marks) if marks or absent else None


def _marked_words(value: Mapping[str, Any], text: str) -> tuple[int, str]:
    """Return where marked words begin, and the words.

    Offsets count code points; those of old versions count UTF-16 units, of which emoji have two. The words beside them tell.

    Source: https://github.com/HumanSignal/label-studio/issues/1347
    """
    start, end, said = value.get("start"), value.get("end"), value.get("text")
    if not isinstance(start, int) or not isinstance(end, int):
        raise _WrongError("expected marked words to have start and end")
    wide = text.encode("utf-16-le", "surrogatepass")
    before, found = (wide[2 * one : 2 * other].decode("utf-16-le", "replace") for one, other in ((0, start), (start, end)))
    for first, words in ((start, text[start:end]), (len(before), found)):
        if words.strip() and text[first:].startswith(words) and (said is None or _bare(words) == _bare(str(said))):
            inner = words.strip()
            return first + words.index(inner), inner
    raise _WrongError("the marked words do not stand where their offsets say; was the text changed since the queue was made?")


def _bare(words: str) -> str:
    """Return words without blanks, which the export writes in its own way."""
    return re.sub(r"\s+|\\n", "", words)
