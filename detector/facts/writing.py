"""Rows and their facts out: JSONL, CSV or Parquet with the same names.

JSONL and Parquet keep the lists and objects; CSV writes them as JSON.
"""

import csv
import io
from collections.abc import Mapping
from typing import TYPE_CHECKING, BinaryIO, Protocol

from detector.facts.records import COLUMNS
from detector.outputs import Columns, ParquetGroups, json_line, safe_cell

if TYPE_CHECKING:
    import pyarrow as pa

Facts = Mapping[str, object] | None
"""The facts of a row by column, or nothing if its post was not read."""


class RowWriter(Protocol):
    """Takes rows with their facts."""

    def write(self, carried: Mapping[str, object], facts: Facts) -> None:
        """Write one row."""
        ...

    def finish(self) -> None:
        """Write what is still held back."""
        ...

    def abandon(self) -> None:
        """Drop what is still held back: the output has failed."""
        ...


def row_writer(suffix: str, stream: BinaryIO, columns: Columns) -> RowWriter:
    """Return the writer for a file with this extension.

    :param suffix: One that :func:`detector.outputs.check_suffix` lets pass.
    :param columns: All columns that are carried over; JSONL does not need to know them.
    """
    if suffix == ".csv":
        return _CsvRows(stream, columns)
    return _ParquetRows(stream, columns) if suffix == ".parquet" else _JsonRows(stream)


class _JsonRows:
    def __init__(self, stream: BinaryIO) -> None:
        self._stream = stream

    def write(self, carried: Mapping[str, object], facts: Facts) -> None:
        self._stream.write(json_line({**carried, **(facts or dict.fromkeys(COLUMNS))}))

    def finish(self) -> None:
        self._stream.flush()

    def abandon(self) -> None:
        """Do nothing: lines are not held back."""


class _CsvRows:
    def __init__(self, stream: BinaryIO, columns: Columns) -> None:
        self._text = io.TextIOWrapper(stream, encoding="utf-8-sig", newline="")
        self._writer = csv.writer(self._text)
        self._columns = [*columns, *COLUMNS]
        self._writer.writerow([safe_cell(name) for name in self._columns])

    def write(self, carried: Mapping[str, object], facts: Facts) -> None:
        cells = {**carried, **(facts or {})}
        self._writer.writerow([safe_cell(cells.get(name)) for name in self._columns])

    def finish(self) -> None:
        self._text.detach()

    def abandon(self) -> None:
        """Do nothing: lines go when the stream is closed."""


class _ParquetRows:
    def __init__(self, stream: BinaryIO, columns: Columns) -> None:
        self._groups = ParquetGroups(stream, columns, _fact_types())

    def write(self, carried: Mapping[str, object], facts: Facts) -> None:
        self._groups.add(carried, facts or {})

    def finish(self) -> None:
        self._groups.finish()

    def abandon(self) -> None:
        self._groups.abandon()


def _fact_types() -> dict[str, "pa.DataType"]:
    import pyarrow as pa

    place = {"start": pa.int64(), "end": pa.int64()} | dict.fromkeys(("text", "place", "country", "kind", "part"), pa.string())
    pay = {"low": pa.float64(), "high": pa.float64(), "currency": pa.string(), "period": pa.string(), "start": pa.int64()}
    types = dict.fromkeys(COLUMNS, pa.string())
    types["places"] = pa.list_(pa.struct(place))
    types["pay"] = pa.struct(pay | {"end": pa.int64(), "text": pa.string()})
    return types
