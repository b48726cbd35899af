"""Measures commands on scored files of any size: time, memory and length of what they write; wants a quiet machine.

PYTHONPATH=.:tests:tests/serve python tests/detector/measure.py export stix 20000    a STIX bundle of 20,000 posts, all flagged
PYTHONPATH=.:tests:tests/serve python tests/detector/measure.py export misp 20000    the same as a MISP event
PYTHONPATH=.:tests:tests/serve python tests/detector/measure.py report 400000        a report; three in four are flagged, in 8 parts
"""

import json
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from real_posts import corpus_texts
from reported import row

from detector.bundle import read_bundle

_PARTS = 8


def scored_folder(folder: Path, number: int, *, unflagged: int) -> Path:
    """Write posts of the corpus as ``score`` does, each text once; one in so many is low, none if that is 0."""
    texts, model = corpus_texts(200), read_bundle().identity
    folder.mkdir()
    for part in range(_PARTS):
        with (folder / f"part-{part:05}.jsonl").open("w", encoding="utf-8") as lines:
            for place in range(part, number, _PARTS):
                band = "low" if unflagged and place % unflagged == 0 else "high"
                text = f"{texts[place % len(texts)]} {place}"
                lines.write(json.dumps(row(place, text, model=model, band=band)) + "\n")
    return folder


def measure(command: list[str], output: Path) -> str:
    """Run a command, and return what it took, in words."""
    started = time.perf_counter()
    subprocess.run([sys.executable, "-m", "detector", *command, "-o", str(output)], check=True, stderr=subprocess.DEVNULL)
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return (
        f"{time.perf_counter() - started:.0f} s wall, {used.ru_utime + used.ru_stime:.0f} s CPU, "
        f"{used.ru_maxrss / 1024:.0f} MiB in the largest process, {output.stat().st_size} bytes"
    )


if __name__ == "__main__":
    *command, count = sys.argv[1:]
    with tempfile.TemporaryDirectory() as temporary:
        scored = scored_folder(Path(temporary) / "scored", int(count), unflagged=0 if command[0] == "export" else 4)
        suffix = ".html" if command[0] == "report" else ".json"
        sys.stdout.write(measure([*command, str(scored)], Path(temporary) / f"written{suffix}") + "\n")
