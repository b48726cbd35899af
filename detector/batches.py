"""The rows of some inputs as batches of posts: the same ones, under the same numbers, in every process that reads them."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import cast

from detector.columns import Choice
from detector.errors import InputError
from detector.inputs import Plan, Source, quoted
from detector.records import Post, Verdict
from detector.scoring import find_fault
from detector.tables import Row, Table

BATCH_SIZE = 256
_BATCH_CHARACTERS = 4 << 20
"""Characters of text that close a batch: a few texts of megabytes each are not held in memory together."""


@dataclass(frozen=True, slots=True)
class Batch:
    """Rows of one source that are scored together.

    :ivar rows: Each row and what stands in its text columns, of whatever type.
    :ivar items: What is to be scored of each row: a post, or the verdict on what is none.
    :ivar first: Number of the first row, counted from 1 over all sources.
    :ivar position: Bytes of all sources that are read at its end.
    """

    source: Source
    rows: list[tuple[Row, object]]
    items: list[Post | Verdict]
    first: int
    position: int

    def posts(self, known: int = 0) -> list[tuple[int, Post]]:
        """Return the posts behind the first ``known`` rows, with their rows' numbers."""
        return [(number, item) for number, item in enumerate(self.items[known:], self.first + known) if isinstance(item, Post)]


def batches(plan: Plan, batch_size: int, *, model: str, on_unread: Callable[[str, str], None]) -> Iterator[Batch]:
    """Yield the rows of all sources, as far as they can be read.

    :param model: Identity of the bundle, for the verdicts on rows that hold no post.
    :param on_unread: Told the name of a source that cannot be read to its end, and why.
    :raises InputError: if that is the only one.
    """
    first, before = 1, 0
    for source in plan.sources:
        try:
            with source.opened(plan.reading) as table:
                for rows in _together(table, source.choice, batch_size):
                    numbered = enumerate(rows, first)
                    items = [_item(table, source.choice, row, text, number, model) for number, (row, text) in numbered]
                    yield Batch(source, rows, items, first, before + rows[-1][0].position)
                    first += len(rows)
        except InputError as error:
            if len(plan.sources) + len(plan.unread) == 1:
                raise
            on_unread(source.name, str(error))
        before += source.size or 0


def _together(table: Table, choice: Choice, batch_size: int) -> Iterator[list[tuple[Row, object]]]:
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


def _item(table: Table, choice: Choice, row: Row, text: object, number: int, model: str) -> Post | Verdict:
    """Return what is to be scored, or the verdict on what cannot be."""
    identity = choice.id_of(row.fields, number)
    error = row.error
    if error is None and text is None:
        error = f"expected a text in {quoted(choice.text)}, got nothing"
    elif error is None and isinstance(text, str):
        error = table.undecoded(text)
    error = error or find_fault(text)
    if error is not None:
        return Verdict(identity, model=model, error=error)
    return Post(cast(str, text), identity, choice.language_of(row.fields))
