"""The settings of a training run, from TOML; an unknown key is an error."""

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

from detector.errors import InputError

FLOAT_LAYERS = 0
"""Lower layers of an exported graph that multiply in float32. With more it is slower and hardly nearer to torch."""

ARITHMETICS = ("float32", "bfloat16")
SECOND_PASSES = ("same", "roughened")
BEGINNINGS = ("start", "encoder")
_RANGES = {
    "epochs": (1, 1000), "max_tokens": (8, 512), "tokens_per_batch": (8, 1 << 20), "checkpoint_minutes": (0, 1440),
    "learning_rate": (0, 1), "head_learning_rate": (0, 1), "weight_decay": (0, 1), "warmup": (0, 1), "dropout": (0, 0.9),
    "public_weight": (0, 100), "indicator_weight": (0, 100), "evidence_weight": (0, 100), "r_drop": (0, 100),
    "contrastive_weight": (0, 100), "reason_weight": (0, 100), "language_balance": (0, 1), "label_smoothing": (0, 1),
    "noise": (0, 1), "share": (0, 1),
}  # fmt: skip
"""Least and most of each setting that is a number, but for those checked against others; what lies outside, NaN too, is a slip."""


@dataclass(frozen=True, slots=True)
class TrainConfig:
    """One training run.

    :ivar seeds: A model is trained for each; the best by validation is exported, all are reported.
    :ivar max_tokens: Longest window, special tokens included.
    :ivar overlap: Tokens that neighbouring windows share.
    :ivar frozen_layers: Lower layers that are left as they are; their output is computed once and kept.
    :ivar tokens_per_batch: Padded tokens of a batch, at most.
    :ivar learning_rate: Peak rate of the top layer; each layer below takes ``layer_decay`` times the rate above it.
    :ivar warmup: Share of the steps in which the rate rises.
    :ivar public_weight: Weight of all public rows in the loss, relative to all corpus posts.
    :ivar indicator_weight: Weight of the indicator loss beside the label loss.
    :ivar evidence_weight: Weight of the loss that draws an indicator's contributions into its quote.
    :ivar label_smoothing: Share of the target that is spread over all labels.
    :ivar noise: Share of the annotated posts that an epoch reads roughened (:func:`training.perturb.roughen`) or with terms swapped
        (:mod:`training.swaps`).
    :ivar r_drop: Weight of the divergence between two passes with different dropout (Wu et al., "R-Drop", 2021).
    :ivar second_pass: What the second of these passes reads: ``same``, the same windows, or ``roughened``, a roughened or swapped
        copy for a share ``noise`` of the posts, while the first reads all as they are.
    :ivar contrastive_weight: Weight of the supervised contrastive loss; the members of a minimal pair mostly share a batch.
    :ivar reason_weight: Weight of the loss that draws a post's states to the reason its writer gave (:mod:`training.reasons`).
    :ivar begin: What training begins with where there is an earlier run to go on from: ``start``, that run's weights, or
        ``encoder``, those of the plain encoder, so that the two meet only in their means at the end; wants all layers trained.
    :ivar language_balance: Exponent by which posts of a language with many posts count less: 0 not at all, 1 until all weigh alike.
    :ivar share: Share of the posts that training reads, twins together, the same ones in every run: to try settings on.
    :ivar without: A language that training sees nothing of, as its primary subtag (``am``, which leaves out ``am-Latn`` too);
        epochs are still chosen on all of validation.
    :ivar arithmetic: ``float32``, or ``bfloat16`` for the trained layers: on a processor with AMX some 3.5 times as fast
        (:func:`training.network.half_states`); a GPU takes no notice of it.
    :ivar checkpoint_minutes: Time between checkpoints.
    """

    seeds: tuple[int, ...] = (1, 2, 3)
    epochs: int = 4
    max_tokens: int = 256
    overlap: int = 64
    frozen_layers: int = 6
    tokens_per_batch: int = 2048
    learning_rate: float = 1.5e-4
    head_learning_rate: float = 2e-3
    layer_decay: float = 0.9
    warmup: float = 0.1
    weight_decay: float = 0.01
    dropout: float = 0.1
    public_weight: float = 0.6
    indicator_weight: float = 0.5
    evidence_weight: float = 0.1
    label_smoothing: float = 0.02
    noise: float = 0.0
    r_drop: float = 0.0
    second_pass: str = "same"
    contrastive_weight: float = 0.0
    reason_weight: float = 0.0
    begin: str = "start"
    language_balance: float = 0.0
    share: float = 1.0
    without: str = ""
    arithmetic: str = "float32"
    checkpoint_minutes: float = 3.0

    def __post_init__(self) -> None:
        self._check_numbers()
        if not 0 <= self.overlap < self.max_tokens - 2:
            raise InputError(f"expected overlap below max_tokens - 2, got {self.overlap} and {self.max_tokens}")
        if not 0 < self.layer_decay <= 1:
            raise InputError(f"layer_decay must be above 0 and at most 1, got {self.layer_decay}")
        if self.arithmetic not in ARITHMETICS:
            raise InputError(f"arithmetic: expected {' or '.join(ARITHMETICS)}, got {self.arithmetic!r}")
        self._check_beginning()
        self._check_passes()
        if self.tokens_per_batch < self.max_tokens:
            raise InputError(f"tokens_per_batch {self.tokens_per_batch} must hold a window of {self.max_tokens} tokens")

    def _check_numbers(self) -> None:
        if not self.seeds or len(set(self.seeds)) < len(self.seeds):
            raise InputError(f"seeds: expected one or several, none twice, got {list(self.seeds)}")
        for name, (least, most) in _RANGES.items():
            if not least <= getattr(self, name) <= most:
                raise InputError(f"{name}: expected {least:g} to {most:g}, got {getattr(self, name)}")
        if not self.share:
            raise InputError("share: expected more than 0, or training reads nothing")

    def _check_beginning(self) -> None:
        if self.begin not in BEGINNINGS:
            raise InputError(f"begin: expected {' or '.join(BEGINNINGS)}, got {self.begin!r}")
        if self.begin == "encoder" and self.frozen_layers:
            raise InputError(
                f"begin encoder: expected frozen_layers = 0, as an earlier run may have changed all, got {self.frozen_layers}"
            )

    def _check_passes(self) -> None:
        if self.second_pass not in SECOND_PASSES:
            raise InputError(f"second_pass: expected {' or '.join(SECOND_PASSES)}, got {self.second_pass!r}")
        if self.second_pass == "roughened" and not (self.noise and self.r_drop):
            raise InputError("second_pass roughened: expected noise and r_drop above 0, or nothing roughened is read")


def read_config(path: Path | None) -> TrainConfig:
    """Read a TOML file over the defaults.

    :raises InputError: if it has a key that :class:`TrainConfig` lacks, or a value that does not fit.
    """
    if path is None:
        return TrainConfig()
    try:
        return config_from(tomllib.loads(path.read_text("utf-8")))
    except (OSError, ValueError, TypeError) as error:
        raise InputError(f"{path}: expected settings in TOML, got: {error}") from error
    except InputError as error:
        raise InputError(f"{path}: {error}") from error


def config_from(table: Mapping[str, Any]) -> TrainConfig:
    """Return the settings that a table gives, defaults for the rest.

    :raises InputError: if it has a key that :class:`TrainConfig` lacks, or a value of another type.
    """
    kinds = {field.name: type(field.default) for field in fields(TrainConfig)}
    if unknown := sorted(set(table) - set(kinds)):
        raise InputError(f"unknown keys {', '.join(unknown)}; known are {', '.join(sorted(kinds))}")
    values = {name: tuple(value) if isinstance(value, list) else value for name, value in table.items()}
    if isinstance(seeds := values.get("seeds"), tuple) and any(type(seed) is not int or seed < 0 for seed in seeds):
        raise InputError(f"seeds: expected whole numbers from 0 on, got {list(seeds)}")
    for name, value in values.items():
        if not isinstance(value, (int, float) if kinds[name] is float else kinds[name]) or isinstance(value, bool):
            raise InputError(f"{name}: expected {kinds[name].__name__}, got {value!r}")
    return TrainConfig(**values)
