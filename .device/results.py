"""Bring results back: ``results.py RUN OUT``: every figure, and the winner's trained weights in float16, in pieces of 14 MB."""

import json
import sys
from pathlib import Path

import numpy as np
from safetensors.numpy import load_file, save
from safetensors.torch import load_file as load_torch  # noqa: F401  (bfloat16 weights would need it)

PIECE = 14_000_000

run, out = Path(sys.argv[1]), Path(sys.argv[2])
folder = run / "finetune"
best = json.loads((folder / "runs.json").read_text())["best"]
base = load_file(run / "prepared/base/model.safetensors")
state = load_file(folder / best / "weights.safetensors")
changed = {
    name: value.astype(np.float16)
    for name, value in state.items()
    if not np.array_equal(base.get(name.removeprefix("encoder."), np.zeros(0)), value) and "position_ids" not in name
}
raw = save(changed)
for place in range(0, len(raw), PIECE):
    (out / f"weights.{place // PIECE}").write_bytes(raw[place : place + PIECE])
told = {path.parent.name: json.loads(path.read_text()) for path in folder.glob("*/result.json")}
(out / "finetune.json").write_text(
    json.dumps(
        {"runs": json.loads((folder / "runs.json").read_text()), "results": told, "config": (folder / "config.json").read_text()}
    )
)
