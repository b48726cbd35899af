"""Measures how fast processors train: tokens a second, forwards and back, all layers; wants a quiet machine, and tcmalloc preloaded.

PYTHONPATH=. python tests/training/measure.py BASE    BASE is the folder or Hugging Face id of the encoder
"""

import statistics
import sys
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

import torch

from training.finetune import N_OUTPUTS
from training.network import Network, half_states, mean_over_tokens

WINDOWS, TOKENS, ROUNDS = 24, 170, 5


def step(base: Path, *, halved: bool) -> Callable[[], None]:
    """Return a training step on windows of one length."""
    network = Network(base, N_OUTPUTS, frozen_layers=0, halved=halved).train()
    states = partial(half_states, network) if halved else network.states
    optimiser = torch.optim.AdamW([p for p in network.parameters() if p.requires_grad], 1e-4)
    ids, mask = torch.randint(5, 1000, (WINDOWS, TOKENS)), torch.ones((WINDOWS, TOKENS), dtype=torch.bool)

    def one() -> None:
        logits = mean_over_tokens(network.scores(states(network.lower(ids, mask), mask)), mask)
        logits.square().mean().backward()
        optimiser.step()
        optimiser.zero_grad(set_to_none=True)

    return one


def main() -> None:
    steps = {name: step(Path(sys.argv[1]), halved=name == "bfloat16") for name in ("float32", "bfloat16")}
    took: dict[str, list[float]] = {name: [] for name in steps}
    for _ in range(ROUNDS + 1):
        for name, one in steps.items():
            started = time.perf_counter()
            one()
            took[name].append(time.perf_counter() - started)
    for name, seconds in took.items():
        sys.stdout.write(f"{name}: {WINDOWS * TOKENS / statistics.median(seconds[1:]):,.0f} tokens a second\n")


if __name__ == "__main__":
    main()
