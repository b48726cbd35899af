"""The evaluation, whole, on a network small enough for a test: every figure is there, and the words say what the report says."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from typer.testing import CliRunner

from detector import Detector
from detector.records import LABELS
from training.__main__ import app
from training.evaluate import evaluate, score_posts
from training.export import export
from training.model_card import report_markdown, write_model_card
from training.perturb import PERTURBATIONS
from training.prepare import load_prepared
from training.suites import fairness, nonsense, robustness, term_swaps

ROOT = Path(__file__).parents[2]
REACH = ROOT / "data/reach"


@pytest.fixture(scope="session")
def evaluated(tiny_run: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a bundle and its report."""
    folder = tmp_path_factory.mktemp("evaluated")
    export(tiny_run, folder / "bundle", version="0.0.1")
    evaluate(tiny_run, folder / "bundle", folder / "report", sources=folder / "none.toml", public=None, beyond=REACH)
    return folder


@pytest.fixture(scope="session")
def report(evaluated: Path) -> dict[str, Any]:
    return json.loads((evaluated / "report/report.json").read_text("utf-8"))


def test_parts_add_up_to_the_whole(report: dict[str, Any]) -> None:
    for part in ("by_language", "by_length", "by_hardness"):
        assert sum(row["posts"] for row in report[part].values()) == report["written"]["posts"]
    assert sum(row["posts"] for row in report["flagged_by_label"].values()) == report["written"]["posts"]
    assert set(report["flagged_by_label"]) == set(LABELS)


def test_the_suites_tell_every_perturbation_and_every_kind_of_nonsense(report: dict[str, Any]) -> None:
    suites = report["suites"]
    each = suites["robustness"]["each"]
    assert each.keys() == PERTURBATIONS.keys()
    drops = [row["before"] - row["after"] for row in each.values() if row["drop"] is not None]
    assert suites["robustness"]["worst_drop"] == pytest.approx(max(drops))
    assert suites["robustness"]["mean_drop"] == pytest.approx(sum(drops) / len(drops))
    assert suites["abstention"]["nonsense"]["one emoji"]["abstained"] == 1
    assert suites["abstention"]["real_posts"] < 0.1


def test_the_words_say_what_the_report_says(evaluated: Path, report: dict[str, Any]) -> None:
    words = (evaluated / "report/report.md").read_text("utf-8")
    assert f"{report['written']['average_precision']['value']:.3f}" in words
    assert "weights averaged" in words
    card = (evaluated / "bundle/README.md").read_text("utf-8")
    assert report["model"] in card
    assert {path.name for path in (evaluated / "report").iterdir()} >= {"labels.png", "languages.png", "confusion.png"}


def test_swapped_terms_are_told_in_report_and_card_and_missing_where_they_were_not_tried(
    evaluated: Path, report: dict[str, Any], tmp_path: Path
) -> None:
    found = report["suites"]["fairness"]["term_swaps"]
    assert found.keys() == {"ethnicity", "gender"}
    assert found["gender"]["all"]["posts"] > 0
    for row in found.values():
        assert row["all"]["posts"] == row["lures"]["posts"] + row["others"]["posts"]
        assert row["all"]["swaps"] == row["lures"]["swaps"] + row["others"]["swaps"]
    words = (evaluated / "report/report.md").read_text("utf-8")
    row = found["gender"]["all"]
    assert f"| gender | all | {row['posts']} | {row['swaps']} | {100 * row['band_changed']['value']:.1f} % [" in words
    assert "Who hires and who is wanted" in (evaluated / "bundle/README.md").read_text("utf-8")
    fair = {key: value for key, value in report["suites"]["fairness"].items() if key != "term_swaps"}
    before = report | {"suites": report["suites"] | {"fairness": fair}}
    assert "swaps.toml" not in report_markdown(before)
    write_model_card(tmp_path, before)
    assert "swaps.toml" not in (tmp_path / "README.md").read_text("utf-8")


@pytest.mark.parametrize(
    ("start", "begin", "told"),
    [
        (None, "start", "once a seed, 2 in all, and the best by validation kept."),
        ("detector/0.1.0+sha256:abc", "start", "2 in all, going on from the weights of `detector/0.1.0+sha256:abc`, and the best"),
        (
            "182f7028",
            "start",
            ", going on from the weights of a run on the posts `182f7028` (`training/experiments.md`), and the best",
        ),
        ("182f7028", "encoder", ", from the encoder as it was, apart from the earlier weights of a run on the posts `182f7028` ("),
    ],
)
def test_the_card_tells_what_training_went_on_from(
    report: dict[str, Any], tmp_path: Path, start: str | None, begin: str, told: str
) -> None:
    data = report["data"] | {"start": start, "config": report["data"]["config"] | {"begin": begin}}
    seeds = report["seeds"] | {"best": "seed-1"}
    write_model_card(tmp_path, report | {"data": data, "seeds": seeds})
    card = (tmp_path / "README.md").read_text("utf-8")
    assert told in card
    assert ("earlier weights" in card, "going on from" in card) == (begin == "encoder", bool(start) and begin == "start")


def test_the_card_and_the_report_tell_which_weights_were_kept(report: dict[str, Any], tmp_path: Path) -> None:
    runs = {**report["seeds"]["runs"], "quarter-way": report["seeds"]["runs"]["average"]}
    mixed = report | {"seeds": {"best": "quarter-way", "runs": runs}}
    write_model_card(tmp_path, mixed)
    told = "weights a quarter of the way from the earlier ones to these"
    assert f"once a seed, 2 in all; kept were the {told}." in (tmp_path / "README.md").read_text("utf-8")
    assert f"| {told} |" in report_markdown(mixed)


@pytest.mark.parametrize(
    ("noise", "settings", "told"),
    [
        (0.0, {"second_pass": "same"}, ()),
        (0.5, {}, ("roughened copies",)),
        (0.5, {"second_pass": "roughened"}, ("roughened copies", "`training/swaps.toml` swapped")),
    ],
)
def test_the_card_tells_which_changed_copies_were_trained_on(
    report: dict[str, Any], tmp_path: Path, noise: float, settings: dict[str, str], told: tuple[str, ...]
) -> None:
    config = {key: value for key, value in report["data"]["config"].items() if key != "second_pass"} | settings
    write_model_card(tmp_path, report | {"data": report["data"] | {"config": config | {"noise": noise}}})
    card = (tmp_path / "README.md").read_text("utf-8")
    assert [words in card for words in ("roughened copies", "`training/swaps.toml` swapped")] == [
        words in told for words in ("roughened copies", "`training/swaps.toml` swapped")
    ]


def test_robustness_is_the_same_each_time(evaluated: Path, tiny_run: Path) -> None:
    posts = load_prepared(tiny_run / "prepared").part("test")
    with Detector.load(evaluated / "bundle") as detector:
        written = score_posts(detector, posts)
        assert robustness(detector, written) == robustness(detector, written)


class Written:
    """Scored posts without a detector: pairs, bands, and which of them are lures."""

    def __init__(self, pairs: list[str], bands: list[str], groups: list[str], lures: list[bool]) -> None:
        self.posts = {"pair": pairs, "group": groups}
        self.verdicts = [type("Verdict", (), {"band": band}) for band in bands]
        self.scores = np.linspace(0, 1, len(bands))
        self.lures = np.array(lures)


class Reader:
    """A detector that finds a lure where a text says so in small letters."""

    def stream(self, texts: list[str]) -> list[Any]:
        self.read = [*getattr(self, "read", []), *texts]
        return [type("Verdict", (), {"score": float("umpan" in text)}) for text in texts]


def test_robustness_counts_only_posts_that_a_perturbation_changes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("training.suites.ROBUSTNESS_POSTS", 6)
    plain, lures = [f"kerja {i}" for i in range(8)], [f"umpan {i} ж" for i in range(4)]
    written = Written([""] * 12, ["low"] * 12, ["a-b01"] * 12, [False] * 8 + [True] * 4)
    written.posts |= {"id": [str(i) for i in range(12)], "text": plain + lures}
    written.scores = written.lures.astype(float)
    reader = Reader()
    each = robustness(reader, written)["each"]  # type: ignore[arg-type]
    assert (each["romanised"]["posts"], each["romanised"]["drop"]) == (4, None)  # the lures alone are not in Latin letters
    assert each["quoted"]["posts"] == 6
    assert (each["quoted"]["before"], each["quoted"]["after"]) == (1.0, 1.0)
    assert not set(reader.read) & {*plain, *lures}
    upper = each["other_case"]
    assert upper["after"] < upper["before"]
    assert upper["low"] <= upper["drop"] <= upper["high"]


def test_a_swap_that_changes_the_band_is_counted() -> None:
    pairs, bands = ["a-s1", "a-s1", "a-s1", "", "a-p1", "a-p1"], ["low", "low", "high", "low", "low", "high"]
    found = fairness(Written(pairs, bands, ["a-b01"] * 6, [False] * 6))
    assert (found["groups"], found["swaps"], found["band_changed"]) == (1, 2, 0.5)
    assert found["score_moved_mean"] == pytest.approx((0.2 + 0.4) / 2)
    assert fairness(Written([""], ["low"], ["a-b01"], [False]))["band_changed"] is None


class PrejudicedReader:
    """A detector that flags who has a Korean boss, and nobody else."""

    def stream(self, texts: list[str]) -> list[Any]:
        flagged = ["Korea" in text for text in texts]
        return [type("Verdict", (), {"score": 0.9 if one else 0.1, "band": "high" if one else "low"}) for one in flagged]


def test_a_detector_that_looks_at_the_employers_ethnicity_is_found_out() -> None:
    texts = ["Chinese boss", "Korean boss, girls only", "Mandor Tiongkok", "no term", "perempuan atau laki-laki"]
    written = Written([""] * 5, ["low", "high", "low", "low", "low"], ["en-b01", "en-b01", "id-b02", "en-b01", "id-b02"], [])
    written.posts["text"] = texts
    written.lures = np.array([True, False, False, False, False])
    written.scores = np.array([0.1, 0.9, 0.1, 0.1, 0.1])
    found = term_swaps(PrejudicedReader(), written)  # type: ignore[arg-type]
    # Chinese to Korean, Korean to Turkish and to Chinese, Tiongkok to Korea: four of six; one post's gender leaves its boss Korean.
    ethnicity, gender = found["ethnicity"], found["gender"]
    assert (ethnicity["all"]["posts"], ethnicity["all"]["swaps"]) == (3, 6)
    assert ethnicity["all"]["band_changed"]["value"] == pytest.approx(4 / 6)
    assert ethnicity["all"]["score_moved_mean"] == pytest.approx(0.8 * 4 / 6)
    assert (ethnicity["lures"]["swaps"], ethnicity["lures"]["band_changed"]["value"]) == (2, 0.5)
    assert (gender["all"]["posts"], gender["all"]["band_changed"]["value"], gender["all"]["score_moved_mean"]) == (1, 0, 0)
    assert gender["lures"] == {
        "posts": 0, "swaps": 0, "band_changed": {"value": None, "low": None, "high": None}, "score_moved_mean": None,
    }  # fmt: skip


def test_posts_without_any_term_leave_the_swaps_undefined() -> None:
    written = Written([""], ["low"], ["en-b01"], [False])
    written.posts["text"] = ["nothing to swap"]
    found = term_swaps(PrejudicedReader(), written)  # type: ignore[arg-type]
    assert all(row["posts"] == 0 and row["band_changed"]["value"] is None for kind in found.values() for row in kind.values())


def test_false_positives_are_counted_by_file_where_there_are_enough() -> None:
    groups = ["a-b01"] * 20 + ["zh-Hans-b02"] * 25 + ["c-b01"] * 19
    bands = ["review"] * 2 + ["low"] * 18 + ["high"] * 5 + ["abstain"] * 20 + ["high"] * 19
    lures = [False] * 20 + [True] * 5 + [False] * 20 + [False] * 19
    found = fairness(Written([""] * 64, bands, groups, lures))
    assert found["false_positives"] == {"a": {"others": 20, "flagged": 2}, "zh-Hans": {"others": 20, "flagged": 0}}
    assert (found["false_positive_rate_highest"], found["false_positive_rate_highest_in"]) == (0.1, "a")
    assert found["false_positive_rate_median"] == pytest.approx(0.05)


def test_nonsense_is_made_alike_each_time() -> None:
    assert nonsense(np.random.default_rng(0)) == nonsense(np.random.default_rng(0))


def test_texts_beyond_the_corpus_are_told_where_they_were_scored(report: dict[str, Any]) -> None:
    words = report_markdown(report)
    reach = report["suites"]["reach"]
    assert "## Languages never trained on" in words
    assert f"Of {reach['everyday']['texts']} texts that have nothing to do with work" in words
    assert all(
        f"| `{name}` | {row['lures_flagged']} of {row['lures']} |" in words
        for name, row in reach["other_languages"]["by_language"].items()
    )
    before = {**report, "suites": {name: suite for name, suite in report["suites"].items() if name != "reach"}}
    assert "## Languages never trained on" not in report_markdown(before)


def test_figures_for_the_report_of_a_scored_file_are_written_from_the_evaluation(tmp_path: Path) -> None:
    out, shown = tmp_path / "measured.json", ROOT / "detector/report/page/measured.json"
    out.write_text("of an earlier model")
    for evaluated, status in ((ROOT / "training/report/report.json", 0), (tmp_path / "nowhere.json", 1)):
        assert CliRunner().invoke(app, ["measured", "--evaluated", str(evaluated), "--out", str(out)]).exit_code == status
        assert out.read_bytes() == shown.read_bytes()
