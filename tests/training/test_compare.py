"""Bundles side by side: the figures are those of an evaluation."""

import json
import shutil
from pathlib import Path

import pytest
from conftest import ROOT
from typer.testing import CliRunner

from detector import BundleError, InputError
from detector.bundle import DEFAULT_BUNDLE, read_bundle
from training.__main__ import app
from training.compare import _number, comparison, unread
from training.evaluate import evaluate


def _cells(line: str) -> list[str]:
    return [cell.strip() for cell in line.strip("|").split("|")]


def test_the_figures_are_those_of_an_evaluation(bundle: Path, tiny_run: Path, tiny_corpus: Path, tmp_path: Path) -> None:
    card = tmp_path / "card.md"
    card.write_text("<!-- comparison -->\n<!-- /comparison -->\n")
    folders = [str(bundle), str(bundle)]
    done = CliRunner().invoke(app, ["compare", *folders, "--run", str(tiny_run), "--corpus", str(tiny_corpus), "--card", str(card)])
    assert done.exit_code == 0, done.output
    rows = [_cells(line) for line in done.output.splitlines()[2:]]
    assert {row[0] for row in rows} == {"0.0.1"}
    apart, whole = rows[: len(rows) // 2 - 1], rows[len(rows) // 2 - 1]
    assert rows[len(rows) // 2 :] == [*apart, whole]
    assert {row[1] for row in apart} == {
        "`w1` to `w40`",
        "`w41` to `w48`",
        "`w49` to `w64`",
        "`w65` to `w98`",
        "`w99` to `w113`",
        "`w114` to `w121`",
        "`w122` to `w125`",
    }
    assert [sum(int(row[place]) for row in apart) for place in (2, 3)] == [int(whole[2]), int(whole[3])]
    report = evaluate(tiny_run, bundle, tmp_path / "report", sources=ROOT / "data/sources.toml", public=None)
    assert whole[1:5] == ["all", str(report["written"]["posts"]), str(report["written"]["lures"]), (
        f"{report['written']['average_precision']['value']:.3f}"
    )]  # fmt: skip
    assert whole[6] == f"{report['pairs']['both_right_at_review']} of {report['pairs']['pairs']}"
    assert done.output.strip() in card.read_text()


def test_posts_written_after_the_run_are_scored_apart(bundle: Path, tiny_run: Path, tiny_corpus: Path, tmp_path: Path) -> None:
    later = tmp_path / "corpus"
    shutil.copytree(tiny_corpus, later)
    path = sorted(later.glob("*.jsonl"))[0]
    rows = [json.loads(line) for line in path.read_text("utf-8").splitlines()]
    lure, other = (next(row for row in rows if (row["label"] == "scam_compound") == is_lure) for is_lure in (True, False))
    written = [lure | {"pair": "a", "author": "w9-id"}, other | {"pair": "a", "author": "w9-id"}, lure | {"author": "w12-id"}]
    rows += [row | {"id": f"later-{number}"} for number, row in enumerate(written)]
    path.write_text("\n".join(map(json.dumps, rows)), "utf-8")
    card = tmp_path / "card.md"
    card.write_text("<!-- unread -->\n<!-- /unread -->\n")
    asked = ["unread", str(bundle), "--run", str(tiny_run), "--corpus", str(later), "--card", str(card)]
    done = CliRunner().invoke(app, asked)
    assert done.exit_code == 0, done.output
    table = [_cells(line) for line in done.output.strip().splitlines()[2:]]
    assert [row[1:4] for row in table] == [["`w9`", "2", "1"], ["`w12`", "1", "1"], ["all", "3", "2"]]
    assert [row[6].partition(" of ")[2] for row in table] == ["1", "0", "1"]
    # Lures alone cannot be ranked.
    assert [row[4:6] == ["–", "–"] for row in table] == [False, True, False]
    assert done.output.strip() in card.read_text()


def test_a_run_that_holds_every_post_leaves_none_unread(bundle: Path, tiny_run: Path, tiny_corpus: Path) -> None:
    with pytest.raises(InputError, match="expected posts that were written after"):
        unread(tiny_run, tiny_corpus, bundle)


def test_what_is_no_bundle_is_refused(tiny_run: Path, tiny_corpus: Path, tmp_path: Path) -> None:
    with pytest.raises(BundleError, match="no bundle.json"):
        comparison(tiny_run, tiny_corpus, [tmp_path])


@pytest.mark.parametrize("writer", ["", "somebody", "w", "w0", "six"])
def test_a_writer_without_a_number_is_named(writer: str) -> None:
    assert [_number(known) for known in ("w4", "w12", "w98")] == [4, 12, 98]
    with pytest.raises(InputError, match=f"got a writer named {writer!r}"):
        _number(writer)


def test_writers_after_the_times_that_are_compared_are_refused(
    bundle: Path, tiny_run: Path, tiny_corpus: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("training.compare._TIMES", ((1, 2),))
    with pytest.raises(InputError, match="expected writers up to w2"):
        comparison(tiny_run, tiny_corpus, [bundle])


@pytest.mark.model
def test_the_data_card_compares_the_bundle_that_is_shipped() -> None:
    card = (ROOT / "data/README.md").read_text("utf-8").split("<!-- comparison -->")[1].split("<!-- /comparison -->")[0]
    report = json.loads((ROOT / "training/report/report.json").read_text("utf-8"))
    last = _cells(card.strip().splitlines()[-1])
    assert last[0] == read_bundle(DEFAULT_BUNDLE).manifest.version
    assert last[4] == f"{report['written']['average_precision']['value']:.3f}"
