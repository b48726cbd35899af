"""Long lists of words found in one pass over a text, where a regular expression tries every word at every character.

The lists stay regular expressions: what is found is what :mod:`re` finds, to the character.
"""

import re
from collections import defaultdict
from collections.abc import Mapping

_KEY = 2
"""Characters by which words are looked up; some words have only one that is always there."""
_OPTIONAL = frozenset("?*{")
_SPECIAL = frozenset("[(.^$+)|")


def alternatives(pattern: str) -> list[str]:
    """Return the parts of a regular expression between the bars that stand in no group."""
    parts, depth, start, place = [], 0, 0, 0
    while place < len(pattern):
        char = pattern[place]
        if char == "[":
            place = pattern.index("]", place + 2)
        elif char == "|" and depth == 0:
            parts.append(pattern[start:place])
            start = place + 1
        depth += (char == "(") - (char == ")")
        place += 1 + (char == "\\")
    return [*parts, pattern[start:]]


def key_of(alternative: str) -> str:
    """Return the first characters, two or one, of whatever an alternative matches.

    :raises ValueError: if they can differ.
    """
    rest = alternative.removeprefix(r"\b")
    key = ""
    while rest and len(key) < _KEY and rest[0] not in _SPECIAL:
        # A letter behind a backslash is a class of characters, a sign behind it is itself.
        size = 1 + (rest[0] == "\\")
        if rest[size - 1].isalnum() and size == 2 or rest[size : size + 1] in _OPTIONAL:
            break
        key, rest = key + rest[size - 1], rest[size:]
    if not key:
        raise ValueError(f"expected a word that begins with one certain character, got {alternative!r}")
    return key


class WordLists:
    """Regular expressions by name, each of alternatives that begin with a certain character, perhaps behind the edge of a word.

    :raises ValueError: if one begins with anything else.
    """

    def __init__(self, lists: Mapping[str, str]) -> None:
        self._names = tuple(lists)
        words: dict[str, list[tuple[str, str, str]]] = defaultdict(list)
        for name, pattern in lists.items():
            for part in alternatives(pattern):
                words[key_of(part)[0]].append((key_of(part), name, part))
        self._sources: dict[str, dict[str, list[str]]] = {key: defaultdict(list) for alike in words.values() for key, _, _ in alike}
        for key, sources in self._sources.items():
            for begins, name, part in words[key[0]]:
                if key.startswith(begins):
                    sources[name].append(part)
        self._compiled: dict[str, tuple[tuple[str, re.Pattern[str]], ...]] = {}

    def first_of_each(self, text: str) -> dict[str, re.Match[str]]:
        """Return the first match of each list that has one, in the order of the lists."""
        found: dict[str, re.Match[str]] = {}
        for position, char in enumerate(text):
            key = text[position : position + _KEY]
            if key not in self._sources:
                key = char
                if key not in self._sources:
                    continue
            for name, pattern in self._beginning_with(key):
                if name not in found and (match := pattern.match(text, position)) is not None:
                    found[name] = match
        return {name: found[name] for name in self._names if name in found}

    def _beginning_with(self, key: str) -> tuple[tuple[str, re.Pattern[str]], ...]:
        """Return what can match where a text has these characters; compiled when first met, since most never are."""
        if key not in self._compiled:
            self._compiled[key] = tuple((name, re.compile("|".join(parts))) for name, parts in self._sources[key].items())
        return self._compiled[key]
