"""A small real detector."""

from collections.abc import Iterator

import pytest
from letters import LetterBackend, bundle, runnable_bundle

from detector import Detector
from detector.bundle import Bundle


@pytest.fixture(scope="session")
def detector(bundle: Bundle) -> Iterator[Detector]:
    detector = Detector(bundle, LetterBackend(), threads=1)
    yield detector
    detector.close()


__all__ = ["bundle", "runnable_bundle"]
