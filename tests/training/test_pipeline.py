"""From prepared posts to an evaluated bundle, on a network small enough for a test."""

import json
import shutil
from collections.abc import Callable
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
import torch
from conftest import TINY, tiny_encoder
from safetensors.torch import load_file
from tokenizers import Tokenizer
from typer.testing import CliRunner

from detector import BundleError, Detector, InputError
from detector.bundle import GRAPH, TOKENIZER
from detector.encoder import Encoder
from detector.records import INDICATORS, LABELS
from detector.text import normalise
from training import export as exporting
from training.__main__ import app
from training.config import config_from
from training.evaluate import evaluate
from training.examples import file_of
from training.export import best_seed, export
from training.finetune import (
    AVERAGE,
    N_OUTPUTS,
    WAYS,
    WEIGHTS,
    Run,
    WindowTable,
    collate,
    finetune,
    first_network,
    load_network,
    post_weights,
    predict,
    validate,
    window_table,
    worth,
)
from training.model_card import _MIXED, _seeds_table
from training.network import Network
from training.prepare import VARIANTS, Prepared, Start, load_prepared, prepare
from training.starts import read_start, run_start
from training.swaps import Swap, swapped


def test_the_upper_layer_multiplies_in_8_bits_and_the_lower_does_not(bundle: Path) -> None:
    nodes = onnx.load(str(bundle / GRAPH)).graph.node
    assert {node.name.split(".")[2] for node in nodes if node.op_type == "DynamicQuantizeMatMul"} == {"1"}
    assert any(node.op_type == "MatMul" and node.name.startswith("encoder.layer.0.") for node in nodes)


def _quiet(_: str) -> None:
    pass


@pytest.mark.parametrize("changes", [{}, {"arithmetic": "bfloat16"}, {"reason_weight": 0.3}], ids=str)
def test_an_interrupted_run_ends_with_the_same_weights_bit_for_bit(tiny_run: Path, tmp_path: Path, changes: dict[str, Any]) -> None:
    prepared = load_prepared(tiny_run / "prepared")
    prepared.facts["config"].update(changes)
    tables = [window_table(prepared, part, tmp_path, _quiet) for part in ("train", "validation")]

    def run(folder: str, *, stop_after: int | None = None) -> Path:
        Run(prepared, *tables, tmp_path / folder, 1, _quiet).train(stop_after=stop_after)
        return tmp_path / folder / "weights.safetensors"

    whole = load_file(run("whole"))
    for steps in (3, 5, 4):
        run("broken", stop_after=steps)
    pieced = load_file(run("broken"))
    assert whole.keys() == pieced.keys()
    assert all(torch.equal(whole[name], pieced[name]) for name in whole)


@pytest.fixture
def by_reasons(tiny_run: Path) -> Callable[..., tuple[Prepared, WindowTable, WindowTable]]:
    """The tiny run's posts, of which some have no reason, with the settings given."""

    def tables(folder: Path, **changes: Any) -> tuple[Prepared, WindowTable, WindowTable]:
        prepared = load_prepared(tiny_run / "prepared")
        prepared.facts["config"].update(changes)
        posts = prepared.posts.map(lambda row, place: {"why": row["why"] if place % 3 else ""}, with_indices=True)
        some = replace(prepared, posts=posts)
        return some, window_table(some, "train", folder, _quiet), window_table(some, "validation", folder, _quiet)

    return tables


def test_the_loss_of_reasons_reaches_the_network_and_leaves_no_weights_of_its_own(by_reasons: Any, tmp_path: Path) -> None:
    def gradients(weight: float) -> tuple[torch.Tensor, set[str]]:
        prepared, train, validation = by_reasons(tmp_path, reason_weight=weight)
        run = Run(prepared, train, validation, tmp_path / f"{weight}", 1, _quiet)
        run.network.eval()
        run._loss(collate(train, np.flatnonzero(train.variants == 0), run.device))[0].backward()
        gradient = run.network.trained_layers[-1].output.dense.weight.grad
        assert gradient is not None
        run.train()
        return gradient.clone(), set(load_file(tmp_path / f"{weight}" / WEIGHTS))

    (without, plain), (drawn, weights) = gradients(0.0), gradients(1.0)
    assert (drawn - without).norm() > 0.01 * without.norm()
    assert weights == plain


def test_posts_without_a_reason_count_in_the_other_losses_alone(by_reasons: Any, tmp_path: Path) -> None:
    prepared, train, validation = by_reasons(tmp_path, reason_weight=1.0)
    run = Run(prepared, train, validation, tmp_path / "run", 1, _quiet)
    run.network.eval()
    plain = Run(by_reasons(tmp_path, reason_weight=0.0)[0], train, validation, tmp_path / "plain", 1, _quiet)
    plain.network.eval()
    blank = collate(train, np.flatnonzero(train.reasons < 0)[:8], run.device)
    told = collate(train, np.flatnonzero(train.reasons >= 0)[:8], run.device)
    assert len(blank.reasons) == len(told.reasons) == 8
    assert run._loss(blank)[0] == plain._loss(blank)[0]
    assert run._loss(told)[0] > plain._loss(told)[0]


def test_reasons_of_posts_that_are_not_read_tell_nothing(by_reasons: Any, tmp_path: Path) -> None:
    prepared, train, validation = by_reasons(tmp_path, reason_weight=1.0, share=0.5)
    whys = prepared.part("train")["why"]
    read = {whys[place] for place in set(train.posts[train.weights > 0].tolist())} - {""}
    assert 0 < len(read) < len(set(whys) - {""})
    assert len(Run(prepared, train, validation, tmp_path / "run", 1, _quiet).reason_head.meanings) == len(read)


def test_a_folder_prepared_before_reasons_were_kept_is_read_and_refused_only_where_they_count(
    tiny_run: Path, tmp_path: Path
) -> None:
    prepared = load_prepared(tiny_run / "prepared")
    earlier = replace(prepared, posts=prepared.posts.remove_columns("why"))
    tables = [window_table(earlier, part, tmp_path, _quiet) for part in ("train", "validation")]
    assert (tables[0].reasons == -1).all()
    Run(earlier, *tables, tmp_path / "run", 1, _quiet)
    earlier.facts["config"]["reason_weight"] = 0.3
    with pytest.raises(InputError, match="prepare them again"):
        Run(earlier, *tables, tmp_path / "run", 1, _quiet)


def test_a_network_trained_in_bfloat16_predicts_in_it_or_exactly(tiny_run: Path, tmp_path: Path) -> None:
    prepared = load_prepared(tiny_run / "prepared")
    table = window_table(prepared, "validation", tmp_path, _quiet)
    plain = load_network(prepared, tiny_run / "finetune/seed-1")
    halved = Network(prepared.base, N_OUTPUTS, frozen_layers=TINY.frozen_layers, halved=True)
    halved.load_state_dict(plain.state_dict())
    rough, exact, other = (
        predict(network, table, torch.device("cpu"), TINY, exact=exact)
        for network, exact in ((halved, False), (halved, True), (plain, False))
    )
    np.testing.assert_allclose(exact, other, atol=1e-4)
    assert 1e-4 < np.abs(rough - exact).max() < 0.1


def test_each_seed_is_reported_and_the_best_by_validation_is_chosen(tiny_run: Path) -> None:
    found = json.loads((tiny_run / "finetune/runs.json").read_text())
    assert set(found["runs"]) == {"seed-1", "seed-2", "average"}
    figures = {name: worth(run) for name, run in found["runs"].items()}
    assert figures[found["best"]] == max(figures.values())


def test_writers_whom_training_did_not_read_count_half_in_the_choice(tiny_run: Path) -> None:
    prepared = load_prepared(tiny_run / "prepared")
    table = window_table(prepared, "validation", tiny_run / "finetune", _quiet)
    first = np.unique(table.posts, return_index=True)[1]
    written = table.indicators[first, 0] >= 0
    # One lure and one other are by a new writer; the lure scores lower there, and all other lures score above all others.
    lures = table.allowed[first, 0] & written
    new = [np.flatnonzero(lures)[0], np.flatnonzero(~lures & written)[0]]
    logits = np.zeros((len(first), N_OUTPUTS), np.float32)
    logits[:, 0] = np.where(lures, 5.0, -5.0)
    logits[new, 0] = [-1.0, 1.0]
    plain = validate(logits, replace(table, new_writers=np.zeros(len(table.posts), bool)))
    assert "average_precision_new_writers" not in plain
    assert worth(plain) == plain["average_precision"]
    found = validate(logits, replace(table, new_writers=np.isin(table.posts, new)))
    assert found["average_precision"] == plain["average_precision"] < 1
    assert found["average_precision_new_writers"] == 0.5
    assert worth(found) == pytest.approx((found["average_precision"] + 0.5) / 2)


def test_a_run_folder_refuses_other_settings(tiny_run: Path) -> None:
    prepared = load_prepared(tiny_run / "prepared")
    other = replace(prepared, facts={**prepared.facts, "config": asdict(replace(TINY, epochs=9))})
    with pytest.raises(InputError, match="other settings"):
        finetune(other, tiny_run / "finetune", report=_quiet)


def test_frozen_weights_stay_as_they_were(tiny_run: Path, tiny_base: Path) -> None:
    prepared = load_prepared(tiny_run / "prepared")
    before = load_file(prepared.base / "model.safetensors")
    after = load_network(prepared, tiny_run / "finetune/seed-1").encoder.state_dict()
    frozen = [name for name in before if name.startswith(("embeddings.", "encoder.layer.0."))]
    assert frozen
    assert all(torch.equal(before[name], after[name]) for name in frozen)
    moved = "encoder.layer.1.output.dense.weight"
    assert not torch.equal(before[moved], after[moved])
    assert set(load_file(tiny_run / "finetune/seed-1/weights.safetensors")).isdisjoint(f"encoder.{name}" for name in frozen)


def test_a_run_goes_on_from_another_with_its_weights_and_vocabulary(tiny_run: Path, tiny_corpus: Path, tmp_path: Path) -> None:
    """Whichever layers were frozen in either."""
    before = load_prepared(tiny_run / "prepared")
    trained = load_network(before, best_seed(tiny_run / "finetune"))
    config = replace(TINY, seeds=(1,), epochs=1, frozen_layers=0)
    after = prepare(
        tmp_path / "prepared", base=run_start(tiny_run), corpus=tiny_corpus, sources=tmp_path, public=None, config=config
    )
    assert (after.base / "tokenizer.json").read_bytes() == (before.base / "tokenizer.json").read_bytes()
    assert after.facts["base"] == before.facts["base"]
    begun = first_network(after)
    ids, mask = torch.tensor([[0, 9, 8, 7, 2]]), torch.ones((1, 5), dtype=torch.bool)
    with torch.no_grad():
        torch.testing.assert_close(begun.eval()(ids, mask), trained(ids, mask))
    load_network(after, finetune(after, tmp_path / "finetune"))


def test_a_run_goes_on_from_a_bundle(bundle: Path, tiny_base: Path, tiny_corpus: Path, tmp_path: Path) -> None:
    """Its scores are those the bundle is served with, before a step is made; its vocabulary stays, and so do the baselines."""
    config = replace(TINY, seeds=(1,), epochs=1, frozen_layers=0)
    start = read_start(bundle, str(tiny_base), tmp_path / "scratch")
    after = prepare(tmp_path / "prepared", base=start, corpus=tiny_corpus, sources=tmp_path, public=None, config=config)
    assert (after.base / "tokenizer.json").read_bytes() == (bundle / "tokenizer.json").read_bytes()
    with Detector.load(bundle) as detector:
        assert after.facts["start"] == detector.bundle.identity
        assert after.facts["base"] == detector.bundle.manifest.base_model
    untrained, lower = load_file(tiny_base / "model.safetensors"), "encoder.layer.1.output.dense.weight"
    assert torch.equal(load_file(after.base / "model.safetensors")[lower], untrained[lower])
    table = window_table(after, "validation", tmp_path, _quiet)
    begun = predict(first_network(after), table, torch.device("cpu"), config)
    with Detector.load(bundle, backend="torch") as served:
        np.testing.assert_allclose(begun, served.logits(after.part("validation")["text"]), atol=2e-3)
    load_network(after, finetune(after, tmp_path / "finetune"))
    _check_ways(tmp_path / "finetune", first_network(after).trained())


def test_a_run_from_the_plain_encoder_meets_an_earlier_one_in_the_mean(tiny_run: Path, tiny_corpus: Path, tmp_path: Path) -> None:
    """Its vocabulary is the earlier run's; what it begins with is not."""
    config = replace(TINY, seeds=(1,), epochs=1, frozen_layers=0, begin="encoder")
    start = run_start(tiny_run)
    after = prepare(tmp_path / "prepared", base=start, corpus=tiny_corpus, sources=tmp_path, public=None, config=config)
    assert (after.base / "tokenizer.json").read_bytes() == (start.base / "tokenizer.json").read_bytes()
    begun, untrained = first_network(after).state_dict(), load_file(start.base / "model.safetensors")
    assert all(torch.equal(begun[f"encoder.{name}"], weight) for name, weight in untrained.items())
    finetune(after, tmp_path / "finetune")
    earlier = Network(start.base, N_OUTPUTS, frozen_layers=0)
    earlier.load_start(load_file(start.weights))
    _check_ways(tmp_path / "finetune", earlier.trained())


def test_card_and_report_have_words_for_all_weights_that_are_tried() -> None:
    assert set(_MIXED) == {AVERAGE, *WAYS}


def test_the_card_says_how_weights_did_on_new_writers_where_there_were_any() -> None:
    first = {"seed": 1, "epoch": 2, "average_precision": 0.91, "label_accuracy": 0.8}
    seeds = {"best": "half-way", "runs": {"seed-1": first, "half-way": {"average_precision": 0.9, "label_accuracy": 0.7}}}
    assert "| 1 | 2 | 0.910 | 0.800 |  |" in _seeds_table(seeds)
    assert "writers" not in _seeds_table(seeds)
    for row, precision in zip(seeds["runs"].values(), (0.85, 0.89), strict=True):
        row["average_precision_new_writers"] = precision
    assert "| 1 | 2 | 0.910 | 0.850 | 0.800 |  |" in _seeds_table(seeds)
    assert "| 0.900 | 0.890 | 0.700 | yes |\n\nChosen by the mean" in _seeds_table(seeds)


def _check_ways(run: Path, earlier: dict[str, torch.Tensor]) -> None:
    """The run tried the earlier weights, and those a quarter, half and three quarters of the way to its own."""
    tried = json.loads((run / "runs.json").read_text())["runs"]
    assert set(tried) == {"seed-1", "start", "quarter-way", "half-way", "three-quarter-way"}
    weights = {name: load_file(run / name / WEIGHTS) for name in tried}
    for name, weight in earlier.items():
        moved = weights["seed-1"][name] - weight
        for way, share in (("start", 0.0), ("quarter-way", 0.25), ("half-way", 0.5), ("three-quarter-way", 0.75)):
            torch.testing.assert_close(weights[way][name], weight + share * moved)


def test_a_run_that_made_nothing_better_gives_no_bundle(tiny_run: Path, tmp_path: Path) -> None:
    run = shutil.copytree(tiny_run, tmp_path / "run")
    summary = run / "finetune/runs.json"
    summary.write_text(json.dumps(json.loads(summary.read_text()) | {"best": "start"}))
    with pytest.raises(BundleError, match="what it went on from is better than all it made"):
        export(run, tmp_path / "out", version="0.0.1")
    assert not (tmp_path / "out").exists()


def test_a_run_begun_before_a_setting_was_there_goes_on(tiny_run: Path, tmp_path: Path) -> None:
    run = shutil.copytree(tiny_run, tmp_path / "run")
    config = json.loads((run / "finetune/config.json").read_text())
    del config["begin"]
    (run / "finetune/config.json").write_text(json.dumps(config))
    done = finetune(load_prepared(run / "prepared"), run / "finetune", report=_quiet)
    assert done.name == best_seed(tiny_run / "finetune").name


def test_a_start_that_is_neither_run_nor_bundle_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="expected the folder of a run that has ended, or of a bundle, found neither"):
        read_start(tmp_path, None, tmp_path)


def test_a_bundle_needs_the_encoder_it_began_with_and_a_run_none(bundle: Path, tiny_run: Path, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="--base with a bundle"):
        read_start(bundle, None, tmp_path)
    with pytest.raises(InputError, match="none with a run"):
        read_start(tiny_run, "encoder", tmp_path)
    with pytest.raises(InputError, match="expected an encoder's folder"):
        read_start(bundle, str(tmp_path), tmp_path)
    tiny_encoder(40, layers=3).save_pretrained(tmp_path / "other")
    with pytest.raises(InputError, match="the encoder that the bundle began with"):
        read_start(bundle, str(tmp_path / "other"), tmp_path)


def test_a_third_run_keeps_what_the_first_had_trained_and_the_second_froze(
    tiny_base: Path, tiny_corpus: Path, tmp_path: Path
) -> None:
    def run(name: str, base: str | Start, frozen_layers: int) -> Start:
        config = replace(TINY, seeds=(1,), epochs=1, frozen_layers=frozen_layers)
        folder = tmp_path / name
        prepared = prepare(folder / "prepared", base=base, corpus=tiny_corpus, sources=tmp_path, public=None, config=config)
        finetune(prepared, folder / "finetune")
        return run_start(folder)

    second = run("second", run("first", str(tiny_base), 0), 1)
    run("third", second, 0)
    lower = "encoder.encoder.layer.0.output.dense.weight"
    first_trained = load_file(tmp_path / "first/finetune/seed-1" / WEIGHTS)
    assert torch.equal(first_network(load_prepared(tmp_path / "third/prepared")).state_dict()[lower], first_trained[lower])
    anew = prepare(tmp_path / "third/prepared", base=str(tiny_base), corpus=tiny_corpus, sources=tmp_path, public=None, config=TINY)
    assert not torch.equal(first_network(anew).state_dict()[lower], first_trained[lower])


@pytest.mark.parametrize("options", [[], ["--base", "a", "--start", "b"]])
def test_a_run_begins_with_an_encoder_or_another_run(options: list[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    result = CliRunner().invoke(app, ["prepare", *options])
    assert isinstance(result.exception, InputError)
    assert "expected --base" in str(result.exception)


def test_weights_of_other_frozen_layers_are_refused(tiny_run: Path) -> None:
    prepared = load_prepared(tiny_run / "prepared")
    other = replace(prepared, facts={**prepared.facts, "config": asdict(replace(TINY, frozen_layers=0))})
    with pytest.raises(InputError, match="expected the 34 trained weights"):
        load_network(other, tiny_run / "finetune/seed-1")


def test_the_bundle_scores_a_post_alike_alone_and_in_any_batch(bundle: Path, tiny_run: Path) -> None:
    texts = load_prepared(tiny_run / "prepared").part("test")["text"][:12]
    with Detector.load(bundle, threads=2) as detector:
        alone = np.array([detector.score([text])[0].score for text in texts])
        together = np.array([verdict.score for verdict in detector.score(texts)])
        backwards = np.array([verdict.score for verdict in detector.score(texts[::-1])])[::-1]
    np.testing.assert_allclose(together, alone, atol=1e-4)
    np.testing.assert_allclose(backwards, alone, atol=1e-4)


def test_the_torch_backend_says_what_the_default_backend_says(bundle: Path, tiny_run: Path) -> None:
    texts = load_prepared(tiny_run / "prepared").part("test")["text"][:12]
    with Detector.load(bundle) as onnx, Detector.load(bundle, backend="torch") as float32:
        ours, theirs = onnx.logits(texts), float32.logits(texts)
    assert ours.shape == (12, len(LABELS) + len(INDICATORS))
    # A twentieth of the logits' range leaves room for what 8-bit weights cost.
    assert np.abs(ours - theirs).max() < 0.05 * np.ptp(theirs)


def test_long_posts_are_read_whole_in_overlapping_windows(bundle: Path) -> None:
    with Detector.load(bundle) as detector:
        short, long = detector.score(["kerja admin di kota", "kerja admin di kota, gaji besar. " * 60])
    assert short.windows == 1
    assert long.windows > 5


def test_a_bundle_that_fails_the_gate_leaves_the_one_before_it_as_it_was(
    bundle: Path, tiny_run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = shutil.copytree(bundle, tmp_path / "bundle")
    monkeypatch.setattr(exporting, "MAX_BYTES", 1000)
    with pytest.raises(BundleError, match="at most 1000 bytes"):
        export(tiny_run, folder, version="0.0.2")
    with Detector.load(folder) as detector:
        assert detector.bundle.manifest.version == "0.0.1"
    assert [path.name for path in tmp_path.iterdir()] == ["bundle"]


def test_a_bundle_is_not_evaluated_on_a_run_of_other_data(bundle: Path, tiny_run: Path, tmp_path: Path) -> None:
    run = shutil.copytree(tiny_run, tmp_path / "run", ignore=shutil.ignore_patterns("finetune"))
    facts = json.loads((run / "prepared/prepared.json").read_text())
    (run / "prepared/prepared.json").write_text(json.dumps({**facts, "data_hash": "another"}))
    with pytest.raises(BundleError, match="other data"):
        evaluate(run, bundle, tmp_path / "report", sources=tmp_path / "none.toml", public=None)


def _table(tiny_run: Path, tmp_path: Path, **changes: float) -> tuple[WindowTable, Prepared]:
    prepared = load_prepared(tiny_run / "prepared")
    changed = replace(prepared, facts={**prepared.facts, "config": asdict(replace(TINY, **changes))})
    return window_table(changed, "train", tmp_path, _quiet), changed


def test_each_post_weighs_as_much_as_its_language_says(tiny_run: Path, tmp_path: Path) -> None:
    for balance in (0.0, 1.0):
        table, prepared = _table(tiny_run, tmp_path, language_balance=balance)
        languages = np.asarray(prepared.part("train")["language"])
        of_posts = np.bincount(table.posts, table.weights)
        totals = [of_posts[languages == language].sum() for language in sorted(set(languages))]
        assert of_posts.mean() == pytest.approx(1)
        if balance:
            assert totals == pytest.approx([totals[0]] * len(totals), rel=1e-5)
        else:
            assert of_posts == pytest.approx(np.ones(len(of_posts)))


@pytest.mark.parametrize(("n_public", "public_weight", "each"), [(30, 0.6, 0.2), (30, 0.3, 0.1), (5, 0.6, 1.0)])
def test_public_posts_weigh_together_what_the_settings_say_and_none_more_than_a_corpus_post(
    n_public: int, public_weight: float, each: float
) -> None:
    posts = {"source": ["corpus"] * 10 + ["board"] * n_public, "language": ["id"] * 10 + ["en"] * n_public}
    weights = post_weights(posts, replace(TINY, public_weight=public_weight))  # type: ignore[arg-type]
    assert weights[:10].tolist() == [1.0] * 10
    assert weights[10:] == pytest.approx(each)


def test_noise_without_roughened_copies_is_refused(tiny_run: Path, tmp_path: Path) -> None:
    table, prepared = _table(tiny_run, tmp_path, noise=0.5)
    with pytest.raises(InputError, match="prepare them with noise above 0"):
        Run(prepared, table, table, tmp_path / "run", 1, _quiet)


def test_weights_of_posts_prepared_before_are_not_exported(tiny_run: Path, tmp_path: Path) -> None:
    run = shutil.copytree(tiny_run, tmp_path / "run")
    facts = json.loads((run / "prepared/prepared.json").read_text())
    (run / "prepared/prepared.json").write_text(json.dumps({**facts, "fingerprint": "another"}))
    with pytest.raises(BundleError, match="run finetune again"):
        export(run, tmp_path / "bundle", version="0.0.1")


def test_the_average_of_the_seeds_lies_between_them(tiny_run: Path) -> None:
    one, other, mean = (load_file(tiny_run / f"finetune/{name}/weights.safetensors") for name in ("seed-1", "seed-2", "average"))
    assert all(torch.allclose(mean[name], (one[name] + other[name]) / 2, atol=1e-6) for name in mean)
    assert json.loads((tiny_run / "finetune/average/result.json").read_text())["average_precision"] > 0


@pytest.fixture(scope="session")
def noisy(tiny_base: Path, tiny_corpus: Path, tmp_path_factory: pytest.TempPathFactory) -> Prepared:
    folder = tmp_path_factory.mktemp("noisy")
    config = replace(TINY, noise=0.5, seeds=(1,))
    return prepare(folder, base=str(tiny_base), corpus=tiny_corpus, sources=folder / "none", public=None, config=config)


def test_roughened_copies_are_read_in_the_share_asked_for_and_only_in_training(noisy: Prepared, tmp_path: Path) -> None:
    train, validation = (window_table(noisy, part, tmp_path, _quiet) for part in ("train", "validation"))
    rows = noisy.part("train")
    swaps = [swapped(row["text"], file_of(row["group"])) for row in rows]
    assert [len(row["variants"]) for row in rows] == [VARIANTS + min(len(found), VARIANTS) for found in swaps]
    assert set(train.variants) == set(range(1 + max(len(row["variants"]) for row in rows)))
    assert not validation.variants.any()
    run = Run(noisy, train, validation, tmp_path / "run", 1, _quiet)
    read = [np.concatenate(run._order(epoch), axis=1)[0] for epoch in range(20)]
    assert all(len(set(windows)) == len(windows) for windows in read)
    assert all(set(train.posts[windows]) == set(train.posts) for windows in read)
    rough = np.mean([(train.variants[windows] > 0).mean() for windows in read])
    assert 0.4 < rough < 0.6


@pytest.mark.parametrize("noise", [1.0, 0.5])
def test_the_second_pass_reads_a_copy_of_what_the_first_reads_as_it_is(noisy: Prepared, tmp_path: Path, noise: float) -> None:
    changes = {"noise": noise, "r_drop": 1.0, "second_pass": "roughened"}
    changed = replace(noisy, facts={**noisy.facts, "config": {**noisy.facts["config"], **changes}})
    train, validation = (window_table(changed, part, tmp_path, _quiet) for part in ("train", "validation"))
    run = Run(changed, train, validation, tmp_path / "run", 1, _quiet)
    first, second = np.concatenate([np.concatenate(run._order(epoch), axis=1) for epoch in range(20)], axis=1)
    assert not train.variants[first].any()
    assert (train.posts[first] == train.posts[second]).all()
    rough = (train.variants[second] > 0).mean()
    assert rough == 1 if noise == 1 else 0.4 < rough < 0.6
    assert set(train.variants[second]) >= set(range(1, VARIANTS + 1))
    for one, other in zip(first.tolist(), second.tolist(), strict=True):
        own = np.flatnonzero((train.posts == train.posts[one]) & (train.variants == 0))
        copied = np.flatnonzero((train.posts == train.posts[one]) & (train.variants == train.variants[other]))
        assert other == copied[(one - own[0]) * len(copied) // len(own)]


@pytest.mark.parametrize("r_drop", [0.0, 1.0])
def test_with_regularised_dropout_every_window_is_read_twice(noisy: Prepared, tmp_path: Path, r_drop: float) -> None:
    changed = replace(noisy, facts={**noisy.facts, "config": {**noisy.facts["config"], "r_drop": r_drop}})
    train, validation = (window_table(changed, part, tmp_path, _quiet) for part in ("train", "validation"))
    for batch in Run(changed, train, validation, tmp_path / "run", 1, _quiet)._order(0):
        assert len(batch) == (2 if r_drop else 1)
        assert (batch == batch[0]).all()


@pytest.mark.parametrize("passes", [[1, 0], [[1, 0], [3, 2]]])
def test_a_batch_holds_its_passes_one_behind_the_other_with_the_weights_of_the_first(passes: list[Any]) -> None:
    table = WindowTable(
        starts=np.array([0, 2, 5, 6, 10]),
        posts=np.array([0, 1, 0, 1]),
        variants=np.array([0, 0, 1, 1]),
        pairs=np.array([0, 1, 0, 1]),
        states=np.arange(20, dtype=np.float16).reshape(10, 2),
        allowed=np.array([[True, False], [False, True]])[[0, 1, 0, 1]],
        indicators=np.array([[1], [0]], np.int8)[[0, 1, 0, 1]],
        quotes=[[(4, 0, 1)], [(5, 1, 3)], [], [(6, 0, 4)]],
        weights=np.array([1.0, 0.5, 0.25, 0.125], np.float32),
        reasons=np.array([7, -1, 7, -1]),
        new_writers=np.zeros(4, bool),
    )
    batch = collate(table, np.array(passes), torch.device("cpu"))
    twice = np.ndim(passes) == 2
    assert batch.weights.tolist() == [0.5, 1.0] * (1 + twice)
    assert batch.mask.sum(1).tolist() == [3, 2, 4, 1][: 2 + 2 * twice]
    assert batch.states[0, :3].tolist() == [[4, 5], [6, 7], [8, 9]]
    assert batch.allowed.tolist() == [[False, True], [True, False]] * (1 + twice)
    assert batch.indicators.tolist() == [[0], [1]] * (1 + twice)
    assert batch.reasons.tolist() == [-1, 7] * (1 + twice)
    assert batch.quotes.tolist() == [[0, 5, 1, 3], [1, 4, 0, 1], [2, 6, 0, 4]][: 2 + twice]


def test_training_with_a_roughened_second_pass_goes_on_where_it_was_cut_off(noisy: Prepared, tmp_path: Path) -> None:
    changes = {"noise": 1.0, "r_drop": 1.0, "second_pass": "roughened", "epochs": 1}
    changed = replace(noisy, facts={**noisy.facts, "config": {**noisy.facts["config"], **changes}})
    train, validation = (window_table(changed, part, tmp_path, _quiet) for part in ("train", "validation"))
    Run(changed, train, validation, tmp_path / "whole", 1, _quiet).train()
    Run(changed, train, validation, tmp_path / "cut", 1, _quiet).train(stop_after=2)
    assert not (tmp_path / "cut/result.json").exists()
    Run(changed, train, validation, tmp_path / "cut", 1, _quiet).train()
    whole, cut = (load_file(tmp_path / name / "weights.safetensors") for name in ("whole", "cut"))
    assert all(torch.equal(whole[name], cut[name]) for name in whole)


def test_copies_with_another_employer_or_gender_join_the_roughened_ones(
    tiny_base: Path, tiny_corpus: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    read: list[tuple[str, str]] = []

    def many(text: str, language: str) -> list[Swap]:
        read.append((text, language))
        return [Swap("gender", f"{text} {number}") for number in range(VARIANTS + 2)]

    monkeypatch.setattr("training.prepare.swapped", many)
    config = replace(TINY, noise=0.5, seeds=(1,))
    prepared = prepare(tmp_path, base=str(tiny_base), corpus=tiny_corpus, sources=tmp_path / "none", public=None, config=config)
    train = prepared.part("train")
    assert {(row["text"], file_of(row["group"])) for row in train} == set(read)
    encoder = Encoder(Tokenizer.from_file(str(prepared.base / TOKENIZER)), max_tokens=config.max_tokens, overlap=config.overlap)
    for row in train.select(range(20)):
        assert len(row["variants"]) == 2 * VARIANTS
        for number, windows in enumerate(row["variants"][VARIANTS:]):
            assert windows == [window.ids.tolist() for window in encoder.windows(normalise(f"{row['text']} {number}").text)]


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"second_pass": "other"}, "second_pass: expected same or roughened, got 'other'"),
        ({"second_pass": "roughened", "noise": 0.5}, "expected noise and r_drop above 0"),
        ({"second_pass": "roughened", "r_drop": 1.0}, "expected noise and r_drop above 0"),
    ],
)
def test_a_second_pass_that_nothing_would_read_is_refused(changes: dict[str, Any], words: str) -> None:
    with pytest.raises(InputError, match=words):
        config_from(changes)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"begin": "middle"}, "begin: expected start or encoder, got 'middle'"),
        ({"begin": "encoder", "frozen_layers": 3}, "begin encoder: expected frozen_layers = 0"),
    ],
)
def test_a_beginning_that_the_means_could_not_meet_is_refused(changes: dict[str, Any], words: str) -> None:
    with pytest.raises(InputError, match=words):
        config_from(changes)


def test_twins_share_a_batch(tiny_run: Path, tmp_path: Path) -> None:
    table, prepared = _table(tiny_run, tmp_path)
    run = Run(prepared, table, table, tmp_path / "run", 1, _quiet)
    batches = run._order(0)
    pairs = prepared.part("train")["pair"]
    alone = [place for place, pair in enumerate(pairs) if pair and pairs.count(pair) == 2]
    together = 0
    for place in alone:
        holding = [batch for batch in batches if place in table.posts[batch]]
        twin = next(i for i, pair in enumerate(pairs) if pair == pairs[place] and i != place)
        together += any(twin in table.posts[batch] for batch in holding)
    assert len(alone) > 4
    assert together >= 0.75 * len(alone)
