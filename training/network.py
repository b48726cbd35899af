"""The network: an encoder, and heads that are linear on its token states.

The logit of a window is the mean of its tokens' scores, so each token's contribution is exact (:mod:`detector.pooling`).
"""

from collections.abc import Mapping
from pathlib import Path

import torch
from torch import Tensor, nn
from transformers import AutoConfig, AutoModel

from detector.errors import InputError

POSITION_OFFSETS = {"bert": 0, "xlm-roberta": 2, "roberta": 2}
"""Model types whose layers the exported graph can hold, with the position of the first token."""


class Network(nn.Module):
    """Encoder and heads.

    :param base: Folder or Hugging Face id of the encoder.
    :param n_outputs: Labels and indicators together.
    :param frozen_layers: Lower layers, embeddings included, that never change.
    :param halved: Whether the layers are to be trained in bfloat16 on a processor (:func:`half_states`).
    :raises InputError: if the encoder is of a type that cannot be exported, or has too few layers.
    """

    def __init__(self, base: str | Path, n_outputs: int, *, frozen_layers: int, dropout: float = 0.1, halved: bool = False) -> None:
        super().__init__()
        # Eager attention: the fused one's way back, on processors and in bfloat16, takes several times as long.
        config = AutoConfig.from_pretrained(base, **({"attn_implementation": "eager"} if halved else {}))
        if config.model_type not in POSITION_OFFSETS:
            known = ", ".join(POSITION_OFFSETS)
            raise InputError(f"{base}: expected an encoder of type {known}, got {config.model_type}")
        if not 0 <= frozen_layers < config.num_hidden_layers:
            raise InputError(f"frozen_layers must be below {config.num_hidden_layers}, got {frozen_layers}")
        config.hidden_dropout_prob = dropout
        config.attention_probs_dropout_prob = 0.0 if halved else dropout
        self.encoder = AutoModel.from_pretrained(base, config=config, add_pooling_layer=False)
        self.heads = nn.Linear(config.hidden_size, n_outputs)
        self.dropout = nn.Dropout(dropout)
        self.frozen_layers = frozen_layers
        self.halved = halved
        if halved:
            self.dropout = ByteDropout(dropout)
            for layer in self.trained_layers:
                layer.attention.output.dropout = layer.output.dropout = self.dropout
        frozen = [self.encoder.embeddings, *self.encoder.encoder.layer[:frozen_layers]]
        for module in frozen:
            module.requires_grad_(False)

    def trained(self) -> dict[str, Tensor]:
        """Return the weights that training changes, by name; the base has the others."""
        return {name: weight.detach() for name, weight in self.named_parameters() if weight.requires_grad}

    def load_trained(self, weights: Mapping[str, Tensor]) -> None:
        """Put back what :meth:`trained` returned.

        :raises InputError: if the weights are those of another network or of other frozen layers.
        """
        own = self.trained()
        if {name: weight.shape for name, weight in weights.items()} != {name: weight.shape for name, weight in own.items()}:
            differing = sorted(set(weights) ^ set(own))[:3] or "sizes"
            raise InputError(f"expected the {len(own)} trained weights of this network, got others ({differing})")
        for name, weight in weights.items():
            own[name].copy_(weight)

    def load_start(self, weights: Mapping[str, Tensor]) -> None:
        """Take over weights of a network of the same sizes, whichever of its layers were frozen.

        :raises InputError: if a weight has no place here.
        """
        own = dict(self.named_parameters())
        for name, weight in weights.items():
            if name not in own or own[name].shape != weight.shape:
                raise InputError(f"expected weights of this network to start from, got {name} of shape {tuple(weight.shape)}")
            own[name].data.copy_(weight)

    def lower(self, ids: Tensor, mask: Tensor) -> Tensor:
        """Return the states behind the frozen layers, without dropout.

        :param ids: Token ids, *shape* ``(n_windows, n_tokens)``.
        :param mask: True for real tokens, same shape.
        :return: *Shape* ``(n_windows, n_tokens, width)``.
        """
        layers = self.encoder.encoder.layer[: self.frozen_layers]
        training = self.training
        self.eval()
        with torch.no_grad():
            hidden = run_layers(layers, self.encoder.embeddings(input_ids=ids), mask)
        self.train(training)
        return hidden

    def states(self, hidden: Tensor, mask: Tensor) -> Tensor:
        """Return the last layer's states from those behind the frozen layers, *shape* ``(n_windows, n_tokens, width)``."""
        return run_layers(self.trained_layers, hidden, mask)

    @property
    def trained_layers(self) -> nn.ModuleList:
        """The layers above the frozen ones."""
        return self.encoder.encoder.layer[self.frozen_layers :]

    def scores(self, states: Tensor) -> Tensor:
        """Return the token scores of the last layer's states, *shape* ``(n_windows, n_tokens, n_outputs)``."""
        return self.heads(self.dropout(states))

    def upper(self, hidden: Tensor, mask: Tensor) -> Tensor:
        """Return the token scores from the states behind the frozen layers, *shape* ``(n_windows, n_tokens, n_outputs)``."""
        return self.scores(self.states(hidden, mask))

    def forward(self, ids: Tensor, mask: Tensor) -> Tensor:
        """Return the token scores, *shape* ``(n_windows, n_tokens, n_outputs)``."""
        return self.upper(self.lower(ids, mask), mask)


class ByteDropout(nn.Module):
    """Dropout whose coins are bytes of the generator's 64-bit numbers: on processors an eighth of the drawing.

    :param p: Share that is dropped, in steps of 1/256.
    """

    def __init__(self, p: float) -> None:
        super().__init__()
        self.dropped = round(256 * p)

    def forward(self, states: Tensor) -> Tensor:
        """Return the states, in training with some of them zero and the others larger for it."""
        if not (self.training and self.dropped):
            return states
        n_numbers = -(-states.numel() // 8)
        coins = torch.empty(n_numbers, dtype=torch.int64).random_(-(2**63), None).view(torch.uint8)
        kept = coins[: states.numel()].view(states.shape) >= self.dropped
        return states * kept.to(states.dtype).mul_(256 / (256 - self.dropped))


def half_states(network: Network, hidden: Tensor, mask: Tensor) -> Tensor:
    """Return :meth:`Network.states` with states and products in bfloat16, weights and sums of gradients in float32.

    Of use where the processor multiplies bfloat16 (AMX); what it gains and costs stands in ``training/experiments.md``.
    """
    with torch.autocast("cpu", torch.bfloat16):
        return network.states(hidden.bfloat16(), mask).float()


def mean_over_tokens(values: Tensor, mask: Tensor) -> Tensor:
    """Return the mean over each window's real tokens, *shape* ``(n_windows, n_values)``; of token scores, that is the logits."""
    weights = mask.unsqueeze(-1).to(values.dtype)
    return (values * weights).sum(1) / weights.sum(1)


def run_layers(layers: nn.ModuleList, hidden: Tensor, mask: Tensor) -> Tensor:
    """Return what layers make of states, *shape* ``(n_windows, n_tokens, width)``."""
    bias = torch.zeros(mask.shape, dtype=hidden.dtype, device=hidden.device)
    bias = bias.masked_fill(~mask, torch.finfo(hidden.dtype).min)[:, None, None, :]
    for layer in layers:
        out = layer(hidden, attention_mask=bias)
        hidden = out[0] if isinstance(out, tuple) else out
    return hidden
