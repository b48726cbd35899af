"""Screening: every variant with every seed is written down once, whoever trains it."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from conftest import TINY
from sklearn.metrics import average_precision_score

from detector.errors import InputError
from training.config import config_from
from training.finetune import Run, load_network, lure_margins, post_weights, predict, window_table
from training.hashing import stable_hash
from training.prepare import load_prepared, prepare
from training.screen import FIGURES, RESULTS, read_variants, screen, table

VARIANTS = """
[plain]
why = "to compare with"
epochs = 1

[regularised]
why = "two passes, contrast and noise"
epochs = 1
r_drop = 1.0
contrastive_weight = 0.1
language_balance = 0.5
frozen_layers = 0
"""


def _quiet(_: str) -> None:
    pass


@pytest.fixture
def variants(tmp_path: Path) -> Path:
    path = tmp_path / "variants.toml"
    path.write_text(VARIANTS, "utf-8")
    return path


def test_a_language_left_out_is_not_trained_on_and_measured_apart(tiny_run: Path, tmp_path: Path, variants: Path) -> None:
    prepared = load_prepared(tiny_run / "prepared")
    language = prepared.part("train")["language"][0].split("-")[0]
    variants.write_text(f'[apart]\nwhy = "transfer"\nepochs = 1\nwithout = "{language}"\n', "utf-8")
    screen(prepared, tmp_path, read_variants(variants), report=_quiet)
    rows = [json.loads(line) for line in (tmp_path / RESULTS).read_text("utf-8").splitlines()]
    ours = zip(prepared.part("train")["language"], prepared.part("train")["source"], strict=True)
    number = sum(code.split("-")[0] == language and source == "corpus" for code, source in ours)
    assert {row["posts_left_out"] for row in rows} == {number}
    config = config_from({**prepared.facts["config"], "without": language})
    weights = post_weights(prepared.part("train"), config)
    assert [bool(weight) for weight in weights] == [code.split("-")[0] != language for code in prepared.part("train")["language"]]
    changed = replace(prepared, facts={**prepared.facts, "config": {**prepared.facts["config"], "without": language}})
    train, validation = (window_table(changed, part, tmp_path, _quiet) for part in ("train", "validation"))
    read = np.concatenate(Run(changed, train, validation, tmp_path / "order", 1, _quiet)._order(0), axis=1)[0]
    assert set(train.posts[read]) == set(np.flatnonzero(weights))
    network = load_network(changed, tmp_path / "apart/seed-1")
    posts = np.flatnonzero((weights == 0) & (np.asarray(prepared.part("train")["source"]) == "corpus"))
    logits = predict(network, train, torch.device("cpu"), config, np.flatnonzero(train.variants == 0))[posts]
    expected = average_precision_score(np.asarray(prepared.part("train")["allowed"])[posts, 0], lure_margins(logits))
    assert rows[0]["average_precision_left_out"] == pytest.approx(expected)


def test_a_language_left_out_is_measured_beyond_the_share_and_beside_the_first_variant(
    tiny_run: Path, tmp_path: Path, variants: Path
) -> None:
    prepared = load_prepared(tiny_run / "prepared")
    posts = prepared.part("train")
    language = posts["language"][0].split("-")[0]
    common = 'why = "transfer"\nepochs = 1\nseeds = [1]\nshare = 0.5\n'
    variants.write_text(f'[base]\n{common}[apart]\n{common}without = "{language}"\n', "utf-8")
    screen(prepared, tmp_path, read_variants(variants), report=_quiet)
    base, apart = [json.loads(line) for line in (tmp_path / RESULTS).read_text("utf-8").splitlines()]
    config = config_from({**prepared.facts["config"], "share": 0.5})
    unread = post_weights(posts, config) == 0
    ours = np.array([code.split("-")[0] == language for code in posts["language"]]) & (np.asarray(posts["source"]) == "corpus")
    assert 0.3 < unread.mean() < 0.7
    assert apart["posts_left_out"] == (unread & ours).sum() > 0
    train = window_table(prepared, "train", tmp_path, _quiet)
    windows = np.flatnonzero((unread & ours)[train.posts] & (train.variants == 0))
    lures = np.asarray(posts["allowed"])[unread & ours, 0]
    for figure, run in (("average_precision_left_out", "apart"), ("average_precision_left_in", "base")):
        network = load_network(prepared, tmp_path / run / "seed-1")
        margins = lure_margins(predict(network, train, torch.device("cpu"), config, windows))
        assert apart[figure] == pytest.approx(average_precision_score(lures, margins))
    assert not {"average_precision_left_out", "average_precision_left_in"} & set(base)
    lines = table(tmp_path / RESULTS).splitlines()
    assert lines[0].endswith("| average_precision_left_out | average_precision_left_in |")
    assert lines[2].endswith("|  |  |")
    assert lines[3].endswith(f"| {apart['average_precision_left_out']:.4f} | {apart['average_precision_left_in']:.4f} |")


def test_what_a_run_has_not_read_is_scored_as_it_is_and_roughened(
    tiny_base: Path, tiny_corpus: Path, tmp_path: Path, variants: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("training.screen.UNREAD", 50)
    config = replace(TINY, noise=0.5, seeds=(1,), share=0.5, epochs=1)
    prepared = prepare(tmp_path / "p", base=str(tiny_base), corpus=tiny_corpus, sources=tmp_path, public=None, config=config)
    variants.write_text('[base]\nwhy = "as it is"\n', "utf-8")
    screen(prepared, tmp_path, read_variants(variants), report=_quiet)
    (row,) = [json.loads(line) for line in (tmp_path / RESULTS).read_text("utf-8").splitlines()]
    table = window_table(prepared, "train", tmp_path, _quiet)
    network = load_network(prepared, tmp_path / "base/seed-1")
    beyond = np.flatnonzero(post_weights(prepared.part("train"), config) == 0)
    ids = prepared.part("train")["id"]
    unread = np.sort(sorted(beyond, key=lambda place: stable_hash(f"unread/{ids[place]}"))[:50])
    assert len({prepared.part("train")["language"][place] for place in unread}) == len(set(prepared.part("train")["language"]))
    plain, rough = (
        predict(
            network, table, torch.device("cpu"), config, np.flatnonzero(np.isin(table.posts, unread) & (table.variants == copy))
        )
        for copy in (0, 1)
    )
    lures = np.asarray(prepared.part("train")["allowed"])[unread, 0]
    assert row["average_precision_unread"] == pytest.approx(average_precision_score(lures, lure_margins(plain)))
    assert row["average_precision_roughened"] == pytest.approx(average_precision_score(lures, lure_margins(rough)))
    assert row["labels_kept"] == pytest.approx((plain[:, :4].argmax(1) == rough[:, :4].argmax(1)).mean())


def test_a_share_keeps_twins_together_and_is_the_same_in_every_run(tiny_run: Path) -> None:
    prepared = load_prepared(tiny_run / "prepared")
    posts = prepared.part("train")
    read = [post_weights(posts, config_from({**prepared.facts["config"], "share": share})) > 0 for share in (0.3, 0.6, 1.0)]
    assert [0.2 < read[0].mean() < 0.4, 0.5 < read[1].mean() < 0.7, read[2].all()] == [True] * 3
    assert read[1][read[0]].all()
    pairs = set(posts["pair"]) - {""}
    assert len(pairs) > 4
    for pair in pairs:
        assert len({bool(value) for value in read[1][np.flatnonzero(np.asarray(posts["pair"]) == pair)]}) == 1


@pytest.mark.parametrize(
    "first", ["share = 0.4\nseeds = [1]\n", "share = 0.5\nseeds = [2]\n", 'share = 0.5\nwithout = "LANGUAGE"\n']
)
def test_a_first_variant_that_others_cannot_be_measured_beside_is_refused(
    tiny_run: Path, tmp_path: Path, variants: Path, first: str
) -> None:
    prepared = load_prepared(tiny_run / "prepared")
    language = prepared.part("train")["language"][0].split("-")[0]
    first = first.replace("LANGUAGE", language)
    variants.write_text(
        f'[base]\nwhy = "first"\n{first}[apart]\nwhy = "transfer"\nshare = 0.5\nseeds = [1]\nwithout = "{language}"\n', "utf-8"
    )
    with pytest.raises(InputError, match="(base|apart): expected the first variant, base, to have its share, seeds"):
        screen(prepared, tmp_path, read_variants(variants), report=_quiet)
    assert list(tmp_path.iterdir()) == [variants]


def test_a_first_variant_that_is_not_done_is_named(tiny_run: Path, tmp_path: Path, variants: Path) -> None:
    prepared = load_prepared(tiny_run / "prepared")
    language = prepared.part("train")["language"][0].split("-")[0]
    common = 'why = "transfer"\nepochs = 1\nseeds = [1]\nshare = 0.5\n'
    variants.write_text(f'[base]\n{common}[apart]\n{common}without = "{language}"\n', "utf-8")
    with pytest.raises(InputError, match="expected the first variant's run to be done"):
        screen(prepared, tmp_path, read_variants(variants), part=(1, 2), report=_quiet)


@pytest.mark.parametrize(("share", "fault"), [(0.0, "share: expected more than 0"), (1.1, "share: expected 0 to 1, got 1.1")])
def test_a_share_that_is_none_is_refused(share: float, fault: str) -> None:
    with pytest.raises(InputError, match=fault):
        config_from({"share": share})


@pytest.mark.parametrize("language", ["hi-Latn", "xx"])
def test_a_language_that_the_corpus_has_not_is_refused(tiny_run: Path, language: str) -> None:
    prepared = load_prepared(tiny_run / "prepared")
    with pytest.raises(InputError, match="expected the primary subtag of a language of the corpus"):
        post_weights(prepared.part("train"), config_from({**prepared.facts["config"], "without": language}))


def test_each_variant_is_trained_with_each_seed_and_their_average(tiny_run: Path, tmp_path: Path, variants: Path) -> None:
    prepared = load_prepared(tiny_run / "prepared")
    for part in ((0, 2), (1, 2)):
        screen(prepared, tmp_path, read_variants(variants), part=part, report=_quiet)
    rows = [json.loads(line) for line in (tmp_path / RESULTS).read_text("utf-8").splitlines()]
    assert [(row["variant"], row["run"]) for row in rows] == [
        (variant, run) for variant in ("plain", "regularised") for run in ("seed-1", "seed-2", "average")
    ]
    assert all(0 <= row[key] for row in rows for key in FIGURES)
    assert rows[3]["config"]["r_drop"] == 1.0
    screen(prepared, tmp_path, read_variants(variants), report=_quiet)
    assert len((tmp_path / RESULTS).read_text("utf-8").splitlines()) == len(rows)
    lines = table(tmp_path / RESULTS).splitlines()
    assert [line.split("|")[1].strip() for line in lines[2:]] == [
        "plain", "plain, weights averaged", "regularised", "regularised, weights averaged",
    ]  # fmt: skip


@pytest.mark.parametrize("text", ["[plain]\nepochs = 1\n", "plain = 3\n", "not toml"])
def test_a_list_without_reasons_is_refused(tmp_path: Path, text: str) -> None:
    path = tmp_path / "variants.toml"
    path.write_text(text, "utf-8")
    with pytest.raises(InputError, match="each with why and settings"):
        read_variants(path)


def test_a_fault_in_the_last_variant_comes_to_light_before_the_first_is_trained(
    tiny_run: Path, tmp_path: Path, variants: Path
) -> None:
    variants.write_text(VARIANTS + '[odd]\nwhy = "a slip"\nepoch = 3\n', "utf-8")
    with pytest.raises(InputError, match="unknown keys epoch"):
        screen(load_prepared(tiny_run / "prepared"), tmp_path, read_variants(variants), report=_quiet)
    assert list(tmp_path.iterdir()) == [variants]


@pytest.mark.parametrize("part", [(2, 2), (0, 0), (-1, 3)])
def test_a_part_that_is_none_is_refused(tiny_run: Path, tmp_path: Path, part: tuple[int, int]) -> None:
    with pytest.raises(InputError, match="expected a part such as"):
        screen(load_prepared(tiny_run / "prepared"), tmp_path, [], part=part, report=_quiet)


def test_other_settings_under_the_same_name_are_refused(tiny_run: Path, tmp_path: Path, variants: Path) -> None:
    prepared = load_prepared(tiny_run / "prepared")
    (tmp_path / "plain").mkdir()
    (tmp_path / "plain/config.json").write_text("{}")
    with pytest.raises(InputError, match="other settings"):
        screen(prepared, tmp_path, read_variants(variants), report=_quiet)
