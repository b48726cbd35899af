"""Score files of posts: tables in, tables with verdicts out, in memory that does not grow with them."""

import os
import stat
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack, closing, contextmanager, nullcontext
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO, cast

from detector.columns import Carrier, Choice, choose
from detector.errors import InputError, OutputError
from detector.outputs import Writer, check_suffix, reserved_names, whole_file, writer_for, writing
from detector.records import Post, Verdict
from detector.scoring import Detector
from detector.tables import STANDARD_INPUT, Row, Table, open_table

BATCH_SIZE = 256
_BATCH_CHARACTERS = 4 << 20
"""Characters of text that close a batch: a few texts of megabytes each are not held in memory together."""
_SHOWN_REFUSALS = 5

OnProgress = Callable[[int, int, int | None], None]
"""Is told the rows done, the bytes read, and the bytes in all if they are known."""


@dataclass(frozen=True, slots=True)
class Reading:
    """How inputs are to be read, where that should not be found out.

    :ivar text_columns: Columns that hold the text, joined by line breaks; by default a column with a usual name.
    :ivar id_column: Column that names the posts; by default one with a usual name, or else they are numbered from 1.
    :ivar format: ``csv``, ``jsonl`` or ``parquet``.
    :ivar encoding: Of CSV files.
    :ivar language_column: Column with BCP-47 codes of the posts' languages, empty for none; by default those with a usual name. In
        rows where it holds anything else the language is identified.
    """

    text_columns: Sequence[str] = ()
    id_column: str | None = None
    format: str | None = None
    encoding: str | None = None
    language_column: str | None = None


@dataclass(slots=True)
class Summary:
    """What became of the rows of some files.

    :ivar rows: All of them, also the refused.
    :ivar bands: Rows in each band.
    :ivar languages: Rows in each language.
    :ivar refused: Rows that have an error instead of a score.
    :ivar refusals: The first few of them: file, row from 1, reason.
    :ivar inputs: How each file was read.
    :ivar seconds: Time taken, without loading the model.
    """

    rows: int = 0
    bands: Counter[str] = field(default_factory=Counter)
    languages: Counter[str] = field(default_factory=Counter)
    refused: int = 0
    refusals: list[tuple[str, int, str]] = field(default_factory=list)
    inputs: list[str] = field(default_factory=list)
    seconds: float = 0.0

    @property
    def rows_per_second(self) -> float:
        """Rows in a second, on average."""
        return self.rows / self.seconds if self.seconds else 0.0

    def count(self, source: str, number: int, verdict: Verdict) -> None:
        """Add one row."""
        self.rows += 1
        if verdict.error is not None:
            self.refused += 1
            if len(self.refusals) < _SHOWN_REFUSALS:
                self.refusals.append((source, number, verdict.error))
            return
        self.bands[str(verdict.band)] += 1
        self.languages[str(verdict.language)] += 1


@dataclass(frozen=True, slots=True)
class _Source:
    """An input, and what is to be made of its columns.

    :ivar held: The open table, if it cannot be opened again when its turn comes.
    """

    path: Path | str
    name: str
    size: int | None
    choice: Choice
    carrier: Carrier
    held: Table | None


def score_files(
    detector: Detector,
    inputs: Sequence[Path | str],
    output: Path | str | BinaryIO,
    *,
    reading: Reading | None = None,
    batch_size: int = BATCH_SIZE,
    on_progress: OnProgress | None = None,
) -> Summary:
    """Score every post of some files, and write each record with its verdict.

    A record that cannot be read or scored has ``error`` set in its row of the output; it never stops the others.

    :param inputs: CSV, JSONL or Parquet files, also mixed; ``-`` is standard input.
    :param output: A file whose extension says its format: ``.jsonl``, ``.csv`` or ``.parquet``. It appears under its name
        only when it is whole. Or a binary stream, which gets JSONL.
    :param reading: How to read the inputs, where that should not be found out.
    :param batch_size: Posts read ahead.
    :param on_progress: Called after each batch.
    :raises InputError: if an input cannot be read.
    :raises ColumnError: if it is not clear which column holds the text.
    :raises OutputError: if the output cannot be written, or is one of the inputs.
    """
    if batch_size < 1:
        raise InputError(f"batch_size must be at least 1, got {batch_size}")
    if not inputs:
        raise InputError("expected at least one input, got none")
    labels = detector.bundle.manifest.labels
    path = Path(output) if isinstance(output, str | Path) else None
    suffix = check_suffix(path) if path is not None else ".jsonl"
    check_is_no_input(inputs, path if path is not None else cast(BinaryIO, output))
    started = time.perf_counter()
    name = str(path) if path is not None else "standard output"
    with ExitStack() as opened:
        plan = _Plan(reading or Reading(), reserved_names(labels), whole=suffix != ".jsonl", opened=opened)
        sources = [plan.source(each) for each in inputs]
        stream = opened.enter_context(_target(path, output))
        with writing(name):
            writer = writer_for(suffix, stream, plan.columns, labels)
        job = _Job(detector, writer, name, batch_size, on_progress)
        try:
            job.run(sources, plan.reading)
        except BaseException:
            writer.abandon()
            raise
    job.summary.inputs = plan.descriptions
    job.summary.seconds = time.perf_counter() - started
    return job.summary


class _Plan:
    """Looks at all inputs before the first is scored: a missing file or column shows at once, not after hours.

    :param whole: Whether the output needs to know all columns beforehand.
    :param opened: Closes the inputs that can be opened only once.
    :ivar columns: The columns of all inputs under their names in the output, with types that hold the values of all.
    """

    def __init__(self, reading: Reading, reserved: frozenset[str], *, whole: bool, opened: ExitStack) -> None:
        self.reading = reading
        self.columns: dict[str, object] = {}
        self.descriptions: list[str] = []
        self._reserved = reserved
        self._whole = whole
        self._opened = opened

    def source(self, path: Path | str) -> _Source:
        """Find the columns of an input that matter."""
        table = open_table(path, format=self.reading.format, encoding=self.reading.encoding, twice=self._whole)
        # Many files are not held open side by side.
        again = _is_file(path)
        with ExitStack() as closed:
            (closed if again else self._opened).callback(table.close)
            choice = self._choice(table)
            carrier = Carrier(table.columns, self._reserved, choice.id)
            if self._whole:
                self._add(table.all_columns(), carrier)
        self.descriptions.append(_described(table, choice))
        return _Source(path, table.name, table.size, choice, carrier, None if again else table)

    def _choice(self, table: Table) -> Choice:
        if not table.columns:
            # A file of nothing, or JSONL without a single object: every row is refused anyway.
            return Choice(("text",))
        return choose(
            table.name,
            table.columns,
            text_columns=self.reading.text_columns,
            id_column=self.reading.id_column,
            language_column=self.reading.language_column,
        )

    def _add(self, columns: Mapping[str, object], carrier: Carrier) -> None:
        for column, kind in columns.items():
            name = carrier.name(column)
            self.columns[name] = kind if self.columns.get(name, kind) == kind else str


class _Job:
    """One run over some sources."""

    def __init__(self, detector: Detector, writer: Writer, name: str, batch_size: int, on_progress: OnProgress | None) -> None:
        self.summary = Summary()
        self._detector = detector
        self._writer = writer
        self._name = name
        self._batch_size = batch_size
        self._on_progress = on_progress

    def run(self, sources: Sequence[_Source], reading: Reading) -> None:
        """Score all rows of all sources."""
        sizes = [source.size for source in sources]
        total = None if None in sizes else sum(size or 0 for size in sizes)
        before = 0
        for source in sources:
            with _opened(source, reading) as table:
                for batch in _batches(table, source.choice, self._batch_size):
                    self._score(source, table, batch)
                    if self._on_progress is not None:
                        self._on_progress(self.summary.rows, before + batch[-1][0].position, total)
            before += source.size or 0
        with writing(self._name):
            self._writer.finish()

    def _score(self, source: _Source, table: Table, batch: list[tuple[Row, object]]) -> None:
        start = self.summary.rows
        items = [self._item(table, source.choice, row, text, start + place) for place, (row, text) in enumerate(batch, 1)]
        posts = [item for item in items if isinstance(item, Post)]
        scored = self._detector.stream(posts, batch_size=self._batch_size)
        for (row, _), item in zip(batch, items, strict=True):
            verdict = item if isinstance(item, Verdict) else next(scored)
            with writing(self._name):
                self._writer.write(source.carrier.carry(row.fields), verdict)
            self.summary.count(source.name, row.number, verdict)
        with writing(self._name):
            self._writer.flush()

    def _item(self, table: Table, choice: Choice, row: Row, text: object, number: int) -> Post | Verdict:
        """Return what is to be scored, or the verdict on what cannot be."""
        identity = choice.id_of(row.fields, number)
        error = row.error
        if error is None and text is None:
            error = f"expected a text in {_quoted(choice.text)}, got nothing"
        elif error is None and isinstance(text, str):
            error = table.undecoded(text)
        if error is not None:
            return Verdict(identity, model=self._detector.bundle.identity, error=error)
        # Of a wrong type perhaps: the detector says so in the verdict.
        return Post(cast(str, text), identity, choice.language_of(row.fields))


@contextmanager
def _opened(source: _Source, reading: Reading) -> Iterator[Table]:
    if source.held is not None:
        yield source.held
        return
    with closing(open_table(source.path, format=reading.format, encoding=reading.encoding)) as table:
        yield table


def _is_file(path: Path | str) -> bool:
    return str(path) != STANDARD_INPUT and Path(path).is_file()


def _batches(table: Table, choice: Choice, batch_size: int) -> Iterator[list[tuple[Row, object]]]:
    """Yield rows with their texts, few enough to be held in memory together."""
    batch: list[tuple[Row, object]] = []
    characters = 0
    for row in table.rows():
        batch.append((row, choice.text_of(row.fields)))
        characters += sum(len(value) for value in row.fields.values() if isinstance(value, str))
        if len(batch) == batch_size or characters > _BATCH_CHARACTERS:
            yield batch
            batch, characters = [], 0
    if batch:
        yield batch


def _described(table: Table, choice: Choice) -> str:
    if not table.columns:
        return f"{table.name}: {table.kind}; no columns"
    identity = repr(choice.id) if choice.id is not None else "the row number"
    hints = f", language in {_quoted(choice.language, ' or ')}" if choice.language else ""
    return f"{table.name}: {table.kind}; text in {_quoted(choice.text)}, id in {identity}{hints}"


def _quoted(names: Iterable[str], between: str = " + ") -> str:
    return between.join(repr(name) for name in names)


def _target(path: Path | None, output: Path | str | BinaryIO) -> AbstractContextManager[BinaryIO]:
    return whole_file(path) if path is not None else nullcontext(cast(BinaryIO, output))


def check_is_no_input(inputs: Iterable[Path | str], output: Path | BinaryIO) -> None:
    """Refuse to write over what is being read."""
    target = _status(output)
    if target is None or not stat.S_ISREG(target.st_mode):
        return
    for each in inputs:
        source = _status(0 if str(each) == STANDARD_INPUT else Path(each))
        if source is not None and os.path.samestat(source, target):
            raise OutputError(f"{each}: is an input and the output; write to another name")


def _status(file: Path | BinaryIO | int) -> os.stat_result | None:
    """Return what the system says of a file, or nothing if there is no such file."""
    try:
        if isinstance(file, Path | int):
            return os.stat(file)
        return os.fstat(file.fileno())
    except OSError:
        return None
