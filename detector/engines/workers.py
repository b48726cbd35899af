"""What the processes of a cluster do: one reads the posts, the others score them.

Posts and verdicts travel as Arrow tables with a row each. A verdict is a line of :func:`detector.checkpoint.verdict_line`, which
holds no text; with it comes a checksum of the text that was scored, so that no verdict is ever taken for another post's.
"""

import platform
import zlib
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import TYPE_CHECKING

from detector.batches import BATCH_SIZE, batches
from detector.bundle import DEFAULT_BUNDLE
from detector.checkpoint import verdict_line
from detector.copies import KEPT
from detector.errors import BundleError, DetectorError, InputError
from detector.inputs import Input, Plan, Reading
from detector.records import Post
from detector.scoring import Detector
from detector.version import package_version

if TYPE_CHECKING:
    import pyarrow as pa


def read_posts(inputs: Sequence[Input], reading: Reading, first: int) -> "Iterator[pa.Table]":
    """Yield the posts of some files in their order: ``row`` from 1, ``text``, ``language``.

    What cannot be read is left out, or ends them: whoever writes the output reads the same files, and tells.

    :param first: Row to begin with.
    """
    import pyarrow as pa

    with suppress(InputError), ExitStack() as opened:
        plan = Plan(inputs, reading, frozenset(), whole=False, opened=opened)
        for batch in batches(plan, BATCH_SIZE, model="", on_unread=lambda *_: None):
            posts = batch.posts(max(0, first - batch.first))
            if posts:
                rows, texts, languages = zip(*((row, post.text, post.language) for row, post in posts), strict=True)
                types = [pa.int64(), pa.string(), pa.string()]
                arrays = [pa.array(column, kind) for column, kind in zip((rows, texts, languages), types, strict=True)]
                yield pa.table(arrays, names=["row", "text", "language"])


class Scorer:
    """A detector in one process of a cluster, called with tables of posts.

    What goes wrong on purpose travels as an answer: an exception would bring a traceback, and end the process with its model.

    :param folder: The model, which each machine has under the same name; by default the one in the package.
    :param sha256: Of its manifest, as the run has it.
    :param package: Version of this package, as the run has it.
    :param threads: Posts read side by side on each machine, by the name that Ray gives it.
    """

    def __init__(self, folder: Path | None, sha256: str, package: str, threads: Mapping[str, int]) -> None:
        import ray

        node = ray.get_runtime_context().get_node_id()
        self._copies = 0
        self._fault: DetectorError | None = None
        try:
            self._detector = Detector.load(folder or DEFAULT_BUNDLE, threads=threads.get(node), copies=KEPT)
            _check("model", self._detector.bundle.sha256, sha256)
            _check("package", installed(), package)
        except DetectorError as error:
            self._fault = error

    def __call__(self, posts: "pa.Table") -> "pa.Table":
        """Return ``row``, ``check`` and ``verdict`` for each post, or one row with an ``error`` and its kind."""
        try:
            if self._fault is not None:
                raise self._fault
            return self._scored(posts)
        except DetectorError as error:
            return _table([(0, 0, str(error).encode(), 0, type(error).__name__)])

    def _scored(self, posts: "pa.Table") -> "pa.Table":
        rows, texts, languages = (posts.column(name).to_pylist() for name in ("row", "text", "language"))
        verdicts = self._detector.score([Post(text, language=language) for text, language in zip(texts, languages, strict=True)])
        found, before = self._detector.copies_found, self._copies
        self._copies = found
        # Copies are counted once a table.
        copies = [found - before, *[0] * (len(rows) - 1)]
        lines = map(verdict_line, verdicts)
        return _table(list(zip(rows, map(checksum, texts), lines, copies, [None] * len(rows), strict=True)))


def _check(what: str, got: str, expected: str) -> None:
    """Refuse a machine that would score otherwise than the others."""
    if got != expected:
        raise BundleError(
            f"machine {platform.node()}: expected the {what} {expected[:16]}, got {got[:16]}; install the same on all machines"
        )


def _table(rows: Sequence[tuple[int, int, bytes, int, str | None]]) -> "pa.Table":
    import pyarrow as pa

    types = {"row": pa.int64(), "check": pa.int64(), "verdict": pa.binary(), "copies": pa.int64(), "error": pa.string()}
    columns = zip(*rows, strict=True)
    return pa.table([pa.array(column, kind) for column, kind in zip(columns, types.values(), strict=True)], names=list(types))


def checksum(text: str) -> int:
    """Return a number that another text has only by chance."""
    return zlib.crc32(text.encode())


def installed() -> str:
    """Return the version of this package; of a source folder ``none``."""
    return package_version() or "none"
