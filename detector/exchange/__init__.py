"""Exchange: flagged posts as a STIX 2.1 bundle or a MISP event, for people who work in other tools.

What is written where, and why, stands in ``README.md`` beside this file.
"""

from detector.exchange.job import Summary, export
from detector.exchange.sharing import TLP, Sharing

__all__ = ["TLP", "Sharing", "Summary", "export"]
