"""What is known of the model that scored a file: its card, and how well its indicators were found to do.

Figures are read, never written here: from the model card of the bundle, and from ``page/measured.json``, the part of
``training/report/report.json`` that a report shows, which ``python -m training measured`` writes (a test holds the two equal).
"""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from html import escape
from importlib import resources
from pathlib import Path

from detector.bundle import Bundle

CARD = "README.md"
_LIMITS = "Limits and known failures"


@dataclass(frozen=True, slots=True)
class Measured:
    """How often the model was right to see an indicator: in ``posts`` test posts that have it, by a reader's word."""

    precision: float
    posts: int


@dataclass(frozen=True, slots=True)
class Knowledge:
    """What is known of the model of a report; empty if its bundle is not at hand.

    :ivar bundle: The bundle that scored the posts.
    :ivar use: What the card says of use and of the operating points, as HTML.
    :ivar limits: The card's limits, as HTML, one an item.
    """

    bundle: Bundle | None = None
    use: tuple[str, ...] = ()
    limits: tuple[str, ...] = ()
    indicators: Mapping[str, Measured] = field(default_factory=dict)


def knowledge_of(bundle: Bundle) -> Knowledge:
    """Return what is known of a bundle."""
    card = _card(bundle.folder / CARD)
    return Knowledge(bundle, tuple(_paragraphs(card)), tuple(_items(card)), _measured(bundle.identity))


def _card(path: Path) -> str:
    # A bundle of one's own may come without a card.
    return path.read_text("utf-8", "replace") if path.is_file() else ""


def _paragraphs(card: str) -> list[str]:
    """Return the paragraphs on use and on the operating points."""
    wanted = ("**Intended use.**", "**Operating points**")
    return [_html(part) for part in re.split(r"\n\s*\n", card) if part.startswith(wanted)]


def _items(card: str) -> list[str]:
    section = re.search(rf"^## {_LIMITS}$(.*?)(?=^## |\Z)", card, re.M | re.S)
    items = re.split(r"^- ", section[1], flags=re.M)[1:] if section is not None else []
    return [_html(item) for item in items]


def _html(markdown: str) -> str:
    """Return a paragraph of the card as HTML: bold, code, nothing else."""
    text = escape(" ".join(markdown.split()))
    text = re.sub(r"\*\*(.+?)\*\*", r"<strong>\1</strong>", text)
    return re.sub(r"`(.+?)`", r"<code>\1</code>", text)


def _measured(identity: str) -> dict[str, Measured]:
    source = resources.files("detector.report").joinpath("page/measured.json").read_text("utf-8")
    measured = json.loads(source)
    if measured["model"] != identity:
        return {}
    return {code: Measured(**figures) for code, figures in measured["indicators"].items()}
