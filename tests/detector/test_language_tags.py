"""Codes of languages: the form that BCP-47 gives them, and what a cell of a table says of its post."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from detector.bundle import DEFAULT_BUNDLE
from detector.language import identify
from detector.language_tags import canonical_tag, hinted_tag, is_among


@pytest.mark.parametrize(
    ("given", "tag"),
    [
        ("th", "th"),
        (" TH\n", "th"),
        ("pt_BR", "pt-BR"),
        ("ZH-hANT-tw", "zh-Hant-TW"),
        ("es-419", "es-419"),
        ("eng", "en"),
        ("ind_Latn", "id-Latn"),
        ("fil", "tl"),
        ("iw", "he"),
        ("kha", "kha"),
        ("sl-rozaj-biske-1994", "sl-rozaj-biske-1994"),
        # RFC 5646, section 2.1.1: parts behind a single letter are written small.
        ("en-CA-X-CA", "en-CA-x-ca"),
        ("AZ-latn-x-LATN", "az-Latn-x-latn"),
    ],
)
def test_a_tag_is_written_as_bcp_47_writes_it(given: str, tag: str) -> None:
    assert canonical_tag(given) == tag


@pytest.mark.parametrize(
    "given", ["", " ", "Tamil", "thai", "e", "en-", "-en", "en--US", "en US", "th\u0e01", "en-" + "x" * 9, "a" * 5_000_000]
)
def test_what_has_another_form_is_no_tag(given: str) -> None:
    assert canonical_tag(given) is None


@pytest.mark.parametrize(
    "cell",
    [
        None,
        7,
        True,
        ["th"],
        {"th": 1},
        float("nan"),
        "",
        "Tamil",
        "und",
        "mul",
        "zxx",
        "qaa",
        "NA",
        "N/A",
        "nan",
        "null",
        "xx",
        "en-",
        "th,en",
        "in-progress",
    ],
)
def test_a_cell_without_a_known_code_says_nothing(cell: object) -> None:
    assert hinted_tag(cell) is None


@pytest.mark.parametrize(
    ("cell", "tag"), [("th", "th"), ("zh-Hant", "zh-Hant"), ("pt_BR", "pt-BR"), ("ceb", "ceb"), ("msa", "ms"), ("in", "id")]
)
def test_a_cell_with_a_known_code_says_the_language(cell: str, tag: str) -> None:
    assert hinted_tag(cell) == tag


@given(st.text(alphabet="abcxyzABTN0149-_ ", max_size=12))
def test_a_tag_stays_the_same_when_it_is_written_again(text: str) -> None:
    tag = canonical_tag(text)
    assert tag is None or canonical_tag(tag) == tag


@pytest.mark.model
def test_every_language_of_the_model_and_of_the_identification_is_known() -> None:
    languages = json.loads((DEFAULT_BUNDLE / "bundle.json").read_text("utf-8"))["languages"]
    texts = ["ร้านกาแฟ", "kitchen help wanted near the market", "ၵၶၷၸၹၺၻၼ", "ၢၣၤ ၢၣၤ", "ၚၛၜၝ", "一二三"]
    for language in [*languages, *map(identify, texts)]:
        assert hinted_tag(language) == language


@pytest.mark.parametrize(
    ("tag", "among"),
    [
        ("th", True), ("th-TH", True), ("th-Thai", True), ("th-Latn", False), ("hi-Latn", True), ("hi", True), ("hi-Deva-IN", True),
        ("zh-Hant", True), ("zh-Hant-TW", True), ("zh", True), ("zh-TW", True), ("zh-Latn", False), ("uz-Latn", True), ("uz", True),
        ("uz-Cyrl", False), ("ne-Latn", True), ("ne", False), ("kha", True), ("kha-Latn", True), ("zh-Hani", True), ("fr", False), ("und", False),
    ],
)  # fmt: skip
def test_a_language_is_among_others_in_the_script_they_name(tag: str, among: bool) -> None:
    """A language without a usual script here stands as it is named."""
    assert is_among(tag, ["th", "hi", "hi-Latn", "zh-Hans", "zh-Hant", "uz", "ne-Latn", "kha"]) == among


@pytest.mark.parametrize(("tag", "evaluated"), [("kor_Hang", "ko"), ("cmn_Hani", "zh-Hans"), ("ur-Aran", "ur"), ("ja-Hrkt", "ja")])
def test_a_script_that_others_name_otherwise_is_the_same(tag: str, evaluated: str) -> None:
    assert is_among(canonical_tag(tag) or "", [evaluated])
