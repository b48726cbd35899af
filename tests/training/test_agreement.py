"""Second readings: kappa on values worked by hand, and readings at fault are named."""

import json
from pathlib import Path

import pytest
from conftest import ROOT, make_example
from typer.testing import CliRunner

from detector.errors import InputError, RecordError
from detector.records import LABELS
from training.__main__ import app
from training.agreement import SHARE, agreement, chosen, read_readings, reader_name, unread
from training.examples import Example, read_corpus

LURE, FRAUD, HONEST, OTHER = LABELS


def _posts(labels: list[str], language: str = "id") -> list[Example]:
    return [make_example(f"{language}-{i}", f"text {i}", f"{language}-b01", labels=(label,)) for i, label in enumerate(labels)]


def test_kappa_takes_off_what_chance_would_give() -> None:
    posts = _posts([LURE, LURE, HONEST, HONEST])
    readings = dict(zip((p.id for p in posts), [LURE, HONEST, HONEST, HONEST], strict=True))
    # Agreement 3/4; by chance 1/2 * 1/4 + 1/2 * 3/4 = 1/2.
    found = agreement(posts, readings)
    assert found.kappas["all"] == pytest.approx((0.75 - 0.5) / 0.5)
    assert found.differing == (("id-1", LURE, HONEST),)
    assert found.numbers == {"id": 4, "all": 4}


def test_languages_are_told_apart_by_file_and_read_in_order() -> None:
    posts = _posts([LURE, OTHER], "ur") + _posts([LURE, FRAUD], "zh-Hans")
    found = agreement(posts, {p.id: str(p.label) for p in posts})
    assert list(found.kappas) == ["ur", "zh-Hans", "all"]
    assert set(found.kappas.values()) == {1.0}
    assert "| `zh-Hans` | 2 | 1.00 |" in str(found)


def test_one_label_throughout_is_full_agreement() -> None:
    posts = _posts([LURE, LURE])
    assert agreement(posts, {p.id: LURE for p in posts}).kappas["all"] == 1


def test_a_reading_of_a_post_that_is_not_there_is_refused() -> None:
    with pytest.raises(InputError, match="got id-9"):
        agreement(_posts([LURE]), {"id-9": LURE})


@pytest.mark.parametrize(
    ("line", "message"),
    [("{", "expected id and label"), ('{"id": "a"}', "'label'"), ('{"id": "a", "label": "lure"}', "out of scam_compound")],
)
def test_a_line_that_is_no_reading_is_named(tmp_path: Path, line: str, message: str) -> None:
    (tmp_path / "r1.jsonl").write_text(f"{json.dumps({'id': 'b', 'label': LURE})}\n{line}\n", "utf-8")
    with pytest.raises(RecordError, match=f"record 1: r1.jsonl: .*{message}"):
        read_readings(tmp_path)


def test_a_post_read_twice_is_refused(tmp_path: Path) -> None:
    for reader in ("r1", "r2"):
        (tmp_path / f"{reader}.jsonl").write_text(json.dumps({"id": "b", "label": LURE}) + "\n", "utf-8")
    with pytest.raises(InputError, match=r"r2.jsonl: post b was read before"):
        read_readings(tmp_path)


def test_a_tenth_of_each_writer_is_chosen_whatever_the_order() -> None:
    posts = read_corpus(ROOT / "data/corpus")
    found = chosen(posts)
    authors = {post.author for post in posts}
    assert {post.author for post in found} == authors
    for author in authors:
        n, of = sum(p.author == author for p in found), sum(p.author == author for p in posts)
        assert n == -(-of // SHARE)
    assert {p.id for p in chosen(posts[::-1])} == {p.id for p in found}


def test_a_reader_sees_made_up_names_that_lead_back_to_the_posts() -> None:
    posts = _posts([LURE, OTHER], "ur") + _posts([LURE, FRAUD], "zh-Hans")
    named = {reader_name(post.id): str(post.label) for post in posts}
    assert not any("ur" in name or "zh" in name for name in named)
    assert agreement(posts, named) == agreement(posts, {post.id: str(post.label) for post in posts})


def test_a_post_read_under_its_id_and_its_made_up_name_is_refused() -> None:
    with pytest.raises(InputError, match="expected one reading of post id-0"):
        agreement(_posts([LURE]), {"id-0": LURE, reader_name("id-0"): LURE})


def test_what_was_read_under_either_name_is_not_read_again() -> None:
    posts = [*_posts([LURE] * 40), *_posts([OTHER] * 40, "ur")]
    first, second, *others = unread(posts, {})
    assert {post.id for post in (first, second, *others)} == {post.id for post in chosen(posts)}
    assert unread(posts, {first.id: LURE, reader_name(second.id): LURE}) == others


def test_blind_prints_names_and_texts_and_nothing_else(tmp_path: Path) -> None:
    readings = tmp_path / "readings"
    readings.mkdir()
    done = CliRunner().invoke(app, ["corpus", "blind", "--corpus", str(ROOT / "data/corpus"), "--readings", str(readings)])
    assert done.exit_code == 0, done.output
    shown = [json.loads(line) for line in done.stdout.splitlines()]
    posts = chosen(read_corpus(ROOT / "data/corpus"))
    assert sorted((row["id"], row["text"]) for row in shown) == sorted((reader_name(post.id), post.text) for post in posts)
    assert all(row.keys() == {"id", "text"} for row in shown)
