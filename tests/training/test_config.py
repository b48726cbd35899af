"""The settings of a run."""

from dataclasses import fields
from pathlib import Path

import pytest

from detector.errors import InputError
from training.config import _RANGES, TrainConfig, read_config


def _write(folder: Path, text: str) -> Path:
    (folder / "config.toml").write_text(text)
    return folder / "config.toml"


def test_without_a_file_the_defaults_hold() -> None:
    assert read_config(None) == TrainConfig()


def test_a_file_changes_what_it_names_and_nothing_else(tmp_path: Path) -> None:
    found = read_config(_write(tmp_path, "seeds = [7]\nepochs = 9\nweight_decay = 0"))
    assert found == TrainConfig(seeds=(7,), epochs=9, weight_decay=0)


def test_an_unknown_key_is_an_error_that_lists_the_known_ones(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"config\.toml: unknown keys epoch, lr; known are .*epochs"):
        read_config(_write(tmp_path, "lr = 0.1\nepoch = 3"))


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("seeds = []", "seeds: expected one or several"),
        ("seeds = [1, 1]", "none twice"),
        ('seeds = ["a"]', "seeds: expected whole numbers from 0 on"),
        ("seeds = [-1]", "seeds: expected whole numbers from 0 on"),
        ("epochs = 0", "epochs: expected 1 to 1000, got 0"),
        ("learning_rate = -3.0", "learning_rate: expected 0 to 1, got -3"),
        ("learning_rate = nan", "learning_rate: expected 0 to 1, got nan"),
        ("r_drop = inf", "r_drop: expected 0 to 100, got inf"),
        ("dropout = 1.5", "dropout: expected 0 to 0.9, got 1.5"),
        ("max_tokens = 100\noverlap = 98", "overlap below max_tokens - 2, got 98 and 100"),
        ("overlap = -1", "overlap below"),
        ("layer_decay = 0.0", "layer_decay must be above 0"),
        ("layer_decay = 1.5", "at most 1, got 1.5"),
        ("max_tokens = 512\ntokens_per_batch = 511", "tokens_per_batch 511 must hold a window of 512 tokens"),
        ('arithmetic = "int8"', "arithmetic: expected float32 or bfloat16, got 'int8'"),
        ('epochs = "four"', "epochs"),
        ("epochs = 2.5", "epochs"),
        ("dropout = true", "dropout"),
        ("seeds = 3", "seeds"),
        ("epochs = ", "TOML"),
    ],
)
def test_a_value_that_does_not_fit_is_an_error_that_names_the_file(tmp_path: Path, text: str, fault: str) -> None:
    with pytest.raises(InputError, match=fault) as caught:
        read_config(_write(tmp_path, text))
    assert "config.toml" in str(caught.value)


def test_a_missing_file_is_an_error_that_names_it(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="nothing.toml"):
        read_config(tmp_path / "nothing.toml")


def test_every_number_has_its_range() -> None:
    """Those without are checked beside the encoder, or against others."""
    numbers = {field.name for field in fields(TrainConfig) if isinstance(field.default, int | float)}
    assert numbers - set(_RANGES) == {"overlap", "frozen_layers", "layer_decay"}
    assert set(_RANGES) <= numbers


def test_an_overlap_may_leave_a_single_token_to_move_on() -> None:
    assert TrainConfig(max_tokens=100, overlap=97).overlap == 97
