"""Folders of scored files and patterns, as every command that reads what ``score`` wrote takes them."""

import csv
import gzip
import io
import json
import os
import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from wordings import REWORDS, UNLIKE

from detector import Detector
from detector.bundle import Bundle
from detector.cli import main
from detector.errors import ColumnError, InputError, exit_code
from detector.files import score_files
from detector.inputs import files_of

STREAMING = ["campaigns", "facts", "review"]
COMMANDS = [*STREAMING, "report", "stix", "misp"]


def run(command: str, output: Path, bundle: Bundle, *inputs: object) -> dict[str, bytes]:
    """Run a command that must end well; return what it wrote, by name."""
    arguments = {
        "campaigns": ["campaigns", "--workers", "1"],
        "facts": ["facts"],
        "review": ["review", "--model", bundle.folder],
        "report": ["report", "--model", bundle.folder, "--workers", "1", "--created", "2026-03-01"],
        "stix": ["export", "stix", "--now", "2026-03-01"],
        "misp": ["export", "misp", "--now", "2026-03-01"],
    }[command]
    target = output / {"campaigns": "case", "facts": "facts.csv", "review": "queue.csv", "report": "report.html"}.get(
        command, "x.json"
    )
    assert main([*map(str, [*arguments, *inputs]), "-o", str(target)]) == 0
    written = sorted(target.iterdir()) if target.is_dir() else [target]
    assert written
    return {path.name: path.read_bytes() for path in written}


@pytest.fixture
def parts(detector: Detector, tmp_path: Path) -> Path:
    """A folder of parts of three posts, as a run makes it, and beside them one that was packed and what a killed run left."""
    rows = [{"id": f"p{number}", "text": text, "date": "2026-01-02"} for number, text in enumerate([*REWORDS, *UNLIKE])]
    (tmp_path / "posts.jsonl").write_text("\n".join(map(json.dumps, rows)), "utf-8")
    folder = tmp_path / "scored.jsonl"
    score_files(detector, [tmp_path / "posts.jsonl"], folder, parts=3)
    for file in folder.iterdir():
        file.write_bytes(re.sub(rb'"band": *"[a-z]+"', b'"band":"high"', file.read_bytes()))
    last = sorted(folder.iterdir())[-1]
    (folder / f"{last.name}.gz").write_bytes(gzip.compress(last.read_bytes()))
    last.unlink()
    partial = folder / ".scored.jsonl.progress.part"
    partial.mkdir()
    (partial / "part-00000.jsonl").write_bytes((folder / "part-00000.jsonl").read_bytes())
    return folder


def files_in(folder: Path) -> list[Path]:
    return sorted(path for path in folder.iterdir() if path.is_file())


@pytest.mark.parametrize("command", COMMANDS)
def test_a_folder_and_a_pattern_are_the_files_in_them(parts: Path, bundle: Bundle, tmp_path: Path, command: str) -> None:
    files = files_in(parts)
    assert [file.suffix for file in files] == [".jsonl"] * (len(files) - 1) + [".gz"]
    assert len(files) > 2
    outputs = []
    for number, inputs in enumerate((files, [parts], [f"{tmp_path}/sco*/part-*"], [f"{tmp_path}/**/part-*"])):
        (tmp_path / str(number)).mkdir()
        outputs.append(run(command, tmp_path / str(number), bundle, *inputs))
    assert outputs[1:] == outputs[:1] * 3


@pytest.mark.parametrize("command", COMMANDS)
def test_an_output_in_the_folder_is_no_input_of_the_next_run(parts: Path, bundle: Bundle, command: str) -> None:
    first = run(command, parts, bundle, parts)
    assert run(command, parts, bundle, parts) == first


def test_a_member_of_a_campaign_is_found_in_its_file_and_row(parts: Path, bundle: Bundle, tmp_path: Path) -> None:
    written = run("campaigns", tmp_path, bundle, parts)
    members = [json.loads(line) for line in written["members.jsonl"].splitlines()]
    assert len({member["file"] for member in members}) > 1
    for member in members:
        opened = gzip.open if member["file"].endswith(".gz") else open
        with opened(member["file"], "rb") as lines:
            assert json.loads(lines.readlines()[member["row"] - 1])["id"] == member["id"]


def test_facts_of_files_of_several_formats_are_one_table(detector: Detector, parts: Path, bundle: Bundle, tmp_path: Path) -> None:
    (tmp_path / "posts.csv").write_text("id,text,likes\nc,zuzu zyzzyx wuzzy Poipet,7\n", "utf-8")
    score_files(detector, [tmp_path / "posts.csv"], tmp_path / "other.parquet")
    cells = list(
        csv.DictReader(
            io.StringIO(run("facts", tmp_path, bundle, parts, tmp_path / "other.parquet")["facts.csv"].decode("utf-8-sig"))
        )
    )
    assert [row["id"] for row in cells if row["id"] != "c"] == [f"p{number}" for number in range(len(cells) - 1)]
    assert [row["likes"] for row in cells] == [""] * (len(cells) - 1) + ["7"]
    assert cells[-1]["destination"] == "KH"


@contextmanager
def standard_input(path: Path) -> Iterator[None]:
    kept = os.dup(0)
    with path.open("rb") as stream:
        os.dup2(stream.fileno(), 0)
    try:
        yield
    finally:
        os.dup2(kept, 0)
        os.close(kept)


@pytest.mark.parametrize("command", STREAMING)
def test_standard_input_is_read_as_before(parts: Path, bundle: Bundle, tmp_path: Path, command: str) -> None:
    source = parts / "part-00000.jsonl"
    named = run(command, tmp_path, bundle, source)
    shutil.rmtree(tmp_path / "case", ignore_errors=True)
    with standard_input(source):
        streamed = run(command, tmp_path, bundle, "-")
    assert {name: content.replace(b"standard input", str(source).encode()) for name, content in streamed.items()} == named


@pytest.mark.parametrize("command", ["report", "stix", "misp"])
@pytest.mark.parametrize("stream", ["-", "/dev/null"])
def test_a_stream_is_refused_where_files_are_read_twice(
    bundle: Bundle, tmp_path: Path, capsys: pytest.CaptureFixture[str], command: str, stream: str
) -> None:
    with pytest.raises(AssertionError):
        run(command, tmp_path, bundle, stream)
    assert f"{stream}: expected a file, which is read twice; save the stream under a name" in capsys.readouterr().err


@pytest.mark.parametrize("command", COMMANDS)
def test_a_folder_without_scored_files_is_refused(
    parts: Path, bundle: Bundle, tmp_path: Path, capsys: pytest.CaptureFixture[str], command: str
) -> None:
    for file in files_in(parts):
        file.unlink()
    output = {"campaigns": "case", "facts": "x.csv", "review": "x.csv", "report": "x.html"}.get(command, "x.json")
    arguments = ["export", command] if command in {"stix", "misp"} else [command]
    for name, error, message in (
        (None, InputError, "scored.jsonl: expected a file that ends in "),
        ("part.csv", ColumnError, "part.csv: "),
    ):
        if name is not None:
            (parts / name).write_text("id,text\n1,cook wanted in the zoo\n")
        assert main([*arguments, str(parts), "-o", str(tmp_path / output)]) == exit_code(error("x"))
        shown = capsys.readouterr().err
        assert message in shown
        assert "zoo" not in shown
        assert not (tmp_path / output).exists()


def test_parts_of_a_run_that_has_not_ended_are_not_even_found_by_name(parts: Path) -> None:
    partial = parts / ".scored.jsonl.progress.part"
    for name in (partial, f"{parts}/.*", f"{parts}/.*/*.jsonl"):
        with pytest.raises(InputError, match="found none"):
            files_of([name])


def test_no_input_at_all_is_refused() -> None:
    with pytest.raises(InputError, match="expected at least one input, got none"):
        files_of([])
