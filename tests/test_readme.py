"""The README is run: its commands, its Python, and its figures."""

import contextlib
import io
import json
import os
import re
import shutil
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from urllib.error import HTTPError

import pytest

from serve.keys import KeyStore
from training.model_card import readme_figures, report_markdown

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text("utf-8")
REPORT = ROOT / "training/report/report.json"


def _section(title: str) -> str:
    return README.split(f"\n## {title}", 1)[1].split("\n## ", 1)[0]


def _blocks(text: str, kind: str) -> list[str]:
    return re.findall(rf"```{kind}\n(.*?)```", text, re.DOTALL)


@pytest.fixture
def clone(tmp_path: Path) -> Path:
    """A folder with the sample posts, as in a clone, to write into."""
    shutil.copytree(ROOT / "data/samples", tmp_path / "data/samples")
    return tmp_path


@pytest.mark.model
def test_the_analysts_commands_run(clone: Path) -> None:
    (commands,) = _blocks(_section("For analysts"), "bash")
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    subprocess.run(["bash", "-euo", "pipefail", "-c", commands], cwd=clone, env={**os.environ, "PATH": path}, check=True)
    verdicts = [json.loads(line) for line in (clone / "verdicts.jsonl").read_text("utf-8").splitlines()]
    assert len(verdicts) == 40
    assert (clone / "verdicts.csv").stat().st_size > 0


@pytest.mark.model
def test_the_walk_from_a_scrape_to_a_case_file_runs(clone: Path) -> None:
    commands, cluster = _blocks(_section("From a scrape"), "bash")
    # A cluster of two machines is the subject of tests/detector/test_cluster.py; here its options must be those of the command.
    assert "--engine ray --address auto --resume --parts" in cluster
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    done = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", commands], cwd=clone, env={**os.environ, "PATH": path}, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    case = clone / "case"
    scored = [json.loads(line) for line in (case / "scored.jsonl").read_text("utf-8").splitlines()]
    flagged = {post["id"] for post in scored if post["band"] in {"high", "review"}}
    assert {"c-01", "c-05", "c-08"} <= flagged
    assert flagged.isdisjoint({"c-13", "c-14", "c-16", "c-17"})
    campaigns = [json.loads(line) for line in (case / "campaigns/campaigns.jsonl").read_text("utf-8").splitlines()]
    assert max(campaign["size"] for campaign in campaigns) >= 4
    report = (case / "report.html").read_text("utf-8")
    assert "<h1" in report
    assert "sinta_proyek_kh" not in report
    bundle = json.loads((case / "stix.json").read_text("utf-8"))
    assert {each["type"] for each in bundle["objects"]} >= {"marking-definition", "observed-data"}
    assert json.loads((case / "misp.json").read_text("utf-8"))["Event"]["Object"]
    assert len((case / "queue.csv").read_text("utf-8-sig").splitlines()) > 1


@pytest.mark.model
def test_the_researchers_python_runs() -> None:
    (code,) = _blocks(_section("For researchers"), "python")
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed):
        exec(compile(code, "README.md", "exec"), {})
    honest, lure = printed.getvalue().splitlines()
    assert honest.startswith("a low")
    assert lure.startswith(("b high", "b review"))


@pytest.mark.model
def test_the_platforms_five_commands_run(clone: Path) -> None:
    (commands,) = _blocks(_section("For platforms"), "bash")
    install, *others = commands.splitlines()
    # What it installs is what runs these tests.
    assert install == "python3 -m venv .venv && .venv/bin/pip install '.[serve]'"
    (clone / ".venv").symlink_to(sys.prefix)
    port = _free_port()
    script = "\n".join(others).replace("127.0.0.1:8000", f"127.0.0.1:{port}")
    environ = {**os.environ, "SCAM_DETECTOR_PORT": str(port), "SCAM_DETECTOR_DATA": str(clone / "data")}
    done = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", f"trap 'kill $!' EXIT\n{script}"], cwd=clone, env=environ, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    ready, answer = map(json.loads, re.split(r"(?<=})(?={)", done.stdout.strip()))
    assert ready == {"status": "ok"}
    (item,) = answer["results"]
    assert item["id"] == "p-17"
    assert item["result"]["band"] in {"high", "review"}
    with _service(clone / "data") as address, pytest.raises(HTTPError, match="401"):
        urllib.request.urlopen(f"{address}/v1/model")


@pytest.mark.model
def test_the_platforms_python_runs(clone: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (code,) = _blocks(_section("For platforms"), "python")
    monkeypatch.chdir(clone)
    key = KeyStore(clone / "data").add("platform", ["score", "batch"])
    printed = io.StringIO()
    with _service(clone / "data") as address, contextlib.redirect_stdout(printed):
        exec(compile(code.replace("http://127.0.0.1:8000", address), "README.md", "exec"), {"key": key})
    verdict, batch = printed.getvalue().splitlines()
    assert verdict.startswith(("high ['", "review ['"))
    assert batch == "completed Counts(total=40, done=40, scored=40, failed=0)"
    results = [json.loads(line) for line in Path("results.jsonl").read_text("utf-8").splitlines()]
    assert [row["row"] for row in results] == list(range(1, 41))
    assert Path("errors.jsonl").read_bytes() == b""


def test_every_training_command_of_the_readme_exists() -> None:
    commands = README.split("<!-- training commands -->")[1].split("```")[1].splitlines()[1:]
    for command in commands:
        words = command.split()[2:]
        assert words[0] == "training"
        names = [word for word in words[1:3] if word.isalpha()]
        shown = subprocess.run([sys.executable, "-m", "training", *names, "--help"], capture_output=True, text=True, check=True)
        for option in (word for word in words if word.startswith("--")):
            assert option in shown.stdout


def test_the_figures_of_readme_card_and_report_agree() -> None:
    report = json.loads(REPORT.read_text("utf-8"))
    assert readme_figures(report) in README
    assert (REPORT.parent / "report.md").read_text("utf-8") == report_markdown(report)
    assert report["model"] in (ROOT / "detector/model/README.md").read_text("utf-8")


def test_the_report_is_about_the_bundled_model() -> None:
    from detector.bundle import read_bundle

    assert json.loads(REPORT.read_text("utf-8"))["model"] == read_bundle().identity


@contextlib.contextmanager
def _service(data: Path) -> Iterator[str]:
    port = _free_port()
    environ = {**os.environ, "SCAM_DETECTOR_PORT": str(port), "SCAM_DETECTOR_DATA": str(data)}
    process = subprocess.Popen([sys.executable, "-m", "serve"], env=environ)
    address = f"http://127.0.0.1:{port}"
    try:
        for _ in range(300):
            with contextlib.suppress(OSError), urllib.request.urlopen(f"{address}/readyz"):
                break
            time.sleep(0.1)
        yield address
    finally:
        process.terminate()
        process.wait(30)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
