"""Pack a prepared folder for the device: ``pack.py RUN OUT``; unpack there: ``pack.py --unpack IN RUN``."""

import shutil
import sys
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
from datasets import load_from_disk
from safetensors.numpy import load_file, save_file

from training.onnx_graph import dequantise_rows_4bit, quantise_rows_4bit
from training.reasons import numbered, reason_tokens, reasons_given

WORDS = "embeddings.word_embeddings.weight"


def pack(run: Path, out: Path) -> None:
    """Write ``base.npz``, ``base/`` without weights and the posts as compressed Parquet."""
    shutil.rmtree(out, ignore_errors=True)
    (out / "base").mkdir(parents=True)
    prepared = run / "prepared"
    posts = load_from_disk(str(prepared / "posts"))
    used = {t for row in posts for ws in (row["windows"], *row["variants"]) for w in ws for t in w} | {0, 1, 2, 3}
    reasons, _ = numbered(reasons_given(posts))
    used = sorted(used.union(*(ids.tolist() for ids in reason_tokens(reasons, prepared / "base"))))
    state = load_file(prepared / "base/model.safetensors")
    arrays: dict[str, np.ndarray] = {"used": np.array(used), "rows": np.array(len(state[WORDS]))}
    for name, value in state.items():
        value = value[used] if name == WORDS else value
        arrays[f"f:{name}"] = value
        if value.ndim == 2 and value.shape[1] % 32 == 0:
            whole, scale = quantise_rows_4bit(value)
            if np.array_equal(dequantise_rows_4bit(whole, scale), value):
                del arrays[f"f:{name}"]
                nibbles = (whole.reshape(-1).astype(np.uint8) & 15).reshape(-1, 2)
                arrays[f"q:{name}"] = (nibbles[:, 0] | (nibbles[:, 1] << 4)).reshape(len(whole), -1)
                arrays[f"s:{name}"] = scale
    np.savez_compressed(out / "base.npz", **arrays)
    for path in (prepared / "base").iterdir():
        if path.suffix == ".json":  # training by reasons cuts these into tokens there
            shutil.copy(path, out / "base")
    shutil.copy(prepared / "prepared.json", out)
    pq.write_table(posts.remove_columns(["text", "cited"]).with_format("arrow")[:], out / "posts.parquet", compression="zstd")
    print(sum(p.stat().st_size for p in out.rglob("*") if p.is_file()) / 1e6, "MB,", len(used), "embedding rows")


def unpack(packed: Path, run: Path) -> None:
    """Make the prepared folder again; embedding rows that nothing uses are zero."""
    from datasets import Dataset

    prepared = run / "prepared"
    shutil.copytree(packed / "base", prepared / "base", dirs_exist_ok=True)
    shutil.copy(packed / "prepared.json", prepared)
    arrays = np.load(packed / "base.npz")
    state = {}
    for key in arrays.files:
        kind, _, name = key.partition(":")
        if kind == "f":
            state[name] = arrays[key]
        elif kind == "q":
            packed_values = arrays[key]
            both = np.stack((packed_values & 15, packed_values >> 4), axis=-1).reshape(len(packed_values), -1).astype(np.int8)
            state[name] = dequantise_rows_4bit(np.where(both > 7, both - 16, both).astype(np.int8), arrays[f"s:{name}"])
    words = np.zeros((int(arrays["rows"]), state[WORDS].shape[1]), np.float32)
    words[arrays["used"]] = state[WORDS]
    state[WORDS] = words
    save_file(state, prepared / "base/model.safetensors", metadata={"format": "pt"})
    Dataset.from_parquet(str(packed / "posts.parquet")).save_to_disk(str(prepared / "posts"))


if __name__ == "__main__":
    if sys.argv[1] == "--unpack":
        unpack(Path(sys.argv[2]), Path(sys.argv[3]))
    else:
        pack(Path(sys.argv[1]), Path(sys.argv[2]))
