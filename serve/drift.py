"""How far the scores of late are from those of a reference, as one number.

The population stability index compares how two sets of scores fall into the same bins; 0 is alike, and by custom above 0.1 is
worth a look and above 0.25 a change. It says that what comes in, or how it is scored, is not as it was; it says neither why nor
that verdicts are wrong, and a campaign that the model finds moves it as well.

Source: Yurdakul and Naranjo, "Statistical properties of the population stability index", Journal of Risk Model Validation, 2020.
"""

import json
from bisect import bisect_left
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from math import log
from pathlib import Path
from typing import Any

from detector import InputError

EDGES = (0.001, 0.003, 0.01, 0.03, 0.1, 0.3, 0.6, 0.8, 0.9, 0.96, 1.0)
"""Upper ends of the bins: narrow where calibrated scores crowd, at both ends."""


@dataclass(frozen=True, slots=True)
class Reference:
    """How the scores of known posts fall into the bins.

    :ivar model: Name, version and hash of the bundle that scored them; another model's scores are not compared.
    :ivar source: Which posts they are.
    :ivar edges: :data:`EDGES` when it was made.
    :ivar counts: Posts in each bin.
    """

    model: str
    source: str
    edges: tuple[float, ...]
    counts: tuple[int, ...]

    def to_json(self) -> str:
        """Return the reference as one JSON object."""
        return json.dumps(asdict(self), ensure_ascii=False, indent=2) + "\n"


def read_reference(path: Path) -> Reference:
    """Return the reference in a file.

    :raises InputError: if it cannot be read, or was made with other bins.
    """
    try:
        plain: dict[str, Any] = json.loads(path.read_bytes())
        found = Reference(
            str(plain["model"]), str(plain["source"]), tuple(map(float, plain["edges"])), tuple(map(int, plain["counts"]))
        )
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise InputError(f"{path}: expected the output of python -m serve reference, got: {error!r}") from error
    if found.edges != EDGES or len(found.counts) != len(EDGES) or min(found.counts) < 0 or not any(found.counts):
        raise InputError(
            f"{path}: expected counts in the {len(EDGES)} bins of this version; make it again: python -m serve reference"
        )
    return found


def bin_of(score: float) -> int:
    """Return the bin of a score, 0 to 1, as a place in :data:`EDGES`."""
    return min(bisect_left(EDGES, score), len(EDGES) - 1)


def count(scores: Iterable[float]) -> tuple[int, ...]:
    """Return how many scores fall into each bin."""
    counts = [0] * len(EDGES)
    for score in scores:
        counts[bin_of(score)] += 1
    return tuple(counts)


def stability_index(expected: Sequence[float], found: Sequence[float]) -> float:
    """Return the population stability index of two histograms, 0 or more.

    :param expected: Counts in each bin, *shape* ``(n_bins,)``; ``found`` likewise. Half a post is added to each bin, so that an
        empty one does not make the index infinite.
    """
    p, q = _shares(expected), _shares(found)
    return sum((b - a) * log(b / a) for a, b in zip(p, q, strict=True))


def _shares(counts: Sequence[float]) -> list[float]:
    whole = sum(counts) + 0.5 * len(counts)
    return [(number + 0.5) / whole for number in counts]
