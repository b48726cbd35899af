"""Trying settings: every variant of a list, with several seeds, on the same prepared posts.

One line of JSON a run goes to ``results.jsonl`` in the run folder, so an interrupted screening goes on where it was, and several
processes can share the work.
"""

import json
import tomllib
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from statistics import fmean, stdev
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.metrics import average_precision_score

from detector.errors import InputError
from training.config import config_from
from training.examples import ANNOTATED
from training.finetune import (
    AVERAGE,
    RESULT,
    Report,
    WindowTable,
    average,
    best_device,
    finetune_seed,
    left_out,
    load_network,
    lure_margins,
    post_weights,
    predict,
    same_config,
    trained_weights,
    weighed,
    window_table,
)
from training.hashing import stable_hash
from training.losses import N_LABELS
from training.prepare import Prepared, Split

SPLITS: tuple[Split, Split] = ("train", "validation")
RESULTS = "results.jsonl"
FIGURES = ("average_precision", "recall_at_1_percent", "loss", "pairs_ordered", "label_accuracy", "indicator_average_precision")

UNREAD = 1000
"""Posts beyond the share of a run, at most, on which it is measured."""
APART = (
    "average_precision_unread", "average_precision_roughened", "labels_kept",
    "average_precision_left_out", "average_precision_left_in",
)  # fmt: skip
"""Figures on train posts that a run has not read, where there are any: those beyond its share, as they are and roughened, and those
of a language that it goes without, by this run and by the first variant's."""


@dataclass(frozen=True, slots=True)
class Variant:
    """Settings to try.

    :ivar why: What it should show.
    :ivar changes: What differs from the settings of the prepared folder.
    """

    name: str
    why: str
    changes: dict[str, Any]


def read_variants(path: Path) -> list[Variant]:
    """Read ``[name]`` tables of a TOML file, each with a ``why`` and settings.

    :raises InputError: if the file is not such a list.
    """
    try:
        tables = tomllib.loads(path.read_text("utf-8"))
        return [Variant(name, table.pop("why"), table) for name, table in tables.items()]
    except (OSError, ValueError, KeyError, AttributeError) as error:
        raise InputError(f"{path}: expected a TOML table a variant, each with why and settings, got: {error!r}") from error


def screen(prepared: Prepared, out: Path, variants: list[Variant], *, part: tuple[int, int] = (0, 1), report: Report) -> None:
    """Train each variant with each seed and write down how it does on validation.

    A variant that goes without a language, on a share of the posts, is measured beside the first of the list, which must be done by
    then.

    :param part: ``(i, n)``: run every n-th variant from the i-th on, so that n processes share the work.
    :raises InputError: if the settings of a variant are at fault, or it cannot be measured beside the first.
    """
    _check(prepared, variants)
    place, number = part
    if not 0 <= place < number:
        raise InputError(f"expected a part such as 0/4, got {place}/{number}")
    read: dict[int, list[WindowTable]] = {}
    done = {row["variant"] for row in _rows(out / RESULTS)}
    for variant in [variant for variant in variants[place::number] if variant.name not in done]:
        changed = replace(prepared, facts={**prepared.facts, "config": {**prepared.facts["config"], **variant.changes}})
        config = changed.config
        if config.frozen_layers not in read:
            read[config.frozen_layers] = _tables(changed, out, report)
        train, validation = (weighed(t, changed.part(s), config) for t, s in zip(read[config.frozen_layers], SPLITS, strict=True))
        results = _train(changed, train, validation, out / variant.name, report)
        for run, figures in results.items():
            figures.update(_apart(changed, train, out / variant.name / run, out / variants[0].name / run))
        with (out / RESULTS).open("a", encoding="utf-8") as stream:
            for run, figures in results.items():
                stream.write(json.dumps({"variant": variant.name, "run": run, "config": asdict(config), **figures}) + "\n")


def _check(prepared: Prepared, variants: list[Variant]) -> None:
    """Look through all settings first: a fault in the last variant should not come to light after hours."""
    configs = [config_from({**prepared.facts["config"], **variant.changes}) for variant in variants]
    for variant, config in zip(variants, configs, strict=True):
        alike = (config.share, config.frozen_layers, config.arithmetic) == (
            configs[0].share, configs[0].frozen_layers, configs[0].arithmetic,
        ) and set(config.seeds) <= set(configs[0].seeds)  # fmt: skip
        if config.without and config.share < 1 and (configs[0].without or not alike):
            raise InputError(
                f"{variant.name}: expected the first variant, {variants[0].name}, to have its share, seeds, frozen layers and "
                "arithmetic, and all languages, as the two are measured on the same posts"
            )


def _tables(prepared: Prepared, out: Path, report: Report) -> list[WindowTable]:
    """Return the windows of train and validation; the frozen layers' output is shared by all variants that freeze as many."""
    shared = out / f"frozen-{prepared.config.frozen_layers}-{prepared.facts['fingerprint']}"
    shared.mkdir(parents=True, exist_ok=True)
    return [window_table(prepared, split, shared, report) for split in SPLITS]


def _train(prepared: Prepared, train: WindowTable, validation: WindowTable, folder: Path, report: Report) -> dict[str, Any]:
    """Train every seed of a variant and return the figures of each and of their average."""
    config = prepared.config
    folder.mkdir(exist_ok=True)
    same_config(folder / "config.json", config, prepared)
    seeds = [finetune_seed(prepared, train, validation, folder / f"seed-{seed}", seed, report) for seed in config.seeds]
    results: dict[str, Any] = {seed.name: json.loads((seed / RESULT).read_text("utf-8")) for seed in seeds}
    if len(seeds) > 1:
        results[AVERAGE] = average(prepared, [trained_weights(seed) for seed in seeds], validation, folder / AVERAGE)
    return results


def _apart(prepared: Prepared, train: WindowTable, run: Path, first: Path) -> dict[str, float]:
    """Return the figures of :data:`APART` that there are for a run."""
    config = prepared.config
    unread = _on_unread(prepared, train, run) if config.share < 1 and train.variants.any() else {}
    return unread | (_on_language_left_out(prepared, train, run, first) if config.without else {})


def _on_unread(prepared: Prepared, train: WindowTable, run: Path) -> dict[str, float]:
    """Return how a run does on train posts beyond its share: as they are, roughened, and how often both get the same label."""
    config, posts = prepared.config, prepared.part("train")
    beyond = (post_weights(posts, config) == 0) & ~left_out(posts, config) & np.isin(posts["source"], ANNOTATED)
    ids = posts["id"]
    # By a hash, as posts stand language by language.
    places = sorted(np.flatnonzero(beyond).tolist(), key=lambda place: stable_hash(f"unread/{ids[place]}"))
    some = np.isin(np.arange(len(posts)), places[:UNREAD])
    lures, plain = _logits(prepared, train, run, some)
    _, rough = _logits(prepared, train, run, some, copy=1)
    return {
        "average_precision_unread": _average_precision(lures, plain),
        "average_precision_roughened": _average_precision(lures, rough),
        "labels_kept": float((plain[:, :N_LABELS].argmax(1) == rough[:, :N_LABELS].argmax(1)).mean()),
    }


def _on_language_left_out(prepared: Prepared, train: WindowTable, run: Path, first: Path) -> dict[str, float]:
    """Return how a run does on the annotated train posts of the language that it was trained without.

    Where training reads a share of the posts, they are those beyond it, and the first variant's run, which knows the language but
    not these posts, is measured on them too.
    """
    config, posts = prepared.config, prepared.part("train")
    beyond = post_weights(posts, replace(config, without="")) == 0
    apart = left_out(posts, config) & (beyond | (config.share == 1)) & np.isin(posts["source"], ANNOTATED)
    lures, logits = _logits(prepared, train, run, apart)
    figures = {
        "posts_left_out": len(lures),
        "average_precision_left_out": _average_precision(lures, logits),
    }
    if config.share < 1:
        if not (first / RESULT).exists():
            raise InputError(f"{first}: expected the first variant's run to be done, beside which this one is measured; then go on")
        figures["average_precision_left_in"] = _average_precision(*_logits(prepared, train, first, apart))
    return figures


def _logits(
    prepared: Prepared, table: WindowTable, run: Path, posts: NDArray[np.bool_], *, copy: int = 0
) -> tuple[NDArray[np.bool_], NDArray[np.float32]]:
    """Return which of some posts of a split are lures, and the logits that a run gives them or one of their copies."""
    device = best_device()
    windows = np.flatnonzero(posts[table.posts] & (table.variants == copy))
    lures = table.allowed[windows[np.unique(table.posts[windows], return_index=True)[1]], 0]
    return lures, predict(load_network(prepared, run).to(device), table, device, prepared.config, windows)


def _average_precision(lures: NDArray[np.bool_], logits: NDArray[np.float32]) -> float:
    return float(average_precision_score(lures, lure_margins(logits)))


def table(results: Path) -> str:
    """Return the results as a Markdown table: mean and standard deviation over seeds, then the average of their weights."""
    rows = _rows(results)
    keys = [*FIGURES, *(key for key in APART if any(key in row for row in rows))]
    lines = ["| variant | seeds | " + " | ".join(keys) + " |", "|---|---|" + "---|" * len(keys)]
    for name in dict.fromkeys(row["variant"] for row in rows):
        seeds = [row for row in rows if row["variant"] == name and row["run"] != AVERAGE]
        lines.append(f"| {name} | {len(seeds)} | " + " | ".join(_spread(seeds, key) for key in keys) + " |")
        lines += [
            f"| {name}, weights averaged | | " + " | ".join(_spread([row], key) for key in keys) + " |"
            for row in rows
            if row["variant"] == name and row["run"] == AVERAGE
        ]
    return "\n".join(lines)


def _rows(results: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in results.read_text("utf-8").splitlines()] if results.exists() else []


def _spread(rows: list[dict[str, Any]], key: str) -> str:
    values = [row[key] for row in rows if key in row]
    return f"{fmean(values):.4f}" + (f" ± {stdev(values):.4f}" if len(values) > 1 else "") if values else ""
