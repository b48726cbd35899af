"""How much memory and processor time the system leaves to this process.

Sources: Linux, Documentation/admin-guide/cgroup-v2.rst and cgroup-v1/memory.rst; proc(5).
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

_UNLIMITED = 1 << 60
"""Bytes above which a limit of version 1 means that there is none."""


@dataclass(frozen=True, slots=True)
class Limits:
    """What is left.

    :ivar memory: Bytes; nothing if the system does not say.
    :ivar processors: Cores' worth of time a second; nothing if there is no limit.
    """

    memory: int | None
    processors: float | None


def limits_of(proc: Path = Path("/proc"), groups: Path = Path("/sys/fs/cgroup")) -> Limits:
    """Return what the system and all control groups around this process leave it.

    :param proc: Where the system tells of processes.
    :param groups: Where it tells of control groups, of version 1 or 2.
    """
    memory = [_free(proc / "meminfo")]
    processors: list[float | None] = []
    for folder in _folders(proc / "self" / "cgroup", groups):
        memory.append(_room(folder))
        processors.append(_share(folder))
    return Limits(
        min((number for number in memory if number is not None), default=None),
        min((number for number in processors if number is not None), default=None),
    )


def _folders(path: Path, groups: Path) -> Iterator[Path]:
    """Yield the folders of the groups that this process is in, and of those around them."""
    for line in _text(path).splitlines():
        _, names, group = line.split(":", 2)
        # Version 2 has no names of controllers, version 1 a folder for each list of them.
        root = groups / names if names else groups
        folder = root / group.lstrip("/")
        while folder != groups and folder.is_relative_to(root):
            yield folder
            folder = folder.parent
        yield root


def _free(path: Path) -> int | None:
    for line in _text(path).splitlines():
        if line.startswith("MemAvailable:"):
            return int(line.split()[1]) * 1024
    return None


def _room(folder: Path) -> int | None:
    """Return the bytes below a group's limit; what files in memory take is given back when it is needed."""
    for limit_name, used_name, file_name in (
        ("memory.max", "memory.current", "inactive_file"),
        ("memory.limit_in_bytes", "memory.usage_in_bytes", "total_inactive_file"),
    ):
        limit, used = (_number(folder / name, int) for name in (limit_name, used_name))
        if limit is not None and used is not None and limit < _UNLIMITED:
            words = dict(line.split(maxsplit=1) for line in _text(folder / "memory.stat").splitlines())
            return int(max(0, limit - used + int(words.get(file_name, 0))))
    return None


def _share(folder: Path) -> float | None:
    quota, _, period = _text(folder / "cpu.max").strip().partition(" ")
    if quota.isdecimal() and period.isdecimal():
        return int(quota) / int(period)
    old, length = (_number(folder / f"cpu.cfs_{name}_us", int) for name in ("quota", "period"))
    return old / length if old is not None and length and old > 0 else None


def _number(path: Path, kind: Callable[[str], float]) -> float | None:
    try:
        return kind(_text(path))
    except ValueError:
        return None


def _text(path: Path) -> str:
    """Return what a file says, nothing if it is not there."""
    try:
        return path.read_text("utf-8", "replace")
    except OSError:
        return ""
