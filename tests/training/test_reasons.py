"""The reasons that writers gave for their labels, as training is drawn to them."""

from math import log
from pathlib import Path

import numpy as np
import pytest
import torch

from detector.errors import InputError
from training.losses import REASON_TEMPERATURE, reason_loss
from training.reasons import ReasonHead, meanings, numbered

CPU = torch.device("cpu")
WHYS = ["ask for a fee", "a farm with an address", "", "ask for a fee", "chat work abroad"]


def test_posts_with_the_same_reason_share_a_number_and_posts_without_have_none() -> None:
    texts, numbers = numbered(WHYS)
    assert texts == ["a farm with an address", "ask for a fee", "chat work abroad"]
    assert numbers.tolist() == [1, 0, -1, 1, 2]
    assert numbered(["", ""])[0] == []


def test_a_window_loses_by_the_reasons_that_are_nearer_than_its_own() -> None:
    meanings_of = torch.eye(2)
    near, far = torch.tensor([[5.0, 0.0]]), torch.tensor([[0.0, 0.1]])
    right, wrong = reason_loss(near, meanings_of, torch.tensor([0])), reason_loss(far, meanings_of, torch.tensor([0]))
    step = 1 / REASON_TEMPERATURE
    assert right.item() == pytest.approx(log(1 + np.exp(-step)), abs=1e-6)
    assert wrong.item() == pytest.approx(step + log(1 + np.exp(-step)), rel=1e-5)
    assert reason_loss(far, meanings_of, torch.tensor([-1])).item() == 0


def test_meanings_have_length_one_and_are_the_same_beside_longer_reasons_or_alone(
    tiny_base: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    texts, _ = numbered(WHYS)
    found = meanings(texts, tiny_base, CPU)
    np.testing.assert_allclose(np.linalg.norm(found, axis=1), 1, rtol=1e-5)
    monkeypatch.setattr("training.reasons._BATCH", 1)
    np.testing.assert_allclose(meanings(texts[::-1], tiny_base, CPU)[::-1], found, atol=1e-5)


def test_the_head_reads_the_reasons_of_posts_that_are_trained_on_and_no_others(tiny_base: Path) -> None:
    texts, numbers = numbered(WHYS)
    read = numbers[[0, 4]]
    head = ReasonHead(WHYS, read, tiny_base, CPU)
    np.testing.assert_allclose(head.meanings, meanings([texts[1], texts[2]], tiny_base, CPU), atol=1e-6)
    losses = head(head.meanings, torch.tensor([1, 2]))
    assert torch.equal(losses, reason_loss(head.meanings, head.meanings, torch.tensor([0, 1])))  # the map changes nothing yet
    assert head(head.meanings[:1], torch.tensor([-1])).item() == 0


def test_a_post_is_told_from_the_other_reasons_of_its_batch(tiny_base: Path) -> None:
    head = ReasonHead(WHYS, numbered(WHYS)[1][[0, 1, 4]], tiny_base, CPU)
    means = head.meanings[[0, 2, 2, 1]]
    found = head(means, torch.tensor([0, 2, 2, -1]))
    assert torch.equal(found[:3], reason_loss(means[:3], head.meanings[[0, 2]], torch.tensor([0, 1, 1])))
    assert found[3] == 0


def test_training_by_reasons_without_any_is_refused(tiny_base: Path) -> None:
    with pytest.raises(InputError, match="expected posts with a reason"):
        ReasonHead(["", ""], np.empty(0, np.int64), tiny_base, CPU)
