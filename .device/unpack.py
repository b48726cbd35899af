"""Put what came back from the device into a run folder: ``unpack.py FOLDER RUN``."""

import json
import sys
from pathlib import Path

import numpy as np
from safetensors.numpy import load, save_file

source, run = Path(sys.argv[1]), Path(sys.argv[2])
told = json.loads((source / "finetune.json").read_text())
folder = run / "finetune"
best = folder / told["runs"]["best"]
best.mkdir(parents=True, exist_ok=True)
pieces = sorted(source.glob("weights.*"), key=lambda path: int(path.suffix[1:]))
changed = load(b"".join(path.read_bytes() for path in pieces))
save_file({name: value.astype(np.float32) for name, value in changed.items()}, best / "weights.safetensors")
for name, result in told["results"].items():
    (folder / name).mkdir(exist_ok=True)
    (folder / name / "result.json").write_text(json.dumps(result, indent=2) + "\n")
(folder / "runs.json").write_text(json.dumps(told["runs"], indent=2) + "\n")
(folder / "config.json").write_text(told["config"])
print("best:", best, "tensors:", len(changed))
