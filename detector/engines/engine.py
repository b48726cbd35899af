"""What a run over files asks of an engine."""

from collections.abc import Sequence
from typing import Protocol

from detector.bundle import Bundle
from detector.inputs import Input, Reading
from detector.records import Post, Verdict


class Engine(Protocol):
    """Scores the posts of a run."""

    @property
    def bundle(self) -> Bundle:
        """The model."""
        ...

    @property
    def runtime(self) -> str:
        """Name of the backend in use."""
        ...

    @property
    def copies_found(self) -> int:
        """Posts whose text had been read before."""
        ...

    def begin(self, inputs: Sequence[Input], reading: Reading) -> None:
        """Take note of the rows that will come.

        :raises InputError: if the engine cannot read these inputs.
        """
        ...

    def score(self, posts: Sequence[tuple[int, Post]]) -> list[Verdict]:
        """Return one verdict for each post.

        :param posts: The next posts of the run, with the numbers of their rows; of the rows before the first call none.
        :raises BackendError: if the runtime fails on valid input.
        """
        ...
