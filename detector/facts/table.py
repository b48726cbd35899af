"""The facts of every flagged post of scored files, beside the columns that the file has: tables in, tables out."""

from collections import Counter
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack, nullcontext
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO, cast

from detector.columns import Choice
from detector.errors import InputError
from detector.facts.finding import find_facts
from detector.facts.records import COLUMNS, UNKNOWN
from detector.facts.writing import Facts, RowWriter, row_writer
from detector.files import check_are_apart
from detector.inputs import Input, Plan, Reading, files_of
from detector.language_tags import hinted_tag
from detector.masked_rows import mask_scored
from detector.outputs import check_suffix, whole_file, writing
from detector.scored import FLAGGED
from detector.scoring import find_fault
from detector.tables import Row


@dataclass(slots=True)
class FactsSummary:
    """What became of the rows of scored files.

    :ivar rows: All of them.
    :ivar read: Rows whose post was read for facts.
    :ivar refused: Rows that could not be read; they are written with as much of them as there is.
    :ivar found: Rows that name each of the facts.
    """

    rows: int = 0
    read: int = 0
    refused: int = 0
    found: Counter[str] = field(default_factory=Counter)


def add_facts(
    inputs: Sequence[Path | str],
    output: Path | str | BinaryIO,
    *,
    every: bool = False,
    text_columns: Sequence[str] = (),
    mask: bool = False,
) -> FactsSummary:
    """Write scored files again, one behind the other, with the columns :data:`detector.facts.records.COLUMNS` behind their own.

    A column that has one of these names already becomes ``input_<name>``. Rows that are not read have nothing in the new columns.

    :param inputs: CSV, JSONL or Parquet as ``scam-detector score`` writes it, folders of them and patterns, also mixed; ``-`` is
        standard input.
    :param output: A file ending in ``.jsonl``, ``.csv`` or ``.parquet``, or a binary stream, which gets JSONL.
    :param every: Read every post, not those alone whose ``band`` is in :data:`~detector.scored.FLAGGED`.
    :param text_columns: Columns that hold the text; by default one with a usual name.
    :param mask: Whether contacts and personal numbers are hidden. See :mod:`detector.masking`.
    :raises InputError: if an input cannot be read, or has no column ``band`` that tells which posts are flagged.
    :raises ColumnError: if it is not clear which column holds the text.
    :raises OutputError: if the output cannot be written, or is one of the inputs.
    """
    path = Path(output) if isinstance(output, str | Path) else None
    suffix = check_suffix(path) if path is not None else ".jsonl"
    files = files_of(inputs, leave_out=[path] if path is not None else [])
    check_are_apart(files, [path if path is not None else cast(BinaryIO, output)])
    with ExitStack() as opened:
        plan = _plan(files, Reading(text_columns), whole=suffix != ".jsonl", every=every, opened=opened)
        with _target(path, output) as stream, writing(str(path) if path is not None else "standard output"):
            writer = row_writer(suffix, stream, plan.columns)
            reader = _Reader(writer, every=every, mask=mask)
            try:
                reader.copy(plan)
            except BaseException:
                writer.abandon()
                raise
    return reader.summary


def _plan(files: Sequence[Path | str], reading: Reading, *, whole: bool, every: bool, opened: ExitStack) -> Plan:
    """Look at all files before the first row is written."""
    plan = Plan([Input(path) for path in files], reading, frozenset(COLUMNS), whole=whole, opened=opened)
    for _, fault in plan.unread:
        raise InputError(fault)
    for source in plan.sources:
        if not every and source.columns and "band" not in source.columns:
            raise InputError(
                f"{source.name}: expected a scored file with a column 'band', got none; score it first, or read every row with "
                "--all"
            )
    return plan


class _Reader:
    """Reads the rows of tables, and finds the facts of those that are flagged."""

    def __init__(self, writer: RowWriter, *, every: bool, mask: bool) -> None:
        self.summary = FactsSummary()
        self._writer = writer
        self._every = every
        self._mask = mask

    def copy(self, plan: Plan) -> None:
        """Write every row, with its facts behind it."""
        for source in plan.sources:
            with source.opened(plan.reading) as table:
                for row in table.rows():
                    facts = self._facts(row, source.choice)
                    self._count(row, facts)
                    fields, facts = _masked(row.fields, facts, source.choice) if self._mask else (row.fields, facts)
                    self._writer.write(source.carrier.carry(fields), facts)
        self._writer.finish()

    def _facts(self, row: Row, choice: Choice) -> Mapping[str, object] | None:
        if row.error is not None or not (self._every or row.fields.get("band") in FLAGGED):
            return None
        text = choice.text_of(row.fields)
        if not isinstance(text, str) or find_fault(text) is not None:
            return None
        return find_facts(text, language=hinted_tag(row.fields.get("language"))).to_dict()

    def _count(self, row: Row, facts: Mapping[str, object] | None) -> None:
        self.summary.rows += 1
        self.summary.refused += row.error is not None
        if facts is None:
            return
        self.summary.read += 1
        pay = cast(Mapping[str, object], facts["pay"])
        self.summary.found.update(
            name for name in COLUMNS if facts[name] not in ([], UNKNOWN) and not (name == "pay" and pay["low"] is None)
        )


def _masked(fields: Mapping[str, object], facts: Facts, choice: Choice) -> tuple[Mapping[str, object], Facts]:
    kept = () if choice.id is None else (choice.id,)
    fields = mask_scored(fields, text_columns=choice.text, kept=kept)
    return fields, None if facts is None else _hidden(facts, str(choice.text_of(fields)))


def _hidden(facts: Mapping[str, object], masked: str) -> dict[str, object]:
    """Return facts with the words of the masked text."""

    def shown(part: Mapping[str, object]) -> dict[str, object]:
        start, end = cast(tuple[int, int], (part["start"], part["end"]))
        return {**part, "text": masked[start:end]}

    places, pay = cast(list[Mapping[str, object]], facts["places"]), cast(Mapping[str, object], facts["pay"])
    return {**facts, "places": list(map(shown, places)), "pay": pay if pay["text"] is None else shown(pay)}


def _target(path: Path | None, output: Path | str | BinaryIO) -> AbstractContextManager[BinaryIO]:
    return whole_file(path) if path is not None else nullcontext(cast(BinaryIO, output))
