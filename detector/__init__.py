"""Find online-scam recruitment in job posts: calibrated scores, visible evidence, honest limits."""

from detector.errors import (
    BackendError,
    BundleError,
    ColumnError,
    DetectorError,
    InputError,
    MissingExtraError,
    OutputError,
    RecordError,
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
    "IndicatorFinding",
    "InputError",
    "MissingExtraError",
    "OutputError",
    "Post",
    "RecordError",
    "Verdict",
]
