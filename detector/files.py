"""Score files of posts: tables in, tables with verdicts out, in memory that does not grow with them."""

import os
import stat
import time
from collections.abc import Callable, Iterable, Sequence
from contextlib import AbstractContextManager, ExitStack
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import BinaryIO, cast

from detector.batches import BATCH_SIZE, Batch, batches
from detector.chain import MANIFEST, EvidenceFolder
from detector.checkpoint import Checkpoint, Run, checkpoint_beside, describe_run
from detector.columns import Choice
from detector.engines import Engine, LocalEngine
from detector.errors import InputError, OutputError
from detector.inputs import Plan, Reading, Source, check_lasts, expand
from detector.masked_rows import mask_fields
from detector.masking import mask_contacts, mask_text, mask_verdict
from detector.outputs import Columns, Writer, check_suffix, is_special, reserved_names, whole_file, writer_for, writing
from detector.parts import PartsWriter, whole_folder
from detector.records import Verdict
from detector.refusals import ErrorFile, Refusals, set_aside
from detector.scoring import Detector
from detector.summary import Summary
from detector.tables import STANDARD_INPUT, Row

OnProgress = Callable[[int, int, int | None], None]
"""Is told the rows done, the bytes read, and the bytes in all if they are known."""


def score_files(
    detector: Detector | Engine,
    inputs: Sequence[Path | str],
    output: Path | str | BinaryIO,
    *,
    reading: Reading | None = None,
    batch_size: int = BATCH_SIZE,
    errors: ErrorFile | None = None,
    resume: bool = False,
    parts: int | None = None,
    mask: bool = False,
    evidence: Path | None = None,
    on_progress: OnProgress | None = None,
) -> Summary:
    """Score every post of some files, and write each record with its verdict.

    A record that cannot be read or scored has ``error`` set in its row of the output; it never stops the others. Nor does a file
    that cannot be read, or not to its end, if it is one of several: the summary names it.

    :param detector: What scores the posts: a detector in this process, or another engine.
    :param inputs: CSV, JSONL or Parquet files, folders of them and patterns, also mixed; ``-`` is standard input.
    :param output: A file whose extension says its format: ``.jsonl``, ``.csv`` or ``.parquet``. It appears under its name
        only when it is whole. Or a binary stream, which gets JSONL.
    :param reading: How to read the inputs, where that should not be found out.
    :param batch_size: Posts read ahead.
    :param errors: Where to write what was refused, and why.
    :param resume: Whether to keep what was scored beside the output until that is whole, and to go on from what an earlier run
        kept there. The output is the same to the last byte. See :mod:`detector.checkpoint`.
    :param parts: Rows in each part, if the output is to be a folder of files of the format that its name says.
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
    if path is not None:
        _check_own_names(path, errors, evidence)
    written = path if path is not None else cast(BinaryIO, output)
    for each in files if evidence else ():
        check_lasts(each.path, "can be checked against its hash later")
    check_are_apart([each.path for each in files], [written, *([errors.path] if errors else [])])
    engine = LocalEngine(detector) if isinstance(detector, Detector) else detector
    labels = engine.bundle.manifest.labels
    started, copies_before = time.perf_counter(), engine.copies_found
    with ExitStack() as opened:
        plan = Plan(files, reading or Reading(), reserved_names(labels), whole=suffix != ".jsonl", opened=opened)
        run = partial(describe_run, engine.bundle, engine.runtime, files, plan.reading, mask=mask)
        checkpoint = opened.enter_context(_checkpoint(path, run)) if resume else None
        # The checkpoint is locked: no other process writes under this name.
        token = "progress" if resume else None
        refusals = opened.enter_context(set_aside(errors, token=token))
        with writing(name):
            writer = _writer(opened, path or cast(BinaryIO, output), suffix, plan.columns, labels, parts, token)
        chain = opened.enter_context(EvidenceFolder(evidence, engine.bundle.sha256)) if evidence else None
        summary = Summary(inputs=plan.descriptions, kept=chain.kept if chain else None)
        results = _Results(name, writer, refusals, summary, mask, chain)
        try:
            engine.begin(files, plan.reading)
            _Job(engine, plan, results, checkpoint, batch_size, on_progress).run()
        except BaseException:
            writer.abandon()
            raise
    results.summary.copies = engine.copies_found - copies_before
    results.summary.seconds = time.perf_counter() - started
    return results.summary


def _writer(
    opened: ExitStack,
    output: Path | BinaryIO,
    suffix: str,
    columns: Columns,
    labels: Sequence[str],
    parts: int | None,
    token: str | None,
) -> Writer:
    """Return what writes the output, which is whole when ``opened`` is closed."""
    if parts is not None:
        if parts < 1 or not isinstance(output, Path):
            raise InputError(f"expected the name of a folder and at least 1 row in a part, got {parts}")
        folder = opened.enter_context(whole_folder(output, token=token))
        return PartsWriter(folder, suffix, columns, labels, parts)
    stream = opened.enter_context(whole_file(output, token=token)) if isinstance(output, Path) else output
    return writer_for(suffix, stream, columns, labels)


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
        engine: Engine,
        plan: Plan,
        results: _Results,
        checkpoint: Checkpoint | None,
        batch_size: int,
        on_progress: OnProgress | None,
    ) -> None:
        self._engine = engine
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
        model = self._engine.bundle.identity
        for batch in batches(self._plan, self._batch_size, model=model, on_unread=self._results.unread):
            self._score(batch)
            if self._on_progress is not None:
                self._on_progress(self._results.summary.rows, batch.position, total)
        self._results.finish()

    def _score(self, batch: Batch) -> None:
        for (row, text), verdict in zip(batch.rows, self._verdicts(batch), strict=True):
            self._results.row(batch.source, row, text, verdict)
        self._results.flush()

    def _verdicts(self, batch: Batch) -> list[Verdict]:
        """Return the verdicts on what stands in some rows, those of an earlier run first."""
        if self._checkpoint is None:
            return self._scored(batch)
        known = self._checkpoint.recall(batch.items, self._engine.bundle.identity)
        self._results.summary.resumed += len(known)
        scored = self._scored(batch, len(known))
        if self._results.mask:
            scored = list(map(mask_contacts, scored))
        if scored:
            self._checkpoint.keep(scored)
        return known + scored

    def _scored(self, batch: Batch, known: int = 0) -> list[Verdict]:
        posts = batch.posts(known)
        answers = iter(self._engine.score(posts) if posts else ())
        return [item if isinstance(item, Verdict) else next(answers) for item in batch.items[known:]]


def _checkpoint(path: Path | None, describe: Callable[[], Run]) -> AbstractContextManager[Checkpoint]:
    if path is None or is_special(path):
        raise InputError("expected the name of an output file, beside which a run that can be resumed keeps its progress")
    return checkpoint_beside(path, describe())


def _check_own_names(output: Path, errors: ErrorFile | None, evidence: Path | None) -> None:
    """Refuse what is to be written under the name of the output, or in the folder that the output will be."""
    name = os.path.realpath(output)
    if errors is not None and os.path.realpath(errors.path) == name:
        raise OutputError(f"{output}: is the output and the file of errors; write them to different names")
    if evidence is not None and Path(os.path.realpath(evidence)).is_relative_to(name):
        raise OutputError(f"{output}: is the output, and evidence is to be kept there; keep it in a folder of its own")


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
