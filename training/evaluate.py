"""The evaluation: the exported bundle on posts it never saw, through the path that serves, beside the baselines.

Writes ``report.json`` (all figures), ``report.md`` (the tables of it), plots, and the model card's figures.
"""

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
from datasets import Dataset
from numpy.typing import NDArray
from sklearn.metrics import confusion_matrix

from detector.bundle import Bundle
from detector.errors import BundleError
from detector.records import INDICATORS, LABELS, Evidence, Verdict
from detector.scoring import Detector
from training.baselines import baseline_scores
from training.examples import ANNOTATED, FEEDBACK, Example
from training.metrics import (
    Figure,
    average_precision,
    bootstrap,
    brier,
    expected_calibration_error,
    recall_at_false_positives,
)
from training.model_card import report_markdown, write_model_card
from training.plots import write_plots
from training.prepare import Prepared, load_prepared
from training.reach import reach, read_beyond
from training.sources import read_public, read_sources
from training.suites import abstention, fairness, robustness, term_swaps

FALSE_POSITIVE_RATES = (0.001, 0.005, 0.01, 0.05)


@dataclass(frozen=True, slots=True)
class Scored:
    """Posts with what the bundle says of them.

    :ivar lures: Posts whose label is ``scam_compound``, *shape* ``(n_posts,)``.
    :ivar shares: Probability of each label, *shape* ``(n_posts, n_labels)``.
    :ivar bands: Band as served; what is abstained on counts as not flagged, *shape* ``(n_posts,)``.
    """

    posts: Dataset
    verdicts: Sequence[Verdict]
    lures: NDArray[np.bool_]
    shares: NDArray[np.float64]
    bands: NDArray[np.str_]

    @property
    def scores(self) -> NDArray[np.float64]:
        """The headline score, *shape* ``(n_posts,)``."""
        return self.shares[:, 0]

    def only(self, rows: NDArray[np.bool_]) -> "Scored":
        """Return the chosen rows."""
        places = np.flatnonzero(rows)
        kept = [self.verdicts[i] for i in places]
        return Scored(self.posts.select(places), kept, self.lures[rows], self.shares[rows], self.bands[rows])

    def column(self, name: str) -> NDArray[np.str_]:
        """Return a column of the posts, *shape* ``(n_posts,)``."""
        return np.asarray(self.posts[name])


def evaluate(
    run: Path, bundle: Path, out: Path, *, sources: Path, public: Path | None, beyond: Path | None = None
) -> dict[str, Any]:
    """Evaluate a bundle, write everything down and return the report as ``report.json`` holds it.

    :param run: Run folder with ``prepared``: its test split is scored.
    :param sources: ``sources.toml``: the sets it declares as held out are scored whole.
    :param public: Folder of the public sets; without it there are no held-out sets.
    :param beyond: Folder of the texts of :mod:`training.reach`; without it they are not scored.
    :raises BundleError: if the bundle was trained on other data than the run holds.
    :raises InputError: if a file of ``beyond`` is missing or broken.
    """
    prepared = load_prepared(run / "prepared")
    texts = read_beyond(beyond) if beyond else None  # now, for scoring takes long
    with Detector.load(bundle) as detector:
        manifest, identity = detector.bundle.manifest, detector.bundle.identity
        check_data(detector.bundle, prepared)
        test = score_posts(detector, prepared.part("test"))
        held_out = [score_posts(detector, posts) for posts in _held_out(sources, public)]
        sources_of = test.column("source")
        written = test.only(sources_of == "corpus")
        answered = test.only(sources_of == FEEDBACK)
        published = test.only(~np.isin(sources_of, ANNOTATED))
        suites = {
            "robustness": robustness(detector, written),
            "fairness": fairness(written) | {"term_swaps": term_swaps(detector, written)},
            "abstention": abstention(detector, written),
        }
        if texts:
            suites["reach"] = reach(detector, texts)
    by_language = {name: figures(part) for name, part in _parts(written, "language").items()}
    report = {
        "model": identity,
        "base_model": manifest.base_model,
        "languages": manifest.languages,
        "operating_points": asdict(manifest.operating_points),
        "data": prepared.facts,
        "seeds": _seeds(run),
        "written": figures(written),
        "with_public": figures(test.only(sources_of != FEEDBACK)),
        "public": figures(published),
        # Chosen because a model doubted them: figures on them say how it does on hard posts, not on all.
        "feedback": figures(answered) if len(answered.lures) else None,
        "by_language": by_language,
        "by_length": {name: figures(part) for name, part in _by_length(written).items()},
        "by_hardness": {k: figures(part) for k, part in _parts(written, "hardness").items()},
        "by_label": _negatives_by_label(written),
        "flagged_by_label": _flagged_by_label(written),
        "pairs": pair_figures(written),
        "public_test": _false_positives(_parts(published, "source")),
        "held_out": _false_positives({part.posts["source"][0]: part for part in held_out}),
        "confusion": confusion(written),
        "indicators": _indicators(written),
        "suites": suites,
        "baselines": _baselines(run, written),
    }
    out.mkdir(parents=True, exist_ok=True)
    (out / "report.json").write_text(json.dumps(report, indent=1, default=_plain) + "\n", "utf-8")
    read_back: dict[str, Any] = json.loads((out / "report.json").read_text("utf-8"))
    (out / "report.md").write_text(report_markdown(read_back), "utf-8")
    write_plots(out, written)
    write_model_card(bundle, read_back)
    return read_back


def _held_out(sources: Path, public: Path | None) -> Iterator[Dataset]:
    """Yield the held-out sets, whole."""
    for source in read_sources(sources).values() if public else ():
        if source.use == "held_out":
            rows = [
                {"text": e.text, "source": e.source, "group": e.group, "allowed": [label in e.labels for label in LABELS]}
                for e in _first(read_public(public or Path(), source), source.sample)
            ]
            yield Dataset.from_list(rows)


def _first(examples: list[Example], number: int) -> list[Example]:
    """Return as many examples as are declared, at even distances; 0 means all."""
    step = len(examples) / number if 0 < number < len(examples) else 1.0
    return [examples[int(place * step)] for place in range(int(len(examples) / step))]


def check_data(bundle: Bundle, prepared: Prepared) -> None:
    """Refuse a bundle that was made of other posts than a run holds.

    :raises BundleError: if it was; it may know the posts it would be tested on.
    """
    if bundle.manifest.data_hash != prepared.facts["data_hash"]:
        raise BundleError(
            f"{bundle.folder}: trained on other data than {prepared.base.parent}; the posts to test it on may be known to it"
        )


def score_posts(detector: Detector, posts: Dataset) -> Scored:
    """Score posts through the path that every surface takes."""
    verdicts = list(detector.stream(posts["text"]))
    shares = np.array([[v.label_scores.get(label, np.nan) for label in LABELS] for v in verdicts]).reshape(-1, len(LABELS))
    allowed = np.asarray(posts["allowed"], dtype=bool).reshape(-1, len(LABELS))
    return Scored(
        posts=posts,
        verdicts=verdicts,
        lures=allowed[:, 0] & (allowed.sum(1) == 1),
        shares=shares,
        bands=np.array([verdict.band for verdict in verdicts]),
    )


def figures(scored: Scored) -> dict[str, Any]:
    """Return every figure for a set of posts, with intervals."""
    truth, scores, groups = scored.lures, scored.scores, scored.column("group").tolist()

    def figure(metric: Callable[[NDArray[np.bool_], NDArray[np.float64]], float]) -> Figure:
        return bootstrap(metric, truth, scores, groups=groups)

    found: dict[str, Any] = {"posts": len(truth), "lures": int(truth.sum()), "average_precision": figure(average_precision)}
    for rate in FALSE_POSITIVE_RATES:
        found[f"recall_at_{100 * rate:g}_percent_false_positives"] = figure(recall_at_false_positives(rate))
    found |= {"brier": figure(brier), "expected_calibration_error": figure(expected_calibration_error)}
    found["abstained"] = int((scored.bands == "abstain").sum())
    return found | {"at": {name: at_band(scored, bands) for name, bands in BANDS.items()}}


BANDS: Mapping[str, tuple[str, ...]] = {"high": ("high",), "review": ("high", "review")}


def at_band(scored: Scored, bands: tuple[str, ...]) -> dict[str, float | None]:
    """Return precision, recall and false-positive rate if posts of these bands are flagged; ``None`` where undefined."""
    flagged = np.isin(scored.bands, bands)
    hits = int((flagged & scored.lures).sum())
    wrong = int((flagged & ~scored.lures).sum())
    n_lures, n_others = int(scored.lures.sum()), int((~scored.lures).sum())
    return {
        "precision": hits / (hits + wrong) if hits + wrong else None,
        "recall": hits / n_lures if n_lures else None,
        "false_positive_rate": wrong / n_others if n_others else None,
    }


def _parts(scored: Scored, column: str) -> dict[str, Scored]:
    values = scored.column(column)
    return {str(value): scored.only(values == value) for value in sorted(set(values.tolist()))}


def _negatives_by_label(scored: Scored) -> dict[str, Any]:
    """Return, for each other label, how well the lures are told from it alone."""
    labels = np.asarray(scored.posts["allowed"], dtype=bool).argmax(1)
    return {label: figures(scored.only(scored.lures | (labels == place))) for place, label in enumerate(LABELS) if place}


def _flagged_by_label(scored: Scored) -> dict[str, Any]:
    """Return, for each label, the share of its posts in ``high`` and in ``review`` or above."""
    labels = np.asarray(scored.posts["allowed"], dtype=bool).argmax(1)
    return {label: _flagged(scored.only(labels == place)) for place, label in enumerate(LABELS)}


def _by_length(scored: Scored) -> dict[str, Scored]:
    """Return the posts in four parts by length; the bounds are characters, about 15, 40 and 100 words of English."""
    lengths = np.array([len(text) for text in scored.posts["text"]])
    bounds = (0, 100, 250, 600, np.inf)
    titles = ("up to 100 characters", "100 to 250", "250 to 600", "over 600")
    parts = ((lengths >= low) & (lengths < high) for low, high in pairwise(bounds))
    return {title: scored.only(part) for title, part in zip(titles, parts, strict=True) if part.any()}


def pair_figures(scored: Scored) -> dict[str, Any]:
    """Return how many minimal pairs of a lure and another post have both on the right side of ``review``."""
    pairs: dict[str, list[int]] = {}
    for place, pair in enumerate(scored.posts["pair"]):
        if pair:
            pairs.setdefault(pair, []).append(place)
    mixed = [rows for rows in pairs.values() if len({bool(scored.lures[i]) for i in rows}) == 2]
    flagged = np.isin(scored.bands, BANDS["review"])
    right = [all(flagged[i] == scored.lures[i] for i in rows) for rows in mixed]
    ordered = [
        min(scored.scores[i] for i in rows if scored.lures[i]) > max(scored.scores[i] for i in rows if not scored.lures[i])
        for rows in mixed
    ]
    return {"pairs": len(mixed), "both_right_at_review": sum(right), "lure_scores_higher": sum(ordered)}


def _false_positives(parts: Mapping[str, Scored]) -> dict[str, Any]:
    """Return the false-positive rate of each public set; none of its rows is a lure."""
    return {source: _flagged(part) | {"highest_score": float(part.scores.max())} for source, part in parts.items()}


def _flagged(part: Scored) -> dict[str, Any]:
    if not len(part.bands):
        return {"posts": 0, "high": None, "review_or_high": None}
    return {
        "posts": len(part.bands),
        "high": float(np.mean(part.bands == "high")),
        "review_or_high": float(np.mean(np.isin(part.bands, BANDS["review"]))),
    }


def confusion(scored: Scored) -> list[list[int]]:
    """Return the confusion matrix: rows are true labels, columns the likeliest by the model, in the order of the labels."""
    truth = np.asarray(scored.posts["allowed"], dtype=bool).argmax(1)
    return confusion_matrix(truth, scored.shares.argmax(1), labels=range(len(LABELS))).tolist()


def _indicators(scored: Scored) -> dict[str, Any]:
    """Return precision and recall of each indicator, and how often its first piece of evidence overlaps the annotated quote."""
    truth = np.asarray(scored.posts["indicators"], dtype=bool)
    findings = [{f.code: f for f in v.indicators} for v in scored.verdicts]
    found = np.array([[code in row for code in INDICATORS] for row in findings])
    touched: list[bool] = []
    rows = {}
    for i, code in enumerate(INDICATORS):
        both = np.flatnonzero(found[:, i] & truth[:, i])
        overlaps = [_touches(scored.posts[int(p)], code, findings[p][code].evidence) for p in both if findings[p][code].evidence]
        touched += overlaps
        rows[code] = {
            "posts": int(truth[:, i].sum()),
            "precision": float(truth[found[:, i], i].mean()) if found[:, i].any() else None,
            "recall": float(found[truth[:, i], i].mean()) if truth[:, i].any() else None,
            "evidence_overlaps_quote": float(np.mean(overlaps)) if overlaps else None,
        }
    hits = int((found & truth).sum())
    return {
        "micro_precision": hits / max(1, int(found.sum())),
        "micro_recall": hits / max(1, int(truth.sum())),
        "evidence_overlaps_quote": float(np.mean(touched)) if touched else None,
        "each": rows,
    }


def _touches(post: Mapping[str, Any], code: str, evidence: Sequence[Evidence]) -> bool:
    """Whether the strongest piece of evidence overlaps a quote that the post's writer gave for the indicator."""
    first = evidence[0]
    quotes = [quote["text"] for quote in post["cited"] if quote["indicator"] == code and quote["text"]]
    starts = [(post["text"].find(quote), quote) for quote in quotes]
    return any(start < first.end and first.start < start + len(quote) for start, quote in starts)


def _baselines(run: Path, written: Scored) -> dict[str, Figure]:
    scores = baseline_scores(run)
    groups = written.column("group").tolist()
    return {
        name: bootstrap(average_precision, written.lures, np.asarray(values, float), groups=groups)
        for name, values in scores.items()
    }


def _seeds(run: Path) -> dict[str, Any]:
    return json.loads((run / "finetune" / "runs.json").read_text("utf-8"))


def _plain(value: object) -> object:
    if isinstance(value, Figure):
        return asdict(value)
    if isinstance(value, np.generic):
        return value.item()
    raise TypeError(f"expected something JSON can hold, got {type(value).__name__}")
