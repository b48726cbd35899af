"""When a post was seen: the column that says so, and the ways of writing a time that cannot be misread."""

import re
from collections.abc import Iterable
from datetime import UTC, date, datetime

DATE_NAMES = (
    "date", "created_at", "timestamp", "posted_at", "published_at", "post_date", "posted", "published", "datetime", "created",
    "created_utc", "date_posted", "time", "scraped_at", "collected_at", "first_seen",
    "日期", "时间", "時間", "วันที่", "ngày", "tanggal",
)  # fmt: skip
"""Names of a column with the time of a post, in the order they are looked for; when it was written before when it was found."""

_YEARS = range(1990, 2101)


def date_column(columns: Iterable[str]) -> str | None:
    """Return the column with the times of the posts, if one has a usual name."""
    known = {re.sub(r"[\s_-]+", "_", column.strip().casefold()): column for column in columns}
    return next((known[name] for name in DATE_NAMES if name in known), None)


def read_time(value: object) -> datetime | None:
    """Return a time in UTC; nothing for what is no time, or one that can be read in two ways, such as 03/04/2026.

    :param value: A date, a time, ISO 8601 as text, or seconds or milliseconds since 1970. A time without a zone is taken as UTC.
    """
    if isinstance(value, bool) or value is None:
        return None
    if isinstance(value, date) and not isinstance(value, datetime):
        value = datetime(value.year, value.month, value.day)
    if not isinstance(value, datetime):
        value = _since_1970(value) if isinstance(value, int | float) else _written(str(value).strip())
    if value is None or value.year not in _YEARS:
        return None
    return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


def read_instant(text: str) -> datetime | None:
    """Return a time in UTC that a command is told: ISO 8601, or seconds since 1970 as build systems write them; else nothing.

    A number is seconds whatever its length, and no day without hyphens: ``SOURCE_DATE_EPOCH=0`` is a time. A time without a zone is
    taken as UTC.

    Source: https://reproducible-builds.org/specs/source-date-epoch/
    """
    try:
        if re.fullmatch(r"\d+", text, re.A):
            return datetime.fromtimestamp(int(text), UTC)
        time = datetime.fromisoformat(text)
        return time.replace(tzinfo=UTC) if time.tzinfo is None else time.astimezone(UTC)
    except (ValueError, OverflowError, OSError):
        return None


def _written(text: str) -> datetime | None:
    if re.fullmatch(r"\d{9,13}(?:\.\d+)?", text, re.A):
        return _since_1970(float(text))
    try:
        return datetime.fromisoformat(text)
    except ValueError:
        return None


def _since_1970(number: float) -> datetime | None:
    if 19900101 <= number <= 21001231:
        # A day without its hyphens, which would otherwise be one in 1970.
        return _written(f"{number:.0f}")
    try:
        return datetime.fromtimestamp(number / 1000 if number >= 1e11 else number, UTC)
    except (ValueError, OverflowError, OSError):
        return None


def written(time: datetime | None) -> str | None:
    """Return a time as ISO 8601 in UTC, to the second."""
    return None if time is None else time.strftime("%Y-%m-%dT%H:%M:%SZ")
