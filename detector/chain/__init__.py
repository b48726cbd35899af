"""The chain of evidence: flagged posts kept as they came, so that a later change shows.

A folder holds

- ``manifest.jsonl``: one line for each post that was flagged, in the order they were found (:mod:`detector.chain.lines`);
- ``objects/ab/cdef…``: what the lines name, each file under its own SHA-256: the text of the post in UTF-8, as it stood in its row
  (of several columns joined by line breaks), and the row as a JSON object of its cells as they were read. Both, and the SHA-256 of
  the whole source file with the number of the row, since the bytes of a row of CSV or Parquet do not stand alone;
- ``incoming/``: the same for lines that are being written; empty unless a run was cut off.

The lines are chained: each has the SHA-256 of the line before. Whoever changes, removes or puts in a byte is found by
:func:`~detector.chain.verifying.verify`, but for two things that no chain can show from inside: lines taken from its end, and a
folder rewritten as a whole. Both show against the hash of the last line, which ``score`` prints: note it elsewhere, and give it to
``verify --head``.
"""

from detector.chain.keeping import EvidenceFolder
from detector.chain.lines import MANIFEST
from detector.chain.verifying import Verification

__all__ = ["MANIFEST", "EvidenceFolder", "Verification"]
