"""Score files of posts: tables in, tables with verdicts out, in memory that does not grow with them."""

import os
import stat
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager, ExitStack, nullcontext
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import BinaryIO, cast

from detector.chain import MANIFEST, EvidenceFolder
from detector.checkpoint import Checkpoint, Run, checkpoint_beside, describe_run
from detector.columns import Choice
from detector.errors import InputError, OutputError
from detector.inputs import Plan, Reading, Source, check_lasts, expand, quoted
from detector.masked_rows import mask_fields
from detector.masking import mask_contacts, mask_text, mask_verdict
from detector.outputs import Writer, check_suffix, is_special, reserved_names, whole_file, writer_for, writing
from detector.records import Post, Verdict
from detector.refusals import ErrorFile, Refusals, set_aside
from detector.scoring import Detector
from detector.summary import Summary
from detector.tables import STANDARD_INPUT, Row, Table

BATCH_SIZE = 256
_BATCH_CHARACTERS = 4 << 20
"""Characters of text that close a batch: a few texts of megabytes each are not held in memory together."""

OnProgress = Callable[[int, int, int | None], None]
"""Is told the rows done, the bytes read, and the bytes in all if they are known."""


def score_files(
    detector: Detector,
    inputs: Sequence[Path | str],
    output: Path | str | BinaryIO,
    *,
    reading: Reading | None = None,
    batch_size: int = BATCH_SIZE,
    errors: ErrorFile | None = None,
    resume: bool = False,
    mask: bool = False,
    evidence: Path | None = None,
    on_progress: OnProgress | None = None,
) -> Summary:
    """Score every post of some files, and write each record with its verdict.

    A record that cannot be read or scored has ``error`` set in its row of the output; it never stops the others. Nor does a file
    that cannot be read, or not to its end, if it is one of several: the summary names it.

    :param inputs: CSV, JSONL or Parquet files, folders of them and patterns, also mixed; ``-`` is standard input.
    :param output: A file whose extension says its format: ``.jsonl``, ``.csv`` or ``.parquet``. It appears under its name
        only when it is whole. Or a binary stream, which gets JSONL.
    :param reading: How to read the inputs, where that should not be found out.
    :param batch_size: Posts read ahead.
    :param errors: Where to write what was refused, and why.
    :param resume: Whether to keep what was scored beside the output until that is whole, and to go on from what an earlier run
        kept there. The output is the same to the last byte. See :mod:`detector.checkpoint`.
    :param mask: Whether contacts and personal numbers are hidden in all that is written but the evidence. See
        :mod:`detector.masking`.
    :param evidence: Folder that keeps the flagged posts as they came. See :mod:`detector.chain`.
    :param on_progress: Called after each batch.
    :raises InputError: if no input can be read, or the kept progress belongs to a run with other inputs, options or another model.
    :raises ColumnError: if it is not clear which column holds the text.
    :raises OutputError: if the output or the evidence cannot be written, or the output is one of the inputs.
    :raises EvidenceError: if the folder of evidence holds a broken chain.
    """
    if batch_size < 1:
        raise InputError(f"batch_size must be at least 1, got {batch_size}")
    if not inputs:
        raise InputError("expected at least one input, got none")
    path = Path(output) if isinstance(output, str | Path) else None
    suffix = check_suffix(path) if path is not None else ".jsonl"
    name = str(path) if path is not None else "standard output"
    own = [path, errors.path if errors else None, evidence / MANIFEST if evidence else None]
    files = expand(inputs, leave_out=[each for each in own if each is not None])
    if errors is not None and path is not None and os.path.realpath(errors.path) == os.path.realpath(path):
        raise OutputError(f"{path}: is the output and the file of errors; write them to different names")
    written = path if path is not None else cast(BinaryIO, output)
    for each in files if evidence else ():
        check_lasts(each.path, "can be checked against its hash later")
    check_are_apart([each.path for each in files], [written, *([errors.path] if errors else [])])
    labels = detector.bundle.manifest.labels
    started, copies_before = time.perf_counter(), detector.copies_found
    with ExitStack() as opened:
        plan = Plan(files, reading or Reading(), reserved_names(labels), whole=suffix != ".jsonl", opened=opened)
        run = partial(describe_run, detector, files, plan.reading, mask=mask)
        checkpoint = opened.enter_context(_checkpoint(path, run)) if resume else None
        # The checkpoint is locked: no other process writes under this name.
        token = "progress" if resume else None
        refusals = opened.enter_context(set_aside(errors, token=token))
        stream = opened.enter_context(nullcontext(cast(BinaryIO, output)) if path is None else whole_file(path, token=token))
        with writing(name):
            writer = writer_for(suffix, stream, plan.columns, labels)
        chain = opened.enter_context(EvidenceFolder(evidence, detector.bundle.sha256)) if evidence else None
        summary = Summary(inputs=plan.descriptions, kept=chain.kept if chain else None)
        results = _Results(name, writer, refusals, summary, mask, chain)
        try:
            _Job(detector, plan, results, checkpoint, batch_size, on_progress).run()
        except BaseException:
            writer.abandon()
            raise
    results.summary.copies = detector.copies_found - copies_before
    results.summary.seconds = time.perf_counter() - started
    return results.summary


@dataclass(frozen=True, slots=True)
class _Results:
    """Where each row ends: in the output, in the summary, and among the refusals if it is one.

    :ivar name: The output as messages name it.
    :ivar mask: Whether contacts are hidden, but for the evidence.
    """

    name: str
    writer: Writer
    refusals: Refusals
    summary: Summary
    mask: bool
    evidence: EvidenceFolder | None

    def row(self, source: Source, row: Row, text: object, verdict: Verdict) -> None:
        """Add one row."""
        if self.evidence is not None:
            self.evidence.take(source.path, row, text, verdict)
        if self.mask:
            row, text, verdict = _masked(source.choice, row, text, verdict)
        with writing(self.name):
            self.writer.write(source.carrier.carry(row.fields), verdict)
        self.summary.count(source.name, row.number, verdict)
        if verdict.error is not None:
            self.refusals.row(source.name, row, verdict.id, verdict.error, text)

    def unread(self, file: str, reason: str) -> None:
        """Add a file that cannot be read, or not to its end."""
        self.summary.unread.append((file, reason))
        self.refusals.file(file, reason)

    def flush(self) -> None:
        """Hand on what can be handed on."""
        if self.evidence is not None:
            self.evidence.flush()
        with writing(self.name):
            self.writer.flush()

    def finish(self) -> None:
        """Write what is still held back."""
        with writing(self.name):
            self.writer.finish()


def _masked(choice: Choice, row: Row, text: object, verdict: Verdict) -> tuple[Row, object, Verdict]:
    """Return a row, its text and its verdict with contacts and personal numbers hidden."""
    kept = {choice.id} if choice.id is not None else set()
    fields = mask_fields(row.fields, text_columns=choice.text, kept=kept, language=verdict.language)
    if isinstance(text, str):
        return replace(row, fields=fields), mask_text(text, verdict.language), mask_verdict(verdict, text)
    return replace(row, fields=fields), choice.text_of(fields), verdict


class _Job:
    """One run over some sources.

    :param checkpoint: Takes the verdicts, and has those of an earlier run; nothing if this run is not to be resumed.
    """

    def __init__(
        self,
        detector: Detector,
        plan: Plan,
        results: _Results,
        checkpoint: Checkpoint | None,
        batch_size: int,
        on_progress: OnProgress | None,
    ) -> None:
        self._detector = detector
        self._plan = plan
        self._results = results
        self._checkpoint = checkpoint
        self._batch_size = batch_size
        self._on_progress = on_progress

    def run(self) -> None:
        """Score all rows of all sources."""
        for file, reason in self._plan.unread:
            self._results.unread(file, reason)
        sizes = [source.size for source in self._plan.sources]
        total = None if None in sizes else sum(size or 0 for size in sizes)
        before = 0
        for source in self._plan.sources:
            for table, batch in self._read(source):
                self._score(source, table, batch)
                if self._on_progress is not None:
                    self._on_progress(self._results.summary.rows, before + batch[-1][0].position, total)
            before += source.size or 0
        self._results.finish()

    def _read(self, source: Source) -> Iterator[tuple[Table, list[tuple[Row, object]]]]:
        """Yield the rows of a source, as far as it can be read."""
        try:
            with source.opened(self._plan.reading) as table:
                for batch in _batches(table, source.choice, self._batch_size):
                    yield table, batch
        except InputError as error:
            if len(self._plan.sources) + len(self._plan.unread) == 1:
                raise
            self._results.unread(source.name, str(error))

    def _score(self, source: Source, table: Table, batch: list[tuple[Row, object]]) -> None:
        start = self._results.summary.rows
        items = [self._item(table, source.choice, row, text, start + place) for place, (row, text) in enumerate(batch, 1)]
        for (row, text), verdict in zip(batch, self._verdicts(items), strict=True):
            self._results.row(source, row, text, verdict)
        self._results.flush()

    def _verdicts(self, items: list[Post | Verdict]) -> list[Verdict]:
        """Return the verdicts on what stands in some rows, those of an earlier run first."""
        if self._checkpoint is None:
            return self._scored(items)
        known = self._checkpoint.recall(items, self._detector.bundle.identity)
        self._results.summary.resumed += len(known)
        scored = self._scored(items[len(known) :])
        if self._results.mask:
            scored = list(map(mask_contacts, scored))
        if scored:
            self._checkpoint.keep(scored)
        return known + scored

    def _scored(self, items: list[Post | Verdict]) -> list[Verdict]:
        scored = self._detector.stream([item for item in items if isinstance(item, Post)], batch_size=self._batch_size)
        return [item if isinstance(item, Verdict) else next(scored) for item in items]

    def _item(self, table: Table, choice: Choice, row: Row, text: object, number: int) -> Post | Verdict:
        """Return what is to be scored, or the verdict on what cannot be."""
        identity = choice.id_of(row.fields, number)
        error = row.error
        if error is None and text is None:
            error = f"expected a text in {quoted(choice.text)}, got nothing"
        elif error is None and isinstance(text, str):
            error = table.undecoded(text)
        if error is not None:
            return Verdict(identity, model=self._detector.bundle.identity, error=error)
        # Of a wrong type perhaps: the detector says so in the verdict.
        return Post(cast(str, text), identity, choice.language_of(row.fields))


def _batches(table: Table, choice: Choice, batch_size: int) -> Iterator[list[tuple[Row, object]]]:
    """Yield rows with their texts, few enough to be held in memory together."""
    batch: list[tuple[Row, object]] = []
    characters = 0
    try:
        for row in table.rows():
            batch.append((row, choice.text_of(row.fields)))
            characters += sum(len(value) for value in row.fields.values() if isinstance(value, str))
            if len(batch) == batch_size or characters > _BATCH_CHARACTERS:
                yield batch
                batch, characters = [], 0
    except InputError:
        # What stands before the damage is scored.
        if batch:
            yield batch
        raise
    if batch:
        yield batch


def _checkpoint(path: Path | None, describe: Callable[[], Run]) -> AbstractContextManager[Checkpoint]:
    if path is None or is_special(path):
        raise InputError("expected the name of an output file, beside which a run that can be resumed keeps its progress")
    return checkpoint_beside(path, describe())


def check_are_apart(inputs: Iterable[Path | str], outputs: Iterable[Path | BinaryIO]) -> None:
    """Refuse to write over what is being read."""
    statuses = [_status(output) for output in outputs]
    written = [status for status in statuses if status is not None and stat.S_ISREG(status.st_mode)]
    if not written:
        return
    for each in inputs:
        source = _status(0 if str(each) == STANDARD_INPUT else Path(each))
        if source is not None and any(os.path.samestat(source, status) for status in written):
            raise OutputError(f"{each}: is an input and the output; write to another name")


def _status(file: Path | BinaryIO | int) -> os.stat_result | None:
    """Return what the system says of a file, or nothing if there is no such file."""
    try:
        if isinstance(file, Path | int):
            return os.stat(file)
        return os.fstat(file.fileno())
    except OSError:
        return None
