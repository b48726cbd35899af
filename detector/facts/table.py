"""The facts of every flagged post of a scored file, beside the columns that the file has: tables in, tables out."""

from collections import Counter
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager, closing, nullcontext
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO, cast

from detector.columns import Carrier, choose
from detector.errors import InputError
from detector.facts.finding import find_facts
from detector.facts.records import COLUMNS, UNKNOWN
from detector.facts.writing import Facts, RowWriter, row_writer
from detector.files import check_are_apart
from detector.language_tags import hinted_tag
from detector.masked_rows import mask_scored
from detector.outputs import check_suffix, whole_file, writing
from detector.scored import FLAGGED
from detector.scoring import find_fault
from detector.tables import Row, Table, open_table


@dataclass(slots=True)
class FactsSummary:
    """What became of the rows of a scored file.

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
    source: Path | str,
    output: Path | str | BinaryIO,
    *,
    every: bool = False,
    text_columns: Sequence[str] = (),
    mask: bool = False,
) -> FactsSummary:
    """Write a scored file again, with the columns :data:`detector.facts.records.COLUMNS` behind its own.

    A column that has one of these names already becomes ``input_<name>``. Rows that are not read have nothing in the new columns.

    :param source: CSV, JSONL or Parquet as ``scam-detector score`` writes it; ``-`` is standard input.
    :param output: A file ending in ``.jsonl``, ``.csv`` or ``.parquet``, or a binary stream, which gets JSONL.
    :param every: Read every post, not those alone whose ``band`` is in :data:`~detector.scored.FLAGGED`.
    :param text_columns: Columns that hold the text; by default one with a usual name.
    :param mask: Whether contacts and personal numbers are hidden. See :mod:`detector.masking`.
    :raises InputError: if the input cannot be read, or has no column ``band`` that tells which posts are flagged.
    :raises ColumnError: if it is not clear which column holds the text.
    :raises OutputError: if the output cannot be written, or is the input.
    """
    path = Path(output) if isinstance(output, str | Path) else None
    suffix = check_suffix(path) if path is not None else ".jsonl"
    check_are_apart([source], [path if path is not None else cast(BinaryIO, output)])
    with closing(open_table(source, twice=suffix != ".jsonl")) as table:
        reader = _Reader(table, every=every, text_columns=text_columns, mask=mask)
        columns = {} if suffix == ".jsonl" else {reader.carrier.name(name): kind for name, kind in table.all_columns().items()}
        with _target(path, output) as stream, writing(str(path) if path is not None else "standard output"):
            writer = row_writer(suffix, stream, columns)
            try:
                reader.copy(writer)
            except BaseException:
                writer.abandon()
                raise
    return reader.summary


class _Reader:
    """Reads the rows of one table, and finds the facts of those that are flagged."""

    def __init__(self, table: Table, *, every: bool, text_columns: Sequence[str], mask: bool) -> None:
        self.summary = FactsSummary()
        self._table = table
        self._every = every
        self._mask = mask
        self._choice = choose(table.name, table.columns, text_columns=text_columns) if table.columns else None
        if not every and table.columns and "band" not in table.columns:
            raise InputError(
                f"{table.name}: expected a scored file with a column 'band', got none; score it first, or read every row with --all"
            )
        self.carrier = Carrier(table.columns, frozenset(COLUMNS), None)

    def copy(self, writer: RowWriter) -> None:
        """Write every row, with its facts behind it."""
        for row in self._table.rows():
            facts = self._facts(row)
            self._count(row, facts)
            fields, facts = self._masked(row.fields, facts) if self._mask else (row.fields, facts)
            writer.write(self.carrier.carry(fields), facts)
        writer.finish()

    def _facts(self, row: Row) -> Mapping[str, object] | None:
        if self._choice is None or row.error is not None or not (self._every or row.fields.get("band") in FLAGGED):
            return None
        text = self._choice.text_of(row.fields)
        if not isinstance(text, str) or find_fault(text) is not None:
            return None
        return find_facts(text, language=hinted_tag(row.fields.get("language"))).to_dict()

    def _masked(self, fields: Mapping[str, object], facts: Facts) -> tuple[Mapping[str, object], Facts]:
        if self._choice is None:
            return fields, facts
        kept = () if self._choice.id is None else (self._choice.id,)
        fields = mask_scored(fields, text_columns=self._choice.text, kept=kept)
        return fields, None if facts is None else _hidden(facts, str(self._choice.text_of(fields)))

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


def _hidden(facts: Mapping[str, object], masked: str) -> dict[str, object]:
    """Return facts with the words of the masked text."""

    def shown(part: Mapping[str, object]) -> dict[str, object]:
        start, end = cast(tuple[int, int], (part["start"], part["end"]))
        return {**part, "text": masked[start:end]}

    places, pay = cast(list[Mapping[str, object]], facts["places"]), cast(Mapping[str, object], facts["pay"])
    return {**facts, "places": list(map(shown, places)), "pay": pay if pay["text"] is None else shown(pay)}


def _target(path: Path | None, output: Path | str | BinaryIO) -> AbstractContextManager[BinaryIO]:
    return whole_file(path) if path is not None else nullcontext(cast(BinaryIO, output))
