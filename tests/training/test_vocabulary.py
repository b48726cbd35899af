"""A unigram tokenizer of a few dozen pieces, trimmed."""

import json
from pathlib import Path
from typing import Any

import pytest
from tokenizers import Regex, Tokenizer, models, normalizers, pre_tokenizers
from transformers import PreTrainedTokenizerFast

from detector.errors import InputError
from training import vocabulary
from training.vocabulary import SPECIAL, choose_pieces, piece_script, read_kept, trim_tokenizer, write_kept
from training.vocabulary_report import Growth, measure_growth, read_texts, report

WORDS = ["▁kerja", "▁gaji", "▁admin", "kan", "งาน", "▁เงินเดือน", "▁ქართული", "▁сайт", "▁работа", "▁12", "!!"]
LETTERS = sorted(set("".join(WORDS)) | set("abcdefghijklmnopqrstuvwxyz,.0123456789ნაქ"))
PIECES = [(token, 0.0) for token in SPECIAL] + [(letter, -9.0) for letter in LETTERS]
PIECES += [(word, -4.0 - place / 10) for place, word in enumerate(WORDS)]
TEXTS = ["kerja  admin, gaji 12!!", "งาน เงินเดือน", "работа сайт", "ｋｅｒｊａkan ﬁ ქართული", "☃ kerja"]


def _id(piece: str) -> int:
    return [p for p, _ in PIECES].index(piece)


@pytest.fixture
def whole() -> Tokenizer:
    """Cut as XLM-RoBERTa's tokenizer does."""
    tokenizer = Tokenizer(models.Unigram(PIECES, unk_id=3))
    tokenizer.normalizer = normalizers.Sequence([normalizers.Nmt(), normalizers.NFKC(), normalizers.Replace(Regex(" {2,}"), " ")])
    tokenizer.pre_tokenizer = pre_tokenizers.Metaspace(replacement="▁", prepend_scheme="always")
    tokenizer.add_special_tokens([*SPECIAL, "<mask>"])
    return tokenizer


@pytest.fixture
def plain(whole: Tokenizer) -> dict[str, Any]:
    return json.loads(whole.to_str())


def test_special_tokens_keep_their_places(plain: dict[str, Any]) -> None:
    trimmed = trim_tokenizer(plain, choose_pieces(PIECES))
    assert [trimmed.token_to_id(token) for token in SPECIAL] == [0, 1, 2, 3]


def test_a_token_after_the_pieces_goes(plain: dict[str, Any]) -> None:
    assert trim_tokenizer(plain, choose_pieces(PIECES)).token_to_id("<mask>") is None


def test_every_single_character_stays() -> None:
    kept = {PIECES[i][0] for i in choose_pieces(PIECES)}
    assert set(LETTERS) <= kept


def test_another_vocabulary_keeps_the_scripts_of_this_project_whole_and_half_of_cyrillic() -> None:
    cyrillic = [("▁работа", -4.0), ("▁школа", -7.0), ("▁сайт", -5.0), ("▁деньги", -6.0)]
    pieces = [*PIECES[:4], *cyrillic, ("งาน", -9.0), ("▁เงิน", -10.0)]
    assert [pieces[i][0] for i in choose_pieces(pieces)] == [*SPECIAL, "▁работа", "▁сайт", "งาน", "▁เงิน"]


def test_ids_ascend_and_none_comes_twice() -> None:
    kept = choose_pieces(PIECES, [_id("▁admin"), _id("▁kerja"), _id("▁admin")])
    assert kept == sorted(set(kept))


def test_used_pieces_stay_the_first_named_first_as_far_as_they_fit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_kept(tmp_path / "kept.json", PIECES, [])
    monkeypatch.setattr(vocabulary, "KEPT_PIECES", tmp_path / "kept.json")
    alone = choose_pieces(PIECES)
    monkeypatch.setattr(vocabulary, "MAX_PIECES", len(alone) + 1)
    assert set(choose_pieces(PIECES, [_id("▁работа"), _id("kan")])) - set(alone) == {_id("▁работа")}


def test_pieces_that_stay_are_cut_as_before_and_with_the_same_offsets(whole: Tokenizer, plain: dict[str, Any]) -> None:
    used = [i for text in TEXTS for i in whole.encode(text).ids]
    trimmed = trim_tokenizer(plain, choose_pieces(PIECES, used))
    for text in TEXTS:
        before, after = whole.encode(text), trimmed.encode(text)
        assert after.tokens == before.tokens
        assert after.offsets == before.offsets


def test_a_dropped_piece_is_cut_into_known_ones_that_cover_the_same_letters(whole: Tokenizer, plain: dict[str, Any]) -> None:
    trimmed = trim_tokenizer(plain, [i for i in range(len(PIECES)) if i != _id("▁работа")])
    before, after = whole.encode("работа"), trimmed.encode("работа")
    assert (len(before), len(after)) == (1, 7)  # the word's mark and its six letters
    assert "<unk>" not in after.tokens
    assert (after.offsets[0][0], after.offsets[-1][1]) == before.offsets[0]


def test_the_whole_tokenizer_is_left_as_it_is(plain: dict[str, Any]) -> None:
    copy = json.loads(json.dumps(plain))
    trim_tokenizer(plain, [0, 1, 2, 3, 4])
    assert plain == copy


def test_a_list_of_kept_pieces_reads_back(tmp_path: Path) -> None:
    write_kept(tmp_path / "kept.json", PIECES, [0, 3, 9, len(PIECES) - 1])
    assert read_kept(tmp_path / "kept.json", PIECES) == [0, 3, 9, len(PIECES) - 1]


def test_a_list_of_kept_pieces_is_not_read_for_another_vocabulary(tmp_path: Path) -> None:
    write_kept(tmp_path / "kept.json", PIECES, [0, 3])
    assert read_kept(tmp_path / "kept.json", [*PIECES, ("▁lowongan", -8.0)]) is None


def test_a_list_of_kept_pieces_is_what_stays(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_kept(tmp_path / "kept.json", PIECES, [_id("kan")])
    monkeypatch.setattr(vocabulary, "KEPT_PIECES", tmp_path / "kept.json")
    assert {PIECES[i][0] for i in choose_pieces(PIECES)} == {*SPECIAL, *LETTERS, "kan"}


@pytest.mark.parametrize(
    ("piece", "script"),
    [("▁kerja", "LATIN"), ("▁12", ""), ("งาน", "THAI"), ("▁-сайт", "CYRILLIC"), ("工作", "CJK")],
)
def test_a_piece_is_of_the_script_of_its_first_letter(piece: str, script: str) -> None:
    assert piece_script(piece) == script


def test_growth_counts_further_tokens_and_new_unknown_pieces(whole: Tokenizer, plain: dict[str, Any]) -> None:
    trimmed = trim_tokenizer(plain, [i for i in range(len(PIECES)) if i not in (_id("▁gaji"), _id("!"), _id("!!"))])
    # "☃" is unknown to both; "gaji" becomes a mark and four letters; "!" becomes unknown.
    row = measure_growth(whole, trimmed, "id", ["gaji kerja", "☃", "!"])
    assert (row.before, row.after, row.unknown) == (2 + 2 + 2, 6 + 2 + 2, 1)


@pytest.mark.parametrize(
    ("row", "bounded"),
    [
        (Growth("id", 100, 103, 0), True),
        (Growth("id_sms", 100, 104, 0), False),
        (Growth("ka", 100, 130, 0), True),
        (Growth("ka", 100, 131, 0), False),
        (Growth("ka", 100, 100, 1), False),
    ],
)
def test_named_languages_may_grow_by_3_percent_others_by_30_none_to_unknown(row: Growth, bounded: bool) -> None:
    assert row.bounded is bounded
    assert str(row).endswith("!") is not bounded


def test_the_report_has_a_row_for_each_language(whole: Tokenizer, tmp_path: Path) -> None:
    PreTrainedTokenizerFast(tokenizer_object=whole).save_pretrained(tmp_path / "base")
    (tmp_path / "id.txt").write_text("kerja admin\n\ngaji\n", "utf-8")
    (tmp_path / "ru.txt").write_text("работа\n", "utf-8")
    lines: list[str] = []
    rows = report(tmp_path / "base", tmp_path, used=range(len(PIECES)), say=lines.append)
    assert rows == [Growth("id", 3, 3, 0), Growth("ru", 1, 1, 0)]
    assert len(lines) == 4


def test_a_folder_without_texts_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"no \.txt file"):
        list(read_texts(tmp_path))
