"""Gzip files, unpacked while they are read: never as a whole, in memory or on disk.

A file of a few megabytes can unpack to one that fills any disk. So nothing of it is kept: whoever needs it from its start again has
it unpacked again, which costs little beside scoring.
"""

import gzip
import io
import os
import zlib
from collections.abc import Iterator
from dataclasses import replace
from typing import TYPE_CHECKING, BinaryIO, cast

from detector.tables.rows import Row, Table

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer

SUFFIX = ".gz"
MAGIC = b"\x1f\x8b"
_BUFFER = 1 << 16


def unpacked(packed: BinaryIO) -> BinaryIO:
    """Return a stream of what a gzip file holds, from its start; closing it closes the file.

    Damage shows as :class:`OSError` when it is reached.

    :param packed: The file, at its start; can be read from there again.
    """
    return cast(BinaryIO, io.BufferedReader(_Unpacked(packed), _BUFFER))


class _Unpacked(io.RawIOBase):
    """The bytes themselves; the number of the file is that of the packed one."""

    def __init__(self, packed: BinaryIO) -> None:
        self._packed = packed
        self._file = gzip.GzipFile(fileobj=packed, mode="rb")

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def fileno(self) -> int:
        return self._packed.fileno()

    def tell(self) -> int:
        return self._file.tell()

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        return self._file.seek(offset, whence)

    def readinto(self, buffer: "WriteableBuffer") -> int:
        try:
            return self._file.readinto(buffer)
        except EOFError:
            raise OSError("the gzip file is cut off") from None
        except (zlib.error, gzip.BadGzipFile) as error:
            raise OSError(f"the gzip file is damaged: {error}") from error

    def close(self) -> None:
        if not self.closed:
            self._file.close()
            self._packed.close()
        super().close()


class PackedTable:
    """A table in a gzip file; how far it is read counts in bytes of the packed file, since the others are not known before the end.

    :param table: Reads the unpacked bytes.
    :param packed: The file under them.
    """

    def __init__(self, table: Table, packed: BinaryIO) -> None:
        self.name = table.name
        self.kind = f"gzip-compressed {table.kind}"
        self.columns = table.columns
        self.size: int | None = os.fstat(packed.fileno()).st_size
        self._table = table
        self._packed = packed

    def rows(self) -> Iterator[Row]:
        """Yield every record; see :class:`detector.tables.Table`."""
        return (replace(row, position=self._packed.tell()) for row in self._table.rows())

    def all_columns(self) -> dict[str, object]:
        """Return every column; see :class:`detector.tables.Table`."""
        return self._table.all_columns()

    def undecoded(self, text: str) -> str | None:
        """Return what is wrong with a text whose bytes did not fit the file's encoding, or nothing."""
        return self._table.undecoded(text)

    def close(self) -> None:
        """Close the file."""
        self._table.close()
