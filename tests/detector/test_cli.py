"""The command line as a process of its own, and its tables."""

import csv
import errno
import io
import json
import os
import pty
import select
import signal
import subprocess
import sys
import time
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from rich.console import Console

from detector import Detector, DetectorError, errors
from detector.bundle import read_bundle
from detector.cli import SOME_REFUSED, USAGE, main
from detector.errors import EXIT_CODES, exit_code
from detector.records import Evidence, IndicatorFinding, Verdict
from detector.terminal import marked, safe, show_verdict

ROOT = Path(__file__).parents[2]
SAMPLES = ROOT / "data" / "samples" / "posts.csv"
COMMAND = [sys.executable, "-m", "detector"]
POST = "zoo tour guide wanted"


def run(*arguments: object, stdin: bytes = b"", env: dict[str, str] | None = None) -> subprocess.CompletedProcess[bytes]:
    command = [*COMMAND, *map(str, arguments)]
    return subprocess.run(command, cwd=ROOT, input=stdin, capture_output=True, env=os.environ | (env or {}), timeout=60)


def all_errors() -> list[type[DetectorError]]:
    return [kind for kind in vars(errors).values() if isinstance(kind, type) and issubclass(kind, DetectorError)]


# Exit statuses.


def test_every_branch_of_the_error_tree_has_a_status_of_its_own() -> None:
    branches = [kind for kind in all_errors() if kind.__base__ is DetectorError]
    assert set(branches) == set(EXIT_CODES)
    statuses = [*EXIT_CODES.values(), SOME_REFUSED, USAGE, 0, 1]
    assert len(set(statuses)) == len(statuses)


@pytest.mark.parametrize(
    ("error", "status"),
    [(errors.RecordError(1, "x"), 3), (errors.ColumnError("x"), 3), (errors.MissingExtraError("torch", "train"), 7)],
)
def test_an_error_has_the_status_of_its_branch(error: DetectorError, status: int) -> None:
    assert exit_code(error) == status


@pytest.mark.parametrize(
    ("arguments", "status", "message"),
    [
        (["score", "nowhere.csv"], 3, "nowhere.csv: cannot be read: No such file or directory"),
        (["score", SAMPLES, "--text-column", "ad"], 3, "the columns are 'id', 'text', 'lang', 'source'"),
        (["score", SAMPLES, "--language-column", "tongue"], 3, "--language-column; the columns are 'id', 'text', 'lang', 'source'"),
        (["score", SAMPLES, "--encoding", "klingon"], 3, "got 'klingon'"),
        (["score", SAMPLES, "-o", "nowhere/out.csv"], 6, "nowhere/out.csv: cannot be written: No such file or directory"),
        (["score", SAMPLES, "-o", "out.xls"], 6, "ends in .jsonl, .csv or .parquet"),
        (["explain", " "], 3, "expected a text, got nothing but blanks"),
    ],
)
def test_errors_end_with_one_sentence(
    runnable_bundle: Path, capsys: pytest.CaptureFixture[str], arguments: list[object], status: int, message: str
) -> None:
    assert main([*map(str, arguments), "--model", str(runnable_bundle)]) == status
    shown = capsys.readouterr()
    assert shown.out == ""
    assert shown.err.startswith("scam-detector: ")
    assert shown.err.endswith(f"{message}\n")


@pytest.mark.parametrize(
    "arguments",
    [
        [],
        ["score"],
        ["scroe", "x.csv"],
        ["score", "x.csv", "--fast"],
        ["score", "x.csv", "--format", "xml"],
        ["score", "x.csv", "--batch-size", "0"],
        ["score", "x.csv", "--threads", "many"],
        ["explain", "x", "--language", "Tamil"],
        ["explain", "x", "--language", ""],
    ],
)
def test_a_command_line_that_makes_no_sense_has_another_status_than_refused_rows(
    arguments: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(arguments) == USAGE
    assert "--help" in capsys.readouterr().err


def test_a_folder_without_a_model_is_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for command in (["score", str(SAMPLES)], ["explain", POST], ["model"]):
        assert main([*command, "--model", str(tmp_path)]) == 4
        assert capsys.readouterr().err == f"scam-detector: {tmp_path}: no bundle.json; is this a model folder?\n"


def test_a_message_does_not_steer_the_terminal(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["model", "--model", f"{tmp_path}/\x1b[31m\u202ered"]) == 4
    assert capsys.readouterr().err.isprintable() is False  # for the line break at its end
    main(["model", "--model", f"{tmp_path}/\x1b[31m\u202ered"])
    assert "\x1b" not in capsys.readouterr().err


# score


def test_the_sample_is_scored_to_standard_output(runnable_bundle: Path) -> None:
    done = run("score", SAMPLES, "--model", runnable_bundle)
    assert done.returncode == 0
    records = [json.loads(line) for line in done.stdout.splitlines()]
    detector = Detector.load(runnable_bundle, threads=1)
    with SAMPLES.open(encoding="utf-8", newline="") as stream:
        posts = list(csv.DictReader(stream))
    verdicts = detector.score([post["text"] for post in posts])
    detector.close()
    assert [record["score"] for record in records] == [verdict.score for verdict in verdicts]
    assert [record["id"] for record in records] == [post["id"] for post in posts]
    shown = done.stderr.decode()
    assert "\x1b" not in shown
    lines = dict(line.split(maxsplit=1) for line in shown.splitlines())
    assert lines["input"].endswith("posts.csv: CSV in utf-8, ',' between cells; text in 'text', id in 'id', language in 'lang'")
    assert lines["rows"].startswith("40 in ")
    assert lines["rows"].endswith(" rows/s")
    assert lines["refused"] == "0"


def test_refused_rows_are_shown_and_have_their_own_status(runnable_bundle: Path, tmp_path: Path) -> None:
    source = tmp_path / "in.jsonl"
    source.write_text('{"text": "kitchen help"}\n{oops\n' + '{"text": ""}\n' * 6)
    done = run("score", source, "-o", tmp_path / "out.csv", "--model", runnable_bundle)
    assert (done.returncode, done.stdout) == (SOME_REFUSED, b"")
    shown = done.stderr.decode()
    assert "refused    7\n" in shown
    assert f"{source}, row 2: line 2: broken JSON" in shown
    assert shown.endswith("… for the others see 'error' in the output\n")
    with (tmp_path / "out.csv").open(encoding="utf-8-sig", newline="") as stream:
        assert len(list(csv.DictReader(stream))) == 8


@pytest.mark.parametrize(
    ("form", "name"),
    [("csv", None), ("csv", "out.parquet"), ("jsonl", None), ("jsonl", "out.csv"), ("parquet", "out.jsonl")],
)
def test_standard_input_of_every_format(runnable_bundle: Path, tmp_path: Path, form: str, name: str | None) -> None:
    parquet = io.BytesIO()
    pq.write_table(pa.table({"id": ["a", "b"], "text": [POST, "ร้านกาแฟ"]}), parquet)
    content = {
        "csv": f"id;text\na;{POST}\nb;ร้านกาแฟ\n".encode(),
        "jsonl": f'{{"id": "a", "text": "{POST}"}}\n{{"id": "b", "text": "ร้านกาแฟ"}}\n'.encode(),
        "parquet": parquet.getvalue(),
    }[form]
    target = [] if name is None else ["-o", tmp_path / name]
    done = run("score", "-", *target, "--model", runnable_bundle, stdin=content)
    assert done.returncode == 0, done.stderr.decode()
    assert "standard input" in done.stderr.decode()
    if name is None:
        written = [json.loads(line) for line in done.stdout.splitlines()]
    elif name == "out.parquet":
        written = pq.read_table(tmp_path / name).to_pylist()
    else:
        text = (tmp_path / name).read_text("utf-8-sig")
        written = list(csv.DictReader(io.StringIO(text))) if name == "out.csv" else [json.loads(x) for x in text.splitlines()]
    assert [(row["id"], row["text"]) for row in written] == [("a", POST), ("b", "ร้านกาแฟ")]


@pytest.mark.parametrize("options", [[], ["--format", "csv"], ["--format", "jsonl"]])
def test_nothing_on_standard_input_is_no_rows(runnable_bundle: Path, tmp_path: Path, options: list[str]) -> None:
    done = run("score", "-", *options, "-o", tmp_path / "out.csv", "--model", runnable_bundle)
    assert done.returncode == 0, done.stderr.decode()
    assert "rows       0 in" in done.stderr.decode()
    with (tmp_path / "out.csv").open(encoding="utf-8-sig", newline="") as stream:
        header, *rows = csv.reader(stream)
    assert (header[:2], rows) == (["id", "score"], [])
    assert run("score", "-", *options, "--model", runnable_bundle).stdout == b""


def test_a_language_column_is_named_or_switched_off(
    runnable_bundle: Path, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    source = tmp_path / "in.csv"
    source.write_text(f"text,lang,tongue\n{POST},th,ms\n")
    for options, language in (([], "th"), (["--language-column", "tongue"], "ms"), (["--language-column", ""], "en")):
        output = tmp_path / f"{language}.jsonl"
        assert main(["score", str(source), "-o", str(output), *options, "--model", str(runnable_bundle)]) == 0
        assert json.loads(output.read_text())["language"] == language
    assert "text in 'text', id in the row number, language in 'lang'\n" in capsys.readouterr().err


def test_a_file_as_standard_input_is_read_from_where_it_stands(runnable_bundle: Path, tmp_path: Path) -> None:
    source = tmp_path / "in.csv"
    source.write_text(f"to be skipped\nid,text\n1,{POST}\n")
    command = f"read line; {sys.executable} -m detector score - --model {runnable_bundle}"
    with source.open("rb") as stream:
        done = subprocess.run(["bash", "-c", command], cwd=ROOT, stdin=stream, capture_output=True, timeout=60)
    assert json.loads(done.stdout)["text"] == POST


def test_the_format_of_standard_input_may_be_named(runnable_bundle: Path) -> None:
    done = run("score", "-", "--format", "csv", "--model", runnable_bundle, stdin=b'{"text"},text\n1,kitchen help\n')
    assert json.loads(done.stdout)["text"] == "kitchen help"


def test_a_live_stream_of_jsonl_is_not_held_until_a_file_would_end(runnable_bundle: Path) -> None:
    command = [*COMMAND, "score", "-", "--batch-size", "1", "--model", str(runnable_bundle)]
    line = json.dumps({"text": POST}).encode() + b"\n"
    with subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdin.write(line * 200)
        process.stdin.flush()
        assert json.loads(process.stdout.readline())["text"] == POST
        process.stdin.close()
        assert len(process.stdout.readlines()) == 199


def test_a_reader_that_goes_away_ends_the_run_quietly(runnable_bundle: Path, tmp_path: Path) -> None:
    source = tmp_path / "in.jsonl"
    source.write_text(json.dumps({"text": POST}) + "\n" + (json.dumps({"text": POST, "x": "y" * 500}) + "\n") * 2000)
    command = f"{sys.executable} -m detector score {source} --model {runnable_bundle} | head -n 1; echo ${{PIPESTATUS[0]}}"
    done = subprocess.run(["bash", "-c", command], cwd=ROOT, capture_output=True, text=True, timeout=60)
    first, status = done.stdout.splitlines()
    assert json.loads(first)["text"] == POST
    assert status == str(128 + signal.SIGPIPE)
    assert done.stderr == ""


@pytest.mark.parametrize("command", [["score", SAMPLES], ["explain", POST], ["--version"]])
def test_standard_output_that_is_full_is_an_output_error(runnable_bundle: Path, command: list[object]) -> None:
    arguments = [*COMMAND, *map(str, command), *([] if command == ["--version"] else ["--model", str(runnable_bundle)])]
    with Path("/dev/full").open("wb") as full:
        done = subprocess.run(arguments, cwd=ROOT, stdout=full, stderr=subprocess.PIPE, text=True, timeout=60)
    assert done.stderr == "scam-detector: standard output: cannot be written: No space left on device\n"
    assert done.returncode == 6


@pytest.mark.parametrize(("number", "status"), [(signal.SIGTERM, 143), (signal.SIGINT, 130)])
def test_a_run_that_is_ended_removes_what_is_not_whole(
    runnable_bundle: Path, tmp_path: Path, number: signal.Signals, status: int
) -> None:
    source, output = tmp_path / "in.jsonl", tmp_path / "out.jsonl"
    source.write_text((json.dumps({"text": "kitchen help wanted " * 40}) + "\n") * 20_000)
    command = [*COMMAND, "score", str(source), "-o", str(output), "--model", str(runnable_bundle), "--threads", "1"]
    # A job that a shell put in the background starts with Ctrl-C ignored, and its children too.
    as_in_a_terminal = {"preexec_fn": lambda: signal.signal(number, signal.SIG_DFL)}
    with subprocess.Popen(command, cwd=ROOT, stderr=subprocess.PIPE, text=True, **as_in_a_terminal) as process:
        deadline = time.monotonic() + 30
        while not any(path.stat().st_size for path in tmp_path.glob(".*.part")) and time.monotonic() < deadline:
            time.sleep(0.02)
        process.send_signal(number)
        _, shown = process.communicate(timeout=30)
    assert process.returncode == status
    assert "Traceback" not in shown
    assert [path.name for path in tmp_path.iterdir()] == ["in.jsonl"]


def test_a_terminal_gets_a_progress_bar(runnable_bundle: Path, tmp_path: Path) -> None:
    source = tmp_path / "in.csv"
    source.write_text("text\n" + f"{POST} and more\n" * 2000)
    master, slave = pty.openpty()
    environ = os.environ | {"TERM": "xterm", "COLUMNS": "100"}
    command = [*COMMAND, "score", str(source), "-o", str(tmp_path / "out.csv"), "--model", str(runnable_bundle)]
    with subprocess.Popen(command, cwd=ROOT, stderr=slave, env=environ) as process:
        os.close(slave)
        shown = read_terminal(master)
    assert process.returncode == 0
    assert "rows/s" in shown
    assert "100%" in shown
    assert "\x1b" in shown
    assert "bands" in shown


def read_terminal(master: int) -> str:
    """Read until the other side is closed."""
    parts = []
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        if not select.select([master], [], [], 1)[0]:
            continue
        try:
            part = os.read(master, 4096)
        except OSError as error:
            if error.errno != errno.EIO:
                raise
            break
        if not part:
            break
        parts.append(part)
    os.close(master)
    return b"".join(parts).decode()


# explain, model, --version


def test_explain_marks_the_evidence_in_the_post(runnable_bundle: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (verdict,) = (detector := Detector.load(runnable_bundle, threads=1)).score([POST])
    detector.close()
    assert main(["explain", POST, "--model", str(runnable_bundle)]) == 0
    shown = capsys.readouterr().out
    assert f"score {verdict.score:.3f}   band {verdict.band}   language en   windows 1" in shown
    expected = POST
    for piece in sorted(verdict.evidence, key=lambda piece: -piece.start):
        expected = f"{expected[: piece.start]}[[{piece.text}]]{expected[piece.end :]}"
    assert f"\n{expected}\n" in shown
    assert "\x1b" not in shown


def test_explain_reads_one_post_from_standard_input(runnable_bundle: Path) -> None:
    done = run("explain", "--json", "--model", runnable_bundle, stdin="ร้านกาแฟ\nหาพนักงาน 2 คน\n".encode())
    (verdict,) = (detector := Detector.load(runnable_bundle, threads=1)).score(["ร้านกาแฟ\nหาพนักงาน 2 คน"])
    detector.close()
    assert json.loads(done.stdout) == json.loads(json.dumps(verdict.to_dict()))


def test_explain_refuses_bytes_that_are_no_text(runnable_bundle: Path) -> None:
    done = run("explain", "-", "--model", runnable_bundle, stdin=b"caf\xe9 wanted")
    assert done.returncode == 3
    assert done.stderr == b"scam-detector: expected Unicode text, got half a surrogate pair at position 3\n"


@pytest.mark.parametrize(("given", "language"), [("id", "id"), ("pt_br", "pt-BR"), ("ind", "id")])
def test_explain_takes_the_language_from_the_caller(
    runnable_bundle: Path, capsys: pytest.CaptureFixture[str], given: str, language: str
) -> None:
    assert main(["explain", POST, "--language", given, "--json", "--model", str(runnable_bundle)]) == 0
    assert json.loads(capsys.readouterr().out)["language"] == language


def test_explain_asks_for_a_code_where_it_got_the_name_of_a_language(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["explain", POST, "--language", "Tamil"]) == USAGE
    shown = capsys.readouterr()
    assert shown.out == ""
    assert "expected a BCP-47 code such as ta or zh-Hant, got 'Tamil'" in shown.err


VERDICT = Verdict(
    "1",
    score=0.5,
    band="review",
    evidence=(Evidence(5, 9, "tour"),),
    indicators=(IndicatorFinding("face_role", 0.7, (Evidence(0, 3, "zoo"),)),),
)


def test_evidence_is_shown_in_colour_where_there_is_colour() -> None:
    spans = marked("zoo, tour", VERDICT, coloured=True).spans
    assert [(span.start, span.end) for span in spans] == [(0, 3), (5, 9)]
    assert spans[0].style != spans[1].style
    assert marked("zoo, tour", VERDICT, coloured=False).plain == "zoo, [[tour]]"


@pytest.mark.parametrize(("environ", "coloured"), [({}, True), ({"NO_COLOR": "1"}, False), ({"TERM": "dumb"}, False)])
def test_the_terminal_may_refuse_colour(environ: dict[str, str], coloured: bool) -> None:
    stream = io.StringIO()
    console = Console(file=stream, force_terminal=True, _environ={"TERM": "xterm-256color"} | environ)
    show_verdict(console, "zoo, tour", VERDICT)
    assert ("[[tour]]" not in stream.getvalue()) is coloured


def test_a_post_does_not_steer_the_terminal() -> None:
    attack = "a\x1b[2Jb\x07c\x9bd\u202ee\rf\tg\nh[bold]i[/bold]"
    shown = safe(attack)
    assert len(shown) == len(attack)
    assert shown == "a␛[2Jb␇c\ufffdd\ufffde f g\nh[bold]i[/bold]"
    stream = io.StringIO()
    show_verdict(Console(file=stream, force_terminal=True, _environ={"NO_COLOR": "1"}), attack, VERDICT)
    assert "\x1b[2J" not in stream.getvalue()
    assert "[bold]i[/bold]" in stream.getvalue()


def test_model_shows_what_is_loaded(runnable_bundle: Path, capsys: pytest.CaptureFixture[str]) -> None:
    bundle = read_bundle(runnable_bundle)
    assert main(["model", "--model", str(runnable_bundle)]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert "model                  letters 0.0.1" in lines
    assert "languages              en id" in lines
    assert "operating points       high from 0.9000, review from 0.4000" in lines
    assert f"sha256 model.onnx      {bundle.manifest.files['model.onnx']}" in lines
    assert main(["model", "--json", "--model", str(runnable_bundle)]) == 0
    plain = json.loads(capsys.readouterr().out)
    assert (plain["sha256"], plain["identity"]) == (bundle.sha256, bundle.identity)
    assert plain["operating_points"] == {"high": 0.9, "review": 0.4}


def test_version_and_help_are_shown() -> None:
    done = run("--version")
    assert done.returncode == 0
    assert done.stdout.startswith(b"scam-detector ")
    shown = run("--help").stdout.decode()
    assert all(command in shown for command in ("score", "explain", "model", "2 some rows refused"))


def test_help_loads_no_runtime_and_no_table_library() -> None:
    code = (
        "import sys; from detector.cli import main; main(['--help'])\n"
        "heavy = {'onnxruntime', 'torch', 'pyarrow', 'phonenumbers', 'py3langid'}\n"
        "sys.exit(f'loaded {loaded}' if (loaded := heavy & set(sys.modules)) else 0)"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, timeout=60)
    assert done.stderr == ""
