"""Runs that are broken off and gone on with: nothing lost, nothing twice, the same bytes in the end."""

import io
import json
import os
import random
import re
import resource
import signal
import subprocess
import sys
import textwrap
import time
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

import pytest
from forking import Forked, forking
from letters import WARM_UP, LetterBackend

from detector import BackendError, Contact, Detector, Evidence, IndicatorFinding, InputError, OutputError, Post, Verdict
from detector.bundle import Bundle
from detector.checkpoint import Checkpoint
from detector.files import score_files
from detector.inputs import Reading
from detector.records import LABELS
from detector.refusals import ErrorFile
from detector.summary import Summary

ROOT = Path(__file__).parents[2]
FORMATS = ["jsonl", "csv", "parquet"]
Whole = dict[str, tuple[bytes, bytes]]
ROWS = 200
WORDS = "typist cook zoo tour guide wanted in the city ร้านกาแฟ 需要一名厨师 salary ticket paid ok".split()

RUN = """
    import sys, time
    from pathlib import Path
    from letters import LetterBackend
    from detector import Detector
    from detector.bundle import read_bundle
    from detector.files import score_files
    from detector.refusals import ErrorFile

    class Backend(LetterBackend):
        def token_scores(self, ids):
            time.sleep(0.0005)
            return super().token_scores(ids)

    folder, source, output, errors = map(Path, sys.argv[1:])
    detector = Detector(read_bundle(folder), Backend(), threads=1, copies=50)
    summary = score_files(detector, [source], output, batch_size=16, errors=ErrorFile(errors), resume=True)
    print(summary.rows, summary.resumed)
"""


@pytest.fixture(scope="module")
def detector(bundle: Bundle) -> Iterator[Detector]:
    with Detector(bundle, LetterBackend(), threads=1, copies=100) as detector:
        yield detector


def write_posts(path: Path, rows: int = ROWS) -> Path:
    """Write posts of which some are copies and some are refused."""
    chance = random.Random(3)
    posts = [" ".join(chance.choices(WORDS, k=chance.randint(4, 12))) for _ in range(40)]
    lines = [json.dumps({"id": n, "text": chance.choice(posts), "likes": chance.randint(0, 99)}) for n in range(rows)]
    for place in range(7, rows, 40):
        lines[place] = chance.choice(["{broken", '{"id": 7, "text": ""}', '{"id": 8, "text": 5}'])
    path.write_text("\n".join(lines))
    return path


def start(bundle: Bundle, source: Path, output: Path, **options: object) -> "subprocess.Popen[str]":
    command = [sys.executable, "-c", textwrap.dedent(RUN), str(bundle.folder), str(source), str(output), f"{output}.errors"]
    path = os.pathsep.join([str(ROOT), str(ROOT / "tests")])
    environ = os.environ | {"PYTHONPATH": path, "OMP_NUM_THREADS": "1"}
    pipe = subprocess.PIPE
    return subprocess.Popen(command, cwd=ROOT, env=environ, stdout=pipe, stderr=pipe, text=True, **options)


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_posts(tmp_path_factory.mktemp("source") / "in.jsonl")


@pytest.fixture(scope="module")
def server(bundle: Bundle, source: Path) -> Iterator["subprocess.Popen[bytes]"]:
    """Starts runs without the time that Python and the tables of languages take: they are killed dozens of times."""
    with forking(WARM_UP.format(folder=str(bundle.folder), source=str(source)), RUN, ROOT, [ROOT, ROOT / "tests"]) as server:
        yield server


def wait_for(path: Path, size: int, process: "subprocess.Popen[str] | Forked") -> None:
    """Wait until a file has a size, or the process has ended."""
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline and process.poll() is None:
        if path.exists() and path.stat().st_size >= size:
            return
        time.sleep(0.002)


@pytest.fixture(scope="module")
def whole(detector: Detector, source: Path) -> Whole:
    """The output of a run without a break and its file of errors, by format."""
    written = {}
    for suffix in FORMATS:
        output, errors = source.with_name(f"whole.{suffix}"), source.with_name("whole.errors")
        score_files(detector, [source], output, errors=ErrorFile(errors))
        written[suffix] = (output.read_bytes(), errors.read_bytes())
    return written


def check_same(whole: Whole, folder: Path, suffix: str) -> None:
    assert (folder / f"out.{suffix}").read_bytes() == whole[suffix][0]
    assert (folder / f"out.{suffix}.errors").read_bytes() == whole[suffix][1]
    assert not [path.name for path in folder.iterdir() if path.suffix in {".progress", ".part"}]


def go_on(detector: Detector, source: Path, output: Path, **options: object) -> Summary:
    return score_files(detector, [source], output, errors=ErrorFile(Path(f"{output}.errors")), resume=True, **options)


def kill_and_go_on(
    server: "subprocess.Popen[bytes]", arguments: Sequence[Path], points: Iterable[int], chance: random.Random
) -> tuple[int, int]:
    """Kill a run each time that its progress has come so far, then let it end; return its rows, and those it found done.

    :param arguments: Bundle, source and output.
    :param points: Bytes of progress.
    """
    output = arguments[2]
    arguments, shown = [*arguments, Path(f"{output}.errors")], output.parent.with_suffix(".shown")
    for point in points:
        process = Forked(server, arguments, shown)
        wait_for(Path(f"{output}.progress"), point, process)
        time.sleep(chance.random() / 50)
        process.kill()
    process = Forked(server, arguments, shown)
    assert process.wait() == 0, process.shown()
    rows, resumed = map(int, process.shown().split())
    return rows, resumed


PROGRESS = ROWS * 500
"""Bytes of progress of a whole run, or so."""


@pytest.mark.parametrize("suffix", ["csv", "parquet"])
def test_a_run_that_is_killed_is_gone_on_with(
    server: "subprocess.Popen[bytes]", bundle: Bundle, source: Path, whole: Whole, tmp_path: Path, suffix: str
) -> None:
    arguments = [bundle.folder, source, tmp_path / f"out.{suffix}"]
    rows, resumed = kill_and_go_on(server, arguments, [PROGRESS // 3], random.Random(1))
    assert rows == ROWS
    assert 0 < resumed < ROWS
    check_same(whole, tmp_path, suffix)


@pytest.mark.slow
@pytest.mark.parametrize("suffix", FORMATS)
def test_runs_that_are_killed_at_twenty_random_points_all_end_with_the_same_bytes(
    server: "subprocess.Popen[bytes]", bundle: Bundle, source: Path, whole: Whole, tmp_path: Path, suffix: str
) -> None:
    chance = random.Random(f"kills {suffix}")
    broken = 0
    for place in range(20):
        # From before the first row to behind the last; every fourth run is killed a second time.
        points = sorted(chance.randrange(PROGRESS) for _ in range(1 + (place % 4 == 3)))
        folder = tmp_path / str(place)
        folder.mkdir()
        rows, resumed = kill_and_go_on(server, [bundle.folder, source, folder / f"out.{suffix}"], points, chance)
        broken += 0 < resumed < ROWS
        assert rows == ROWS
        check_same(whole, folder, suffix)
    assert broken >= 10


# Every other way to end, in this process.


class FailingBackend:
    """Fails on one of its windows, in one of several ways."""

    def __init__(self, backend: object, last: int, error: BaseException) -> None:
        self.backend, self.left, self.error = backend, last, error

    def token_scores(self, ids):
        self.left -= 1
        if self.left == 0:
            raise self.error
        return self.backend.token_scores(ids)


def break_off(detector: Detector, source: Path, output: Path, windows: int, **options: object) -> BaseException:
    error = BackendError("failed")
    with Detector(detector.bundle, FailingBackend(detector._backend, windows, error), threads=1) as failing:
        failing.__class__ = type("Failing", (Detector,), {"runtime": detector.runtime})
        with pytest.raises(BackendError) as caught:
            score_files(failing, [source], output, batch_size=16, resume=True, **options)
    return caught.value


@pytest.mark.parametrize("suffix", FORMATS)
@pytest.mark.parametrize("windows", [20, 60, 180])
def test_a_runtime_that_fails_leaves_progress_and_a_note(
    detector: Detector, source: Path, whole: Whole, tmp_path: Path, suffix: str, windows: int
) -> None:
    output = tmp_path / f"out.{suffix}"
    error = break_off(detector, source, output, windows)
    (note,) = error.__notes__
    assert note == f"what was scored is kept in {output}.progress; to go on, give the same command with --resume again"
    assert sorted(path.name for path in tmp_path.iterdir()) == [f"out.{suffix}.progress"]
    summary = go_on(detector, source, output)
    assert summary.rows == ROWS
    # All whole batches; posts that are refused need no window.
    assert summary.resumed % 16 == 0
    assert windows - 16 <= summary.resumed <= 1.2 * windows
    check_same(whole, tmp_path, suffix)


def test_batches_and_threads_may_differ_when_a_run_is_resumed(
    detector: Detector, source: Path, whole: Whole, tmp_path: Path
) -> None:
    output = tmp_path / "out.jsonl"
    break_off(detector, source, output, 100)
    with Detector(detector.bundle, detector._backend, threads=3, copies=7) as other:
        summary = go_on(other, source, output, batch_size=7)
    assert summary.resumed > 0
    check_same(whole, tmp_path, "jsonl")


@pytest.fixture(scope="module")
def broken_off(detector: Detector, source: Path) -> bytes:
    """The progress of a run to CSV that failed half way."""
    output = source.with_name("broken.csv")
    break_off(detector, source, output, 100)
    return Path(f"{output}.progress").read_bytes()


@pytest.mark.parametrize("cut", [1, 40, 5000])
@pytest.mark.parametrize("tail", [b"", b'{"score":0.5,"lab', b"\0" * 4096, b"\0" * 100 + b"\n", b"[]\n{}\n"])
def test_what_a_crash_leaves_behind_the_last_whole_line_is_scored_again(
    detector: Detector,
    source: Path,
    whole: Whole,
    broken_off: bytes,
    tmp_path: Path,
    cut: int,
    tail: bytes,
) -> None:
    (tmp_path / "out.csv.progress").write_bytes(broken_off[:-cut] + tail)
    assert go_on(detector, source, tmp_path / "out.csv").resumed > 0
    check_same(whole, tmp_path, "csv")


def test_progress_of_which_not_even_the_first_line_is_whole_is_begun_anew(
    detector: Detector, source: Path, whole: Whole, tmp_path: Path
) -> None:
    (tmp_path / "out.csv.progress").write_bytes(b'{"progress": 1, "pack')
    summary = go_on(detector, source, tmp_path / "out.csv")
    assert summary.resumed == 0
    check_same(whole, tmp_path, "csv")


def test_progress_that_has_all_rows_is_written_out(detector: Detector, source: Path, whole: Whole, tmp_path: Path) -> None:
    output = tmp_path / "out.parquet"
    kept = tmp_path / "kept"
    # As if the process had ended between its last row and the name of the output.
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Path, "replace", lambda *_: kept.write_bytes(Path(f"{output}.progress").read_bytes()) and 1 / 0)
        with pytest.raises(ZeroDivisionError):
            score_files(detector, [source], output, resume=True)
    summary = go_on(detector, source, output)
    assert summary.resumed == summary.rows == ROWS
    assert summary.rows_per_second == 0
    kept.unlink()
    check_same(whole, tmp_path, "parquet")


def test_without_resume_nothing_is_kept_and_old_progress_is_left_alone(
    detector: Detector, source: Path, broken_off: bytes, tmp_path: Path
) -> None:
    (tmp_path / "out.csv.progress").write_bytes(broken_off)
    assert score_files(detector, [source], tmp_path / "out.csv").resumed == 0
    assert (tmp_path / "out.csv.progress").read_bytes() == broken_off


def test_an_error_before_the_first_row_leaves_no_progress(detector: Detector, tmp_path: Path) -> None:
    source = write_posts(tmp_path / "in.jsonl")
    for inputs, output in (([tmp_path / "nowhere.csv"], "out.csv"), ([source], "nowhere/out.csv")):
        with pytest.raises((InputError, OutputError)) as caught:
            score_files(detector, inputs, tmp_path / output, resume=True)
        assert not hasattr(caught.value, "__notes__")
    (tmp_path / "out.csv").mkdir()
    with pytest.raises(OutputError, match="Is a directory"):
        score_files(detector, [tmp_path / "in.jsonl"], tmp_path / "out.csv", resume=True)


# Another run.


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ("content", r"with another content of .*in\.jsonl"),
        ("missing", r"with other inputs \(1 there, 2 here\)"),
        ("options", "with another choice of columns or encoding"),
        ("model", "with another model"),
        ("runtime", "with another backend"),
        ("package", "with another version of the package"),
    ],
)
def test_a_run_that_is_another_is_refused_and_the_progress_stays(
    detector: Detector, bundle: Bundle, tmp_path: Path, change: str, message: str
) -> None:
    source, output = write_posts(tmp_path / "in.jsonl"), tmp_path / "out.csv"
    break_off(detector, source, output, 100)
    progress = tmp_path / "out.csv.progress"
    inputs, reading = [source], Reading()
    if change == "content":
        times = source.stat()
        source.write_text(source.read_text().replace("likes", "lakes", 1))
        os.utime(source, ns=(times.st_atime_ns, times.st_mtime_ns))
    elif change == "missing":
        inputs.append(write_posts(tmp_path / "more.jsonl"))
    elif change == "options":
        reading = Reading(language_column="")
    else:
        header, rest = progress.read_bytes().split(b"\n", 1)
        progress.write_bytes(json.dumps(json.loads(header) | {change: "other"}).encode() + b"\n" + rest)
    before = progress.read_bytes()
    with pytest.raises(InputError, match=rf"out\.csv\.progress: belongs to a run {message}; go on with the same"):
        score_files(detector, inputs, output, reading=reading, resume=True)
    assert progress.read_bytes() == before
    assert not output.exists()


def test_another_file_under_the_name_of_the_progress_is_left_alone(detector: Detector, tmp_path: Path) -> None:
    source = write_posts(tmp_path / "in.jsonl")
    for content in ("my notes\n", "my notes", "[1]\n", "{}\n"):
        (tmp_path / "out.csv.progress").write_text(content)
        with pytest.raises(InputError, match="expected the progress of a run, got another file; move it away"):
            score_files(detector, [source], tmp_path / "out.csv", resume=True)
        assert (tmp_path / "out.csv.progress").read_text() == content


def test_two_processes_do_not_write_one_output(
    bundle: Bundle, detector: Detector, source: Path, whole: Whole, tmp_path: Path
) -> None:
    output = tmp_path / "out.csv"
    with start(bundle, source, output) as process:
        wait_for(tmp_path / "out.csv.progress", 1, process)
        process.send_signal(signal.SIGSTOP)
        with pytest.raises(OutputError, match="another process is writing it"):
            score_files(detector, [source], output, resume=True)
        process.send_signal(signal.SIGCONT)
        _, errors = process.communicate(timeout=60)
    assert process.returncode == 0, errors
    check_same(whole, tmp_path, "csv")


@pytest.mark.parametrize("name", ["-", "pipe", "/dev/null"])
def test_what_can_be_read_only_once_cannot_be_resumed(detector: Detector, tmp_path: Path, name: str) -> None:
    os.mkfifo(tmp_path / "pipe")
    path = tmp_path / name if name == "pipe" else Path(name)
    holder = os.open(tmp_path / "pipe", os.O_RDWR)
    os.write(holder, b'{"text": "kitchen help"}\n' * 2000)
    with pytest.raises(InputError, match="expected a file, which a resumed run can read again"):
        score_files(detector, [write_posts(tmp_path / "in.jsonl"), path], tmp_path / "out.jsonl", resume=True)
    os.close(holder)


def test_an_output_without_a_name_cannot_be_resumed(detector: Detector, tmp_path: Path) -> None:
    source = write_posts(tmp_path / "in.jsonl")
    for output in (Path("/dev/null"), io.BytesIO()):
        with pytest.raises(InputError, match="expected the name of an output file"):
            score_files(detector, [source], output, resume=True)


# What a line holds.

VERDICT = Verdict(
    id="p-1",
    score=0.1 + 0.2,
    label="scam_compound",
    label_scores=dict(zip(LABELS, (0.1 + 0.2, 1e-17, 1 / 3, 0.01), strict=True)),
    band="high",
    reason="too_short",
    language="zh-Hant",
    note="ภาษา",
    windows=3,
    evidence=(Evidence(0, 5, "tiket"), Evidence(6, 9, "mes")),
    indicators=(IndicatorFinding("travel_paid", 0.97, (Evidence(0, 5, "tiket"),)), IndicatorFinding("secrecy", 0.6)),
    contacts=(Contact("telegram", "@example_hr"), Contact("phone", "+62000")),
    model="letters/0.0.1",
    error=None,
)


def test_a_verdict_is_recalled_as_it_was_without_the_text_having_been_kept(tmp_path: Path) -> None:
    refused = Verdict("p-2", model="letters/0.0.1", error="line 4: expected a JSON object, got list")
    run = {"progress": 1, "inputs": []}
    items = [Post("tiket mess", "p-1"), Verdict("p-2", model="letters/0.0.1", error="…")]
    checkpoint = Checkpoint(tmp_path / "out.csv.progress", run)
    assert checkpoint.recall(items, "letters/0.0.1") == []
    checkpoint.keep([VERDICT, refused])
    checkpoint.close()
    assert "tiket" not in checkpoint.path.read_text()
    again = Checkpoint(checkpoint.path, run)
    assert again.recall(items, "letters/0.0.1") == [VERDICT, refused]
    again.close()


# Full disks and signals, with real processes.


@pytest.mark.parametrize("suffix", ["csv", *(pytest.param(each, marks=pytest.mark.slow) for each in ("jsonl", "parquet"))])
def test_a_disk_that_is_full_leaves_progress_and_more_room_ends_the_run(
    bundle: Bundle, source: Path, whole: Whole, tmp_path: Path, suffix: str
) -> None:
    disk = tmp_path / "disk"
    disk.mkdir()
    if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=100k", "tmpfs", disk], capture_output=True, check=False).returncode:
        pytest.skip("only root may mount a small disk; the limit on file sizes is tested in any case")
    try:
        output = disk / f"out.{suffix}"
        with start(bundle, source, output) as process:
            _, errors = process.communicate(timeout=60)
        assert process.returncode == 1
        assert re.search(r"OutputError: .*cannot be written: No space left on device\nwhat was scored is kept in ", errors)
        assert [path.name for path in disk.iterdir()] == [f"out.{suffix}.progress"]
        subprocess.run(["mount", "-o", "remount,size=8m", disk], check=True)
        with start(bundle, source, output) as process:
            shown, errors = process.communicate(timeout=60)
        assert process.returncode == 0, errors
        assert int(shown.split()[1]) > 0
        for path in disk.iterdir():
            (tmp_path / path.name).write_bytes(path.read_bytes())
    finally:
        subprocess.run(["umount", disk], check=True)
    check_same(whole, tmp_path, suffix)


@pytest.mark.parametrize("suffix", FORMATS)
def test_a_limit_on_file_sizes_leaves_progress_too(
    detector: Detector, source: Path, whole: Whole, tmp_path: Path, suffix: str
) -> None:
    output = tmp_path / f"out.{suffix}"
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (64 * 1024, before[1]))
    try:
        with pytest.raises(OutputError, match="cannot be written: .*[Ff]ile too large"):
            score_files(detector, [source], output, batch_size=16, resume=True)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert 0 < go_on(detector, source, output).resumed < ROWS
    check_same(whole, tmp_path, suffix)


@pytest.mark.parametrize(("number", "status"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_signal_ends_a_run_with_one_line_that_says_how_to_go_on(
    runnable_bundle: Path, tmp_path: Path, number: signal.Signals, status: int
) -> None:
    source, output = tmp_path / "in.jsonl", tmp_path / "out.jsonl"
    source.write_text("".join(json.dumps({"text": f"kitchen help {n} " * 4}) + "\n" for n in range(500)))
    command = [sys.executable, "-m", "detector", "score", str(source), "-o", str(output), "--resume", "--batch-size", "16"]
    command += ["--model", str(runnable_bundle), "--threads", "1"]
    # A job that a shell put in the background starts with Ctrl-C ignored, and its children too.
    as_in_a_terminal = {"preexec_fn": lambda: signal.signal(number, signal.SIG_DFL)}
    progress = tmp_path / "out.jsonl.progress"
    with subprocess.Popen(command, cwd=ROOT, stderr=subprocess.PIPE, text=True, **as_in_a_terminal) as process:
        wait_for(progress, 5_000, process)
        process.send_signal(number)
        _, shown = process.communicate(timeout=30)
    hint = f"what was scored is kept in {progress}; to go on, give the same command with --resume again"
    assert (process.returncode, shown.strip()) == (status, f"scam-detector: interrupted; {hint}")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["in.jsonl", "out.jsonl.progress"]
    if number != signal.SIGINT:
        # How the run goes on does not depend on which signal it was.
        return
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=120, check=True)
    assert re.search(r"\n +\d+ of them scored by the run that was interrupted\n", done.stderr)
    detector = Detector.load(runnable_bundle, threads=1)
    score_files(detector, [source], tmp_path / "whole.jsonl")
    detector.close()
    assert output.read_bytes() == (tmp_path / "whole.jsonl").read_bytes()
    assert not progress.exists()


MEMORY = """
    import copy, sys
    from dataclasses import replace
    from pathlib import Path
    from detector import Detector, Post
    from detector.copies import KEPT
    from detector.files import score_files

    class Hasty(Detector):
        # Scoring a million posts takes hours; what files, progress and kept readings take is all there is to measure.
        def score(self, posts):
            return [replace(known, id=post.id) for post in posts]

    detector = Hasty.load(copies=KEPT)
    (known,) = Detector.score(detector, ["5 admin chat di Kamboja, gaji 12 juta, tiket dan paspor kami tanggung. Telegram @contoh_hr"])
    (reading,) = detector._copies._kept.values()
    for number in range(KEPT):
        detector._copies.answer(str(number), lambda _: replace(reading, indicators=copy.deepcopy(reading.indicators)))
    source, output = map(Path, sys.argv[1:])
    summary = score_files(detector, [source], output, resume=True)
    # Not ru_maxrss: it starts from the peak of the process that this one was forked from.
    peak = next(line.split()[1] for line in Path("/proc/self/status").open() if line.startswith("VmHWM"))
    print(summary.rows, len(detector._copies._kept), peak)
"""


@pytest.mark.slow
@pytest.mark.model
def test_a_million_rows_take_less_than_1_2_gb(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    source = tmp_path / "in.jsonl"
    with source.open("w") as stream:
        # Every other post is the copy of one before it.
        stream.writelines(
            json.dumps({"id": n, "text": f"{n // 2} " + "kitchen help wanted " * 10}) + "\n" for n in range(1_000_000)
        )
    command = [sys.executable, "-c", textwrap.dedent(MEMORY), str(source), str(tmp_path / "out.csv")]
    done = subprocess.run(command, cwd=ROOT, env=os.environ | {"PYTHONPATH": str(ROOT)}, capture_output=True, text=True, check=True)
    rows, kept, kilobytes = map(int, done.stdout.split())
    with capsys.disabled():
        sys.stdout.write(f"\n{rows} rows with {kept} readings kept: {kilobytes / 1024:.0f} MiB\n")
    assert rows == 1_000_000
    assert kilobytes * 1024 < 1.2e9
