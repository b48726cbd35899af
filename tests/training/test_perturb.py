"""Perturbations: each does what it says, to every script, and never takes the text away."""

import unicodedata

import numpy as np
import pytest
from conftest import ROOT
from hypothesis import given
from hypothesis import strategies as st

from detector.text import normalise
from training import perturb
from training.examples import read_corpus
from training.perturb import PADDING_WORDS, PERTURBATIONS, TRAINED, cut_short, roughen, surrounded

ENGLISH = "Hiring typists in Poipet. Flight and dorm are on us, no experience needed!\nSend your passport page."
VIETNAMESE = "Tuyển nhân viên trực fanpage, bao vé máy bay, lương đô, đi ngay."
RUSSIAN = "Набираем операторов чата, жильё и питание, вылет на этой неделе"


def _random(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


@pytest.mark.parametrize("name", PERTURBATIONS)
def test_a_seed_gives_the_same_text_again(name: str) -> None:
    assert PERTURBATIONS[name](ENGLISH, _random()) == PERTURBATIONS[name](ENGLISH, _random())


@pytest.mark.parametrize("name", PERTURBATIONS)
def test_each_changes_an_english_advert(name: str) -> None:
    if name in ("no_diacritics", "romanised"):
        assert PERTURBATIONS[name](ENGLISH, _random()) == ENGLISH
    else:
        assert any(PERTURBATIONS[name](ENGLISH, _random(seed)) != ENGLISH for seed in range(9))


@pytest.mark.parametrize("name", PERTURBATIONS)
def test_posts_of_every_language_survive(name: str) -> None:
    for example in read_corpus(ROOT / "data/corpus")[::40]:
        changed = PERTURBATIONS[name](example.text, _random())
        assert len(changed) >= min(20, len(example.text))


@pytest.mark.parametrize("name", PERTURBATIONS)
@given(text=st.text(max_size=60))
def test_no_text_breaks_it(name: str, text: str) -> None:
    PERTURBATIONS[name](text, _random())
    roughen(text, _random())


def test_invisible_characters_are_all_that_zero_width_adds() -> None:
    changed = PERTURBATIONS["zero_width"](ENGLISH, _random())
    assert "".join(c for c in changed if unicodedata.category(c) != "Cf") == ENGLISH
    assert normalise(changed).text == normalise(ENGLISH).text


def test_normalisation_undoes_lookalikes() -> None:
    changed = PERTURBATIONS["lookalikes"](ENGLISH, _random())
    assert any("CYRILLIC" in unicodedata.name(c, "") for c in changed)
    assert normalise(changed).text == normalise(ENGLISH).text


def test_diacritics_go_and_vowel_signs_stay() -> None:
    drop = PERTURBATIONS["no_diacritics"]
    assert drop(VIETNAMESE, _random()) == "Tuyen nhan vien truc fanpage, bao ve may bay, luong do, di ngay."
    for text in ("နေပြည်တော် ရုံး", "सरकारी नौकरी", "รับสมัครแอดมิน", "й ё"[0]):
        assert drop(text, _random()) == text


def test_romanised_text_is_ascii() -> None:
    assert PERTURBATIONS["romanised"](RUSSIAN, _random()).isascii()
    assert PERTURBATIONS["romanised"]("ต้องการด่วน 500 ฿", _random()).endswith("500 ฿")


def test_truncation_keeps_three_tenths() -> None:
    text = "x" * 1000
    assert len(PERTURBATIONS["opening"](text, _random())) == 300


def test_padding_adds_500_words_and_leaves_the_post_whole() -> None:
    for seed in range(5):
        changed = PERTURBATIONS["padded"](ENGLISH, _random(seed))
        assert ENGLISH in changed
        assert len(changed.split()) == PADDING_WORDS + len(ENGLISH.split())


def test_shuffling_keeps_every_line() -> None:
    text = "one\ntwo\nthree\nfour"
    assert sorted(PERTURBATIONS["shuffled_lines"](text, _random()).split("\n")) == sorted(text.split("\n"))
    assert sorted(PERTURBATIONS["shuffled_lines"]("One. Two. Three.", _random(1)).split()) == ["One.", "Three.", "Two."]


def test_training_meets_padding_and_truncation_only_in_other_words_and_shapes() -> None:
    assert not {PERTURBATIONS[name] for name in ("padded", "opening", "zero_width")} & set(TRAINED)
    prose, asides = perturb._lines("harmless.txt"), perturb._lines("asides.txt")
    assert not set(prose) & set(asides)
    for seed in range(20):
        around = surrounded(ENGLISH, _random(seed)).replace(ENGLISH, "")
        assert any(line in around for line in asides)
        assert not any(line in around for line in prose)
        assert 0.25 * 999 <= len(cut_short("x" * 1000, _random(seed))) <= 750


def test_numbers_and_links_outlive_emoji_and_shuffling() -> None:
    text = "Gaji 1.500.000, chat t.me/kerja.sini. Datang besok. Bawa KTP."
    for name in ("emoji", "shuffled_lines"):
        changed = [PERTURBATIONS[name](text, _random(seed)) for seed in range(20)]
        assert all("1.500.000" in one and "t.me/kerja.sini" in one for one in changed)
        assert len(set(changed)) > 1


def test_a_roughened_post_keeps_some_of_its_words() -> None:
    for seed in range(300):
        found = roughen("kerja zzq " * 30, _random(seed)).lower()
        assert any(word in found for word in ("kerja", "zzq", "k e r j a", "z z q", "k3rj4", "kerj4", "k3rja"))
