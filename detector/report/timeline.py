"""Days gathered into days, weeks, months or years, so that as many bars stand side by side as a reader can tell apart."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, timedelta
from itertools import pairwise

_STEPS = (("day", 45), ("week", 60 * 7), ("month", 60 * 31))
"""Steps with the longest range of days that each is taken for; beyond, years."""
_STRAY = 0.005
"""Share of the posts at either end that may be left out of a chart: one post dated 1999 would flatten all others."""
_FAR = 366
"""Days without a post that set these apart."""


@dataclass(slots=True)
class Timeline:
    """Posts by period.

    :ivar step: ``day``, ``week`` (from Monday), ``month`` or ``year``.
    :ivar periods: First day and counts by band of each period, without gaps.
    :ivar before: Posts earlier than the first period.
    :ivar after: Posts later than the last.
    """

    step: str
    periods: list[tuple[date, Counter[str]]] = field(default_factory=list)
    before: int = 0
    after: int = 0


def timeline_of(days: Mapping[date, Counter[str]]) -> Timeline:
    """Return the timeline of some days.

    :param days: Posts in each band, by day.
    """
    if not days:
        return Timeline("day")
    total = sum(counts.total() for counts in days.values())
    first = _without_stray(days, sorted(days), total)
    last = _without_stray(days, sorted(days, reverse=True), total)
    step = next((name for name, most in _STEPS if (last - first).days < most), "year")
    timeline = Timeline(step)
    periods: dict[date, Counter[str]] = {}
    start = _start(first, step)
    while start <= last:
        periods[start] = Counter()
        start = _next(start, step)
    for day, counts in days.items():
        if day < first:
            timeline.before += counts.total()
        elif day > last:
            timeline.after += counts.total()
        else:
            periods[_start(day, step)] += counts
    timeline.periods = list(periods.items())
    return timeline


def _without_stray(days: Mapping[date, Counter[str]], ordered: list[date], total: int) -> date:
    """Return the first day of an order that is not stray: only few posts lie before it, and far off."""
    first, left_out = ordered[0], 0
    for day, behind in pairwise(ordered):
        left_out += days[day].total()
        if left_out > _STRAY * total:
            break
        if abs((behind - day).days) > _FAR:
            first = behind
    return first


def _start(day: date, step: str) -> date:
    if step == "week":
        return day - timedelta(days=day.weekday())
    if step == "month":
        return day.replace(day=1)
    return day.replace(month=1, day=1) if step == "year" else day


def _next(start: date, step: str) -> date:
    if step in {"day", "week"}:
        return start + timedelta(days=1 if step == "day" else 7)
    # 31 days on from the first of a month lies in the next one.
    return _start(start + timedelta(days=31 if step == "month" else 366), step)


def shown(start: date, step: str) -> str:
    """Return how a period is written."""
    return {"month": f"{start:%Y-%m}", "year": f"{start:%Y}"}.get(step, start.isoformat())
