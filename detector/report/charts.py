"""Columns of a chart in numbers that a template writes as SVG.

Across, positions are percentages, so that a chart fits any width without its words shrinking; up and down they are pixels. SVG
drawn here instead of by matplotlib: a chart of forty columns is 4 kB instead of 40, follows the colours of dark mode and print,
and the extra stays 60 MB smaller.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

HEIGHT = 200
"""Height of the columns, pixels."""
TOP = 34
"""Space above them, for words."""
LEFT = 9.0
"""Where the first column begins, per cent: before it stand the numbers of the axis."""
_GAP = 0.2
"""Share of its place that a column leaves free."""
_CUT = 4
"""A column so many times as high as the next is cut, or the others could not be seen."""
_MOST_WORDS = 4


@dataclass(frozen=True, slots=True)
class Bar:
    """A part of a column: ``kind`` names its colour and pattern, ``y`` and ``height`` are in pixels from the top."""

    kind: str
    y: float
    height: float


@dataclass(frozen=True, slots=True)
class Column:
    """A column, ``x`` and ``width`` in per cent; ``cut`` has its number where it is higher than the chart."""

    x: float
    width: float
    bars: tuple[Bar, ...]
    cut: str = ""


@dataclass(frozen=True, slots=True)
class Word:
    """A word on an axis: ``position`` in per cent across or pixels from the top; a ``roomy`` one is left out on a phone."""

    position: float
    text: str
    anchor: str = "middle"
    roomy: bool = False


@dataclass(frozen=True, slots=True)
class Chart:
    """A chart of columns."""

    columns: tuple[Column, ...]
    across: tuple[Word, ...]
    up: tuple[Word, ...]


def columns_chart(values: Sequence[Sequence[int]], kinds: Sequence[str], words: Sequence[Word]) -> Chart:
    """Return a chart of columns.

    :param values: Counts of each column, from its foot up, *shape* ``(n_columns, n_kinds)``.
    :param words: What stands under the columns.
    """
    totals = [sum(column) for column in values]
    limit = _limit(totals)
    step = _step(limit)
    return Chart(
        columns=tuple(_column(place, len(values), column, kinds, limit) for place, column in enumerate(values)),
        across=tuple(words),
        up=tuple(Word(_y(number, limit), compact(number), "end") for number in range(0, limit + 1, step)),
    )


def across(share: float) -> float:
    """Return the position of a share of the axis, 0 to 1, in per cent of the chart."""
    return round(LEFT + share * (100 - LEFT), 3)


def compact(number: int) -> str:
    """Return a number in few characters: ``12k`` for 12,000."""
    if number < 10_000:
        return f"{number:,}"
    size, letter = (1_000_000, "M") if number >= 1_000_000 else (1000, "k")
    return f"{number / size:.3g}{letter}"


def _limit(totals: Sequence[int]) -> int:
    """Return the number at the top: of the highest column, or of the next where that one would hide all others."""
    first, second = (sorted(totals, reverse=True) + [0, 0])[:2]
    limit = second if second and first > _CUT * second else first
    step = _step(max(limit, 1))
    return math.ceil(max(limit, 1) / step) * step


def _step(limit: int) -> int:
    """Return a round step that divides the axis into four or five parts."""
    rough = max(limit / 4, 1)
    power = 10 ** math.floor(math.log10(rough))
    return next(int(factor * power) for factor in (1, 2, 5, 10) if factor * power >= rough)


def _y(number: float, limit: int) -> float:
    return round(TOP + HEIGHT * (1 - number / limit), 2)


def _column(place: int, of: int, counts: Sequence[int], kinds: Sequence[str], limit: int) -> Column:
    bars, foot = [], 0
    for kind, count in zip(kinds, counts, strict=True):
        head = min(foot + count, limit)
        if head > foot:
            bars.append(Bar(kind, _y(head, limit), round(_y(foot, limit) - _y(head, limit), 2)))
        foot = head
    total = sum(counts)
    width = (100 - LEFT) / of
    cut = compact(total) if total > limit else ""
    return Column(round(LEFT + (place + _GAP / 2) * width, 3), round(width * (1 - _GAP), 3), tuple(bars), cut)


def words_under(names: Sequence[str]) -> list[Word]:
    """Return the words under columns that have these names: the first, the last, and some between, as many as have room."""
    last = len(names) - 1
    shown = min(_MOST_WORDS, last) or 1
    places = sorted({round(last * number / shown) for number in range(shown + 1)})
    anchors = {0: "start" if last else "middle", last: "end" if last else "middle"}
    return [
        Word(across((place + 0.5) / (last + 1)), names[place], anchors.get(place, "middle"), roomy=number % 2 == 1)
        for number, place in enumerate(places)
    ]
