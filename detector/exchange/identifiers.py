"""Identifiers that are the same in every export of the same thing.

Source: RFC 9562, section 5.5, for UUIDs made of names; STIX 2.1, section 2.9, for those of observables.
"""

import json
from uuid import UUID, uuid5

NAMESPACE = UUID("6f0a3c1e-52d4-5b8e-9a47-1d2c60b7e9f3")
"""Of all names that this project makes."""

OBSERVABLES = UUID("00abedb4-aa42-466c-9c01-fed23315a9b7")
"""Of observables, whoever makes them."""


def name_of(*parts: str, namespace: UUID = NAMESPACE) -> str:
    """Return the UUID that belongs to some words in this order."""
    return str(uuid5(namespace, _canonical(list(parts))))


def observable_id(kind: str, contributing: dict[str, object]) -> str:
    """Return the id of a STIX observable, the one that every producer gives it.

    :param contributing: Its properties that the standard makes the id of. Strings and dictionaries only: of these, RFC 8785's
        canonical form is what :mod:`json` writes with sorted keys and no blanks.
    """
    return f"{kind}--{uuid5(OBSERVABLES, _canonical(contributing))}"


def _canonical(value: object) -> str:
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
