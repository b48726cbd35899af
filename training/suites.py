"""Suites beside the evaluation: posts that were changed, posts about other people, and strings that are no posts.

Robustness: the fourteen perturbations of :mod:`training.perturb`, on a fixed sample of the corpus' test posts. Fairness: the
corpus' swap groups, posts that differ only in nationality, language wanted or town. Abstention: strings that are no language.
"""

import base64
import hashlib
from collections.abc import Mapping, Sequence
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from detector.records import Verdict
from detector.scoring import Detector
from training.metrics import average_precision
from training.perturb import PERTURBATIONS, Random

ROBUSTNESS_POSTS = 240
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
    """Return the average precision on posts as they are and after each perturbation, on a sample that only ids decide."""
    ids = written.posts["id"]
    rows = np.array(sorted(range(len(ids)), key=lambda i: _hash(ids[i]))[:ROBUSTNESS_POSTS])
    texts, truth = [written.posts["text"][i] for i in rows.tolist()], written.lures[rows]
    before = average_precision(truth, written.scores[rows])
    after = {}
    for name, change in PERTURBATIONS.items():
        changed = [change(text, np.random.default_rng(_hash(f"{name}/{ids[i]}"))) for text, i in zip(texts, rows, strict=True)]
        scores = np.array([verdict.score or 0.0 for verdict in detector.stream(changed)])
        after[name] = average_precision(truth, scores)
    drops = {name: before - value for name, value in after.items()}
    worst = max(drops, key=lambda name: drops[name])
    return {
        "posts": len(rows),
        "average_precision": before,
        "after": after,
        "mean_drop": float(np.mean(list(drops.values()))),
        "worst": worst,
        "worst_drop": drops[worst],
    }


def fairness(written: ScoredPosts, false_positives: Mapping[str, float]) -> dict[str, Any]:
    """Return how often a swap changes the band, and how false-positive rates spread over languages.

    :param false_positives: Share of each language's other posts that are flagged ``review`` or above.
    """
    groups: dict[str, list[int]] = {}
    for place, pair in enumerate(written.posts["pair"]):
        if SWAP in pair:
            groups.setdefault(pair, []).append(place)
    swaps = [(rows[0], other) for rows in groups.values() for other in rows[1:]]
    bands = [verdict.band for verdict in written.verdicts]
    changed = [bands[one] != bands[other] for one, other in swaps]
    moved = [abs(float(written.scores[one] - written.scores[other])) for one, other in swaps]
    rates = list(false_positives.values())
    return {
        "groups": len(groups),
        "swaps": len(swaps),
        "band_changed": float(np.mean(changed)) if changed else None,
        "score_moved_mean": float(np.mean(moved)) if moved else None,
        "false_positive_rate_median": float(np.median(rates)) if rates else None,
        "false_positive_rate_highest": max(rates, default=None),
        "false_positive_rate_highest_in": max(false_positives, key=lambda name: false_positives[name], default=None),
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


def _hash(name: str) -> int:
    return int.from_bytes(hashlib.sha256(name.encode()).digest()[:8])
