"""Fine-tuning: one model a seed and the average of their weights, resumable, the best by validation marked.

The frozen lower layers are run once for all seeds and epochs; what they put out is kept on disk as float16 and read from there.
"""

import gc
import json
import logging
import os
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from datasets import Dataset
from numpy.typing import NDArray
from safetensors.torch import load_file, save_file
from sklearn.metrics import average_precision_score

from detector.errors import InputError
from detector.pooling import pool
from detector.records import INDICATORS, LABELS
from training.config import TrainConfig
from training.examples import ANNOTATED
from training.graphs import Layers, graphed_layers, largest_batches
from training.hashing import stable_hash
from training.losses import N_LABELS, Batch, contrastive_loss, divergence_loss, evidence_loss, indicator_loss, label_loss
from training.metrics import OF_NEW_WRITERS, recall_at_false_positives
from training.network import Network, half_states, mean_over_tokens
from training.prepare import START, Prepared, Split
from training.reasons import ReasonHead, numbered, reasons_given

WEIGHTS = "weights.safetensors"
CHECKPOINT = "checkpoint.pt"
RESULT = "result.json"
SUMMARY = "runs.json"
AVERAGE = "average"
UNCHANGED = "start"
WAYS = {UNCHANGED: 0.0, "quarter-way": 0.25, "half-way": 0.5, "three-quarter-way": 0.75}
"""Means of the weights that training began with, or was to meet, and those that came of it: the share of the latter. None of them,
too, for where training made it worse the earlier weights are to be kept."""
_INITIAL = 0
"""Seed of the heads' first weights: the same for all runs, so that their weights can be averaged."""
_SHARE_STEPS = 1000
"""A share of the posts is rounded up to so many parts of the whole."""
N_OUTPUTS = len(LABELS) + len(INDICATORS)
Report = Callable[[str], None]
_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class WindowTable:
    """The windows of one split, joined end to end.

    :ivar starts: First token of each window and the end of the last, *shape* ``(n_windows + 1,)``.
    :ivar posts: Which post each window belongs to, *shape* ``(n_windows,)``.
    :ivar variants: 0 for the windows of the post as it is, else the number of the copy, roughened or with terms swapped, *shape*
        ``(n_windows,)``.
    :ivar pairs: The same number for the windows of a post and of its twins, *shape* ``(n_windows,)``.
    :ivar states: Output of the frozen layers for all tokens, float16, *shape* ``(n_tokens, width)``.
    :ivar quotes: By window: indicator, first token, one past the last.
    :ivar reasons: Which of the reasons given in the split each window's post has (:func:`training.reasons.numbered`), -1 for none,
        *shape* ``(n_windows,)``.
    :ivar new_writers: Whether each window's post is by a writer of whom training reads nothing, *shape* ``(n_windows,)``.
    """

    starts: NDArray[np.int64]
    posts: NDArray[np.int64]
    variants: NDArray[np.int64]
    pairs: NDArray[np.int64]
    states: NDArray[np.float16]
    allowed: NDArray[np.bool_]
    indicators: NDArray[np.int8]
    quotes: list[list[tuple[int, int, int]]]
    weights: NDArray[np.float32]
    reasons: NDArray[np.int64]
    new_writers: NDArray[np.bool_]

    @property
    def paired(self) -> NDArray[np.bool_]:
        """Whether each window's post has a twin, *shape* ``(n_windows,)``."""
        posts_of = np.unique(np.stack((self.pairs, self.posts)), axis=1)[0]
        return (np.bincount(posts_of) > 1)[self.pairs]

    def counterparts(self, windows: NDArray[np.int64], copies: NDArray[np.int64]) -> NDArray[np.int64]:
        """Return, for each window of a post as it is, the window at the same place of one of the post's copies.

        Where a copy has more windows or fewer, it is the one at the same share of the way: of a longer copy some are left out.

        :param windows: Windows with variant 0, *shape* ``(n_windows,)``.
        :param copies: Which copy of each post, 0 for the post itself, *shape* ``(n_posts,)``.
        :return: Windows, *shape* ``(n_windows,)``.
        """
        # The windows of a post lie in a row, copy by copy, and its copies are numbered without gaps.
        keys = self.posts * (self.variants.max() + 1) + self.variants
        _, first_of, number = np.unique(keys, return_index=True, return_counts=True)
        version_of = np.cumsum(np.isin(np.arange(len(self.posts)), first_of)) - 1
        own = version_of[windows]
        copied = own + copies[self.posts[windows]]
        places: NDArray[np.int64] = first_of[copied] + (windows - first_of[own]) * number[copied] // number[own]
        return places

    @property
    def lengths(self) -> NDArray[np.int64]:
        """Tokens of each window, *shape* ``(n_windows,)``."""
        return np.diff(self.starts)


def finetune(prepared: Prepared, out: Path, *, report: Report = _log.info) -> Path:
    """Train a model for each seed, average their weights, and return the folder of the best.

    Where there is an earlier model, it and the weights on the way between the two are tried as well. If training went on from
    it, they forget less of what that model knew (Wortsman et al., "Robust fine-tuning of zero-shot models", 2022); if both began
    with the same encoder, chance led them apart, and the mean has less of it.

    A run that was interrupted goes on from its last checkpoint and, on a processor, ends with the same weights bit for bit as one
    that was not; a GPU's sums come in no fixed order. Source of the averaging: Wortsman et al., "Model soups", 2022.

    :param out: Run folder; holds ``seed-<n>/`` with weights and results, and ``runs.json`` that compares them.
    """
    out.mkdir(parents=True, exist_ok=True)
    config = prepared.config
    same_config(out / "config.json", config, prepared)
    train = window_table(prepared, "train", out, report)
    validation = window_table(prepared, "validation", out, report)
    folders = [finetune_seed(prepared, train, validation, out / f"seed-{seed}", seed, report) for seed in config.seeds]
    results = {folder.name: json.loads((folder / RESULT).read_text("utf-8")) for folder in folders}
    if len(folders) > 1:
        results[AVERAGE] = average(prepared, [trained_weights(folder) for folder in folders], validation, out / AVERAGE)
    if (prepared.base / START).exists():
        trained = trained_weights(out / (AVERAGE if len(folders) > 1 else folders[0].name))
        results |= _on_the_way(prepared, trained, validation, out)
    best = max(results, key=lambda name: worth(results[name]))
    (out / SUMMARY).write_text(json.dumps({"best": best, "runs": results}, indent=2) + "\n", "utf-8")
    return out / best


def finetune_seed(prepared: Prepared, train: WindowTable, validation: WindowTable, folder: Path, seed: int, report: Report) -> Path:
    """Train one seed, unless that was done, and return its folder."""
    if not (folder / RESULT).exists():
        Run(prepared, train, validation, folder, seed, report).train()
        # A run and its schedule name each other; what a GPU recorded for it is freed only with both.
        gc.collect()
        torch.cuda.empty_cache()
    return folder


def trained_weights(folder: Path) -> dict[str, torch.Tensor]:
    """Return what a seed trained, by name."""
    return load_file(folder / WEIGHTS)


def _on_the_way(
    prepared: Prepared, trained: Mapping[str, torch.Tensor], validation: WindowTable, out: Path
) -> dict[str, dict[str, float]]:
    """Write the weights on the way from the earlier model to the new one and return the figures of each."""
    network = first_network(prepared)
    network.load_start(load_file(prepared.base / START))
    earlier = network.trained()
    return {
        name: average(prepared, [earlier, trained], validation, out / name, shares=(1 - share, share))
        for name, share in WAYS.items()
    }


def average(
    prepared: Prepared,
    states: Sequence[Mapping[str, torch.Tensor]],
    validation: WindowTable,
    out: Path,
    *,
    shares: Sequence[float] | None = None,
) -> dict[str, float]:
    """Write the mean of several sets of trained weights and return its figures on validation.

    :param shares: How much of each, together 1; alike if not given.
    """
    parts = shares or [1 / len(states)] * len(states)
    mean = {name: torch.stack([part * state[name] for part, state in zip(parts, states, strict=True)]).sum(0) for name in states[0]}
    out.mkdir(exist_ok=True)
    save_file(mean, str(out / WEIGHTS))
    device = best_device()
    figures = validate(predict(load_network(prepared, out).to(device), validation, device, prepared.config), validation)
    (out / RESULT).write_text(json.dumps(figures, indent=2) + "\n", "utf-8")
    return figures


class Run:
    """One seed's training."""

    def __init__(
        self, prepared: Prepared, train: WindowTable, validation: WindowTable, folder: Path, seed: int, report: Report
    ) -> None:
        torch.manual_seed(_INITIAL)
        config, device = prepared.config, best_device()
        torch.use_deterministic_algorithms(device.type == "cpu")
        torch.set_float32_matmul_precision("high")
        if config.noise and not train.variants.any():
            raise InputError(
                "noise asks for roughened copies, and the posts were prepared without: prepare them with noise above 0"
            )
        self.train_table, self.validation_table = train, validation
        self.folder, self.config, self.seed, self.device, self.report = folder, config, seed, device, report
        self.network = first_network(prepared).to(device)
        read = train.reasons[(train.weights > 0) & (train.reasons >= 0)]
        self.reason_head = (
            ReasonHead(reasons_given(prepared.part("train")), read, prepared.base, device) if config.reason_weight else None
        )
        torch.manual_seed(seed)
        orders = [self._order(epoch) for epoch in range(config.epochs)]
        self.n_steps = sum(map(len, orders))
        self.layers = self._layers(orders)
        heads = [*self.network.heads.parameters(), *(self.reason_head.parameters() if self.reason_head is not None else ())]
        self.optimiser = torch.optim.AdamW(parameter_groups(self.network, heads, config), fused=device.type == "cuda")
        self.schedule = torch.optim.lr_scheduler.LambdaLR(self.optimiser, self._rate)
        self.history: list[dict[str, float]] = []

    def train(self, *, stop_after: int | None = None) -> None:
        """Train to the end, or ``stop_after`` steps from here as if interrupted there.

        Writes the best epoch's weights and ``result.json``.
        """
        self.folder.mkdir(parents=True, exist_ok=True)
        epoch, step = self._resume()
        saved = time.monotonic()
        while epoch < self.config.epochs:
            self.network.train()
            order = self._order(epoch)
            while step < len(order):
                if stop_after is not None and not stop_after:
                    return self._save(epoch, step)
                self._step(order[step])
                step += 1
                stop_after = None if stop_after is None else stop_after - 1
                if time.monotonic() - saved > 60 * self.config.checkpoint_minutes:
                    self._save(epoch, step)
                    saved = time.monotonic()
                    self.report(f"seed {self.seed} epoch {epoch + 1} step {step}/{len(order)}")
            self._finish_epoch(epoch)
            epoch, step = epoch + 1, 0
            self._save(epoch, step)
        best = max(self.history, key=worth)
        result = {**best, "seed": self.seed, "epochs": self.history}
        (self.folder / RESULT).write_text(json.dumps(result, indent=2) + "\n", "utf-8")
        (self.folder / CHECKPOINT).unlink()
        return None

    def _step(self, passes: NDArray[np.int64]) -> None:
        batch = collate(self.train_table, passes, self.device)
        loss, logits = self._loss(batch)
        if self.config.r_drop:
            apart = divergence_loss(*logits[:, :N_LABELS].chunk(2))
            weights = batch.weights[: len(apart)]
            loss = loss + self.config.r_drop * (apart * weights).sum() / weights.sum()
        loss.backward()
        # Not the reason head's: its gradient would hold back the network's.
        torch.nn.utils.clip_grad_norm_(self.network.parameters(), 1.0)
        self.optimiser.step()
        self.schedule.step()
        self.optimiser.zero_grad(set_to_none=True)

    def _loss(self, batch: Batch) -> tuple[torch.Tensor, torch.Tensor]:
        """Return the loss of a batch, all its passes together, and its logits."""
        config, network = self.config, self.network
        states = self.layers(batch.states, batch.mask)
        scores = network.scores(states)
        logits = mean_over_tokens(scores, batch.mask)
        losses = label_loss(logits[:, :N_LABELS], batch.allowed, config.label_smoothing)
        losses = losses + config.indicator_weight * indicator_loss(logits[:, N_LABELS:], batch.indicators)
        loss = (losses * batch.weights).sum() / batch.weights.sum()
        loss = loss + config.evidence_weight * evidence_loss(scores[..., N_LABELS:], batch.mask, batch.quotes)
        if config.contrastive_weight:
            loss = loss + config.contrastive_weight * contrastive_loss(mean_over_tokens(states, batch.mask), batch.allowed)
        if self.reason_head is not None:
            means = network.dropout(mean_over_tokens(states, batch.mask))
            weights = batch.weights * (batch.reasons >= 0)
            apart = (self.reason_head(means, batch.reasons) * weights).sum() / weights.sum().clamp(min=1e-6)
            loss = loss + config.reason_weight * apart
        return loss, logits

    def _layers(self, orders: list[list[NDArray[np.int64]]]) -> Layers:
        """Return the trained layers: on a GPU recorded for the batches there will be."""
        if self.device.type == "cpu":
            return partial(half_states, self.network) if self.network.halved else self.network.states
        lengths = self.train_table.lengths
        shapes = ((batch.size, int(lengths[batch].max())) for order in orders for batch in order)
        return graphed_layers(self.network, largest_batches(shapes), self.device)

    def _finish_epoch(self, epoch: int) -> None:
        logits = predict(self.network, self.validation_table, self.device, self.config)
        figures = validate(logits, self.validation_table)
        self.report(f"seed {self.seed} epoch {epoch + 1}: " + ", ".join(f"{k} {v:.4f}" for k, v in figures.items()))
        best = max(map(worth, self.history), default=-1.0)
        self.history.append({"epoch": epoch + 1, **figures})
        if worth(figures) > best:
            save_file({k: v.contiguous().cpu() for k, v in self.network.trained().items()}, str(self.folder / WEIGHTS))

    def _order(self, epoch: int) -> list[NDArray[np.int64]]:
        """Return the batches of an epoch: similar lengths together, twins side by side, in an order that seed and epoch decide.

        :return: Windows, *shape* ``(n_passes, n_windows)``; what stands below one another is the same post.
        """
        random = np.random.default_rng((self.seed, epoch))
        table, roughened = self.train_table, self.config.second_pass == "roughened"
        copies = self._variants(random)
        first = np.zeros_like(copies) if roughened else copies
        windows = np.flatnonzero((table.variants == first[table.posts]) & (table.weights > 0))
        second = table.counterparts(windows, copies) if roughened else windows
        passes = np.stack((windows, second) if self.config.r_drop else (windows,))
        lengths = table.lengths[passes].max(0)
        pairs = table.pairs[windows]
        # Twins take the mean of their lengths, which keeps them side by side.
        means = np.bincount(pairs, lengths) / np.maximum(np.bincount(pairs), 1)
        keys = np.where(table.paired[windows], means[pairs], lengths)
        longer = random.uniform(0.9, 1.11, len(means))[pairs]
        jittered = np.argsort(keys * longer, kind="stable")
        batches = [passes[:, places] for places in _by_tokens(jittered, lengths, self.config.tokens_per_batch)]
        return [batches[i] for i in random.permutation(len(batches))]

    def _variants(self, random: np.random.Generator) -> NDArray[np.int64]:
        """Return which copy of each post an epoch reads, 0 for the post as it is, *shape* ``(n_posts,)``."""
        table = self.train_table
        copies = np.zeros(int(table.posts.max()) + 1, np.int64)
        np.maximum.at(copies, table.posts, table.variants)
        chosen = random.integers(1, np.maximum(copies, 1), endpoint=True)
        rough = random.random(len(copies)) < self.config.noise
        return np.where(rough & (copies > 0), chosen, 0)

    def _rate(self, step: int) -> float:
        total = self.n_steps
        warm = max(1, int(self.config.warmup * total))
        return (step + 1) / warm if step < warm else max(0.0, (total - step) / max(1, total - warm))

    def _save(self, epoch: int, step: int) -> None:
        state = {
            "epoch": epoch,
            "step": step,
            "network": self.network.trained(),
            "optimiser": self.optimiser.state_dict(),
            "schedule": self.schedule.state_dict(),
            "reason_head": self.reason_head.state_dict() if self.reason_head is not None else {},
            "random": torch.get_rng_state(),
            "cuda": torch.cuda.get_rng_state_all() if self.device.type == "cuda" else [],
            "history": self.history,
        }
        part = self.folder / f"{CHECKPOINT}.part"
        torch.save(state, part)
        part.replace(self.folder / CHECKPOINT)

    def _resume(self) -> tuple[int, int]:
        path = self.folder / CHECKPOINT
        if not path.exists():
            return 0, 0
        state = torch.load(path, map_location="cpu", weights_only=True)
        self.network.load_trained(state["network"])
        if self.reason_head is not None:
            self.reason_head.load_state_dict(state["reason_head"])
        self.optimiser.load_state_dict(state["optimiser"])
        self.schedule.load_state_dict(state["schedule"])
        torch.set_rng_state(state["random"])
        if state["cuda"]:
            torch.cuda.set_rng_state_all(state["cuda"])
        self.history = state["history"]
        self.report(f"seed {self.seed}: going on from epoch {state['epoch'] + 1}, step {state['step']}")
        return state["epoch"], state["step"]


def parameter_groups(network: Network, heads: list[torch.nn.Parameter], config: TrainConfig) -> list[dict[str, Any]]:
    """Return the optimiser's groups: the heads, then the layers from the top, each slower than the one above it."""
    decay = config.weight_decay
    groups = [{"params": heads, "lr": config.head_learning_rate, "weight_decay": decay}]
    layers = list(network.encoder.encoder.layer)[network.frozen_layers :]
    for height, layer in enumerate(reversed(layers)):
        rate = config.learning_rate * config.layer_decay**height
        named = list(layer.named_parameters())
        plain = [p for name, p in named if name.endswith("bias") or "LayerNorm" in name]
        decayed = [p for name, p in named if not (name.endswith("bias") or "LayerNorm" in name)]
        groups += [
            {"params": decayed, "lr": rate, "weight_decay": decay},
            {"params": plain, "lr": rate, "weight_decay": 0.0},
        ]
    return groups


def best_device() -> torch.device:
    """Return the GPU if there is one."""
    return torch.device("cuda" if torch.cuda.is_available() else "cpu")


def window_table(prepared: Prepared, part: Split, out: Path, report: Report) -> WindowTable:
    """Return the windows of a split with the frozen layers' output, computed once and kept in the run folder."""
    posts = prepared.part(part)
    ids, owners, copies, quotes = [], [], [], []
    for place, row in enumerate(posts):
        for copy, windows in enumerate([row["windows"], *row["variants"]]):
            for number, window in enumerate(windows):
                ids.append(np.asarray(window, dtype=np.int64))
                owners.append(place)
                copies.append(copy)
                cited = [(q["indicator"], q["first"], q["end"]) for q in row["quotes"] if q["window"] == number]
                quotes.append([] if copy else cited)
    owner = np.asarray(owners, dtype=np.int64)
    twins = [row or name for row, name in zip(posts["pair"], posts["id"], strict=True)]
    truth = np.array([row or [-1] * len(INDICATORS) for row in posts["indicators"]], dtype=np.int8)
    table = WindowTable(
        starts=np.concatenate(([0], np.cumsum([len(i) for i in ids]))),
        posts=owner,
        variants=np.asarray(copies, dtype=np.int64),
        pairs=np.unique(twins, return_inverse=True)[1][owner],
        states=_frozen_states(prepared, ids, out / f"states-{part}.npy", report),
        allowed=np.asarray(posts["allowed"], dtype=bool)[owner],
        indicators=truth[owner],
        quotes=quotes,
        weights=np.ones(len(owner), np.float32),
        reasons=numbered(reasons_given(posts))[1][owner],
        # Runs prepared before there were such writers do not name them.
        new_writers=np.array(posts["new_writer"] if "new_writer" in posts.column_names else [False] * len(posts))[owner],
    )
    return weighed(table, posts, prepared.config)


def weighed(table: WindowTable, posts: Dataset, config: TrainConfig) -> WindowTable:
    """Return the table with the weights that the settings give: a post's weight is shared by its windows."""
    _, versions, per_version = np.unique(np.stack((table.posts, table.variants)), axis=1, return_inverse=True, return_counts=True)
    weights = post_weights(posts, config)[table.posts] / per_version[versions]
    return replace(table, weights=weights.astype(np.float32))


def post_weights(posts: Dataset, config: TrainConfig) -> NDArray[np.float64]:
    """Weigh annotated posts by language, and public rows so that together they count ``public_weight`` times as much as these.

    Posts in the language that training goes without weigh nothing, nor do those beyond the share that training reads.

    :raises InputError: if there are none in that language.
    """
    ours = np.isin(posts["source"], ANNOTATED)
    languages = np.asarray(posts["language"])
    numbers = Counter(languages[ours].tolist())
    rarity = np.array([max(1, numbers[language]) ** -config.language_balance for language in languages.tolist()])
    rarity /= rarity[ours].mean() if ours.any() else 1.0
    share = config.public_weight * ours.sum() / max(1, (~ours).sum())
    beyond = np.zeros(len(languages), bool)
    if config.share < 1:
        twins = [pair or name for pair, name in zip(posts["pair"], posts["id"], strict=True)]
        beyond = np.array([stable_hash(f"share/{name}") % _SHARE_STEPS >= config.share * _SHARE_STEPS for name in twins])
    return np.where(left_out(posts, config) | beyond, 0.0, np.where(ours, rarity, min(1.0, share)))


def left_out(posts: Dataset, config: TrainConfig) -> NDArray[np.bool_]:
    """Return which posts are in the language that training goes without, *shape* ``(n_posts,)``.

    :raises InputError: if it goes without a language that no annotated post is in.
    """
    there = np.array([language.split("-")[0] == config.without for language in posts["language"]])
    if config.without and not there[np.isin(posts["source"], ANNOTATED)].any():
        raise InputError(f"without: expected the primary subtag of a language of the corpus, such as am, got {config.without!r}")
    return there


def _frozen_states(prepared: Prepared, ids: list[NDArray[np.int64]], path: Path, report: Report) -> NDArray[np.float16]:
    if path.exists():
        return np.load(path, mmap_mode="r")
    config, device = prepared.config, best_device()
    network = first_network(prepared).to(device).eval()
    lengths = np.array([len(i) for i in ids])
    starts = np.concatenate(([0], np.cumsum(lengths)))
    width = network.heads.in_features
    report(f"{path.name}: running the {config.frozen_layers} frozen layers over {starts[-1]} tokens")
    part = path.with_suffix(f".{os.getpid()}.part.npy")  # of this process alone: several may share the folder
    states = np.lib.format.open_memmap(part, "w+", np.float16, (int(starts[-1]), width))
    order = np.argsort(lengths, kind="stable")
    for batch in _by_tokens(order, lengths, 4 * config.tokens_per_batch):
        padded = torch.ones((len(batch), int(lengths[batch].max())), dtype=torch.int64)
        for row, i in enumerate(batch):
            padded[row, : lengths[i]] = torch.from_numpy(ids[i])
        mask = torch.arange(padded.shape[1])[None] < torch.from_numpy(lengths[batch])[:, None]
        hidden = network.lower(padded.to(device), mask.to(device)).to("cpu", torch.float16).numpy()
        for row, i in enumerate(batch):
            states[starts[i] : starts[i + 1]] = hidden[row, : lengths[i]]
    states.flush()
    part.replace(path)
    return np.load(path, mmap_mode="r")


def collate(table: WindowTable, passes: NDArray[np.int64], device: torch.device) -> Batch:
    """Return the named windows as one padded batch, pass by pass; each pass counts as much as the first.

    :param passes: Windows, *shape* ``(n_windows,)`` or ``(n_passes, n_windows)``.
    """
    windows, first = passes.ravel(), np.atleast_2d(passes)[0]
    lengths = table.lengths[windows]
    states = np.zeros((len(windows), int(lengths.max()), table.states.shape[1]), dtype=np.float32)
    for row, window in enumerate(windows):
        states[row, : lengths[row]] = table.states[table.starts[window] : table.starts[window + 1]]
    mask = np.arange(states.shape[1])[None] < lengths[:, None]
    quotes = [(row, *quote) for row, window in enumerate(windows) for quote in table.quotes[window]]
    tensors = (
        torch.from_numpy(states), torch.from_numpy(mask), torch.from_numpy(table.allowed[windows]),
        torch.from_numpy(table.indicators[windows]), torch.tensor(quotes, dtype=torch.int64).reshape(-1, 4),
        torch.from_numpy(np.tile(table.weights[first], len(windows) // len(first))), torch.from_numpy(table.reasons[windows]),
    )  # fmt: skip
    return Batch(*(tensor.to(device) for tensor in tensors))


def predict(
    network: Network,
    table: WindowTable,
    device: torch.device,
    config: TrainConfig,
    windows: NDArray[np.int64] | None = None,
    *,
    exact: bool = False,
) -> NDArray[np.float32]:
    """Return the logits of each post of a split, pooled over its windows as in scoring, *shape* ``(n_posts, n_outputs)``.

    :param windows: Those to read, if not all; posts without any have no row.
    :param exact: In float32, also where the network is trained in bfloat16: slower there, for figures that others rest on.
    """
    network.eval()
    layers = partial(half_states, network) if network.halved and not exact else network.states
    windows = np.arange(len(table.posts)) if windows is None else windows
    logits = np.zeros((len(table.posts), N_OUTPUTS), dtype=np.float32)
    order = windows[np.argsort(table.lengths[windows], kind="stable")]
    with torch.inference_mode():
        for places in _by_tokens(order, table.lengths, 4 * config.tokens_per_batch):
            batch = collate(table, places, device)
            means = mean_over_tokens(network.scores(layers(batch.states, batch.mask)), batch.mask)
            logits[places] = means.cpu().numpy()
    posts = table.posts[windows]
    return np.stack([pool(logits[windows[posts == i]][:, None], n_labels=N_LABELS).logits for i in np.unique(posts)])


def validate(logits: NDArray[np.float32], table: WindowTable) -> dict[str, float]:
    """Return the figures that choose among epochs and seeds, on the annotated posts of the validation split.

    The average precision of the lure is taken over the corpus alone: public rows are easy and would hide them.
    """
    first = np.unique(table.posts, return_index=True)[1]
    ours = table.indicators[first, 0] >= 0
    margins = lure_margins(logits)
    lures = table.allowed[first, 0]
    labels = logits[:, :N_LABELS].argmax(1)
    known = table.allowed[first][np.arange(len(labels)), labels]
    truth = table.indicators[first][ours]
    shares = np.exp(logits[:, :N_LABELS] - np.logaddexp.reduce(logits[:, :N_LABELS], axis=1)[:, None])
    allowed = (shares * table.allowed[first]).sum(1)[ours].clip(1e-7)
    new = table.new_writers[first]
    apart = {OF_NEW_WRITERS: float(average_precision_score(lures[new], margins[new]))} if lures[new].any() else {}
    return {
        "average_precision": float(average_precision_score(lures[ours], margins[ours])),
        **apart,
        "average_precision_all": float(average_precision_score(lures, margins)),
        "recall_at_1_percent": recall_at_false_positives(0.01)(lures[ours], margins[ours].astype(np.float64)),
        "loss": float(-np.log(allowed).mean()),
        "pairs_ordered": _pairs_ordered(margins, lures, table.pairs[first]),
        "label_accuracy": float(known[ours].mean()),
        "indicator_average_precision": float(average_precision_score(truth, logits[ours, N_LABELS:], average="micro")),
    }


def worth(figures: Mapping[str, float]) -> float:
    """Return what epochs, seeds and means are chosen by: average precision, where there are new writers the mean of all and theirs.

    On writers it has learnt from a model is better than on others, the more so the longer it learnt from them.
    """
    return (figures["average_precision"] + figures.get(OF_NEW_WRITERS, figures["average_precision"])) / 2


def lure_margins(logits: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return the log odds of the lure against the other labels, *shape* ``(n_posts,)``."""
    margins: NDArray[np.float32] = logits[:, 0] - np.logaddexp.reduce(logits[:, 1:N_LABELS], axis=1)
    return margins


def _pairs_ordered(margins: NDArray[np.float32], lures: NDArray[np.bool_], pairs: NDArray[np.int64]) -> float:
    """Return the share of minimal pairs whose lure scores higher than its twin; 0 if there are none."""
    rows = [np.flatnonzero(pairs == pair) for pair in np.unique(pairs)]
    mixed = [row for row in rows if len(set(lures[row].tolist())) == 2]
    right = [margins[row][lures[row]].min() > margins[row][~lures[row]].max() for row in mixed]
    return float(np.mean(right)) if right else 0.0


def first_network(prepared: Prepared) -> Network:
    """Return the network as training finds it: the encoder with new heads, or what the run trained that this one goes on from."""
    config = prepared.config
    halved = config.arithmetic == "bfloat16" and best_device().type == "cpu"
    network = Network(prepared.base, N_OUTPUTS, frozen_layers=config.frozen_layers, dropout=config.dropout, halved=halved)
    if config.begin == "start" and (prepared.base / START).exists():
        network.load_start(load_file(prepared.base / START))
    return network


def load_network(prepared: Prepared, folder: Path) -> Network:
    """Return the trained network of one seed, ready for evaluation.

    :raises InputError: if the folder has no weights.
    """
    if not (folder / WEIGHTS).exists():
        raise InputError(f"{folder}: no {WEIGHTS}; run: python -m training finetune")
    network = first_network(prepared)
    network.load_trained(load_file(folder / WEIGHTS))
    return network.eval()


def _by_tokens(order: NDArray[np.int64], lengths: NDArray[np.int64], budget: int) -> Iterator[NDArray[np.int64]]:
    """Cut an order of windows into batches whose padded size stays within the budget."""
    batch: list[int] = []
    longest = 0
    for window in order.tolist():
        longest = max(longest, int(lengths[window]))
        if batch and longest * (len(batch) + 1) > budget:
            yield np.asarray(batch)
            batch, longest = [], int(lengths[window])
        batch.append(window)
    if batch:
        yield np.asarray(batch)


def same_config(path: Path, config: TrainConfig, prepared: Prepared) -> None:
    """Refuse to mix runs of different settings or data in one folder."""
    wanted = {**asdict(config), "seeds": None, "fingerprint": prepared.facts["fingerprint"]}
    if path.exists():
        # A setting that was not there yet had its default.
        found = {**asdict(TrainConfig()), **json.loads(path.read_text("utf-8"))}
        if found != json.loads(json.dumps(wanted)):
            raise InputError(f"{path.parent}: holds a run with other settings or data; choose another folder")
    path.write_text(json.dumps(wanted, indent=2) + "\n", "utf-8")
