"""All checks, in the order in which one thing needs another."""

from collections.abc import Iterator
from pathlib import Path

from detector.bundle import DEFAULT_BUNDLE
from detector.doctor.findings import Finding
from detector.doctor.machine import check_machine, check_temporary
from detector.doctor.packages import check_extras, check_packages
from detector.doctor.working import check_working


def examine(folder: Path = DEFAULT_BUNDLE) -> Iterator[Finding]:
    """Yield what each check has found; those that take long come as they are done.

    :param folder: The model folder.
    """
    yield from check_packages()
    temporary = check_temporary()
    yield temporary
    yield from check_working(folder, tried=temporary.state == "ok")
    yield from check_machine()
    yield from check_extras()
