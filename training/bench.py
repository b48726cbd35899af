"""Speed and memory of the bundle against what one would use instead, on the same posts in the same run.

Each contender runs in a process of its own, so that memory is its own; rounds are interleaved, so that a slow minute hits all
alike; ratios of medians are what counts, absolute times are this machine's.
"""

import json
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from detector.scoring import Detector
from training.examples import read_corpus

Score = Callable[[Sequence[str]], object]
PIPELINE_BATCH = 32


@dataclass(frozen=True, slots=True)
class Timing:
    """What one contender took.

    :ivar posts_per_second: Median over the rounds.
    :ivar peak_mb: Largest resident memory of its process, in 10^6 bytes.
    """

    posts_per_second: float
    peak_mb: float


def bench(corpus: Path, bundle: Path, *, rounds: int, number: int) -> str:
    """Return a table of speeds, memory and ratios.

    :param corpus: Folder of ``<language>.jsonl`` files; ``number`` posts are taken from it at even distances.
    """
    examples = read_corpus(corpus)
    texts = [examples[i * len(examples) // number].text for i in range(min(number, len(examples)))]
    with tempfile.TemporaryDirectory() as folder:
        posts = Path(folder) / "posts.json"
        posts.write_text(json.dumps(texts), "utf-8")
        seconds, memory = _race(posts, corpus, bundle, rounds)
    timings = {name: Timing(len(texts) / statistics.median(taken), memory[name]) for name, taken in seconds.items()}
    lines = [f"{len(texts)} posts, medians of {rounds} interleaved rounds", ""]
    ours = timings["bundle"]
    for name, timing in timings.items():
        ratio = ours.posts_per_second / timing.posts_per_second
        lines.append(
            f"{_TITLES[name]:72} {timing.posts_per_second:8.1f} posts/s  {timing.peak_mb:6.0f} MB  bundle is {ratio:6.2f}x as fast"
        )
    lines += ["", *_start_up(bundle)]
    return "\n".join(lines)


_TITLES = {
    "bundle": "this bundle (ONNX Runtime)",
    "pipeline": "(a) transformers pipeline, xlm-roberta-base's architecture, float32",
    "torch": "(b) the same encoder by torch, float32, batches of 32 as they come",
    "tfidf": "(c) TF-IDF and logistic regression",
}


def _race(posts: Path, corpus: Path, bundle: Path, rounds: int) -> tuple[dict[str, list[float]], dict[str, float]]:
    """Return each contender's seconds, round by round, and its peak memory in megabytes."""
    with _contestants(posts, corpus, bundle) as processes:
        seconds: dict[str, list[float]] = {name: [] for name in processes}
        memory = dict.fromkeys(processes, 0.0)
        for name, process in processes.items():
            _ask(process, name)
        for _ in range(rounds):
            for name, process in processes.items():
                taken, memory[name] = _ask(process, name)
                seconds[name].append(taken)
    return seconds, memory


@contextmanager
def _contestants(posts: Path, corpus: Path, bundle: Path) -> "Iterator[dict[str, subprocess.Popen[str]]]":
    """Start one process a contender; each waits for a line and answers with seconds and megabytes."""
    processes = {
        name: subprocess.Popen(
            [sys.executable, "-m", "training.bench", name, str(posts), str(corpus), str(bundle)],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True,
        )
        for name in _TITLES
    }  # fmt: skip
    try:
        yield processes
    finally:
        for process in processes.values():
            process.kill()
            process.communicate()


def _ask(process: "subprocess.Popen[str]", name: str) -> tuple[float, float]:
    if process.stdin is None or process.stdout is None:
        raise RuntimeError("expected pipes")
    process.stdin.write("go\n")
    process.stdin.flush()
    answer = process.stdout.readline()
    if not answer:
        raise RuntimeError(f"{name} ended early with exit code {process.wait()}")
    seconds, peak_mb = json.loads(answer)
    return seconds, peak_mb


def _answer(name: str, posts: Path, corpus: Path, bundle: Path) -> None:
    """Run in a contender's process: score all posts each time a line comes in."""
    texts = json.loads(posts.read_text("utf-8"))
    score = CONTENDERS[name](corpus, bundle)
    for _ in sys.stdin:
        started = time.perf_counter()
        score(texts)
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 / 1e6
        sys.stdout.write(json.dumps([time.perf_counter() - started, peak]) + "\n")
        sys.stdout.flush()


def _bundle(_: Path, bundle: Path) -> Score:
    return Detector.load(bundle).score


def _torch(_: Path, bundle: Path) -> Score:
    """Score by an encoder of the bundle's sizes with random weights in transformers, windows of the same length."""
    import torch
    from transformers import BertConfig, BertModel, PreTrainedTokenizerFast

    manifest = json.loads((bundle / "bundle.json").read_text("utf-8"))
    tokenizer = PreTrainedTokenizerFast(tokenizer_file=str(bundle / "tokenizer.json"), pad_token="<pad>")
    config = BertConfig(vocab_size=len(tokenizer), hidden_size=384, num_attention_heads=12, intermediate_size=1536)
    model = BertModel(config, add_pooling_layer=False).eval()

    def score(texts: Sequence[str]) -> object:
        means = []
        with torch.inference_mode():
            for start in range(0, len(texts), PIPELINE_BATCH):
                batch = tokenizer(
                    list(texts[start : start + PIPELINE_BATCH]), truncation=True, max_length=manifest["max_tokens"],
                    padding=True, return_tensors="pt", return_token_type_ids=False,
                )  # fmt: skip
                means.append(model(**batch).last_hidden_state.mean(1))
        return means

    return score


def _pipeline(_: Path, bundle: Path) -> Score:
    """``pipeline('text-classification')`` on xlm-roberta-base's sizes, random weights, batches of 32, cut at 256 tokens."""
    from transformers import PreTrainedTokenizerFast, XLMRobertaConfig, XLMRobertaForSequenceClassification, pipeline

    tokenizer = PreTrainedTokenizerFast(
        tokenizer_file=str(bundle / "tokenizer.json"), pad_token="<pad>", model_max_length=256,
        model_input_names=["input_ids", "attention_mask"],
    )  # fmt: skip
    config = XLMRobertaConfig(vocab_size=250_002, max_position_embeddings=514, type_vocab_size=1, num_labels=4)
    model = XLMRobertaForSequenceClassification(config).eval()
    classify = pipeline("text-classification", model=model, tokenizer=tokenizer, device="cpu")
    return lambda texts: classify(list(texts), batch_size=PIPELINE_BATCH, truncation=True)


def _tfidf(corpus: Path, _: Path) -> Score:
    from sklearn.feature_extraction.text import TfidfVectorizer
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline

    examples = read_corpus(corpus)
    model = make_pipeline(
        TfidfVectorizer(analyzer="char", ngram_range=(2, 5), min_df=2, max_features=200_000), LogisticRegression(max_iter=500)
    )
    model.fit([e.text for e in examples], [e.label for e in examples])
    return model.predict_proba


CONTENDERS: dict[str, Callable[[Path, Path], Score]] = {
    "bundle": _bundle, "pipeline": _pipeline, "torch": _torch, "tfidf": _tfidf,
}  # fmt: skip


def _start_up(bundle: Path) -> list[str]:
    """Return how long ``import detector`` (less a bare start) and the first verdict take, medians over five processes."""
    first = (
        "from pathlib import Path; from detector import Detector; "
        f"print(Detector.load(Path({str(bundle)!r})).score(['kerja admin'])[0].band, flush=True)"
    )
    bare = _median_run("pass")
    return [
        f"import detector: {_median_run('import detector') - bare:.2f} s",
        f"first verdict after process start: {_median_run(first):.2f} s",
    ]


def _median_run(code: str) -> float:
    """Return the seconds until a process prints a line or ends, whichever comes first."""
    taken = []
    for _ in range(5):
        started = time.perf_counter()
        with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE) as process:
            if process.stdout is not None:
                process.stdout.readline()
            taken.append(time.perf_counter() - started)
        if process.returncode:
            raise RuntimeError(f"expected exit code 0, got {process.returncode} from: {code}")
    return statistics.median(taken)


if __name__ == "__main__":
    _answer(sys.argv[1], *map(Path, sys.argv[2:5]))
