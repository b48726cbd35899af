"""Bring results back: ``results.py RUN OUT``: every figure, and the winner's trained weights in float16, in pieces of 14 MB."""

import json
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
from safetensors.numpy import load_file, save

from training.finetune import finetune
from training.prepare import load_prepared

PIECE = 14_000_000

run, out = Path(sys.argv[1]), Path(sys.argv[2])
folder = run / "finetune"
if not (folder / "runs.json").exists():
    # Time ran out: settle with the seeds that ended.
    prepared = load_prepared(run / "prepared")
    ended = [int(path.parent.name.split("-")[1]) for path in folder.glob("seed-*/result.json")]
    settings = {**prepared.facts["config"], "seeds": sorted(ended)}
    finetune(replace(prepared, facts={**prepared.facts, "config": settings}), folder, report=print)
best = json.loads((folder / "runs.json").read_text())["best"]
changed = {name: weight.astype(np.float16) for name, weight in load_file(folder / best / "weights.safetensors").items()}
raw = save(changed)
for place in range(0, len(raw), PIECE):
    (out / f"weights.{place // PIECE}").write_bytes(raw[place : place + PIECE])
told = {path.parent.name: json.loads(path.read_text()) for path in folder.glob("*/result.json")}
runs, config = json.loads((folder / "runs.json").read_text()), (folder / "config.json").read_text()
(out / "finetune.json").write_text(json.dumps({"runs": runs, "results": told, "config": config}))
print(best, len(raw) / 1e6, "MB", {k: round(v["average_precision"], 4) for k, v in told.items()})
