"""Parquet, batch by batch."""

from collections.abc import Iterator
from typing import TYPE_CHECKING, BinaryIO

from detector.errors import InputError
from detector.tables.rows import Row, has_escapes, reading, unique_names

if TYPE_CHECKING:
    import pyarrow

_BATCH_ROWS = 64
_BUFFER = 1 << 20


class ParquetTable:
    """A Parquet file.

    :param name: The file as messages name it.
    :param stream: Its bytes.
    :raises InputError: if it is no Parquet file, or one that is cut off.
    """

    def __init__(self, name: str, stream: BinaryIO) -> None:
        # Imported here: it costs more than the rest of the package, and only Parquet needs it.
        import pyarrow
        import pyarrow.parquet

        self.name = name
        self.kind = "Parquet"
        self._stream = stream
        # Names of columns in a damaged file need not be UTF-8.
        self._failures = (pyarrow.ArrowException, OSError, UnicodeDecodeError)
        try:
            self.size: int | None = stream.seek(0, 2)
            # Buffered: otherwise every row group is read into memory as a whole.
            self._file = pyarrow.parquet.ParquetFile(stream, buffer_size=_BUFFER, pre_buffer=False, page_checksum_verification=True)
            schema = self._file.schema_arrow
        except self._failures as error:
            raise InputError(f"{name}: expected a Parquet file: {error}") from error
        self.columns = tuple(unique_names(list(schema.names)))
        self._types = dict(zip(self.columns, schema.types, strict=True))

    def rows(self) -> Iterator[Row]:
        """Yield every record; see :class:`detector.tables.Table`."""
        # In a damaged file any number may stand there.
        total = max(1, self._file.metadata.num_rows)
        number = 0
        try:
            for batch in self._file.iter_batches(_BATCH_ROWS, use_threads=False):
                columns = [_values(column) for column in batch.columns]
                for values in zip(*columns, strict=True):
                    number += 1
                    fields = dict(zip(self.columns, values, strict=True))
                    yield Row(number, fields, (self.size or 0) * min(number, total) // total)
        except self._failures as error:
            raise InputError(f"{self.name}: cannot be read on behind row {number}: {error}") from error

    def all_columns(self) -> dict[str, object]:
        """Return the columns of the schema, with those of their Arrow types that survive a round trip through Python."""
        return {name: kind if _survives(kind) else str for name, kind in self._types.items()}

    def undecoded(self, text: str) -> str | None:
        """Return what is wrong with a text that is not in UTF-8."""
        return "expected UTF-8, got bytes of another encoding" if has_escapes(text) else None

    def close(self) -> None:
        """Close the file."""
        with reading(self.name):
            self._file.close()
            self._stream.close()


def _values(column: "pyarrow.Array") -> list[object]:
    """Return the values of a column as plain Python ones; those that Python has no type for, as text."""
    if not _survives(column.type):
        return [_value(scalar) for scalar in column]
    try:
        values: list[object] = column.to_pylist()
    except (ValueError, OverflowError, LookupError):
        return [_value(scalar) for scalar in column]
    return values


def _value(scalar: "pyarrow.Scalar") -> object:
    import pyarrow
    from pyarrow import types

    if (types.is_timestamp(scalar.type) or types.is_time(scalar.type)) and scalar.is_valid:
        # Finer than Python's own times: as_py() answers with pandas if that is there, and fails if not.
        return str(scalar.cast(pyarrow.string()))
    try:
        value: object = scalar.as_py()
    except UnicodeDecodeError:
        value = _undecodable(scalar)
    except (ValueError, OverflowError, LookupError):
        value = str(scalar.cast(pyarrow.string()))
    return value.decode("utf-8", "surrogateescape") if isinstance(value, bytes) else value


def _undecodable(scalar: "pyarrow.Scalar") -> object:
    """Return a string that is not UTF-8, or a list or struct with such a one in it, with the bytes at fault escaped."""
    if hasattr(scalar, "as_buffer"):
        return scalar.as_buffer().to_pybytes()
    if hasattr(scalar, "items"):
        return {name: _value(part) for name, part in scalar.items()}
    return [_value(part) for part in scalar]


def _survives(kind: "pyarrow.DataType") -> bool:
    """Whether values of an Arrow type are the same after they have been Python objects."""
    from pyarrow import types

    if types.is_list(kind) or types.is_large_list(kind):
        return _survives(kind.value_type)
    if types.is_struct(kind):
        return all(_survives(kind.field(place).type) for place in range(kind.num_fields))
    if types.is_timestamp(kind):
        return bool(kind.unit != "ns")
    simple = (
        types.is_string, types.is_large_string, types.is_boolean, types.is_integer, types.is_float32, types.is_float64,
        types.is_date, types.is_decimal128,
    )  # fmt: skip
    return any(test(kind) for test in simple)
