"""Models are loaded here, tried out before anybody depends on them, and their memory is given back."""

import ctypes
import logging
import math
from collections.abc import Callable
from pathlib import Path
from typing import Literal

from starlette.exceptions import HTTPException

from detector import LABELS, BundleError, Detector, DetectorError
from detector.doctor.working import LANGUAGES, POST
from detector.scoring import usable_cores
from serve.settings import Settings
from serve.wanted import WantedFile

LoadFolder = Callable[[Path], Detector]
Fault = Literal["bundle", "trial", "record"]

_LOG = logging.getLogger(__name__)
_REASON = 300
"""Characters of a reason that are told: runtimes explain at length."""


class Refused(HTTPException):
    """A model that is not taken over; the old one stays.

    :ivar fault: Whether it is no whole bundle, failed its trial, or could not be written down.
    :ivar reason: What is wrong, in one line.
    """

    def __init__(self, fault: Fault, error: Exception, status: int = 422) -> None:
        self.reason = (str(error).partition("\n")[0] or repr(error))[:_REASON]
        super().__init__(status, f"the model stays as it is: {self.reason}")
        self.fault = fault


def load_model(settings: Settings, folder: Path, *, threads: int | None = None) -> Detector:
    """Load a folder as the settings say; the cores are shared out among the workers.

    :param threads: Posts read side by side, if not what the settings say.
    :raises BundleError: if the folder is not a whole bundle of this version.
    """
    shared = max(1, usable_cores() // settings.workers)
    return Detector.load(folder, backend=settings.backend, threads=threads or settings.threads or shared)


def load_wanted(settings: Settings, configured: Path) -> Detector:
    """Load what the service was told to serve, or else the configured model.

    :param configured: The folder that the setting named when the service started, symbolic links followed: while a service runs, a
        link that is changed counts only when the model is read anew.
    :raises BundleError: if neither can be loaded.
    :raises InputError: if what it was told cannot be read.
    """
    wanted = WantedFile(settings.data).read()
    if wanted is not None:
        try:
            return _as_wanted(load_model(settings, wanted.folder), wanted.sha256)
        except DetectorError as error:
            _LOG.error("the configured model is served, not the one that was swapped in: %s", error)
    return load_model(settings, configured)


def load_tried(load: LoadFolder, folder: Path, sha256: str | None = None) -> Detector:
    """Load a folder and try the model out.

    :param sha256: Which bundle it must be; by default any.
    :raises Refused: if it is no whole bundle, or fails its trial.
    """
    try:
        detector = _as_wanted(load(folder.resolve()), sha256)
    except Exception as error:  # what stands in the files may trip any library on the way
        raise Refused("bundle", error) from error
    try:
        try_out(detector)
    except Exception as error:  # as above
        raise Refused("trial", error) from error
    return detector


def try_out(detector: Detector) -> None:
    """Score some invented posts.

    :raises BundleError: if the headline label is another, or a score is none, or not the same each time.
    """
    if detector.bundle.manifest.labels[0] != LABELS[0]:
        raise BundleError(f"expected the first label {LABELS[0]}, got {detector.bundle.manifest.labels[0]}")
    posts = [POST, *LANGUAGES.values()]
    together = detector.score(posts)
    if together != [detector.score([post])[0] for post in posts]:
        raise BundleError("expected the same verdicts on posts alone and together, got others")
    for verdict in together:
        if (
            verdict.error is not None
            or verdict.score is None
            or not math.isclose(sum(verdict.label_scores.values()), 1, abs_tol=1e-4)
        ):
            raise BundleError("expected probabilities of all labels that sum to 1, got others")


def give_back_memory() -> None:
    """Hand freed memory back to the system: glibc would keep a model's worth of it for the next one."""
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None)
    if trim is not None:
        trim(0)


def _as_wanted(detector: Detector, sha256: str | None) -> Detector:
    bundle = detector.bundle
    if sha256 not in (None, bundle.sha256):
        raise BundleError(f"{bundle.folder}: expected the bundle {sha256}, got {bundle.sha256}; put it back, or swap in this one")
    return detector
