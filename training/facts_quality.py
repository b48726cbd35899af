"""How well route, role and pay are found, measured on posts that a reader went through before."""

import json
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from detector.errors import InputError
from detector.facts import CaseFacts, Pay, find_facts
from training.examples import corpus_files, corpus_rows

PARTS = {"shown": "looked at while the rules were written", "held": "scored at the end"}
FACTS = ("destination", "origin", "role", "pay", "period")

Checked = Mapping[str, Any]
"""What a reader found in one post: lists of countries for each part of the route, accepted roles, accepted pay."""


@dataclass(slots=True)
class Tally:
    """What was found and what there was to be found.

    :ivar right: Found as the reader has it.
    :ivar found: All that was found.
    :ivar there: All that the reader has.
    """

    right: Counter[str] = field(default_factory=Counter)
    found: Counter[str] = field(default_factory=Counter)
    there: Counter[str] = field(default_factory=Counter)

    def add(self, checked: Checked, facts: CaseFacts) -> None:
        """Add one post."""
        for part in ("destination", "origin"):
            found, there = set(facts.countries(part)), set(checked[part])
            self._add(part, right=len(found & there), found=len(found), there=len(there))
        role = facts.role in checked["role"]
        self._add("role", right=role, found=facts.work is not None, there=bool(checked["role"]))
        accepted = [] if facts.pay is None else [pay for pay in checked["pay"] if _is_sum(pay, facts.pay)]
        self._add("pay", right=bool(accepted), found=facts.pay is not None, there=bool(checked["pay"]))
        periods = {pay["period"] for pay in accepted}
        # Judged where the sum is right; the reader left it open where the text can be read in two ways.
        if facts.pay is not None and periods and None not in periods:
            named = facts.pay.period != "unknown"
            self._add("period", right=named and facts.pay.period in periods, found=named, there=periods != {"unknown"})

    def line(self, part: str) -> list[str]:
        """Return the rows of a Markdown table for one part of the sample."""
        return [
            f"| {part} | {fact} | {_share(self.right[fact], self.found[fact])} | {_share(self.right[fact], self.there[fact])} |"
            for fact in FACTS
        ]

    def _add(self, fact: str, *, right: int, found: int, there: int) -> None:
        self.right[fact] += right
        self.found[fact] += found
        self.there[fact] += there


def quality_table(corpus: Path, checked: Path) -> str:
    """Return precision and recall of each fact as a Markdown table, for both parts of the sample.

    A country counts once a post. A role is right if the reader accepts it; a sum, if both ends and the currency are those of a sum
    that the reader accepts. The period is judged where the sum is right.

    :raises InputError: if a post of the sample is not in the corpus.
    """
    rows = {row["id"]: row for path in corpus_files(corpus) for row in corpus_rows(path)}
    sample = [json.loads(line) for line in checked.read_text("utf-8").splitlines()]
    if missing := [each["id"] for each in sample if each["id"] not in rows]:
        raise InputError(f"{checked}: expected ids of posts in {corpus}, got {missing[0]!r}")
    lines = ["| part | fact | precision | recall |", "|---|---|---|---|"]
    for part, meaning in PARTS.items():
        posts = [each for each in sample if each["part"] == part]
        lines += tally(posts, rows).line(f"{len(posts)} {meaning}")
    return "\n".join(lines)


def tally(sample: Iterable[Checked], rows: Mapping[str, Mapping[str, Any]]) -> Tally:
    """Find the facts of the posts of a sample and compare them with the reader's.

    :param rows: Rows of the corpus by id.
    """
    counted = Tally()
    for each in sample:
        row = rows[each["id"]]
        counted.add(each, find_facts(row["text"], language=row["language"]))
    return counted


def _is_sum(accepted: Mapping[str, Any], pay: Pay) -> bool:
    expected: Sequence[object] = (accepted["low"], accepted["high"], accepted["currency"])
    return tuple(expected) == (pay.low, pay.high, pay.currency)


def _share(right: int, of: int) -> str:
    return f"{right / of:.2f} ({right}/{of})" if of else "– (0/0)"
