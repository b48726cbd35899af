"""Find online-scam recruitment in job posts: calibrated scores, visible evidence, honest limits."""

from typing import TYPE_CHECKING

from detector.errors import (
    BackendError,
    BundleError,
    ColumnError,
    DetectorError,
    EvidenceError,
    InputError,
    MissingExtraError,
    OutputError,
    RecordError,
    ServiceError,
)
from detector.records import (
    INDICATORS,
    LABELS,
    Contact,
    Evidence,
    IndicatorFinding,
    Post,
    Verdict,
)

if TYPE_CHECKING:
    from detector.scoring import Detector

__all__ = [
    "INDICATORS",
    "LABELS",
    "BackendError",
    "BundleError",
    "ColumnError",
    "Contact",
    "Detector",
    "DetectorError",
    "Evidence",
    "EvidenceError",
    "IndicatorFinding",
    "InputError",
    "MissingExtraError",
    "OutputError",
    "Post",
    "RecordError",
    "ServiceError",
    "Verdict",
]


def __getattr__(name: str) -> object:
    # Only who scores needs numpy and the tokenizer: the records, the errors and `--help` come at once.
    if name != "Detector":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from detector.scoring import Detector

    return Detector
