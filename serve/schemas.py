"""The bodies of requests and responses: their checks, and their part of the OpenAPI document."""

from collections.abc import Mapping
from typing import Annotated, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, StrictBool, model_validator
from pydantic_core import PydanticCustomError

from detector.records import Band
from detector.scoring import MAX_CHARACTERS

MAX_ITEMS = 256
"""Most posts in one request."""


def _whole(name: str) -> str:
    """Refuse a name that no answer in UTF-8 could echo; pydantic lets it pass."""
    try:
        name.encode()
    except UnicodeEncodeError:
        raise PydanticCustomError("string_unicode", _HALF) from None
    return name


_UNKNOWN = "expected no member other than those of the schema"
_HALF = "expected Unicode text, got half a surrogate pair"

Probability = Annotated[float, Field(ge=0, le=1)]
Language = Annotated[str, Field(pattern=r"^[A-Za-z]{2,3}(-[A-Za-z0-9]{1,8})*$", max_length=35, examples=["en"])]
OperatingPoint = Literal["high", "review"]
Code = Literal["invalid_item", "invalid_id", "invalid_text", "invalid_language", "scoring_failed"]


class Body(BaseModel):
    """Base of all bodies; its errors never show what was sent, as that may be a post."""

    model_config = ConfigDict(
        frozen=True,
        hide_input_in_errors=True,
        use_attribute_docstrings=True,
        json_schema_serialization_defaults_required=True,
    )


class Item(Body):
    """A post to score. Members other than these are ignored."""

    text: str = Field(
        json_schema_extra={"minLength": 1, "maxLength": MAX_CHARACTERS},
        examples=["Hiring typists in Poipet, ticket and passport paid by us, DM @example"],
    )
    """The text as scraped, untouched: not blank, without NUL and half surrogate pairs."""
    id: Annotated[str, AfterValidator(_whole)] | None = Field(default=None, examples=["p-17"])
    """Your own name for the post; echoed in its result."""
    language: Language | None = None
    """BCP-47 code, if you know it; otherwise the language is identified."""


class Asked(Body):
    """Base of what may hold no member but those of its schema."""

    model_config = ConfigDict(extra="forbid")

    @model_validator(mode="before")
    @classmethod
    def _only_known_members(cls, sent: object) -> object:
        # Pydantic would list every member it does not know, and there may be 100 000 of them.
        if isinstance(sent, dict) and not sent.keys() <= cls.model_fields.keys():
            raise PydanticCustomError("unknown_member", _UNKNOWN)
        return sent


class Options(Asked):
    """How all posts of a request are to be scored and shown."""

    evidence: StrictBool = True
    """Whether the words that carried the scores are shown."""
    mask_contacts: StrictBool = False
    """Whether handles, numbers and addresses are made unreadable, in contacts and in evidence."""
    language: Language | None = None
    """BCP-47 code of the posts that come without one of their own."""
    operating_point: OperatingPoint = "review"
    """From where on a post is flagged: ``review`` finds most lures, ``high`` raises few false alarms."""


class ScoreRequest(Asked):
    """Posts to score."""

    items: list[Annotated[Item | object, Field(union_mode="left_to_right")]] = Field(max_length=MAX_ITEMS)
    """The posts. What is not a whole item gets an error in its place; the others are scored."""
    options: Options = Options()


class Evidence(Body):
    """A piece of the post; offsets count code points of the text as sent."""

    start: Annotated[int, Field(ge=0)]
    end: Annotated[int, Field(ge=0)]
    text: str


class Finding(Body):
    """An indicator that the model finds in the post."""

    code: str
    score: Probability
    """Probability that the indicator is present."""
    evidence: list[Evidence]
    """The words that carried it, strongest first; empty for something missing from the text."""


class Contact(Body):
    """A way to reach the poster."""

    kind: str
    value: str


class Verdict(Body):
    """What the detector says of one post; the same members as on every other surface."""

    id: str | None
    score: Probability
    """Calibrated probability of ``scam_compound``."""
    label: str
    """The likeliest label."""
    label_scores: dict[str, Probability]
    """Calibrated probability of each label; they sum to 1."""
    band: Band
    reason: str | None
    """Why the detector abstains, if it does."""
    language: str
    note: str | None
    """What to know of the band, such as a language that was never evaluated."""
    windows: Annotated[int, Field(ge=1)]
    """Number of pieces the post was read in; all of it is read."""
    evidence: list[Evidence]
    """The words that raised the score most, strongest first."""
    indicators: list[Finding]
    contacts: list[Contact]
    model: str
    error: None


class ItemError(Body):
    """Why one item has no result."""

    code: Code
    """``scoring_failed`` is the service's fault, the others are the item's."""
    message: str
    """What was expected and what was got, without the text itself."""


class Scored(Body):
    """An item with a result."""

    id: str | None
    flagged: bool
    """Whether the post reaches the operating point asked for; never if the detector abstains."""
    result: Verdict
    error: None = None


class Failed(Body):
    """An item without a result."""

    id: str | None
    flagged: None = None
    result: None = None
    error: ItemError


class ScoreResponse(Body):
    """One entry for each item, in the order of the request."""

    model: str
    """Name, version and hash of the bundle."""
    results: list[Scored | Failed]


class OperatingPoints(Body):
    """From which score a post is in the band ``high`` or ``review``."""

    high: Probability
    review: Probability


class Limits(Body):
    """Most that is accepted."""

    items: int
    """Items of one request."""
    characters: int
    """Code points of one text."""
    body_bytes: int
    """Bytes of one request body."""


class ModelInfo(Body):
    """The model that is served, and the limits of the service."""

    model: str
    """Name, version and hash, as in each verdict."""
    name: str
    version: str
    sha256: str
    labels: list[str]
    indicators: list[str]
    languages: list[str]
    """BCP-47 codes the model was evaluated in."""
    operating_points: OperatingPoints
    limits: Limits


class Health(Body):
    """The service is as asked for."""

    status: Literal["ok"] = "ok"


class Fault(Body):
    """One fault of a request."""

    pointer: str
    """JSON pointer, as a URI fragment, to the member of the body that is at fault."""
    detail: str


class Problem(Body):
    """An error as in RFC 9457."""

    type: Literal["about:blank"] = "about:blank"
    title: str
    """The status in words."""
    status: Annotated[int, Field(ge=400, le=599)]
    detail: str
    """What was expected and what was got, without any text of a post."""
    instance: str
    """URN of this one error."""
    request_id: str
    """As in the header ``X-Request-ID``; name it when you report the error."""
    errors: list[Fault]
    """Where the request is at fault, if that can be said."""


def describe_fault(error: Mapping[str, object]) -> str:
    """Return one of pydantic's errors in our words; never shows what was sent."""
    return _WORDS.get(str(error["type"]), str(error["msg"]))


_LANGUAGE = "expected a BCP-47 code such as 'id' or 'zh-Hans'"
_WORDS = {
    "extra_forbidden": _UNKNOWN,
    "list_type": "expected an array",
    "missing": "expected a value, got none",
    "model_type": "expected an object",
    "string_pattern_mismatch": _LANGUAGE,
    "string_too_long": _LANGUAGE,
    "string_type": "expected a string",
    "string_unicode": _HALF,
    "too_long": f"expected at most {MAX_ITEMS} items",
}
