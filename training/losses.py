"""What training minimises: label, indicator, evidence and reason losses, each masked where the truth is not known."""

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn.functional import binary_cross_entropy_with_logits, cross_entropy, kl_div, log_softmax, normalize

from detector.records import LABELS

N_LABELS = len(LABELS)
CONTRAST_TEMPERATURE = 0.1
REASON_TEMPERATURE = 0.07


@dataclass(frozen=True, slots=True)
class Batch:
    """Padded windows and what is known of them.

    :ivar states: Output of the frozen layers, *shape* ``(n_windows, n_tokens, width)``.
    :ivar mask: True for real tokens, *shape* ``(n_windows, n_tokens)``.
    :ivar allowed: Labels each window's post may have, bool, *shape* ``(n_windows, n_labels)``.
    :ivar indicators: 1 present, 0 absent, -1 not annotated, *shape* ``(n_windows, n_indicators)``.
    :ivar quotes: Window, indicator, first token and one past the last, int64, *shape* ``(n_quotes, 4)``.
    :ivar weights: Weight of each window in the loss, *shape* ``(n_windows,)``.
    :ivar reasons: Which reason was given for the label of each window's post, -1 for none, int64, *shape* ``(n_windows,)``.
    """

    states: Tensor
    mask: Tensor
    allowed: Tensor
    indicators: Tensor
    quotes: Tensor
    weights: Tensor
    reasons: Tensor


def label_loss(logits: Tensor, allowed: Tensor, smoothing: float) -> Tensor:
    """Return the negative log-probability that the label is one of those allowed, one a window.

    With a single allowed label this is cross-entropy; with several it asks only that the rest be unlikely.

    :param smoothing: Share of the loss that pulls towards all labels alike; only where the label is known.
    """
    logs = log_softmax(logits, dim=-1)
    loss = -torch.logsumexp(logs.masked_fill(~allowed, float("-inf")), dim=-1)
    known = allowed.sum(-1) == 1
    return torch.where(known, (1 - smoothing) * loss - smoothing * logs.mean(-1), loss)


def indicator_loss(logits: Tensor, truth: Tensor) -> Tensor:
    """Return the mean binary cross-entropy over the annotated indicators, one a window; 0 where none is annotated."""
    known = (truth >= 0).to(logits.dtype)
    loss = binary_cross_entropy_with_logits(logits, truth.clamp(min=0).to(logits.dtype), reduction="none")
    return (loss * known).sum(-1) / known.sum(-1).clamp(min=1)


def evidence_loss(scores: Tensor, mask: Tensor, quotes: Tensor) -> Tensor:
    """Return how far the contributions to an indicator lie outside the words quoted for it, mean over quotes.

    It is the negative logarithm of the share, by softmax over the window's tokens, that falls on the quote. It says where the
    contributions should be and leaves the logit itself alone.

    :param scores: Token scores of the indicators, *shape* ``(n_windows, n_tokens, n_indicators)``.
    """
    if not len(quotes):
        return scores.new_zeros(())
    window, indicator, first, end = quotes.unbind(1)
    chosen = scores[window, :, indicator].masked_fill(~mask[window], float("-inf"))
    logs = log_softmax(chosen, dim=-1)
    places = torch.arange(scores.shape[1], device=scores.device)
    inside = (places >= first[:, None]) & (places < end[:, None])
    return -torch.logsumexp(logs.masked_fill(~inside, float("-inf")), dim=-1).mean()


def divergence_loss(logits: Tensor, others: Tensor) -> Tensor:
    """Return the symmetric Kullback-Leibler divergence between two passes over the same posts, one a window of the first.

    :param logits: Label logits of one pass, *shape* ``(n_windows, n_labels)``; ``others`` those of the other.

    Source: Wu et al., "R-Drop: Regularized Dropout for Neural Networks", 2021.
    """
    one, other = log_softmax(logits, dim=-1), log_softmax(others, dim=-1)
    there = kl_div(one, other, reduction="none", log_target=True).sum(-1)
    back = kl_div(other, one, reduction="none", log_target=True).sum(-1)
    return (there + back) / 2


def contrastive_loss(means: Tensor, allowed: Tensor) -> Tensor:
    """Return how much nearer windows of another label are than those of the same, mean over windows whose label is known.

    :param means: Mean token state of each window, *shape* ``(n_windows, width)``.
    :param allowed: Labels each window's post may have, bool, *shape* ``(n_windows, n_labels)``.

    Source: Khosla et al., "Supervised Contrastive Learning", 2020, equation 2.
    """
    known = allowed.sum(-1) == 1
    labels = allowed[known].to(torch.int8).argmax(-1)
    directions = normalize(means[known], dim=-1)
    themselves = torch.eye(len(labels), dtype=torch.bool, device=means.device)
    logs = log_softmax((directions @ directions.T / CONTRAST_TEMPERATURE).masked_fill(themselves, float("-inf")), dim=-1)
    alike = (labels[:, None] == labels[None]) & ~themselves
    with_others = alike.any(-1)
    if not with_others.any():
        return means.new_zeros(())
    mean_logs = logs.masked_fill(~alike, 0.0).sum(-1) / alike.sum(-1).clamp(min=1)
    return -mean_logs[with_others].mean()


def reason_loss(states: Tensor, meanings: Tensor, reasons: Tensor) -> Tensor:
    """Return minus the logarithm of the share of nearness that falls on a post's own reason, one a window; 0 where none was given.

    :param states: What a linear map makes of each window's mean token state, *shape* ``(n_windows, width)``.
    :param meanings: Directions of length 1 of the reasons to choose from, *shape* ``(n_reasons, width)``.
    :param reasons: Row of each window's reason, -1 for none, *shape* ``(n_windows,)``.

    Source: van den Oord et al., "Representation Learning with Contrastive Predictive Coding", 2018, equation 4.
    """
    near = normalize(states, dim=-1) @ meanings.T / REASON_TEMPERATURE
    return cross_entropy(near, reasons.clamp(min=0), reduction="none") * (reasons >= 0)
