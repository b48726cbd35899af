"""The examination behind ``scam-detector doctor``: is all there that scoring needs, and if not, what is to be done.

Each check looks at one thing and says ``ok``, ``warning`` or ``fault``. A fault keeps a command from working, a warning makes it
slower or its output less readable. Nothing here uses the network or changes the installation.
"""

from detector.doctor.examination import examine
from detector.doctor.findings import Finding, exit_status

__all__ = ["Finding", "examine", "exit_status"]
