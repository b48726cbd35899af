"""A detector in the process itself."""

from collections.abc import Sequence

from detector.bundle import Bundle
from detector.inputs import Input, Reading
from detector.records import Post, Verdict
from detector.scoring import Detector


class LocalEngine:
    """Scores posts with a detector; see :class:`detector.engines.Engine`."""

    def __init__(self, detector: Detector) -> None:
        self._detector = detector

    @property
    def bundle(self) -> Bundle:
        """The model."""
        return self._detector.bundle

    @property
    def runtime(self) -> str:
        """Name of the backend in use."""
        return self._detector.runtime

    @property
    def copies_found(self) -> int:
        """Posts whose text had been read before."""
        return self._detector.copies_found

    def begin(self, inputs: Sequence[Input], reading: Reading) -> None:
        """Do nothing: posts come with their texts."""

    def score(self, posts: Sequence[tuple[int, Post]]) -> list[Verdict]:
        """Return one verdict for each post."""
        return self._detector.score([post for _, post in posts])
