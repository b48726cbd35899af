"""The bodies of the interfaces of others; see :mod:`serve.compat`."""

from typing import Annotated, Literal

from pydantic import ConfigDict, Field, RootModel

from detector.scoring import MAX_CHARACTERS
from serve.schemas import MAX_ITEMS, Body, OperatingPoint, Probability

Text = Annotated[
    str,
    Field(
        # Not blank, as Python has it, and without NUL; in the document only, as texts are looked at in serve.compat.
        json_schema_extra={"minLength": 1, "maxLength": MAX_CHARACTERS, "pattern": r"^[^\x00]*[^\s\x00\x1c-\x1f\x85][^\x00]*$"},
        examples=["Hiring typists in Poipet, ticket and passport paid by us, DM @example"],
    ),
]
One = Annotated[list[Text], Field(min_length=1, max_length=1)]


class TextPart(Body):
    """A piece of a post."""

    type: Literal["text"]
    text: Text


class ModerationRequest(Body):
    """Posts to moderate. Members other than these are ignored."""

    input: (
        Text
        | Annotated[list[Text], Field(min_length=1, max_length=MAX_ITEMS)]
        | Annotated[list[TextPart], Field(min_length=1, max_length=MAX_ITEMS)]
    )
    """One post, several, or the parts of one."""
    operating_point: OperatingPoint = "review"
    """From where on ``scam_compound`` is flagged; OpenAI has no such member."""


class Moderation(Body):
    """What is wrong with one post."""

    flagged: bool
    """Whether any category is."""
    categories: dict[str, bool]
    category_scores: dict[str, Probability]
    """Calibrated probability of each category."""
    category_applied_input_types: dict[str, list[Literal["text"]]]


class Moderations(Body):
    """One entry for each post, in order."""

    id: str
    model: str
    """Name, version and hash of the bundle, whatever model was asked for."""
    results: list[Moderation]


class OpenAIFault(Body):
    """What went wrong."""

    message: str
    type: str
    param: str | None
    """The member at fault."""
    code: str | None


class OpenAIError(Body):
    """An error as OpenAI's clients read it."""

    error: OpenAIFault


class PredictRequest(Body):
    """Texts to classify. Members other than these are ignored."""

    inputs: Text | One | Annotated[list[One], Field(min_length=1, max_length=MAX_ITEMS)]
    """One text, or a batch of arrays with one text each."""
    raw_scores: bool = False
    """Whether logarithms of the probabilities are wanted."""


class Prediction(Body):
    """A class and its score."""

    score: float
    label: str


class Predictions(RootModel[list[Prediction] | list[list[Prediction]]]):
    """The classes of a text, the likeliest first; for a batch, those of each text."""

    model_config = ConfigDict(frozen=True)


TeiErrorType = Literal["unhealthy", "backend", "overloaded", "validation"]


class TeiError(Body):
    """An error as clients of text-embeddings-inference read it."""

    error: str
    error_type: TeiErrorType
