"""Splits: what must never be torn apart, what stays out, and that nothing but the data decides."""

import random
from collections import Counter, defaultdict
from collections.abc import Sequence
from hashlib import sha256

import pytest
from conftest import ROOT, make_example

from detector.errors import InputError
from training.examples import Example, read_corpus
from training.sources import Source
from training.splits import NEW_WRITERS, Split, assert_no_crossing, split

LANGUAGES = ("en", "hi", "id", "zh-Hans", "zh-Hant")
BATCHES = [f"b{number:02}" for number in range(1, 11)]
SOURCES = {
    "board": Source("board", "train", {"legit": ("legit_job",)}, sample=100),
    "exam": Source("exam", "held_out", {"legit": ("legit_job",)}, sample=0),
}
COPIED = "Dibutuhkan segera dua orang admin untuk toko pakaian di Cikarang, lulusan SMA, datang langsung ke ruko"


def _words(name: str) -> str:
    """Return a text like no other."""
    return "".join(chr(ord("a") + byte % 26) for byte in sha256(name.encode()).digest())


def _corpus(languages: Sequence[str] = LANGUAGES, posts: int = 2) -> list[Example]:
    """Ten writing batches a language."""
    return [
        make_example(f"{language}-{batch}-{i}", _words(f"{language}{batch}{i}"), f"{language}-{batch}", language=language)
        for language in languages
        for batch in BATCHES
        for i in range(posts)
    ]


def _public(source: str, number: int) -> list[Example]:
    names = [f"{source}-{i}" for i in range(number)]
    return [make_example(name, _words(name), name, source=source, quotes=None) for name in names]


def _places(examples: Sequence[Example]) -> dict[str, Split]:
    """Return the split of each group."""
    return {e.group: place for e, place in zip(examples, split(examples, SOURCES), strict=True)}


def test_a_batch_lies_in_one_split() -> None:
    examples = _corpus()
    found = defaultdict(set)
    for example, place in zip(examples, split(examples, SOURCES), strict=True):
        found[example.group].add(place)
    assert all(len(places) == 1 for places in found.values())


def test_of_ten_batches_seven_train_and_the_others_validate_and_test() -> None:
    places = _places(_corpus(["en", "hi", "id", "vi"]))
    for language in ("en", "hi", "id", "vi"):
        counts = Counter(place for group, place in places.items() if group.startswith(language))
        assert counts["train"] == 7
        assert {counts["validation"], counts["test"]} == {1, 2}


def test_batches_written_later_and_new_languages_move_none_of_those_before() -> None:
    before = _places(_corpus(["en", "id"]))
    later = [make_example(f"n{number}", _words(f"later{number}"), f"id-b{number}") for number in range(11, 21)]
    after = _places([*_corpus(["ar", "en", "id"]), *later])
    assert after.items() >= before.items()
    counts = Counter(after[f"id-b{number}"] for number in range(11, 21))
    assert counts["train"] == 7


def test_what_new_writers_wrote_is_never_trained_on_and_moves_no_post_of_others() -> None:
    before = _corpus(["en", "id"])
    new = [
        make_example(f"n{number}", _words(f"new{number}"), f"id-b{number}", language="id", author=f"{writer}-id")
        for number, writer in enumerate(sorted(NEW_WRITERS), 11)
    ]
    after = _places([*before, *new])
    assert after.items() >= _places(before).items()
    assert [after[example.group] for example in new] == ["validation"] * 2 + ["test"] * 4


def test_a_group_without_a_number_is_refused() -> None:
    with pytest.raises(InputError, match="expected a group named"):
        split([make_example("1", "kerja", "id-first")], {})


def test_batches_of_one_number_in_the_two_chinese_scripts_go_together() -> None:
    places = _places(_corpus())
    assert all(places[f"zh-Hans-{batch}"] == places[f"zh-Hant-{batch}"] for batch in BATCHES)


def test_batches_of_one_place_in_a_plan_of_all_languages_go_together() -> None:
    """Also where the writer's batches begin at another number in some language; those of other writers go as they went."""
    planned = [
        make_example(
            f"{language}-{place}", _words(f"planned{language}{place}"), f"{language}-b{first + place}", author=f"w44-{language}"
        )
        for language, first in (("en", 41), ("hi", 31), ("ur", 31))
        for place in range(10)
    ]
    places = _places([*_corpus(), *planned])
    assert all(len({places[f"en-b{41 + i}"], places[f"hi-b{31 + i}"], places[f"ur-b{31 + i}"]}) == 1 for i in range(10))
    assert Counter(places[f"en-b{41 + i}"] for i in range(10))["train"] == 7
    assert places.items() >= _places(_corpus()).items()


def test_the_order_of_posts_and_of_languages_decides_nothing() -> None:
    examples = _corpus() + _public("board", 50)
    shuffled = random.Random(0).sample(examples, len(examples))
    assert _places(shuffled) == _places(examples) == _places(examples)


def test_public_posts_move_no_corpus_post() -> None:
    alone = _places(_corpus())
    assert _places(_corpus() + _public("board", 50) + _public("exam", 20)).items() >= alone.items()


def test_public_posts_go_by_tenths_to_validation_and_test() -> None:
    counts = Counter(split(_public("board", 500), SOURCES))
    assert counts.keys() == {"train", "validation", "test"}
    assert 30 <= counts["validation"] <= 70
    assert 30 <= counts["test"] <= 70


@pytest.mark.parametrize("batch", BATCHES[1:])
def test_batches_that_share_a_near_duplicate_go_together(batch: str) -> None:
    copies = [make_example("one", COPIED, "id-b01"), make_example("two", COPIED.replace("dua", "2"), f"id-{batch}")]
    places = _places([*copies, *_corpus()])
    assert places["id-b01"] == places[f"id-{batch}"]


def test_batches_go_together_through_a_third() -> None:
    other = _words("another") + _words("text")
    links = [
        make_example("1", COPIED, "id-b01"),
        make_example("2", COPIED, "en-b02"),
        make_example("3", other, "en-b02"),
        make_example("4", other, "hi-b03"),
    ]
    places = _places([*_corpus(), *links])
    assert places["id-b01"] == places["en-b02"] == places["hi-b03"]


@pytest.mark.parametrize("batch", BATCHES)
def test_a_public_copy_of_a_corpus_post_goes_where_the_post_goes(batch: str) -> None:
    examples = [*_corpus(), make_example("c", COPIED, f"id-{batch}"), make_example("p", COPIED, "p", source="board")]
    places = _places(examples)
    assert places["p"] == places[f"id-{batch}"] == _places(_corpus())[f"id-{batch}"]


def test_held_out_sets_stay_out_whole() -> None:
    examples = _corpus() + _public("exam", 100) + _public("board", 100)
    places = list(zip((e.source for e in examples), split(examples, SOURCES), strict=True))
    assert places.count(("exam", "held_out")) == 100
    assert {source for source, place in places if place == "held_out"} == {"exam"}


@pytest.mark.parametrize("held_out_first", [True, False])
def test_a_near_duplicate_of_a_held_out_post_is_held_out_too(held_out_first: bool) -> None:
    pair = [make_example("e", COPIED, "e", source="exam"), make_example("p", COPIED, "p", source="board")]
    places = _places(pair if held_out_first else pair[::-1])
    assert places == {"e": "held_out", "p": "held_out"}


def test_a_pair_in_batches_of_different_splits_is_refused() -> None:
    examples = _corpus(["id"])
    places = _places(examples)
    groups = [next(group for group, place in places.items() if place == wanted) for wanted in ("train", "test")]
    torn = [make_example(f"p{i}", _words(f"pair{i}"), group, pair="id-p1") for i, group in enumerate(groups)]
    with pytest.raises(InputError, match="pair id-p1 of corpus crosses"):
        split([*examples, *torn], SOURCES)


def test_a_crossing_group_is_named() -> None:
    examples = [make_example("1", "a", "id-b01"), make_example("2", "b", "id-b01")]
    with pytest.raises(InputError, match="group id-b01 of corpus crosses from train to test"):
        assert_no_crossing(examples, ["train", "test"])


def test_the_corpus_has_every_language_in_every_split() -> None:
    examples = read_corpus(ROOT / "data/corpus")
    counts = Counter(zip((e.group.rsplit("-", 1)[0] for e in examples), split(examples, {}), strict=True))
    languages = {language for language, _ in counts}
    assert len(languages) == 26
    assert all(counts[language, place] >= 12 for language in languages for place in ("train", "validation", "test"))
    assert all(place != "held_out" for _, place in counts)
