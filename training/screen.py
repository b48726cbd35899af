"""Trying settings: every variant of a list, with several seeds, on the same prepared posts.

One line of JSON a run goes to ``results.jsonl`` in the run folder, so an interrupted screening goes on where it was, and several
processes can share the work.
"""

import json
import tomllib
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from statistics import fmean, stdev
from typing import Any

from detector.errors import InputError
from training.config import config_from
from training.finetune import AVERAGE, RESULT, average, finetune_seed, same_config, window_table
from training.prepare import Prepared

RESULTS = "results.jsonl"
FIGURES = ("average_precision", "recall_at_1_percent", "loss", "pairs_ordered", "label_accuracy", "indicator_average_precision")


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


def screen(
    prepared: Prepared, out: Path, variants: list[Variant], *, part: tuple[int, int] = (0, 1), report: Callable[[str], None]
) -> None:
    """Train each variant with each seed and write down how it does on validation.

    :param part: ``(i, n)``: run every n-th variant from the i-th on, so that n processes share the work.
    """
    for variant in variants:  # a fault in the last one should not come to light after hours
        config_from({**prepared.facts["config"], **variant.changes})
    place, number = part
    if not 0 <= place < number:
        raise InputError(f"expected a part such as 0/4, got {place}/{number}")
    done = {row["variant"] for row in _rows(out / RESULTS)}
    for variant in variants[place::number]:
        if variant.name in done:
            continue
        changed = replace(prepared, facts={**prepared.facts, "config": {**prepared.facts["config"], **variant.changes}})
        config = changed.config
        shared = out / f"frozen-{config.frozen_layers}-{prepared.facts['fingerprint']}"
        shared.mkdir(parents=True, exist_ok=True)
        (out / variant.name).mkdir(exist_ok=True)
        same_config(out / variant.name / "config.json", config, changed)
        tables = [window_table(changed, split, shared, report) for split in ("train", "validation")]
        folders = [finetune_seed(changed, *tables, out / variant.name / f"seed-{seed}", seed, report) for seed in config.seeds]
        results = {folder.name: json.loads((folder / RESULT).read_text("utf-8")) for folder in folders}
        if len(folders) > 1:
            results[AVERAGE] = average(changed, folders, tables[1], out / variant.name / AVERAGE)
        with (out / RESULTS).open("a", encoding="utf-8") as stream:
            for run, figures in results.items():
                stream.write(json.dumps({"variant": variant.name, "run": run, "config": asdict(config), **figures}) + "\n")


def table(results: Path) -> str:
    """Return the results as a Markdown table: mean and standard deviation over seeds, then the average of their weights."""
    rows = _rows(results)
    lines = ["| variant | seeds | " + " | ".join(FIGURES) + " |", "|---|---|" + "---|" * len(FIGURES)]
    for name in dict.fromkeys(row["variant"] for row in rows):
        seeds = [row for row in rows if row["variant"] == name and row["run"] != AVERAGE]
        lines.append(f"| {name} | {len(seeds)} | " + " | ".join(_spread([row[key] for row in seeds]) for key in FIGURES) + " |")
        lines += [
            f"| {name}, weights averaged | | " + " | ".join(f"{row[key]:.4f}" for key in FIGURES) + " |"
            for row in rows
            if row["variant"] == name and row["run"] == AVERAGE
        ]
    return "\n".join(lines)


def _rows(results: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in results.read_text("utf-8").splitlines()] if results.exists() else []


def _spread(values: list[float]) -> str:
    return f"{fmean(values):.4f}" + (f" ± {stdev(values):.4f}" if len(values) > 1 else "")
