"""The bodies of ``/v1/admin/model`` and ``/v1/shadow``."""

from typing import Annotated, Literal

from pydantic import Field

from serve.schemas import Asked, Body, Probability

Number = Annotated[int, Field(ge=0)]


class Swap(Asked):
    """A model that is to be served from now on."""

    folder: str = Field(min_length=1, max_length=4096, examples=["2026-11"])
    """Its folder, below that of the setting ``SCAM_DETECTOR_MODELS``, or the one of ``SCAM_DETECTOR_MODEL`` or ``_SHADOW``.
    Nobody may change it while it is served."""


class Served(Body):
    """What is served, and by how many."""

    model: str
    """Name, version and hash, as in each verdict."""
    sha256: str
    folder: str
    workers: Number
    """Processes that serve."""
    following: Number
    """Those of them that serve this model."""


class Bands(Body):
    """Items by both bands."""

    served: str
    shadow: str
    items: Number


class Bin(Body):
    """Items by how much the shadow's score is above the one that was answered."""

    above: float
    up_to: float
    items: Number


class Agreement(Body):
    """How alike the verdicts of both models are; nothing is said of no items."""

    items: Number
    """Those that both scored."""
    band_changed: Probability | None
    """Share whose band is another."""
    labels_agree: Probability | None
    """Share whose likeliest label is the same."""
    mean_difference: Probability | None
    """Mean of the absolute differences of the scores."""
    largest_difference: Probability | None


class LanguageAgreement(Agreement):
    """The same, for one language."""

    language: str
    """One of the model's, or ``other``."""


class ShadowReport(Body):
    """The model that is served, beside the one in its shadow."""

    state: Literal["off", "loading", "running", "broken", "served"]
    """Of the worker that was asked. ``served``: the shadow is the model that is served, and rests."""
    served: str
    shadow: str | None
    """Name, version and hash; nothing before it was loaded."""
    folder: str | None
    share: Probability
    """Of the texts, which the shadow is to score as well."""
    dropped: Number
    """Items that there was no room for."""
    failed: Number
    """Items that the shadow failed on."""
    all: Agreement
    bands: list[Bands]
    differences: list[Bin]
    languages: list[LanguageAgreement]
