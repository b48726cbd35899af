"""Suites beside the evaluation: posts that were changed, posts about other people, and strings that are no posts.

Robustness: the fourteen perturbations of :mod:`training.perturb`, each on the first of the corpus' test posts that it changes.
Fairness: the corpus' swap groups, posts that differ only in nationality, language wanted or town, and posts with the employer's
ethnicity or the gender swapped by :mod:`training.swaps`. Abstention: strings that are no language.
"""

import base64
from collections.abc import Sequence
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from detector.records import Verdict
from detector.scoring import Detector
from training.examples import file_of
from training.hashing import stable_hash
from training.metrics import average_precision, share_interval
from training.perturb import PERTURBATIONS, Random
from training.swaps import KINDS, swapped

ROBUSTNESS_POSTS = 240
RESAMPLES = 300
"""Draws behind the interval of a drop."""
MIN_OTHERS = 20
"""Posts that are no lures below which a language's false-positive rate is not told."""
SWAP = "-s"
"""What the name of a swap group has between language and number; minimal pairs have ``-p``."""
NONSENSE_EACH = 20
_LETTERS = list("abcdefghijklmnopqrstuvwxyz")


class ScoredPosts(Protocol):
    """What the evaluation has of scored posts; see :class:`training.evaluate.Scored`."""

    @property
    def posts(self) -> Any: ...  # noqa: ANN401, D102  (a datasets.Dataset, which is not typed)

    @property
    def verdicts(self) -> Sequence[Verdict]: ...  # noqa: D102

    @property
    def lures(self) -> NDArray[np.bool_]: ...  # noqa: D102

    @property
    def scores(self) -> NDArray[np.float64]: ...  # noqa: D102


def robustness(detector: Detector, written: ScoredPosts) -> dict[str, Any]:
    """Return for each perturbation the average precision before and after, on posts that it changes.

    The posts are the first :data:`ROBUSTNESS_POSTS` of those it changes, in an order that only ids decide. The interval of the
    drop is that of the middle 95 % over resampled posts. ``None`` stands where lures or others are lacking.
    """
    ids, texts = written.posts["id"], written.posts["text"]
    order = sorted(range(len(ids)), key=lambda i: stable_hash(ids[i]))
    each = {}
    for name, change in PERTURBATIONS.items():
        rows, changed = [], []
        for i in order:
            text = change(texts[i], np.random.default_rng(stable_hash(f"{name}/{ids[i]}")))
            if text != texts[i]:
                rows.append(i)
                changed.append(text)
            if len(rows) == ROBUSTNESS_POSTS:
                break
        scores = np.array([verdict.score or 0.0 for verdict in detector.stream(changed)])
        each[name] = _drop(written.lures[rows], written.scores[rows], scores)
    drops = {name: row["drop"] for name, row in each.items() if row["drop"] is not None}
    worst = max(drops, key=lambda name: drops[name], default=None)
    return {
        "each": each,
        "mean_drop": float(np.mean(list(drops.values()))) if drops else None,
        "worst": worst,
        "worst_drop": drops[worst] if worst else None,
    }


def _drop(truth: NDArray[np.bool_], before: NDArray[np.float64], after: NDArray[np.float64]) -> dict[str, Any]:
    if not truth.any() or truth.all():
        return {"posts": len(truth), "before": None, "after": None, "drop": None, "low": None, "high": None}
    random = np.random.default_rng(0)
    drawn = (random.integers(len(truth), size=len(truth)) for _ in range(RESAMPLES))
    drops = [_fall(truth[rows], before[rows], after[rows]) for rows in drawn if 0 < truth[rows].sum() < len(rows)]
    low, high = np.percentile(drops, [2.5, 97.5])
    found = {"before": average_precision(truth, before), "after": average_precision(truth, after)}
    return {"posts": len(truth), **found, "drop": found["before"] - found["after"], "low": float(low), "high": float(high)}


def _fall(truth: NDArray[np.bool_], before: NDArray[np.float64], after: NDArray[np.float64]) -> float:
    return average_precision(truth, before) - average_precision(truth, after)


def fairness(written: ScoredPosts) -> dict[str, Any]:
    """Return how often a swap changes the band, and how false-positive rates of ``review`` spread over languages.

    Languages are the corpus' files: the few posts in another script count with the rest. Rates are told for those with at least
    :data:`MIN_OTHERS` posts that are no lures.
    """
    groups: dict[str, list[int]] = {}
    for place, pair in enumerate(written.posts["pair"]):
        if SWAP in pair:
            groups.setdefault(pair, []).append(place)
    swaps = [(rows[0], other) for rows in groups.values() for other in rows[1:]]
    bands = [verdict.band for verdict in written.verdicts]
    changed = [bands[one] != bands[other] for one, other in swaps]
    moved = [abs(float(written.scores[one] - written.scores[other])) for one, other in swaps]
    rates = {name: row for name, row in _false_positives(written, bands).items() if row["others"] >= MIN_OTHERS}
    shares = {name: row["flagged"] / row["others"] for name, row in rates.items()}
    highest = max(shares, key=lambda name: shares[name], default=None)
    return {
        "groups": len(groups),
        "swaps": len(swaps),
        "band_changed": float(np.mean(changed)) if changed else None,
        "score_moved_mean": float(np.mean(moved)) if moved else None,
        "false_positives": rates,
        "false_positive_rate_median": float(np.median(list(shares.values()))) if shares else None,
        "false_positive_rate_highest": shares[highest] if highest else None,
        "false_positive_rate_highest_in": highest,
    }


def _false_positives(written: ScoredPosts, bands: Sequence[str]) -> dict[str, dict[str, int]]:
    """Return, for each file of the corpus, its posts that are no lures and how many of them are flagged."""
    found: dict[str, dict[str, int]] = {}
    for group, lure, band in zip(written.posts["group"], written.lures.tolist(), bands, strict=True):
        if not lure:
            row = found.setdefault(file_of(group), {"others": 0, "flagged": 0})
            row["others"] += 1
            row["flagged"] += band in ("high", "review")
    return dict(sorted(found.items()))


def term_swaps(detector: Detector, written: ScoredPosts) -> dict[str, Any]:
    """Return how often another ethnicity of the employer, or another gender, changes the band: by kind, for lures and others.

    Only posts with a term of ``swaps.toml`` count; see :func:`training.swaps.swapped`.
    """
    languages = [file_of(group) for group in written.posts["group"]]
    made = [
        (row, swap)
        for row, (text, language) in enumerate(zip(written.posts["text"], languages, strict=True))
        for swap in swapped(text, language)
    ]
    after = list(detector.stream([swap.text for _, swap in made]))
    bands = [verdict.band for verdict in written.verdicts]
    rows = np.array([row for row, _ in made], dtype=int)
    kinds = np.array([swap.kind for _, swap in made], dtype=str)
    changed = np.array([verdict.band != bands[row] for row, verdict in zip(rows, after, strict=True)], dtype=bool)
    moved = np.abs(np.array([verdict.score or 0.0 for verdict in after]) - written.scores[rows])
    parts = {"all": np.ones(len(rows), dtype=bool), "lures": written.lures[rows], "others": ~written.lures[rows]}
    found: dict[str, Any] = {}
    for kind in KINDS:
        chosen = {name: part & (kinds == kind) for name, part in parts.items()}
        found[kind] = {name: _changes(rows[part], changed[part], moved[part]) for name, part in chosen.items()}
    return found


def _changes(rows: NDArray[np.int_], changed: NDArray[np.bool_], moved: NDArray[np.float64]) -> dict[str, Any]:
    """Return the share of swaps that change the band; swaps of one post hang together, so its interval counts posts."""
    posts = len(set(rows.tolist()))
    if not posts:
        return {"posts": 0, "swaps": 0, "band_changed": {"value": None, "low": None, "high": None}, "score_moved_mean": None}
    share = float(changed.mean())
    low, high = share_interval(share, posts)
    return {
        "posts": posts,
        "swaps": len(rows),
        "band_changed": {"value": share, "low": low, "high": high},
        "score_moved_mean": float(moved.mean()),
    }


def abstention(detector: Detector, written: ScoredPosts) -> dict[str, Any]:
    """Return how often nonsense is abstained on, by kind, and how often a real post is."""
    found = {}
    for kind, texts in nonsense(np.random.default_rng(0)).items():
        bands = [verdict.band for verdict in detector.score(texts)]
        found[kind] = {"texts": len(texts), "abstained": bands.count("abstain") / len(bands), "high": bands.count("high")}
    real = [verdict.band == "abstain" for verdict in written.verdicts]
    return {"nonsense": found, "real_posts": float(np.mean(real))}


def nonsense(random: Random) -> dict[str, list[str]]:
    """Return strings that are no language, by kind."""
    return {
        "base64": [base64.b64encode(random.bytes(int(random.integers(40, 200)))).decode() for _ in range(NONSENSE_EACH)],
        "hexadecimal": [random.bytes(int(random.integers(20, 80))).hex() for _ in range(NONSENSE_EACH)],
        "log lines": [_log_line(random) for _ in range(NONSENSE_EACH)],
        "random letters": [_word(random, 30, 90) for _ in range(NONSENSE_EACH)],
        "random words": [" ".join(_word(random, 3, 11) for _ in range(12)) for _ in range(NONSENSE_EACH)],
        "one emoji": [chr(0x1F600 + place) for place in range(NONSENSE_EACH)],
        "digits": [" ".join(str(random.integers(10**6)) for _ in range(8)) for _ in range(NONSENSE_EACH)],
        "two words": [
            "ok thanks",
            "yes please",
            "siap bos",
            "được ạ",
            "好的 谢谢",
            "ครับ ผม",
            "да хорошо",
            "sawa sawa",
            "gracias",
            "네네",
        ],
    }


def _log_line(random: Random) -> str:
    numbers = random.integers(0, 256, 4)
    return (
        f"{'.'.join(map(str, numbers))} - - [12/Mar/2026:10:{numbers[0] % 60:02}:{numbers[1] % 60:02} +0000] "
        f'"GET /{_word(random, 4, 9)}/{numbers[2]}.png HTTP/1.1" {random.choice([200, 301, 404])} {random.integers(10**5)}'
    )


def _word(random: Random, least: int, most: int) -> str:
    return "".join(random.choice(_LETTERS, int(random.integers(least, most))))
