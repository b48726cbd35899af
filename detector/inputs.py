"""Which files are to be scored, and what is to be made of their columns: known before the first row is read."""

import glob
import os
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass
from pathlib import Path

from detector.columns import Carrier, Choice, choose
from detector.errors import ColumnError, InputError
from detector.outputs import is_partial
from detector.tables import STANDARD_INPUT, SUFFIXES, Table, is_named_as_table, open_table


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


@dataclass(frozen=True, slots=True)
class Input:
    """One file that is to be read.

    :ivar found: Whether it was found in a folder or by a pattern; others the caller named.
    :ivar fault: Why there is nothing to read, such as a folder without a table.
    """

    path: Path | str
    found: bool = False
    fault: str | None = None


def expand(inputs: Iterable[Path | str], *, leave_out: Collection[Path] = ()) -> list[Input]:
    """Return the files that names, folders and patterns stand for, in the order of the inputs, those of each one sorted.

    Of a folder, and of the folders in it, all files count whose extension is one of a table; hidden ones do not, nor do the parts
    of a run that has not ended.

    :param inputs: Files, folders, patterns such as ``posts/2026-*.csv``, or ``-`` for standard input.
    :param leave_out: Files that are never found, only named: the outputs may lie in the folder.
    """
    unwanted = {os.path.realpath(path) for path in leave_out}
    expanded: list[Input] = []
    for each in inputs:
        name = str(each)
        if name == STANDARD_INPUT or not (os.path.isdir(name) or (glob.has_magic(name) and not os.path.lexists(name))):
            expanded.append(Input(each))
            continue
        found = [path for path in sorted(_tables(name)) if os.path.realpath(path) not in unwanted]
        fault = f"{name}: expected a file that ends in {', '.join(sorted(SUFFIXES))}, also with .gz behind, found none"
        expanded += [Input(path, found=True) for path in found] or [Input(each, fault=fault)]
    return expanded


def files_of(inputs: Iterable[Path | str], *, leave_out: Collection[Path] = ()) -> list[Path | str]:
    """Return the files that :func:`expand` finds, where each name, folder and pattern must stand for at least one.

    :raises InputError: if one stands for none, or nothing is named.
    """
    files = expand(inputs, leave_out=leave_out)
    if not files:
        raise InputError("expected at least one input, got none")
    for each in files:
        if each.fault is not None:
            raise InputError(each.fault)
    return [each.path for each in files]


def _tables(name: str) -> set[Path]:
    """Return the tables in a folder, or those that a pattern matches, also in the folders that it matches."""
    found: set[Path] = set()
    for match in glob.glob(name, recursive=True) if not os.path.isdir(name) else [name]:
        found.update(map(Path, _files_under(match) if os.path.isdir(match) else [match]))
    return {path for path in found if is_named_as_table(path) and not any(map(is_partial, path.parts))}


def _files_under(folder: str) -> Iterator[str]:
    for place, folders, files in os.walk(folder):
        folders[:] = [name for name in folders if not name.startswith(".")]
        yield from (os.path.join(place, name) for name in files if not name.startswith("."))


@dataclass(frozen=True, slots=True)
class Source:
    """An input, and what is to be made of its columns.

    :ivar columns: All that are known before its rows are read.
    :ivar held: The open table, if it cannot be opened again when its turn comes.
    """

    path: Path | str
    name: str
    size: int | None
    columns: Sequence[str]
    choice: Choice
    carrier: Carrier
    held: Table | None

    @contextmanager
    def opened(self, reading: Reading) -> Iterator[Table]:
        """Open the table for its rows.

        :raises InputError: if it cannot be read any more.
        """
        if self.held is not None:
            yield self.held
            return
        with closing(open_table(self.path, format=reading.format, encoding=reading.encoding)) as table:
            yield table


class Plan:
    """Looks at all inputs before the first is scored: a missing file or column shows at once, not after hours.

    A file that cannot be read is left out where there are others; if there is none that can, that is an error. So is a file that
    the caller named and whose text is in no known column: only the caller can say in which.

    :param whole: Whether the output needs to know all columns beforehand.
    :param opened: Closes the inputs that can be opened only once.
    :ivar sources: The inputs that can be read.
    :ivar unread: The others: name and fault.
    :ivar columns: The columns of all inputs under their names in the output, with types that hold the values of all.
    :raises InputError: if no input can be read; says why of the last.
    :raises ColumnError: if it is not clear which column of a named file holds the text.
    """

    def __init__(
        self,
        inputs: Sequence[Input],
        reading: Reading,
        reserved: frozenset[str],
        *,
        whole: bool,
        opened: ExitStack,
    ) -> None:
        self.reading = reading
        self.sources: list[Source] = []
        self.unread: list[tuple[str, str]] = []
        self.columns: dict[str, object] = {}
        self.descriptions: list[str] = []
        self._reserved = reserved
        self._whole = whole
        self._opened = opened
        for each in inputs:
            try:
                self.sources.append(self._source(each))
            except InputError as error:
                last = each is inputs[-1] and not self.sources
                if last or (isinstance(error, ColumnError) and not each.found):
                    # The last one stands for all where none can be read.
                    raise
                self.unread.append((str(each.path), str(error)))

    def _source(self, item: Input) -> Source:
        """Find the columns of an input that matter."""
        if item.fault is not None:
            raise InputError(item.fault)
        table = open_table(item.path, format=self.reading.format, encoding=self.reading.encoding, twice=self._whole)
        # Many files are not held open side by side.
        again = is_file(item.path)
        with ExitStack() as closed:
            (closed if again else self._opened).callback(table.close)
            choice = self._choice(table)
            carrier = Carrier(table.columns, self._reserved, choice.id)
            if self._whole:
                self._add(table.all_columns(), carrier)
        self.descriptions.append(_described(table, choice))
        return Source(item.path, table.name, table.size, table.columns, choice, carrier, None if again else table)

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


def is_file(path: Path | str) -> bool:
    """Whether an input is a file, which can be read again."""
    return str(path) != STANDARD_INPUT and Path(path).is_file()


def check_lasts(path: Path | str, why: str) -> None:
    """Refuse what can be read only once.

    :param why: What a file is needed for: 'which' and so on.
    :raises InputError: if it is a stream.
    """
    if str(path) == STANDARD_INPUT or (os.path.exists(path) and not is_file(path) and not os.path.isdir(path)):
        raise InputError(f"{path}: expected a file, which {why}; save the stream under a name")


def _described(table: Table, choice: Choice) -> str:
    if not table.columns:
        return f"{table.name}: {table.kind}; no columns"
    identity = repr(choice.id) if choice.id is not None else "the row number"
    hints = f", language in {quoted(choice.language, ' or ')}" if choice.language else ""
    return f"{table.name}: {table.kind}; text in {quoted(choice.text)}, id in {identity}{hints}"


def quoted(names: Iterable[str], between: str = " + ") -> str:
    """Return names of columns as messages show them."""
    return between.join(repr(name) for name in names)
