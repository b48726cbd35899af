"""Answers of readers as examples to train on: checked, joined with their posts, and kept apart from the corpus.

These are posts that people wrote, with their names and numbers. So they lie in a folder of their own, which git ignores, and never
in ``data/corpus``, whose posts nobody wrote. In ``feedback.jsonl`` each line is a row in the corpus' format, with one key more:
``provenance``, which says where the post and the answers come from.
"""

import json
import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import Any

from detector.campaigns.linking import CONTACT_CAP, link_key
from detector.contacts import find_contacts
from detector.errors import InputError, RecordError
from detector.inputs import files_of
from detector.outputs import json_line, whole_file, writing
from detector.review.candidates import text_sha256
from detector.scored import Refused, read_all_scored
from detector.text import normalise
from training.answers import Answer, Fault, Mark, read_answers
from training.duplicates import NEAR, shingles
from training.examples import CORPUS_KEYS, FEEDBACK, Example, Quote, corpus_example, read_corpus, row_fault

FILE = "feedback.jsonl"
PROVENANCE = "provenance"
_IGNORED = ".gitignore"

Row = dict[str, Any]


@dataclass(slots=True)
class Added:
    """What became of the answers.

    :ivar added: Posts that are new in the folder.
    :ivar known: Answers to posts that it has with the same label.
    :ivar unanswered: Posts without a label.
    :ivar read_twice: Posts that several readers answered.
    :ivar conflicts: Of these, what they differ on; not taken.
    :ivar faults: Answers that were refused.
    :ivar naming: Of the posts added, those that name contacts.
    """

    added: int = 0
    known: int = 0
    unanswered: int = 0
    read_twice: int = 0
    conflicts: list[Fault] = field(default_factory=list)
    faults: list[Fault] = field(default_factory=list)
    naming: int = 0

    def __str__(self) -> str:
        lines = [
            f"added {self.added}, known {self.known}, unanswered {self.unanswered}, "
            f"in conflict {len(self.conflicts)}, refused {len(self.faults)}",
            f"read by several: {self.read_twice}, of which {self.read_twice - len(self.conflicts)} with one label",
            *(f"CONFLICT {each}" for each in self.conflicts),
            *(f"REFUSED {each}" for each in self.faults),
        ]
        if self.naming:
            lines.append(f"{self.naming} of the posts added name contacts of real people: keep the folder to yourself")
        return "\n".join(lines)


def add_answers(
    labelled: Path,
    into: Path,
    *,
    corpus: Path,
    originals: Sequence[Path] = (),
    writer: str | None = None,
    today: date | None = None,
) -> Added:
    """Add the answers of a file to a folder; those that fail a check are named and left out, and no others are lost with them.

    :param labelled: A filled-in sheet of ``scam-detector review``, or Label Studio's JSON export of its tasks.
    :param into: The folder; is made if it is not there.
    :param corpus: Folder of the corpus, of which no post may be a near-duplicate.
    :param originals: Scored files that the queue was made of; needed for posts whose contacts were hidden.
    :param writer: Reader of the answers that name none.
    :param today: Date of the answers that have none.
    :raises InputError: if a file cannot be read, or the folder is one that holds other data.
    :raises OutputError: if the folder cannot be written.
    """
    kept = read_rows(into, corpus=corpus)
    report = Added()
    answers = list(_usable(labelled, report))
    texts = _original_texts(answers, originals)
    given: dict[str, list[tuple[Answer, Row]]] = defaultdict(list)
    for answer in answers:
        try:
            row = _row(answer, texts.get(answer.sha256), writer, today or date.today())
        except _WrongError as wrong:
            report.faults.append(Fault(answer.file, answer.place, str(wrong)))
        else:
            given[answer.sha256].append((answer, row))
    new = list(_agreed(given, {row[PROVENANCE]["sha256"]: row for row in kept}, report))
    new = list(_unlike_the_corpus(new, corpus, report))
    report.added = len(new)
    report.naming = sum(bool(find_contacts(normalise(row["text"]).text, row["language"])) for row in new)
    if new:
        _write(into, [*kept, *new])
    return report


class _WrongError(ValueError):
    """Says what is wrong with an answer."""


def _usable(labelled: Path, report: Added) -> Iterator[Answer]:
    """Yield the answers, and count what is none."""
    for answer in read_answers(labelled):
        if answer is None:
            report.unanswered += 1
        elif isinstance(answer, Fault):
            report.faults.append(answer)
        else:
            yield answer


def _original_texts(answers: Iterable[Answer], originals: Sequence[Path]) -> dict[str, str]:
    """Return the original of each post, by its hash, as far as it can be had."""
    found = {answer.sha256: text for answer in answers for text in _ways(answer.text) if text_sha256(text) == answer.sha256}
    wanted = {answer.sha256 for answer in answers} - found.keys()
    for post in read_all_scored(files_of(originals)) if wanted and originals else ():
        if not isinstance(post, Refused) and (name := text_sha256(post.text)) in wanted:
            found[name] = post.text
    return found


def _ways(text: str) -> Iterator[str]:
    """Yield what a text may have been before a spreadsheet had it: without the mark before a formula, with other line breaks."""
    for plain in dict.fromkeys((text, text.removeprefix("'"))):
        line_feeds = re.sub(r"\r\n?", "\n", plain)
        yield from dict.fromkeys((plain, line_feeds, line_feeds.replace("\n", "\r\n")))


def _row(answer: Answer, text: str | None, writer: str | None, today: date) -> Row:
    """Return an answer as a row in the corpus' format, with its provenance."""
    if text is None:
        raise _WrongError("its text was masked or changed since it was queued; name the scored file with --original")
    reader = answer.reader or writer
    if not reader:
        raise _WrongError("expected a reader; fill in the column, or name one with --writer")
    name = f"f-{answer.sha256[:16]}"
    row: Row = {
        "id": name,
        "language": answer.language or "und",
        "text": text,
        "label": answer.label,
        # Nobody judged it.
        "hardness": "medium",
        "kind": "scraped post",
        "evidence": [_entry(mark, answer.text, text) for mark in answer.marks or ()],
        "noise": "none",
        "group": name,
        "pair": None,
        "author": reader,
        "why": answer.comment or "a reader's answer",
    }
    if fault := row_fault(row):
        raise _WrongError(fault)
    row[PROVENANCE] = {
        "sha256": answer.sha256,
        **answer.origin,
        "answers": [f"{answer.file}, {answer.place}"],
        "readers": [reader],
        "date": answer.date or today.isoformat(),
        "indicators_read": answer.marks is not None,
    }
    return row


def _entry(mark: Mark, shown: str, original: str) -> dict[str, str]:
    """Return a mark as evidence, with the words of the original where the text that was shown had contacts hidden."""
    words, start = mark.words, mark.start
    if words and len(shown) == len(original) and (start is not None or words not in original):
        start = shown.find(words) if start is None else start
        words = original[start : start + len(words)] if start >= 0 else words
    return {"indicator": mark.indicator, "quote": words}


def _agreed(given: Mapping[str, list[tuple[Answer, Row]]], kept: Mapping[str, Row], report: Added) -> Iterator[Row]:
    """Yield one row for each new post whose readers give it one label."""
    for sha256, answers in given.items():
        rows = [row for _, row in answers]
        known = kept.get(sha256)
        readers = [reader for row in (*([known] if known else []), *rows) for reader in row[PROVENANCE]["readers"]]
        labels = [row["label"] for row in (*([known] if known else []), *rows)]
        report.read_twice += len(set(readers)) > 1 or len(set(labels)) > 1
        if len(set(labels)) > 1:
            first = answers[0][0]
            said = f"{', '.join(dict.fromkeys(readers))} differ: {', '.join(dict.fromkeys(labels))}"
            report.conflicts.append(Fault(first.file, first.place, said))
        elif known is not None:
            report.known += len(rows)
        else:
            yield _joined(rows)


def _joined(rows: Sequence[Row]) -> Row:
    """Return one row with the evidence of all readers."""
    first = dict(rows[0])
    evidence = [(entry["indicator"], entry["quote"]) for row in rows for entry in row["evidence"]]
    first["evidence"] = [{"indicator": code, "quote": quote} for code, quote in dict.fromkeys(evidence)]
    all_of = {key: list(dict.fromkeys(each for row in rows for each in row[PROVENANCE][key])) for key in ("answers", "readers")}
    read = any(row[PROVENANCE]["indicators_read"] for row in rows)
    first[PROVENANCE] = rows[0][PROVENANCE] | all_of | {"indicators_read": read}
    return first


def _unlike_the_corpus(rows: Sequence[Row], corpus: Path, report: Added) -> Iterator[Row]:
    """Yield the rows that are no near-duplicate of a post of the corpus."""
    pieces = [shingles(row["text"]) for row in rows]
    users: dict[str, list[int]] = defaultdict(list)
    for place, own in enumerate(pieces):
        for piece in own:
            users[piece].append(place)
    near: dict[int, tuple[float, str]] = {}
    for example in read_corpus(corpus) if rows else ():
        theirs = shingles(example.text)
        shared: dict[int, int] = defaultdict(int)
        for place in (place for piece in theirs for place in users.get(piece, ())):
            shared[place] += 1
        for place, number in shared.items():
            share = number / (len(pieces[place]) + len(theirs) - number)
            near[place] = max(near.get(place, (0.0, "")), (share, example.id))
    for place, row in enumerate(rows):
        share, name = near.get(place, (0.0, ""))
        if share < NEAR:
            yield row
            continue
        file, _, where = row[PROVENANCE]["answers"][0].partition(", ")
        report.faults.append(Fault(file, where, f"shares {share:.0%} of its wording with {name} of the corpus"))


def read_rows(folder: Path, *, corpus: Path | None = None) -> list[Row]:
    """Return the rows of a folder, none if it is not there.

    :param corpus: Folder of the corpus, which is refused with all that lies in it.
    :raises InputError: if the folder holds other data.
    :raises RecordError: at the first line that does not keep the format.
    """
    if corpus is not None and folder.resolve().is_relative_to(corpus.resolve()):
        raise InputError(f"{folder}: expected a folder outside of the corpus: these are posts of real people")
    path = folder / FILE
    if others := sorted(each.name for each in folder.glob("*.jsonl") if each.name != FILE):
        raise InputError(f"{folder}: expected a folder for answers alone, got {others[0]} in it")
    if not path.exists():
        return []
    with path.open(encoding="utf-8") as lines:
        return [_checked(line, place) for place, line in enumerate(lines)]


def _checked(line: str, place: int) -> Row:
    try:
        row = json.loads(line)
    except ValueError as error:
        raise RecordError(place, f"{FILE}: expected one JSON object a line, {error}") from error
    provenance = row.pop(PROVENANCE, None) if isinstance(row, dict) else None
    fault = row_fault(row)
    if fault is None and (not isinstance(provenance, dict) or not {"sha256", "readers", "indicators_read"} <= provenance.keys()):
        fault = f"expected {PROVENANCE} with sha256, readers and indicators_read"
    if fault is not None:
        raise RecordError(place, f"{FILE}: {fault}")
    return {**row, PROVENANCE: provenance}


def _write(folder: Path, rows: Sequence[Row]) -> None:
    with writing(str(folder)):
        folder.mkdir(parents=True, exist_ok=True)
        # Whatever the name of the folder, and wherever it lies in a repository, its posts stay out of it.
        (folder / _IGNORED).write_text("*\n", "utf-8")
    with whole_file(folder / FILE) as stream, writing(str(folder / FILE)):
        stream.writelines(json_line(row) for row in rows)


def read_feedback(folder: Path) -> list[Example]:
    """Return the posts of a folder as examples; posts that share a contact are one group.

    :raises InputError: if there are none.
    :raises RecordError: at the first line that does not keep the format.
    """
    rows = read_rows(folder)
    if not rows:
        raise InputError(f"{folder}: no {FILE}; run: python -m training corpus add")
    return [_example(row, group) for row, group in zip(rows, _groups(rows), strict=True)]


def _example(row: Row, group: str) -> Example:
    example = corpus_example({key: row[key] for key in CORPUS_KEYS} | {"group": group})
    quotes: tuple[Quote, ...] | None = example.quotes if row[PROVENANCE]["indicators_read"] else None
    # Without its reason: a reader's comment, if there is one, need not say why the post has its label.
    return Example(
        example.id,
        example.text,
        example.language,
        example.labels,
        quotes,
        FEEDBACK,
        group,
        author=example.author,
        kind=example.kind,
    )


def _groups(rows: Sequence[Row]) -> list[str]:
    """Return a name for each row, the same for rows that share a contact, directly or by way of others: that of the first of them.

    Near-duplicates are joined where the posts are split.
    """
    users: dict[str, list[int]] = defaultdict(list)
    for place, row in enumerate(rows):
        contacts = find_contacts(normalise(row["text"]).text, row["language"])
        for key in dict.fromkeys(key for contact in contacts if (key := link_key(contact))):
            users[key].append(place)
    first = list(range(len(rows)))

    def root(place: int) -> int:
        while first[place] != place:
            place = first[place]
        return place

    for places in users.values():
        # One named by more is a helpline or a public page.
        for place in places[1:] if len(places) <= CONTACT_CAP else ():
            low, high = sorted((root(places[0]), root(place)))
            first[high] = low
    return [rows[root(place)]["id"] for place in range(len(rows))]
