"""Swaps of the employer's ethnicity and of gender: grammatical where they are made, and nothing else in the post moves."""

import re

import pytest
from conftest import ROOT
from hypothesis import given
from hypothesis import strategies as st

from detector.errors import InputError
from training.examples import corpus_files, corpus_rows
from training.swaps import KINDS, Swap, read_terms, swap_terms, swapped

LANGUAGES = sorted(path.stem for path in corpus_files(ROOT / "data/corpus"))


def _texts(text: str, language: str, kind: str) -> list[str]:
    return [swap.text for swap in swapped(text, language) if swap.kind == kind]


def test_every_file_of_the_corpus_has_a_table_and_no_other_has() -> None:
    assert sorted(swap_terms()) == LANGUAGES
    assert all(tuple(tables) == KINDS for tables in swap_terms().values())


def test_an_employer_takes_each_other_origin_of_its_line() -> None:
    assert swapped("Chinese boss is kind", "en") == [
        Swap("ethnicity", "Korean boss is kind"),
        Swap("ethnicity", "Turkish boss is kind"),
    ]


@pytest.mark.parametrize(
    ("language", "before", "after"),
    [
        pytest.param("en", "2 girls for chat, females only", "2 boys for chat, males only", id="all-terms-at-once"),
        pytest.param("id", "30 laki-laki 21-40", "30 perempuan 21-40", id="longest-term"),
        pytest.param("vi", "cần 10 nữ trực tin nhắn", "cần 10 nam trực tin nhắn", id="tonal-letters"),
        pytest.param("th", "รับแอดมินหญิง ทักมานะคะ", "รับแอดมินชาย ทักมานะครับ", id="no-blanks-and-who-speaks"),
        pytest.param("zh-Hant", "招女生5名", "招男生5名", id="inside-a-word"),
        pytest.param("hi", "10 लड़के, लड़का चाहिए।", "10 लड़कियाँ, लड़की चाहिए।", id="danda-ends-a-word"),
        pytest.param("uz", "5 qiz kerak, qizlarga oson", "5 yigit kerak, yigitlarga oson", id="same-form-of-the-other"),
        pytest.param("es", "se buscan damas", "se buscan varones", id="same-register-of-the-other"),
        pytest.param("ur", "خواتین کے لیے گاڑی", "مردوں کے لیے گاڑی", id="oblique-case"),
    ],
)
def test_another_gender_is_put_in_as_the_sentence_needs_it(language: str, before: str, after: str) -> None:
    assert _texts(before, language, "gender") == [after]


@pytest.mark.parametrize(
    ("before", "after"),
    [("WOMEN ONLY", "MEN ONLY"), ("Women only", "Men only"), ("women only", "men only"), ("chinese boss", "korean boss")],
)
def test_the_case_is_kept(before: str, after: str) -> None:
    assert swapped(before, "en")[0].text == after


@pytest.mark.parametrize(
    ("language", "text"),
    [
        pytest.param("en", "men or women, 20-30", id="both-are-wanted"),
        pytest.param("es", "varones y mujeres de 18 a 32", id="both-in-other-spellings"),
        pytest.param("en", "remember the tournament, womens_desk", id="inside-another-word"),
        pytest.param("th", "ทำงานชายแดน", id="border-is-no-man"),
        pytest.param("vi", "người Việt Nam, đi vào Nam", id="south-is-no-man"),
        pytest.param("km", "ប្រទេសស្រីលង្កា", id="sri-lanka-is-no-woman"),
        pytest.param("zh-Hans", "男女不限，子女", id="both-and-children"),
        pytest.param("hi", "लड़के-लड़कियाँ चाहिए", id="both-with-a-hyphen"),
        pytest.param("ta", "சிங்களப் பெண்கள்", id="sandhi-would-break"),
        pytest.param("en", "Chinese food, Chinese customers, office in China", id="no-employer"),
        pytest.param("fr", "hommes, male, Chinese boss", id="no-table"),
    ],
)
def test_what_has_no_term_of_its_own_stays_out(language: str, text: str) -> None:
    assert swapped(text, language) == []


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("language", LANGUAGES)
def test_every_term_gives_way_to_each_other_side_of_its_line(language: str, kind: str) -> None:
    for group in swap_terms()[language][kind].groups:
        for side, spellings in enumerate(group):
            for term in spellings:
                others = [spellings for place, spellings in enumerate(group) if place != side]
                found = _texts(f"1 {term} 2", language, kind)
                assert len(found) == len(others), term
                for text in found:
                    middle = text.removeprefix("1 ").removesuffix(" 2").casefold()
                    assert any(middle == spelling.casefold() for other in others for spelling in other), (term, text)


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_tables_meet_posts_of_the_corpus(language: str) -> None:
    met: dict[str, int] = dict.fromkeys(KINDS, 0)
    for row in corpus_rows(ROOT / f"data/corpus/{language}.jsonl"):
        swaps = swapped(row["text"], language)
        assert all(swap.text != row["text"] for swap in swaps)
        for kind in {swap.kind for swap in swaps}:
            met[kind] += 1
    assert met["ethnicity"] >= 2
    assert met["gender"] >= 9


@given(words=st.lists(st.sampled_from(["boys", "Females", "GENTS", "Mr", "chat", "team.", "20-30"]), max_size=8))
def test_a_swap_of_two_sides_undoes_itself(words: list[str]) -> None:
    text = " ".join(words)
    for once in _texts(text, "en", "gender"):
        assert _texts(once, "en", "gender") == [text]


@given(before=st.text(max_size=20), after=st.text(max_size=20), language=st.sampled_from(LANGUAGES))
def test_no_text_breaks_it_and_what_is_around_a_term_stays(before: str, after: str, language: str) -> None:
    swapped(before + after, language)
    kept = swapped(f"{before}\n男主播\n{after}", "zh-Hans")
    if not re.search("[男女帅美]", before + after):
        assert [swap.text for swap in kept if swap.kind == "gender"] == [f"{before}\n女主播\n{after}"]


def test_a_term_in_two_lines_is_refused() -> None:
    with pytest.raises(InputError, match=r"xx: gender or kept has 'Men' twice"):
        read_terms({"gender": [["men", "women"], ["boys", "Men"]]}, "gender", "xx")
    with pytest.raises(InputError, match="twice"):
        read_terms({"gender": [["men", "women"]], "kept": ["women"]}, "gender", "xx")


def test_a_line_of_one_term_is_refused() -> None:
    with pytest.raises(InputError, match="two terms or more in a line of gender"):
        read_terms({"gender": [["men"]]}, "gender", "xx")
