"""How far a second reader, who saw texts and no labels, agrees with the writers: Cohen's kappa, overall and by language.

Readings lie in ``data/readings/<reader>.jsonl``, one ``{"id": …, "label": …}`` a line, under the post's id or the name that the
reader saw in its stead: an id shows language and number, and so which posts were written beside each other. The key from names to
ids is the corpus, which readers are not given.
"""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from sklearn.metrics import cohen_kappa_score

from detector.errors import InputError, RecordError
from detector.records import LABELS
from training.examples import Example, file_of
from training.hashing import stable_hash

SHARE = 10
"""One post in so many, of each file, is read a second time."""


@dataclass(frozen=True, slots=True)
class Agreement:
    """Writers' and readers' labels of the posts that were read twice.

    :ivar kappas: Cohen's kappa by language file and, under ``all``, overall; 1 where both give every post one label.
    :ivar numbers: Posts behind each.
    :ivar differing: Id, writer's label, reader's label of each post they differ on.
    """

    kappas: dict[str, float]
    numbers: dict[str, int]
    differing: tuple[tuple[str, str, str], ...]

    def __str__(self) -> str:
        lines = ["| language | posts read twice | Cohen's kappa |", "|---|---|---|"]
        lines += [f"| {f'`{k}`' if k != 'all' else 'all'} | {self.numbers[k]} | {kappa:.2f} |" for k, kappa in self.kappas.items()]
        return "\n".join(lines)


def chosen(examples: Sequence[Example]) -> list[Example]:
    """Return the posts that are to be read twice: of each file's every author a tenth, by a hash of the id."""
    by_author: dict[str, list[Example]] = {}
    for example in examples:
        by_author.setdefault(str(example.author), []).append(example)
    return [
        example
        for _, posts in sorted(by_author.items())
        for example in sorted(posts, key=lambda e: _order(e.id))[: -(-len(posts) // SHARE)]
    ]


def reader_name(name: str) -> str:
    """Return the name under which a reader sees a post, made up from a hash of its id."""
    return f"p-{_order(name):016x}"


def unread(examples: Sequence[Example], readings: Mapping[str, str]) -> list[Example]:
    """Return the posts that are still to be read twice, in the order of their made-up names.

    :param readings: Labels by id or made-up name.
    """
    waiting = [example for example in chosen(examples) if not {example.id, reader_name(example.id)} & readings.keys()]
    return sorted(waiting, key=lambda example: reader_name(example.id))


def read_readings(folder: Path) -> dict[str, str]:
    """Return the second label by post id or made-up name.

    :raises RecordError: at a line that is no reading.
    :raises InputError: if there is no such folder, or a post was read more than once.
    """
    if not folder.is_dir():
        raise InputError(f"{folder}: expected a folder of readings, found none")
    found: dict[str, str] = {}
    for path in sorted(folder.glob("*.jsonl")):
        for place, line in enumerate(path.read_text("utf-8").splitlines()):
            try:
                row = json.loads(line)
                name, label = row["id"], row["label"]
            except (ValueError, KeyError, TypeError) as error:
                raise RecordError(place, f"{path.name}: expected id and label, got: {error!r}") from error
            if label not in LABELS:
                raise RecordError(place, f"{path.name}: expected a label out of {', '.join(LABELS)}, got {label!r}")
            if name in found:
                raise InputError(f"{path.name}: post {name} was read before")
            found[name] = label
    return found


def agreement(examples: Sequence[Example], readings: Mapping[str, str]) -> Agreement:
    """Compare the readings with the writers' labels.

    :param readings: Labels by id or made-up name.
    :raises InputError: if a reading is of a post that the corpus lacks, or two are of one post.
    """
    by_id = {example.id: example for example in examples}
    readings = _by_id(by_id, readings)
    pairs: dict[str, list[tuple[str, str]]] = {"all": []}
    for name, label in sorted(readings.items()):
        pair = (str(by_id[name].label), label)
        pairs["all"].append(pair)
        pairs.setdefault(file_of(by_id[name].group), []).append(pair)
    ordered = {key: pairs[key] for key in (*sorted(set(pairs) - {"all"}), "all")}
    return Agreement(
        kappas={key: _kappa(rows) for key, rows in ordered.items() if rows},
        numbers={key: len(rows) for key, rows in ordered.items() if rows},
        differing=tuple(
            (name, str(by_id[name].label), label) for name, label in sorted(readings.items()) if by_id[name].label != label
        ),
    )


def _by_id(ids: Iterable[str], readings: Mapping[str, str]) -> dict[str, str]:
    """Return the readings by id alone."""
    known = {name: each for each in ids for name in (each, reader_name(each))}
    if unknown := sorted(set(readings) - set(known)):
        raise InputError(f"expected readings of posts in the corpus, got {', '.join(unknown[:5])}")
    found: dict[str, str] = {}
    for name, label in readings.items():
        if known[name] in found:
            raise InputError(
                f"expected one reading of post {known[name]}, got one under its id and one under {reader_name(known[name])}"
            )
        found[known[name]] = label
    return found


def _kappa(rows: Sequence[tuple[str, str]]) -> float:
    writers, readers = zip(*rows, strict=True)
    if set(writers) == set(readers) and len(set(writers)) == 1:
        return 1.0
    return float(cohen_kappa_score(writers, readers, labels=LABELS))


def _order(name: str) -> int:
    return stable_hash(f"second/{name}")
