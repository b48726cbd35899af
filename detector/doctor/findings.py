"""What a check has found."""

from collections.abc import Iterable
from dataclasses import asdict, dataclass
from typing import Literal

from detector.errors import EXIT_CODES, DetectorError

State = Literal["ok", "warning", "fault"]


@dataclass(frozen=True, slots=True)
class Finding:
    """One line of the examination.

    :ivar check: What was looked at.
    :ivar found: What is there.
    :ivar advice: The next step; empty where there is nothing to do.
    :ivar status: Exit status of a fault: that of the branch of the error tree which a command would meet.
    """

    check: str
    state: State
    found: str
    advice: str = ""
    status: int = 0

    def to_dict(self) -> dict[str, object]:
        """Return the finding as a plain dictionary."""
        return asdict(self)


def ok(check: str, found: str, advice: str = "") -> Finding:
    """Return that nothing is wrong."""
    return Finding(check, "ok", found, advice)


def warning(check: str, found: str, advice: str) -> Finding:
    """Return what does not keep a command from working."""
    return Finding(check, "warning", found, advice)


def fault(check: str, found: str, advice: str, branch: type[DetectorError]) -> Finding:
    """Return what does.

    :param branch: Of the error tree: whose turn it is.
    """
    return Finding(check, "fault", found, advice, EXIT_CODES[branch])


def exit_status(findings: Iterable[Finding]) -> int:
    """Return the exit status of an examination: that of its first fault, or 0. Others often follow from the first."""
    return next((finding.status for finding in findings if finding.state == "fault"), 0)
