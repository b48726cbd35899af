"""Choices that look random and are the same on every machine, in every order and at every size of the corpus."""

import hashlib


def stable_hash(name: str) -> int:
    """Return 64 bits of the SHA-256 of a name; put a word for the purpose before it where two choices must not go together."""
    return int.from_bytes(hashlib.sha256(name.encode()).digest()[:8])
