"""Which posts train, validate and test: groups never cross, and near-duplicates are one group."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Literal

from detector.errors import InputError
from training.duplicates import NEAR, near_duplicates
from training.examples import FEEDBACK, Example
from training.hashing import stable_hash
from training.sources import Source

Split = Literal["train", "validation", "test", "held_out"]

SALT = "scam-recruitment-detector"
ONE_PLAN = frozenset(f"w{number}" for number in range(41, 49))
"""Writers whose languages share one plan: posts of one place in it are alike in build, whatever their language."""
NEW_WRITERS: Mapping[str, Split] = {
    "w120": "validation", "w121": "validation", "w122": "test", "w123": "test", "w124": "test", "w125": "test",
}  # fmt: skip
"""Writers of whom training reads nothing: validation and test also tell what a model makes of writers it has not learnt from."""


def split(examples: Sequence[Example], sources: Mapping[str, Source]) -> list[Split]:
    """Return the split of each example.

    Corpus groups (writing batches) are dealt out language by language and ten by ten, so that batches added later move none of
    those before: of ten, two and one or one and two go to test and validation, as a hash says. What some writers wrote goes to one
    of the two whole (:data:`NEW_WRITERS`). The two Chinese scripts were planned alike, so their batches of one number go
    together, and so do the batches of one place in the ten of a writer whose languages share one plan (:data:`ONE_PLAN`). Public
    rows go by a hash, a tenth each to validation and test; sets declared as held out stay out. Of the posts that readers answered
    a tenth goes to test and none to validation: they were chosen because a model doubted them, and operating points set on them
    would be off.

    :raises InputError: if a group would cross splits after near-duplicates were joined.
    """
    whole = _joined_groups(examples)
    dealt = _deal_corpus(examples)
    chosen: dict[str, Split] = {}
    for example, group in zip(examples, whole, strict=True):
        own = _own_split(example, dealt, sources)
        # Near-duplicates follow the first of their group; one held-out row among them holds out all.
        first = chosen.setdefault(group, own)
        if "held_out" in (first, own) and first != own:
            chosen[group] = "held_out"
    splits = [chosen[group] for group in whole]
    assert_no_crossing(examples, splits)
    return splits


def assert_no_crossing(examples: Sequence[Example], splits: Sequence[Split]) -> None:
    """Check that no group (the batches of the corpus are each of one author) and no pair lies in two splits.

    :raises InputError: naming the first that does.
    """
    seen: dict[str, Split] = {}
    for example, place in zip(examples, splits, strict=True):
        for name in (f"group {example.group}", f"pair {example.pair}" if example.pair else ""):
            if name and seen.setdefault(name, place) != place:
                raise InputError(f"{name} of {example.source} crosses from {seen[name]} to {place}")


def _joined_groups(examples: Sequence[Example]) -> list[str]:
    """Return a group name for each example after joining the groups that share near-duplicates."""
    parent: dict[str, str] = {}

    def root(name: str) -> str:
        while parent.setdefault(name, name) != name:
            name = parent[name]
        return name

    for one, other, _ in near_duplicates([e.text for e in examples], threshold=NEAR):
        parent[root(examples[other].group)] = root(examples[one].group)
    return [root(example.group) for example in examples]


def _deal_corpus(examples: Sequence[Example]) -> dict[str, Split]:
    batches = {e.group: _batch(e) for e in examples if e.source == "corpus"}
    tens: dict[tuple[str, int], set[int]] = defaultdict(set)
    for plan, number in batches.values():
        tens[plan, (number - 1) // 10].add(number)
    dealt: dict[tuple[str, int], Split] = {}
    for (plan, ten), numbers in tens.items():
        n_test = 1 + _hash(f"{plan}/{ten}") % 2
        for rank, number in enumerate(sorted(numbers, key=lambda number: _hash(f"{plan}-b{number:02}"))):
            dealt[plan, number] = "test" if rank < n_test else "validation" if rank < 3 else "train"
    return {group: dealt[batch] for group, batch in batches.items()}


def _batch(example: Example) -> tuple[str, int]:
    """Return what a corpus group such as ``zh-Hant-b03`` is dealt out with, and its number there.

    That is its language, without script, or the writer, if all of the writer's languages share one plan.

    :raises InputError: if the group is not named so.
    """
    language, _, number = example.group.rpartition("-b")
    if not language or not number.isdigit():
        raise InputError(f"expected a group named <language>-b<number>, got {example.group!r}")
    return (example.writer, (int(number) - 1) % 10 + 1) if example.writer in ONE_PLAN else (language.split("-")[0], int(number))


def is_new_writer(example: Example) -> bool:
    """Return whether a post is by a writer of whom training reads nothing."""
    return example.writer in NEW_WRITERS


def _own_split(example: Example, dealt: Mapping[str, Split], sources: Mapping[str, Source]) -> Split:
    if example.source == "corpus":
        return NEW_WRITERS.get(example.writer, dealt[example.group])
    tenth = _hash(example.group) % 10
    if example.source == FEEDBACK:
        return "test" if tenth == 0 else "train"
    if sources[example.source].use == "held_out":
        return "held_out"
    return "test" if tenth == 0 else "validation" if tenth == 1 else "train"


def _hash(name: str) -> int:
    return stable_hash(f"{SALT}/{name}")
