"""Near-duplicates: what counts as the same wording, in any script."""

import pytest

from training.duplicates import near_duplicates, shingles, similarity

ADVERT = {
    "latin": "Dibutuhkan segera dua orang admin untuk toko pakaian di Cikarang, lulusan SMA, datang langsung ke ruko",
    "thai": "ร้านก๋วยเตี๋ยวเรือหาคนล้างชามประจำ ทำงานหกโมงเช้าถึงบ่ายสาม หยุดวันอาทิตย์ มาคุยที่ร้านได้เลย",
    "khmer": "ហាងកាហ្វេត្រូវការបុគ្គលិករត់តុពីរនាក់ ធ្វើការពេលព្រឹក មានបាយថ្ងៃត្រង់ សូមមកសាកសួរផ្ទាល់នៅហាង",
    "chinese": "本店招收洗碗工两名，早上六点到下午三点，周日休息，包一顿午饭，有意者请直接到店里来面谈，不用打电话",
}


def test_shingles_are_overlapping_pieces_of_five_characters() -> None:
    assert shingles("kerjaan") == {"kerja", "erjaa", "rjaan"}


def test_a_text_shorter_than_a_shingle_is_one() -> None:
    assert shingles("ib") == {"ib"}


@pytest.mark.parametrize("variant", ["GAJI 12 JUTA", "gaji  12\njuta", "gaji 850 juta", "ｇａｊｉ 12 juta", "ga\u200bji 12 juta"])
def test_case_digits_blanks_and_disguises_make_no_difference(variant: str) -> None:
    assert shingles(variant) == shingles("gaji 12 juta")


def test_similarity_is_the_share_of_pieces_in_common() -> None:
    assert similarity(frozenset("abc"), frozenset("bcd")) == 2 / 4


@pytest.mark.parametrize("text", ADVERT.values(), ids=ADVERT.keys())
def test_a_copy_with_another_ending_is_found_in_any_script(text: str) -> None:
    texts = ["something else altogether, about the weather in spring", text, text[:-8] + "…"]
    ((one, other, share),) = near_duplicates(texts, threshold=0.6)
    assert (one, other) == (1, 2)
    assert share == similarity(shingles(texts[1]), shingles(texts[2]))
    assert 0.6 <= share < 1


def test_each_pair_of_three_copies_is_found_once_the_earlier_first() -> None:
    found = near_duplicates([ADVERT["latin"]] * 3, threshold=0.9)
    assert list(found) == [(0, 1, 1.0), (0, 2, 1.0), (1, 2, 1.0)]


def test_different_posts_are_none() -> None:
    assert not list(near_duplicates(list(ADVERT.values()), threshold=0.3))


def test_a_pair_below_the_threshold_is_not_reported() -> None:
    text = ADVERT["latin"]
    half = text[: len(text) // 2] + " x y z" * 9
    assert similarity(shingles(text), shingles(half)) < 0.6
    assert not list(near_duplicates([text, half], threshold=0.6))
