"""The losses, on values worked by hand."""

from math import log

import pytest
import torch
from torch import Tensor

from training.losses import contrastive_loss, divergence_loss, evidence_loss, indicator_loss, label_loss

LOGITS = torch.tensor([[log(3.0), 0.0, 0.0, 0.0]])  # probabilities 1/2, 1/6, 1/6, 1/6
ONE, TWO, ALL = [True, False, False, False], [False, True, True, False], [True] * 4


def _allowed(row: list[bool]) -> Tensor:
    return torch.tensor([row])


@pytest.mark.parametrize(
    ("allowed", "smoothing", "expected"),
    [
        (ONE, 0.0, log(2)),
        ([False, False, False, True], 0.0, log(6)),
        (TWO, 0.0, log(3)),
        (ALL, 0.0, 0.0),
        # A tenth of the loss goes to all labels alike: their mean is (ln 2 + 3 ln 6) / 4.
        (ONE, 0.1, 0.9 * log(2) + 0.1 * (log(2) + 3 * log(6)) / 4),
        (TWO, 0.1, log(3)),
    ],
    ids=["known", "known-unlikely", "one-of-two", "nothing-known", "smoothed", "smoothing-only-where-known"],
)
def test_label_loss_is_minus_the_log_of_the_chance_of_the_allowed_labels(
    allowed: list[bool], smoothing: float, expected: float
) -> None:
    assert label_loss(LOGITS, _allowed(allowed), smoothing).item() == pytest.approx(expected, abs=1e-6)


def test_label_loss_has_one_value_a_window() -> None:
    found = label_loss(LOGITS.expand(2, 4), torch.tensor([ONE, TWO]), 0.0)
    torch.testing.assert_close(found, torch.tensor([log(2), log(3)]))


@pytest.mark.parametrize("allowed", [ONE, TWO, ALL])
def test_label_loss_sends_back_finite_gradients_even_from_extreme_logits(allowed: list[bool]) -> None:
    logits = torch.tensor([[-80.0, 80.0, 0.0, 1.0]], requires_grad=True)
    label_loss(logits, _allowed(allowed), 0.02).sum().backward()
    assert torch.isfinite(logits.grad).all()


def test_nothing_is_learnt_of_labels_where_all_are_possible() -> None:
    logits = LOGITS.clone().requires_grad_()
    label_loss(logits, _allowed(ALL), 0.1).sum().backward()
    torch.testing.assert_close(logits.grad, torch.zeros(1, 4), atol=1e-6, rtol=0)


@pytest.mark.parametrize(
    ("truth", "expected"),
    [
        ([1, 0], (log(4 / 3) + log(4 / 3)) / 2),
        ([0, 1], (log(4) + log(4)) / 2),
        ([1, -1], log(4 / 3)),
        ([-1, -1], 0.0),
    ],
    ids=["right", "wrong", "half-annotated", "not-annotated"],
)
def test_indicator_loss_is_the_mean_over_what_is_annotated(truth: list[int], expected: float) -> None:
    logits = torch.tensor([[log(3.0), -log(3.0)]])  # probabilities 3/4 and 1/4
    found = indicator_loss(logits, torch.tensor([truth], dtype=torch.int8))
    assert found.item() == pytest.approx(expected, abs=1e-6)


def test_nothing_is_learnt_of_indicators_that_are_not_annotated() -> None:
    logits = torch.zeros((1, 2), requires_grad=True)
    indicator_loss(logits, torch.tensor([[1, -1]], dtype=torch.int8)).sum().backward()
    torch.testing.assert_close(logits.grad, torch.tensor([[-0.5, 0.0]]))


FLAT = torch.zeros((1, 4, 2))
REAL = torch.ones((1, 4), dtype=torch.bool)


@pytest.mark.parametrize(
    ("quotes", "expected"),
    [
        ([[0, 0, 1, 2]], log(4)),
        ([[0, 0, 1, 3]], log(2)),
        ([[0, 1, 0, 4]], 0.0),
        ([[0, 0, 1, 2], [0, 1, 1, 3]], (log(4) + log(2)) / 2),
    ],
    ids=["one-token-of-four", "two-of-four", "the-whole-window", "mean-over-quotes"],
)
def test_evidence_loss_is_minus_the_log_of_the_share_on_the_quote(quotes: list[list[int]], expected: float) -> None:
    assert evidence_loss(FLAT, REAL, torch.tensor(quotes)).item() == pytest.approx(expected, abs=1e-6)


def test_evidence_loss_takes_the_share_by_softmax_of_the_indicator_quoted() -> None:
    scores = FLAT.clone()
    scores[0, 1, 0] = log(3.0)  # 3 of 3 + 1 + 1 + 1
    assert evidence_loss(scores, REAL, torch.tensor([[0, 0, 1, 2]])).item() == pytest.approx(log(2), abs=1e-6)
    assert evidence_loss(scores, REAL, torch.tensor([[0, 1, 1, 2]])).item() == pytest.approx(log(4), abs=1e-6)


def test_padding_takes_no_share_of_the_evidence() -> None:
    mask = torch.tensor([[True, True, False, False]])
    scores = FLAT.clone()
    scores[0, 3] = 50.0
    assert evidence_loss(scores, mask, torch.tensor([[0, 0, 1, 2]])).item() == pytest.approx(log(2), abs=1e-6)


def test_without_quotes_there_is_no_evidence_loss() -> None:
    assert evidence_loss(FLAT, REAL, torch.zeros((0, 4), dtype=torch.int64)).item() == 0


def test_evidence_loss_moves_contributions_but_not_their_sum() -> None:
    scores = torch.randn((1, 4, 2), generator=torch.Generator().manual_seed(0), requires_grad=True)
    evidence_loss(scores, REAL, torch.tensor([[0, 0, 1, 3]])).backward()
    assert scores.grad[0, :, 0].sum().item() == pytest.approx(0, abs=1e-6)
    assert (scores.grad[0, 1:3, 0] < 0).all()
    assert not scores.grad[0, :, 1].any()


def test_two_passes_that_agree_do_not_diverge() -> None:
    torch.testing.assert_close(divergence_loss(LOGITS, LOGITS + 3.0), torch.zeros(1))


def test_divergence_is_the_mean_of_both_directions() -> None:
    one, other = torch.tensor([[0.5, 0.5]]).log(), torch.tensor([[0.75, 0.25]]).log()
    there = 0.5 * log(0.5 / 0.75) + 0.5 * log(0.5 / 0.25)
    back = 0.75 * log(0.75 / 0.5) + 0.25 * log(0.25 / 0.5)
    assert divergence_loss(one, other).item() == pytest.approx((there + back) / 2)
    torch.testing.assert_close(divergence_loss(one, other), divergence_loss(other, one))


def test_contrast_is_lower_the_nearer_windows_of_one_label_lie() -> None:
    allowed = torch.tensor([ONE, ONE, [False, True, False, False], [False, True, False, False]])
    apart = torch.tensor([[1.0, 0.0], [1.0, 0.1], [0.0, 1.0], [0.1, 1.0]])
    mixed = apart[[0, 2, 1, 3]]
    assert contrastive_loss(apart, allowed) < contrastive_loss(mixed, allowed)


def test_contrast_by_hand() -> None:
    # Two alike and one other, all at right angles or alike: -log(e^10 / (e^10 + e^0)) for each of the two.
    allowed = torch.tensor([ONE, ONE, [False, True, False, False]])
    means = torch.tensor([[2.0, 0.0], [5.0, 0.0], [0.0, 1.0]])
    assert contrastive_loss(means, allowed).item() == pytest.approx(log(1 + torch.e**-10), rel=1e-3)


@pytest.mark.parametrize("allowed", [[TWO, TWO], [ONE, [False, True, False, False]], [ONE, TWO]])
def test_without_two_windows_of_one_known_label_there_is_no_contrast(allowed: list[list[bool]]) -> None:
    means = torch.eye(2, requires_grad=True)
    assert contrastive_loss(means, torch.tensor(allowed)).item() == 0


def test_contrast_sends_back_finite_gradients() -> None:
    means = torch.tensor([[1.0, 0.0], [1.0, 0.1], [0.0, 1.0]], requires_grad=True)
    contrastive_loss(means, torch.tensor([ONE, ONE, ALL])).backward()
    assert torch.isfinite(means.grad).all()
