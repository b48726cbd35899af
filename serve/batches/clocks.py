"""How long something has lasted, whatever was done to the clock meanwhile."""

import time
from dataclasses import dataclass
from pathlib import Path

_BOOT = Path("/proc/sys/kernel/random/boot_id")
_UNKNOWN = ""


@dataclass(frozen=True, slots=True)
class Moment:
    """A moment by two clocks.

    :ivar wall: Seconds since 1970; may jump.
    :ivar boot: Which start of the machine it was in.
    :ivar uptime: Seconds from then on, also those it slept; never jumps.
    """

    wall: float
    boot: str
    uptime: float

    def since(self, earlier: "Moment") -> float:
        """Return the seconds from an earlier moment on.

        Where the machine was started anew between the two, or does not tell, the clock on the wall is all there is.
        """
        same_boot = self.boot == earlier.boot != _UNKNOWN
        return self.uptime - earlier.uptime if same_boot else self.wall - earlier.wall


def now() -> Moment:
    """Return this moment."""
    try:
        boot = _BOOT.read_text().strip()
    except OSError:  # a sandbox may hide it
        boot = _UNKNOWN
    return Moment(time.time(), boot, time.clock_gettime(time.CLOCK_BOOTTIME))
