"""How far one can guess whether a post is a lure from where it comes from, without reading it.

A model that can tell sets, writers or languages apart could use the same guess. No public set has a lure, so every lure is
hand-written: what tells hand-written posts from public ones tells the label too. Evaluation is therefore always reported on the
hand-written part alone as well, where the guesses from writer, language and writing batch say how little there is to gain.
"""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from sklearn.metrics import roc_auc_score
from sklearn.model_selection import GroupKFold, StratifiedKFold

from detector.records import LABELS
from training.examples import Example
from training.sources import Source

FOLDS = 5
Places = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Guess:
    """How well a property tells ``scam_compound`` from the rest.

    :ivar name: The property and the posts it was looked at on.
    :ivar values: Different values of it.
    :ivar posts: Posts looked at.
    :ivar lures: Lures among them.
    :ivar seen: AUC of the share of lures among all posts of the same value, tried on these posts: the most that can be had
        from the property, 0.5 or more.
    :ivar held_out: The same with the share taken from other posts than those it is tried on, mean over folds. Below 0.5 where the
        shares are planned: what one part of a writer's posts has too many of, the other has too few of. ``None`` if there are
        too few posts to hold some out.
    """

    name: str
    values: int
    posts: int
    lures: int
    seen: float
    held_out: float | None


def guesses(corpus: Sequence[Example], public: Sequence[Example] = (), *, sources: Mapping[str, Source]) -> list[Guess]:
    """Return how well source, writer, language and batch tell the lures; properties of one value only are left out.

    Whole batches are held out, except for the guess from the batch itself, where single posts are.

    :param public: Rows of public sets; those that may or may not be lures are left out.
    :param sources: Declarations of the public sets; of those trained on, the rows that training takes are looked at apart.
    """
    known = [*corpus, *(row for row in public if row.label or LABELS[0] not in row.labels)]
    taken = _taken(known, sources)
    found = [
        _guess("source, all rows", known, [row.source for row in known]),
        _guess("source, as many rows as training takes", taken, [row.source for row in taken]),
        _guess("writer, hand-written part", corpus, [str(row.author) for row in corpus]),
        _guess("language, hand-written part", corpus, [row.language for row in corpus]),
        _guess("batch, hand-written part", corpus, [row.group for row in corpus], by_post=True),
    ]
    return [guess for guess in found if guess is not None]


def guess_table(found: Sequence[Guess]) -> str:
    """Return the guesses as a Markdown table."""
    lines = ["| guess from | values | posts | lures | AUC, same posts | AUC, held out |", "|---|---|---|---|---|---|"]
    for guess in found:
        held_out = "–" if guess.held_out is None else f"{guess.held_out:.3f}"
        lines.append(f"| {guess.name} | {guess.values} | {guess.posts} | {guess.lures} | {guess.seen:.3f} | {held_out} |")
    return "\n".join(lines)


def _taken(rows: Sequence[Example], sources: Mapping[str, Source]) -> list[Example]:
    """Return all of the corpus and as many rows of each set as are declared; which ones is the same to a guess from the set."""
    limits = {name: source.sample if source.use == "train" else 0 for name, source in sources.items()}
    numbers: Counter[str] = Counter()
    kept = []
    for row in rows:
        numbers[row.source] += 1
        if row.source not in limits or numbers[row.source] <= limits[row.source]:
            kept.append(row)
    return kept


def _guess(name: str, examples: Sequence[Example], values: Sequence[str], *, by_post: bool = False) -> Guess | None:
    lures = np.array([example.label == LABELS[0] for example in examples])
    if len(set(values)) < 2 or len(set(lures.tolist())) < 2:
        return None
    kinds = np.unique(values, return_inverse=True)[1]
    groups = None if by_post else [example.group for example in examples]
    aucs = [
        _auc(kinds[rest], lures[rest], kinds[part], lures[part])
        for rest, part in _folds(lures, groups)
        if len(set(lures[part].tolist())) > 1
    ]
    seen = _auc(kinds, lures, kinds, lures)
    return Guess(name, len(set(values)), len(lures), int(lures.sum()), seen, float(np.mean(aucs)) if aucs else None)


def _folds(lures: NDArray[np.bool_], groups: Sequence[str] | None) -> Iterator[tuple[Places, Places]]:
    if groups is not None and len(set(groups)) >= FOLDS:
        yield from GroupKFold(n_splits=FOLDS).split(lures, groups=groups)
    elif groups is None and np.bincount(lures, minlength=2).min() >= FOLDS:
        yield from StratifiedKFold(n_splits=FOLDS, shuffle=True, random_state=0).split(lures, lures)


def _auc(kinds: Places, lures: NDArray[np.bool_], kinds_there: Places, lures_there: NDArray[np.bool_]) -> float:
    """Return the AUC there of the share of lures that each kind has here; a kind not seen here has the share of all."""
    n_kinds = int(max(kinds.max(), kinds_there.max())) + 1
    posts = np.bincount(kinds, minlength=n_kinds)
    shares = np.where(posts > 0, np.bincount(kinds, weights=lures, minlength=n_kinds) / np.maximum(posts, 1), lures.mean())
    return float(roc_auc_score(lures_there, shares[kinds_there]))
