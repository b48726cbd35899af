"""Contacts in a report: masked, or as they are if the reader asked for them."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from detector.masking import mask_contact, mask_text
from detector.records import Contact
from detector.report.marking import writable

_LONGEST = 120


@dataclass(frozen=True, slots=True)
class Hiding:
    """Masks what is shown, unless ``shows_all``."""

    shows_all: bool = False

    def text(self, text: str, language: str | None) -> str:
        """Return a text as it is shown: as long as it was."""
        return text if self.shows_all else mask_text(text, language)

    def contact(self, contact: Mapping[str, Any]) -> dict[str, object]:
        """Return a contact as it is shown, with ``kind``, ``value`` and ``posts``."""
        found = Contact(contact["kind"], contact["value"])
        if not self.shows_all:
            found = mask_contact(found)
        return {"kind": writable(found.kind), "value": writable(found.value[:_LONGEST]), "posts": contact["posts"]}
