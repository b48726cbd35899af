"""What became of the rows of a run."""

from collections import Counter
from dataclasses import dataclass, field

from detector.records import Verdict

_SHOWN_REFUSALS = 5


@dataclass(slots=True)
class Kept:
    """What was kept as evidence.

    :ivar added: Posts added to the folder.
    :ivar known: Posts that were in it already.
    :ivar entries: Lines of its manifest.
    :ivar head: SHA-256 of the last of them.
    :ivar mended: What was repaired that a run left which was cut off.
    """

    folder: str
    added: int = 0
    known: int = 0
    entries: int = 0
    head: str = ""
    mended: str | None = None


@dataclass(slots=True)
class Summary:
    """What became of the rows of some files.

    :ivar rows: All of them, also the refused.
    :ivar bands: Rows in each band.
    :ivar languages: Rows in each language.
    :ivar refused: Rows that have an error instead of a score.
    :ivar refusals: The first few of them: file, row from 1, reason.
    :ivar unread: Files that could not be read, or not to their end, and why.
    :ivar copies: Rows whose text had been read in another row of this run.
    :ivar resumed: Rows that an earlier, interrupted run had scored.
    :ivar inputs: How each file was read.
    :ivar kept: What was kept as evidence, if it was asked for.
    :ivar seconds: Time taken, without loading the model.
    """

    rows: int = 0
    bands: Counter[str] = field(default_factory=Counter)
    languages: Counter[str] = field(default_factory=Counter)
    refused: int = 0
    refusals: list[tuple[str, int, str]] = field(default_factory=list)
    unread: list[tuple[str, str]] = field(default_factory=list)
    copies: int = 0
    resumed: int = 0
    inputs: list[str] = field(default_factory=list)
    kept: Kept | None = None
    seconds: float = 0.0

    @property
    def rows_per_second(self) -> float:
        """Rows in a second, on average, of those that this run scored itself."""
        return (self.rows - self.resumed) / self.seconds if self.seconds else 0.0

    def count(self, source: str, number: int, verdict: Verdict) -> None:
        """Add one row."""
        self.rows += 1
        if verdict.error is not None:
            self.refused += 1
            if len(self.refusals) < _SHOWN_REFUSALS:
                self.refusals.append((source, number, verdict.error))
            return
        self.bands[str(verdict.band)] += 1
        self.languages[str(verdict.language)] += 1
