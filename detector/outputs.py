"""Records and their verdicts out: JSONL, CSV or Parquet with the same names, whole or not at all.

In front stand the columns of the input, behind them the verdict. JSONL keeps lists and objects; CSV is made for spreadsheets and
writes them as text; Parquet has types. The only names that differ: the object ``label_scores`` of JSONL is one column
``score_<label>`` for each label elsewhere.
"""

import csv
import io
import json
import math
import os
import re
import secrets
import stat
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import fields
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO, Literal, Protocol

from detector.columns import plain
from detector.errors import OutputError
from detector.records import Evidence, Verdict

if TYPE_CHECKING:
    import pyarrow as pa

PARTIAL = ".part"
_BUFFERED_ROWS = 2048
_BUFFERED_CHARACTERS = 8 << 20
_NUMBER = re.compile(r"[+-]?\d+(?:[.,]\d+)?(?:[eE][+-]?\d+)?")
_FORMULA = re.compile(r"(?:[^\S\t\r\n]|[\u200b\ufeff])*[=+\-@\t\r\n＝＋－＠]")
_SURROGATE = re.compile("[\ud800-\udfff]")

Columns = Mapping[str, object]
"""Columns that are carried over, with their types: ``str``, ``int``, ``float``, ``bool`` or an Arrow type."""


class Writer(Protocol):
    """Takes records with their verdicts."""

    def write(self, carried: Mapping[str, object], verdict: Verdict) -> None:
        """Write one record."""
        ...

    def flush(self) -> None:
        """Hand on what can be handed on."""
        ...

    def finish(self) -> None:
        """Write what is still held back."""
        ...

    def abandon(self) -> None:
        """Drop what is still held back: the output has failed."""
        ...


def verdict_columns(labels: Sequence[str]) -> tuple[str, ...]:
    """Return the columns of a verdict where there are no objects, in order."""
    names = []
    for each in fields(Verdict):
        names += [f"score_{label}" for label in labels] if each.name == "label_scores" else [each.name]
    return tuple(names)


def reserved_names(labels: Sequence[str]) -> frozenset[str]:
    """Return the names that no carried column can have, the same ones for every format."""
    return frozenset(verdict_columns(labels)) | {"label_scores"}


def writer_for(suffix: str, stream: BinaryIO, columns: Columns, labels: Sequence[str]) -> Writer:
    """Return the writer for a file with this extension.

    :param suffix: One that :func:`check_suffix` lets pass.
    :param columns: All columns that will be carried over; JSONL does not need to know them.
    """
    if suffix == ".csv":
        return CsvWriter(stream, columns, labels)
    if suffix == ".parquet":
        return ParquetWriter(stream, columns, labels)
    return JsonLinesWriter(stream)


def check_suffix(path: Path) -> str:
    """Return the extension of an output, in lower case.

    :raises OutputError: if no format belongs to it.
    """
    suffix = path.suffix.lower()
    if suffix == ".ndjson" or (not suffix and is_special(path)):
        return ".jsonl"
    if suffix not in {".jsonl", ".csv", ".parquet"}:
        raise OutputError(f"{path}: expected a name that ends in .jsonl, .csv or .parquet")
    return suffix


class JsonLinesWriter:
    """Writes one object a line."""

    def __init__(self, stream: BinaryIO) -> None:
        self._stream = stream

    def write(self, carried: Mapping[str, object], verdict: Verdict) -> None:
        """Write one record."""
        self._stream.write(json_line({**carried, **verdict.to_dict()}))

    def flush(self) -> None:
        """Hand the lines on."""
        self._stream.flush()

    def finish(self) -> None:
        """Hand the last lines on."""
        self._stream.flush()

    def abandon(self) -> None:
        """Do nothing: lines are not held back."""


class CsvWriter:
    """Writes CSV that a spreadsheet shows as it is: UTF-8 with its mark, and no cell that is run as a formula."""

    def __init__(self, stream: BinaryIO, columns: Columns, labels: Sequence[str]) -> None:
        self._text = io.TextIOWrapper(stream, encoding="utf-8-sig", newline="", write_through=False)
        self._writer = csv.writer(self._text)
        self._labels = labels
        verdict = verdict_columns(labels)
        self._columns = [*columns, *(name for name in verdict if name not in columns)]
        self._writer.writerow([safe_cell(name) for name in self._columns])

    def write(self, carried: Mapping[str, object], verdict: Verdict) -> None:
        """Write one record."""
        found = flat(verdict, self._labels, _CSV_FORMS)
        cells = {**carried, **{name: _rounded(value) for name, value in found.items()}}
        self._writer.writerow([safe_cell(cells.get(name)) for name in self._columns])

    def flush(self) -> None:
        """Hand the lines on."""
        self._text.flush()

    def finish(self) -> None:
        """Hand the last lines on, and leave the stream open."""
        self._text.detach()

    def abandon(self) -> None:
        """Do nothing: lines go when the stream is closed."""


class ParquetWriter:
    """Writes typed columns; findings are lists of structs."""

    def __init__(self, stream: BinaryIO, columns: Columns, labels: Sequence[str]) -> None:
        self._labels = labels
        self._groups = ParquetGroups(stream, columns, _verdict_types(labels))

    def write(self, carried: Mapping[str, object], verdict: Verdict) -> None:
        """Take one record; records are written in groups."""
        # Of the verdict only the id can hold half a surrogate pair: a text with one is refused.
        self._groups.add(carried, flat(verdict, self._labels, _PARQUET_FORMS) | {"id": _without_surrogates(verdict.id)})

    def flush(self) -> None:
        """Do nothing: a file is readable only when it is whole."""

    def finish(self) -> None:
        """Write the last group and the index behind it."""
        self._groups.finish()

    def abandon(self) -> None:
        """Drop what is held back; see :meth:`ParquetGroups.abandon`."""
        self._groups.abandon()


class ParquetGroups:
    """Writes rows to Parquet, group by group: carried columns, and behind them those that a command adds.

    :param columns: What is carried over.
    :param added: Arrow types of the other columns, by name; one that is carried too has this type.
    """

    def __init__(self, stream: BinaryIO, columns: Columns, added: "Mapping[str, pa.DataType]") -> None:
        # Imported here: it costs more than the rest of the package, and only Parquet needs it.
        import pyarrow
        import pyarrow.parquet

        self._arrow: Any = pyarrow
        self._names = {name: str(_without_surrogates(name)) for name in columns}
        carried = {self._names[name]: _arrow_type(kind) for name, kind in columns.items()}
        self._schema = pyarrow.schema({**carried, **added})
        self._texts = {field.name for field in self._schema if field.type == pyarrow.string()}
        self._rows: list[dict[str, object]] = []
        self._characters = 0
        self._writer = pyarrow.parquet.ParquetWriter(stream, self._schema, compression="zstd")

    def add(self, carried: Mapping[str, object], added: Mapping[str, object]) -> None:
        """Take one row; what is added is written as it is."""
        row = {self._names[name]: self._fitted(self._names[name], value) for name, value in carried.items()} | dict(added)
        self._rows.append(row)
        self._characters += sum(len(value) for value in row.values() if isinstance(value, str))
        if len(self._rows) >= _BUFFERED_ROWS or self._characters > _BUFFERED_CHARACTERS:
            self._write_group()

    def finish(self) -> None:
        """Write the last group and the index behind it."""
        self._write_group()
        self._writer.close()

    def abandon(self) -> None:
        """Keep pyarrow from writing the index when the writer is collected as garbage."""
        self._writer.is_open = False

    def _fitted(self, name: str, value: object) -> object:
        if value is None:
            return None
        return _SURROGATE.sub("\ufffd", plain(value)) if name in self._texts else _without_surrogates(value)

    def _write_group(self) -> None:
        if self._rows:
            self._writer.write_table(self._arrow.Table.from_pylist(self._rows, schema=self._schema))
        self._rows.clear()
        self._characters = 0


def flat(verdict: Verdict, labels: Sequence[str], forms: Mapping[str, Callable[[Any], object]]) -> dict[str, object]:
    """Return a verdict as one value for each of :func:`verdict_columns`.

    :param forms: What to make of the parts that are lists.
    """
    values: dict[str, object] = {}
    for each in fields(Verdict):
        value = getattr(verdict, each.name)
        if each.name == "label_scores":
            values |= {f"score_{label}": value.get(label) for label in labels}
        else:
            values[each.name] = forms[each.name](value) if each.name in forms else value
    return values


_CSV_FORMS: Mapping[str, Callable[[Any], object]] = {
    "evidence": lambda found: " | ".join(piece.text for piece in found),
    "indicators": lambda found: ";".join(finding.code for finding in found),
    "contacts": lambda found: " ".join(f"{contact.kind}:{contact.value}" for contact in found),
}


def _piece(piece: Evidence) -> dict[str, object]:
    return {"start": piece.start, "end": piece.end, "text": piece.text}


_PARQUET_FORMS: Mapping[str, Callable[[Any], object]] = {
    "evidence": lambda found: [_piece(piece) for piece in found],
    "indicators": lambda found: [
        {"code": f.code, "score": f.score, "evidence": [_piece(piece) for piece in f.evidence]} for f in found
    ],
    "contacts": lambda found: [{"kind": contact.kind, "value": contact.value} for contact in found],
}


def _arrow_type(kind: object) -> "pa.DataType":
    """Return the Arrow type of a column of :data:`Columns`."""
    import pyarrow as pa

    plain_types = {str: pa.string(), int: pa.int64(), float: pa.float64(), bool: pa.bool_()}
    return plain_types.get(kind, kind) if isinstance(kind, type) else kind


def _verdict_types(labels: Sequence[str]) -> "dict[str, pa.DataType]":
    import pyarrow as pa

    piece = pa.struct({"start": pa.int64(), "end": pa.int64(), "text": pa.string()})
    special = {
        "score": pa.float64(),
        **{f"score_{label}": pa.float64() for label in labels},
        "windows": pa.int64(),
        "evidence": pa.list_(piece),
        "indicators": pa.list_(pa.struct({"code": pa.string(), "score": pa.float64(), "evidence": pa.list_(piece)})),
        "contacts": pa.list_(pa.struct({"kind": pa.string(), "value": pa.string()})),
    }
    return {name: special.get(name, pa.string()) for name in verdict_columns(labels)}


def _rounded(value: object) -> object:
    return round(value, 6) if isinstance(value, float) else value


def safe_cell(value: object) -> str:
    """Return a value as a cell that no spreadsheet runs."""
    if value is None:
        return ""
    text = _SURROGATE.sub("\ufffd", plain(value))
    return f"'{text}" if _FORMULA.match(text) and not _NUMBER.fullmatch(text) else text


def json_line(record: object) -> bytes:
    """Return a record as one line of JSON in UTF-8."""
    try:
        encoded = _json(record).encode()
    except UnicodeEncodeError:
        # Half a surrogate pair has no UTF-8; as \udXXX it is carried over as it came.
        encoded = _json(record, ensure_ascii=True).encode()
    return encoded + b"\n"


def _json(record: object, *, ensure_ascii: bool = False) -> str:
    try:
        return json.dumps(record, ensure_ascii=ensure_ascii, allow_nan=False, default=plain)
    except ValueError:
        return json.dumps(_finite(record), ensure_ascii=ensure_ascii, default=plain)


def _finite(value: object) -> object:
    """Return the value with a null for each number that is not one."""
    return _mapped(value, lambda leaf: None if isinstance(leaf, float) and not math.isfinite(leaf) else leaf)


def _without_surrogates(value: object) -> object:
    """Return the value with U+FFFD for each half of a surrogate pair."""
    return _mapped(value, lambda leaf: _SURROGATE.sub("\ufffd", leaf) if isinstance(leaf, str) else leaf)


def _mapped(value: object, change: Callable[[Any], object]) -> object:
    if isinstance(value, dict):
        return {key: _mapped(part, change) for key, part in value.items()}
    if isinstance(value, list):
        return [_mapped(part, change) for part in value]
    return change(value)


@contextmanager
def writing(name: str) -> Iterator[None]:
    """Turn a failure of the system while a file is written into an :class:`OutputError` that names the file.

    A reader that has gone away is no failure of ours: :class:`BrokenPipeError` passes.
    """
    try:
        yield
    except BrokenPipeError:
        raise
    except OSError as error:
        raise OutputError(f"{name}: cannot be written: {error.strerror or error}") from error


@contextmanager
def whole_file(path: Path, *, token: str | None = None) -> Iterator[BinaryIO]:
    """Open a file that appears under its name only when the block has ended well, and replaces an older one only then.

    :param token: What tells its temporary name from others; by default a random one. With a fixed one, which wants a lock against
        other processes, what is left behind by a process that was killed is used again.
    :raises OutputError: if it cannot be written.
    """
    if is_special(path):
        # A device or pipe: renaming a file over it would remove it.
        with _opened(path, path, "wb") as stream:
            yield stream
        return
    target = Path(os.path.realpath(path))
    partial = target.with_name(f".{target.name[:200]}.{token or secrets.token_hex(4)}{PARTIAL}")
    try:
        with _opened(partial, path, "wb" if token else "xb") as stream:
            yield stream
            with writing(str(path)):
                stream.flush()
                os.fsync(stream.fileno())
        with writing(str(path)):
            if target.exists():
                partial.chmod(stat.S_IMODE(target.stat().st_mode))
            partial.replace(target)
            sync_folder(target.parent)
    finally:
        partial.unlink(missing_ok=True)


@contextmanager
def _opened(path: Path, shown: Path, mode: Literal["wb", "xb"]) -> Iterator[BinaryIO]:
    """Open a file for writing; if the block fails, what has not reached the file is dropped instead of tried again."""
    with writing(str(shown)):
        stream = path.open(mode)
    try:
        yield stream
    except BaseException:
        stream.raw.close()
        raise
    with writing(str(shown)):
        stream.close()


def is_partial(name: str) -> bool:
    """Whether a file or folder has a name that an output has until it is whole."""
    return name.startswith(".") and name.endswith(PARTIAL)


def is_special(path: Path) -> bool:
    """Whether a path is a device or a pipe."""
    return path.exists() and not path.is_file() and not path.is_dir()


def sync_folder(folder: Path) -> None:
    """Make the new name last over a power cut."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
