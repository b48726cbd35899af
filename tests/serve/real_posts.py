"""Posts of the corpus for tests that need the variety of real ones."""

import json
from pathlib import Path
from random import Random

CORPUS = Path(__file__).parents[2] / "data" / "corpus"


def corpus_texts(of_each: int, seed: int = 1) -> list[str]:
    """Return texts of posts, as many of each language."""
    random = Random(seed)
    texts = []
    for path in sorted(CORPUS.glob("*.jsonl")):
        lines = path.read_text("utf-8").splitlines()
        texts += [str(json.loads(line)["text"]) for line in random.sample(lines, min(of_each, len(lines)))]
    random.shuffle(texts)
    return texts
