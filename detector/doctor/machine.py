"""What the machine gives: terminal, folders, disk, memory and processors."""

import os
import shutil
import sys
import tempfile
from collections.abc import Iterator
from importlib.util import cache_from_source
from pathlib import Path

from detector.doctor.findings import Finding, fault, ok, warning
from detector.doctor.limits import Limits, limits_of
from detector.errors import OutputError
from detector.scoring import usable_cores

_FREE_DISK = 1 << 30
"""Bytes: room for the copy of an input that comes through a pipe, and for the progress of two million rows."""
_FREE_MEMORY = 1 << 29
"""Bytes; a million rows took four fifths of them (``tests/detector/test_checkpoint.py``)."""


def check_machine() -> Iterator[Finding]:
    """Yield what the machine has."""
    yield _terminal()
    yield _compiled()
    yield _disk()
    limits = limits_of()
    yield memory(limits)
    yield processors(limits, usable=usable_cores(), present=os.cpu_count() or 1)
    yield ok("browser", "not needed: a report is one file, for whatever browser its reader has")


def check_temporary() -> Finding:
    """Return whether temporary files can be written: posts that come through a pipe lie there, and the model of languages."""
    try:
        folder = tempfile.gettempdir()
        with tempfile.TemporaryFile() as stream:
            stream.write(b"\0" * 4096)
    except OSError as error:
        found = f"no temporary file can be written: {error.strerror or error}"
        return fault("temporary", found, "make room, or name a folder that can be written: export TMPDIR=/path", OutputError)
    return ok("temporary", f"{folder} can be written")


def _terminal() -> Finding:
    encoding = (sys.stdout.encoding or "none").lower()
    if encoding.replace("-", "").replace("_", "") == "utf8":
        return ok("terminal", "UTF-8")
    found = f"standard output is in {encoding}; posts in other scripts are shown with stand-ins, files are written in UTF-8 anyway"
    return warning("terminal", found, "export LANG=C.UTF-8, or for this command alone: PYTHONIOENCODING=utf-8")


def _compiled() -> Finding:
    """Look where Python keeps its compiled modules, the only cache there is."""
    folder = Path(cache_from_source(__file__)).parent
    if sys.dont_write_bytecode and not folder.is_dir():
        return ok("cache", "none: Python was told to keep no compiled modules (PYTHONDONTWRITEBYTECODE), and starts slower")
    if folder.is_dir() or os.access(folder.parent, os.W_OK):
        return ok("cache", f"compiled modules in {folder}; no other cache is kept")
    advice = f"let the owner of the folder run: python -m compileall {Path(__file__).parents[1]}"
    return warning("cache", f"no compiled modules in {folder}, and none can be kept; each start compiles them anew", advice)


def _disk() -> Finding:
    """Look at the disks of this folder, where most outputs go, and of the temporary files."""
    free = {}
    for folder in dict.fromkeys([os.getcwd(), _temporary_folder()]):
        if folder is not None:
            free[folder] = shutil.disk_usage(folder).free
    found = ", ".join(f"{_size(number)} free in {folder}" for folder, number in free.items())
    if min(free.values()) < _FREE_DISK:
        return warning(
            "disk", found, "make room, or name outputs on another disk; score --resume keeps what was scored if it fills"
        )
    return ok("disk", found)


def _temporary_folder() -> str | None:
    try:
        return tempfile.gettempdir()
    except OSError:
        return None


def memory(limits: Limits) -> Finding:
    """Return whether the memory is enough.

    :param limits: What the system and its control groups allow.
    """
    if limits.memory is None:
        return warning("memory", "the system does not say what is free", f"see that {_size(_FREE_MEMORY)} are free")
    found = f"{_size(limits.memory)} free"
    if limits.memory < _FREE_MEMORY:
        return warning(
            "memory", f"{found}; scoring takes up to {_size(_FREE_MEMORY)}", "end other programs, or raise the container's limit"
        )
    return ok("memory", found)


def processors(limits: Limits, *, usable: int, present: int) -> Finding:
    """Return how many posts are scored side by side.

    :param usable: Cores that this process may run on.
    :param present: Cores of the machine.
    """
    found = f"{usable} of {present} cores; as many posts are scored side by side"
    if limits.processors is not None and limits.processors < usable:
        wanted = max(1, round(limits.processors))
        return warning(
            "processors", f"{found}, but the container has the time of {limits.processors:g}", f"score with --threads {wanted}"
        )
    return ok("processors", found)


def _size(number: float) -> str:
    return f"{number / (1 << 30):.1f} GiB"
