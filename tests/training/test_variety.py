"""Variety: tokens in every script, self-BLEU and distinct-n on values worked by hand, samples that do not depend on the order."""

from collections.abc import Sequence
from math import exp

import pytest
from conftest import ROOT, make_example

from detector.records import LABELS
from training.examples import Example, read_corpus
from training.variety import POSTS, POSTS_OF_LABEL, distinct, sample, self_bleu, tokens, variety, variety_table

LURE, FRAUD, HONEST, OTHER = LABELS


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        pytest.param("Gaji 1.500 USD! 🔥 WA @hr", ["gaji", "0", "0", "usd", "wa", "hr"], id="words-without-signs"),
        pytest.param("0812-3456", ["0", "0"], id="numbers-are-zero"),
        pytest.param("नौकरी चाहिए", ["नौकरी", "चाहिए"], id="devanagari-marks-are-no-borders"),
        pytest.param("می‌خواهم", ["می‌خواهم"], id="a-joiner-is-no-border"),
        pytest.param("招聘PHP后端", ["招", "聘", "php", "后", "端"], id="han-one-by-one-latin-whole"),
        pytest.param("ทำงาน", ["ทำ", "งา", "น"], id="thai-vowel-behind"),
        pytest.param("เงินเดือน", ["เงิ", "น", "เดื", "อ", "น"], id="thai-vowel-before"),
        pytest.param("ខ្មែរ", ["ខ្មែ", "រ"], id="khmer-stacked-consonant"),
        pytest.param("한국어 가능", ["한국어", "가능"], id="hangul-words"),
        pytest.param("🔥 !!", [], id="nothing"),
    ],
)
def test_a_text_is_cut_into_words_or_where_none_are_marked_into_characters(text: str, expected: list[str]) -> None:
    assert tokens(text) == expected


@pytest.mark.parametrize(
    ("posts", "expected"),
    [
        pytest.param(["a b c d e"] * 2, 1.0, id="copies"),
        pytest.param(["a b c d", "e f g h"], 0.0, id="nothing-shared"),
        # 4 of 5 words, 3 of 4 pairs, 2 of 3 triples, 1 of 2 quadruples.
        pytest.param(["a b c d e", "a b c d f"], (4 / 5 * 3 / 4 * 2 / 3 * 1 / 2) ** 0.25, id="one-word-changed"),
        # No pair shared; of a triple or quadruple there is none.
        pytest.param(["a b", "a c"], (1 / 2 * 0.1**3) ** 0.25, id="smoothed"),
        # The short one is all in the long one, but only half as long.
        pytest.param(
            ["a b c d", "a b c d e f g h"], (exp(1 - 8 / 4) + (4 / 8 * 3 / 7 * 2 / 6 * 1 / 5) ** 0.25) / 2, id="brevity-penalty"
        ),
        # Of the first post's three a, the second explains one.
        pytest.param(["a a a b", "a b c d"], ((2 / 4 * 1 / 3 * 0.1 / 2 * 0.1) ** 0.25 + (2 / 4 * 1 / 3 * 0.1 / 2 * 0.1) ** 0.25) / 2,
                     id="clipped"),
    ],
)  # fmt: skip
def test_self_bleu_matches_values_worked_by_hand(posts: list[str], expected: float) -> None:
    assert self_bleu([post.split() for post in posts]) == pytest.approx(expected)


def test_each_post_is_compared_with_all_others_at_once() -> None:
    posts = [post.split() for post in ("a b c d x", "a b y y y", "z c d x z")]
    # First post: every word, "a b", "c d" and "d x" of four pairs, "c d x" of three triples, none of two quadruples.
    first = (1 * 3 / 4 * 1 / 3 * 0.1 / 2) ** 0.25
    second = (2 / 5 * 1 / 4 * 0.1 / 3 * 0.1 / 2) ** 0.25
    third = (3 / 5 * 2 / 4 * 1 / 3 * 0.1 / 2) ** 0.25
    assert self_bleu(posts) == pytest.approx((first + second + third) / 3)


def test_one_post_or_posts_without_words_have_no_self_bleu() -> None:
    assert self_bleu([["a"]]) is None
    assert self_bleu([["a"], [], []]) is None


@pytest.mark.parametrize(("n", "expected"), [(1, 2 / 5), (2, 2 / 3), (3, 1.0), (4, 0.0)])
def test_distinct_n_counts_different_ngrams_within_posts(n: int, expected: float) -> None:
    assert distinct([["a", "b", "a"], ["a", "b"]], n) == pytest.approx(expected)


def _posts(number: int, *, language: str = "id", label: str = LURE, text: str = "kerja {}") -> list[Example]:
    return [
        make_example(f"{language}-{label}-{i}", text.format(chr(97 + i % 26) * (1 + i // 26)), f"{language}-b01", labels=(label,))
        for i in range(number)
    ]


def _ids(examples: Sequence[Example]) -> list[str]:
    return [example.id for example in examples]


def test_a_sample_hangs_on_ids_alone() -> None:
    posts = _posts(30)
    chosen = _ids(sample(posts, 10))
    assert len(set(chosen)) == 10
    assert chosen == _ids(sample(posts[::-1], 10))
    assert chosen != sorted(chosen)


def test_a_sample_has_one_post_of_a_pair() -> None:
    pair = [make_example(f"id-{i}", "kerja", "id-b01", pair="id-p1") for i in range(5)]
    assert len(sample(pair, 10)) == 1
    assert len(sample(pair + _posts(3), 10)) == 4


def test_scripts_of_one_file_are_one_language_and_copies_are_less_varied() -> None:
    romanised = [make_example("hi-9", "kaam chahiye", "hi-b01", language="hi-Latn", labels=(LURE,))]
    found = variety([*_posts(12, language="hi"), *romanised, *_posts(12, language="th", text="ทำงาน")])
    assert list(found) == ["hi", "th"]
    assert (found["hi"].spaced, found["th"].spaced) == (True, False)
    assert found["hi"].whole.posts == 13
    assert found["th"].whole.self_bleu == pytest.approx((1 * 1 * 1 * 0.1) ** 0.25)  # copies of three tokens
    assert found["th"].whole.distinct[0] == pytest.approx(3 / 36)
    assert found["hi"].whole.distinct[0] > found["th"].whole.distinct[0]


def test_labels_are_compared_over_equally_many_posts() -> None:
    posts = _posts(POSTS) + _posts(POSTS_OF_LABEL - 5, label=HONEST) + _posts(POSTS_OF_LABEL + 5, label=OTHER)
    (found,) = variety(posts).values()
    assert found.whole.posts == POSTS
    assert {label: row.posts for label, row in found.labels.items()} == dict.fromkeys((LURE, HONEST, OTHER), POSTS_OF_LABEL - 5)


def test_distinct_n_is_taken_over_equal_amounts_of_text(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("training.variety.TOKENS", 7)
    posts = [make_example(f"id-{i}", "satu dua tiga empat", "id-b01") for i in range(50)]
    (found,) = variety(posts).values()
    assert found.whole.distinct == pytest.approx((4 / 7, 3 / 5, 2 / 3))  # satu dua tiga empat, satu dua tiga


def test_the_table_shows_labels_only_where_they_were_looked_at() -> None:
    copies = [make_example(f"id-{i}", "satu dua tiga empat", "id-b01", labels=(LURE,)) for i in range(3)]
    assert variety_table(variety(copies)).splitlines()[0].endswith("| distinct-3 | scam_compound |")
    assert variety_table(variety(copies)).splitlines()[2] == "| `id` | words | 3 | 1.00 | 0.33 | 0.33 | 0.33 | 1.00 / 0.33 |"
    assert variety_table(variety(copies, labels=())).splitlines()[2] == "| `id` | words | 3 | 1.00 | 0.33 | 0.33 | 0.33 |"


def test_the_data_card_says_how_varied_the_posts_are() -> None:
    assert variety_table(variety(read_corpus(ROOT / "data/corpus"))) in (ROOT / "data/README.md").read_text("utf-8")
