"""Runs on a cluster: real machines as far as one machine has them, killed with SIGKILL, and the same bytes in the end."""

import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.metadata import version
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from letters import LetterBackend

from detector import BackendError, BundleError, Detector, InputError, MissingExtraError, Post
from detector.bundle import Bundle
from detector.chain import Verification
from detector.cli import USAGE, main
from detector.engines import workers
from detector.engines.cluster import READERS, ClusterEngine, _signals_put_off, cluster
from detector.engines.workers import Scorer, checksum, installed, read_posts
from detector.files import score_files
from detector.inputs import Input, Reading
from detector.refusals import ErrorFile

ROOT = Path(__file__).parents[2]
COMMAND = [sys.executable, "-m", "detector", "score"]
ENVIRON = os.environ | {"PYTHONPATH": os.pathsep.join([str(ROOT), str(ROOT / "tests")])}


def write_posts(path: Path, rows: int, text: str = "cook wanted in the zoo") -> Path:
    """Write posts of which some cannot be read and some have no text."""
    lines = [json.dumps({"id": f"p{n}", "text": f"{text} {n % 50}", "lang": "en" if n % 3 else None}) for n in range(rows)]
    for place in range(7, rows, 40):
        lines[place] = ['{"id": 7, "text": ""}', "{broken", '{"id": 8, "text": 5}', '{"id": 9, "text": "half \\ud800"}'][
            place // 40 % 4
        ]
    path.write_text("\n".join(lines) + "\n")
    return path


# The two ends, in this process: what is read for the cluster, and what comes back.


def test_what_is_read_for_the_cluster_are_the_posts_of_the_run(tmp_path: Path) -> None:
    write_posts(tmp_path / "a.jsonl", 300)
    (tmp_path / "b.csv").write_text('id;text\n1;"typist\nwanted"\n2;\n3;cook wanted\n', "cp1252")
    (tmp_path / "c.parquet").write_bytes(b"PAR1 of nothing")
    inputs = [Input(tmp_path / name) for name in ("a.jsonl", "b.csv", "c.parquet")]
    rows = [row for table in read_posts(inputs, Reading(), 1) for row in table.to_pylist()]
    refused = set(range(8, 301, 40)) | {302}
    assert [row["row"] for row in rows] == [n for n in range(1, 304) if n not in refused]
    assert rows[0] == {"row": 1, "text": "cook wanted in the zoo 0", "language": None}
    assert rows[1]["language"] == "en"
    assert [row["text"] for row in rows[-2:]] == ["typist\nwanted", "cook wanted"]


@pytest.mark.parametrize("first", [1, 2, 8, 256, 257, 300, 301])
def test_reading_begins_where_an_earlier_run_has_ended(tmp_path: Path, first: int) -> None:
    inputs = [Input(write_posts(tmp_path / "a.jsonl", 300))]
    whole = [row for table in read_posts(inputs, Reading(), 1) for row in table.to_pylist()]
    assert [row for table in read_posts(inputs, Reading(), first) for row in table.to_pylist()] == [
        row for row in whole if row["row"] >= first
    ]


def test_a_damaged_file_is_read_up_to_its_damage(tmp_path: Path) -> None:
    table = pa.table({"text": [f"cook wanted {n}" for n in range(4000)]})
    pq.write_table(table, tmp_path / "a.parquet", row_group_size=1000)
    content = bytearray((tmp_path / "a.parquet").read_bytes())
    content[len(content) // 2 : len(content) // 2 + 400] = b"\xff" * 400
    (tmp_path / "a.parquet").write_bytes(content)
    rows = [row for table in read_posts([Input(tmp_path / "a.parquet")], Reading(), 1) for row in table.to_pylist()]
    assert 0 < len(rows) < 4000


class Answers(ClusterEngine):
    """Has its answers from a scorer in this process."""

    def __init__(self, bundle: Bundle, scorer: Scorer, change=lambda table: table) -> None:
        super().__init__(bundle, {"here": 1})
        self._scorer, self._change = scorer, change

    def _run(self, first: int) -> Iterator[Any]:
        for posts in read_posts(self._inputs, self._reading, first):
            for row in self._change(self._scorer(posts)).to_pylist():
                yield tuple(row.values())


@pytest.fixture
def scorer(detector: Detector) -> Scorer:
    scorer = Scorer.__new__(Scorer)
    scorer._fault, scorer._copies, scorer._detector = None, 0, detector
    return scorer


@pytest.fixture
def term() -> Iterator[None]:
    """SIGTERM raises SystemExit and SIGINT KeyboardInterrupt, as in the command, also where a shell had SIGINT ignored."""

    def end(*_: object) -> None:
        raise SystemExit(143)

    handlers = {signal.SIGTERM: end, signal.SIGINT: signal.default_int_handler}
    before = {number: signal.signal(number, handler) for number, handler in handlers.items()}
    yield
    for number, handler in before.items():
        signal.signal(number, handler)


BOTH_SIGNALS = pytest.mark.parametrize(("number", "raised"), [(signal.SIGINT, KeyboardInterrupt), (signal.SIGTERM, SystemExit)])


@BOTH_SIGNALS
@pytest.mark.usefixtures("term")
def test_a_signal_waits_until_the_block_is_left(number: signal.Signals, raised: type[BaseException]) -> None:
    handlers, reached = [signal.getsignal(each) for each in (signal.SIGINT, signal.SIGTERM)], []

    def block() -> None:
        with _signals_put_off():
            signal.raise_signal(number)
            reached.append("end")

    with pytest.raises(raised):
        block()
    assert reached == ["end"]
    assert [signal.getsignal(each) for each in (signal.SIGINT, signal.SIGTERM)] == handlers


@BOTH_SIGNALS
@pytest.mark.parametrize("first", [signal.SIGINT, signal.SIGTERM])
@pytest.mark.usefixtures("term")
def test_a_second_signal_does_not_wait(first: signal.Signals, number: signal.Signals, raised: type[BaseException]) -> None:
    reached = []

    def block() -> None:
        with _signals_put_off():
            signal.raise_signal(first)
            reached.append("after the first")
            try:
                signal.raise_signal(number)
            except raised:
                reached.append("ended by the second")
                raise

    with pytest.raises((KeyboardInterrupt, SystemExit)) as ended:
        block()
    assert reached == ["after the first", "ended by the second"]
    assert isinstance(ended.value.__context__, raised)


@pytest.mark.usefixtures("term")
def test_a_signal_is_not_lost_where_the_block_fails() -> None:
    def block() -> None:
        with _signals_put_off():
            signal.raise_signal(signal.SIGINT)
            raise ValueError

    with pytest.raises(KeyboardInterrupt) as ended:
        block()
    assert isinstance(ended.value.__context__, ValueError)


@pytest.mark.parametrize("handler", [signal.SIG_IGN, signal.SIG_DFL])
def test_a_signal_that_is_ignored_or_ends_the_process_stays_as_it_is(handler: signal.Handlers) -> None:
    before = signal.signal(signal.SIGTERM, handler)
    try:
        with _signals_put_off():
            assert signal.getsignal(signal.SIGTERM) == handler
        assert signal.getsignal(signal.SIGTERM) == handler
    finally:
        signal.signal(signal.SIGTERM, before)


@BOTH_SIGNALS
@pytest.mark.usefixtures("term")
def test_a_signal_comes_between_two_blocks_of_answers(number: signal.Signals, raised: type[BaseException]) -> None:
    reached = []

    def block() -> None:
        with _signals_put_off() as between:
            between()
            signal.raise_signal(number)
            reached.append("first")
            between()
            reached.append("second")

    with pytest.raises(raised):
        block()
    assert reached == ["first"]


def test_the_engine_heeds_a_signal_before_it_scores_on(detector: Detector, scorer: Scorer) -> None:
    def interrupt() -> None:
        raise KeyboardInterrupt

    engine = Answers(detector.bundle, scorer)
    engine._between = interrupt
    with pytest.raises(KeyboardInterrupt):
        engine.score([(1, Post("cook wanted in the zoo"))])


def test_the_engine_waits_for_threads_that_still_read_blocks(detector: Detector, scorer: Scorer, tmp_path: Path) -> None:
    readers = [threading.Thread(target=time.sleep, args=(0.3,), name=name) for name in READERS]
    engine = Answers(detector.bundle, scorer)
    engine.begin([Input(write_posts(tmp_path / "a.jsonl", 3))], Reading())
    engine.score([(1, Post("cook wanted in the zoo 0", language="en"))])
    for reader in readers:
        reader.start()
    engine.close()
    assert not any(reader.is_alive() for reader in readers)


@pytest.mark.parametrize("suffix", ["jsonl", "csv", "parquet"])
def test_the_output_is_that_of_the_local_engine(detector: Detector, scorer: Scorer, tmp_path: Path, suffix: str) -> None:
    inputs = [write_posts(tmp_path / "a.jsonl", 300), tmp_path / "missing.csv", write_posts(tmp_path / "b.jsonl", 90, "typist")]
    engine = Answers(detector.bundle, scorer)
    engine.runtime = detector.runtime
    there = score_files(engine, inputs, tmp_path / f"there.{suffix}")
    here = score_files(detector, inputs, tmp_path / f"here.{suffix}")
    assert (tmp_path / f"there.{suffix}").read_bytes() == (tmp_path / f"here.{suffix}").read_bytes()
    assert (there.rows, there.refused, there.bands, there.unread) == (here.rows, here.refused, here.bands, here.unread)


@pytest.mark.parametrize("suffix", ["jsonl", "csv", "parquet"])
def test_contacts_are_hidden_and_evidence_is_kept_with_either_engine(
    detector: Detector, scorer: Scorer, tmp_path: Path, suffix: str
) -> None:
    source = write_posts(tmp_path / "a.jsonl", 60, "zuzu zyzzyx wuzzy, t.me/zyzzyxuzy")
    engine = Answers(detector.bundle, scorer)
    engine.runtime = detector.runtime
    told = {}
    for name, scores in (("there", engine), ("here", detector)):
        output, kept, refused = tmp_path / f"{name}.{suffix}", tmp_path / f"{name} kept", tmp_path / f"{name}.errors"
        options = {"mask": True, "evidence": kept, "parts": 25, "resume": True, "errors": ErrorFile(refused, with_text=True)}
        summary = score_files(scores, [source], output, **options)
        parts = [part.read_bytes() for part in sorted(output.iterdir())]
        assert len(parts) == 3
        assert not any(b"zyzzyxuzy" in part for part in parts)
        verification = Verification(kept)
        assert not list(verification.faults())
        assert verification.entries == summary.kept.added > 0
        originals = {item.read_bytes() for item in (kept / "objects").rglob("*") if item.is_file()}
        assert b"zuzu zyzzyx wuzzy, t.me/zyzzyxuzy 0" in originals
        told[name] = (parts, originals, refused.read_bytes())
    assert told["there"] == told["here"]


def test_a_verdict_is_not_taken_for_another_posts(detector: Detector, scorer: Scorer, tmp_path: Path) -> None:
    source = write_posts(tmp_path / "a.jsonl", 30)

    def shifted(table: pa.Table) -> pa.Table:
        return table.slice(1)

    def of_other_texts(table: pa.Table) -> pa.Table:
        return table.set_column(1, "check", pa.array([checksum("another")] * len(table)))

    for change in (shifted, of_other_texts, lambda table: table.slice(0, 0)):
        with pytest.raises(InputError, match="row 1: the process that reads for the cluster found another post there, or none"):
            score_files(Answers(detector.bundle, scorer, change), [source], tmp_path / "out.jsonl")
    assert not (tmp_path / "out.jsonl").exists()


def test_an_error_on_a_machine_is_the_same_error_here(bundle: Bundle, scorer: Scorer, tmp_path: Path) -> None:
    source = write_posts(tmp_path / "a.jsonl", 30)
    scorer._fault = BundleError("machine x: expected the model abc, got def; install the same on all machines")
    with pytest.raises(BundleError, match="machine x: expected the model abc"):
        score_files(Answers(bundle, scorer), [source], tmp_path / "out.jsonl")
    scorer._fault = None
    backend = LetterBackend()
    with Detector(bundle, backend, threads=1) as failing:
        backend.poison = failing._encoder.windows("cook")[0].ids[1]
        scorer._detector = failing
        with pytest.raises(BackendError, match=r"failed on \d+ tokens"):
            score_files(Answers(bundle, scorer), [source], tmp_path / "out.jsonl")


def test_a_machine_with_another_model_or_package_is_refused() -> None:
    workers._check("package", "0.1.0", "0.1.0")
    with pytest.raises(BundleError, match=r"expected the package 0\.2\.0, got 0\.1\.0; install the same on all machines"):
        workers._check("package", "0.1.0", "0.2.0")
    assert installed() == version("scam-recruitment-detector")


def test_a_stream_cannot_be_read_by_another_process(bundle: Bundle) -> None:
    with pytest.raises(InputError, match="-: expected a file, which --engine ray reads twice"):
        ClusterEngine(bundle, {"here": 1}).begin([Input("-")], Reading())


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--address", "auto"], "add --engine ray"),
        (["--engine", "ray", "--backend", "torch"], "leave out --backend"),
        (["--engine", "spark"], "'spark' is not one of 'local', 'ray'"),
        (["--parts", "10"], "name one, such as scored.parquet"),
    ],
)
def test_options_that_do_not_go_together_are_refused(
    capsys: pytest.CaptureFixture[str], arguments: list[str], message: str
) -> None:
    assert main(["score", "x.csv", *arguments]) == USAGE
    assert message in capsys.readouterr().err


def test_without_ray_the_extra_is_named(monkeypatch: pytest.MonkeyPatch, bundle: Bundle) -> None:
    monkeypatch.setitem(sys.modules, "ray", None)
    with pytest.raises(MissingExtraError, match=r"scam-recruitment-detector\[ray\]"), cluster(None, bundle.folder):
        pass


def test_the_local_engine_does_not_load_ray() -> None:
    code = "import sys, detector.files, detector.engines.cluster, detector.cli; sys.exit('ray' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], cwd=ROOT, timeout=60).returncode == 0


# Real clusters.


def score(*arguments: object, **options: Any) -> "subprocess.Popen[str]":
    pipe = subprocess.PIPE
    command = [*COMMAND, *map(str, arguments)]
    return subprocess.Popen(command, cwd=ROOT, env=ENVIRON, stdout=pipe, stderr=pipe, text=True, **options)


def scored(*arguments: object) -> str:
    """Run to the end, and return what is shown."""
    with score(*arguments) as process:
        _, shown = process.communicate(timeout=900)
    assert process.returncode in {0, 2}, shown
    return shown


@contextmanager
def two_machines() -> Iterator[dict[str, Any]]:
    with subprocess.Popen(
        [sys.executable, str(ROOT / "tests" / "ray_nodes.py")],
        env=ENVIRON,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        line = process.stdout.readline()
        yield json.loads(line)
        process.stdin.close()
        process.wait(120)


def wait_for(path: Path, size: int, process: "subprocess.Popen[str]") -> None:
    deadline = time.monotonic() + 600
    while time.monotonic() < deadline and process.poll() is None:
        if path.exists() and path.stat().st_size >= size:
            return
        time.sleep(0.02)
    raise AssertionError(f"{path.name} did not grow to {size} bytes; status {process.poll()}")


def scorers(raylet: int) -> list[int]:
    """Return the processes of a machine that hold a model."""
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            parent = int((folder / "stat").read_text().rsplit(")", 1)[1].split()[1])
            title = (folder / "cmdline").read_bytes()
        except OSError:
            continue
        if parent == raylet and b"Scorer" in title:
            found.append(int(folder.name))
    return found


def corpus(path: Path, rows: int) -> Path:
    """Write real posts of many languages, some of them as they must not be."""
    languages = [sorted_lines.read_text().splitlines() for sorted_lines in sorted((ROOT / "data" / "corpus").glob("*.jsonl"))]
    posts = [json.loads(lines[n])["text"] for n in range(rows // len(languages) + 1) for lines in languages][:rows]
    lines = [json.dumps({"id": n, "text": post}) for n, post in enumerate(posts)]
    lines[5], lines[rows // 2], lines[-1] = "{broken", '{"id": 1, "text": ""}', '{"id": 2, "text": 7}'
    path.write_text("\n".join(lines) + "\n")
    return path


@pytest.mark.slow
@pytest.mark.model
def test_a_process_and_a_machine_are_killed_and_nothing_is_lost(tmp_path: Path) -> None:
    source, local, remote = corpus(tmp_path / "in.jsonl", 400), tmp_path / "local.jsonl", tmp_path / "remote.jsonl"
    scored(source, "-o", local, "--errors", tmp_path / "local.errors")
    with two_machines() as nodes:
        first, second = nodes["raylets"]
        arguments = [source, "-o", remote, "--errors", tmp_path / "remote.errors", "--resume", "--batch-size", 8, "--engine", "ray"]
        with score(*arguments, "--address", nodes["address"]) as process:
            wait_for(tmp_path / "remote.jsonl.progress", 10_000, process)
            (actor,) = scorers(first)
            os.kill(actor, signal.SIGKILL)
            wait_for(tmp_path / "remote.jsonl.progress", 80_000, process)
            assert scorers(second)
            os.kill(second, signal.SIGKILL)
            _, shown = process.communicate(timeout=900)
    assert process.returncode == 2, shown
    assert remote.read_bytes() == local.read_bytes()
    assert (tmp_path / "remote.errors").read_bytes() == (tmp_path / "local.errors").read_bytes()
    assert "rows       400 in" in shown
    assert not list(tmp_path.glob("*.progress"))
    # Nothing but the summary: no log of Ray's, and no post.
    assert len(shown.splitlines()) == 9, shown


@pytest.mark.slow
def test_the_command_itself_is_killed_and_goes_on_with_either_engine(runnable_bundle: Path, tmp_path: Path) -> None:
    source, local = write_posts(tmp_path / "in.jsonl", 60_000), tmp_path / "local.parquet"
    model = ["--model", runnable_bundle]
    scored(source, "-o", local, *model)
    with two_machines() as nodes:
        # Ctrl-C several times: what it meets in Ray's threads is a matter of milliseconds.
        for name, ends in (("a", [signal.SIGKILL]), ("b", [signal.SIGINT] * 5)):
            output = tmp_path / f"{name}.parquet"
            on_cluster = ["--engine", "ray", "--address", nodes["address"]]
            for size, end in enumerate(ends, start=3):
                with score(source, "-o", output, "--resume", *model, *on_cluster) as process:
                    wait_for(tmp_path / f"{name}.parquet.progress", size * 100_000, process)
                    process.send_signal(end)
                    _, shown = process.communicate(timeout=300)
                if end == signal.SIGINT:
                    assert process.returncode == 130
                    assert shown.startswith("scam-detector: interrupted; what was scored is kept in")
            shown = scored(source, "-o", output, "--resume", *model, *(on_cluster if name == "a" else []))
            assert "of them scored by the run that was interrupted" in shown
            assert output.read_bytes() == local.read_bytes()


@pytest.mark.slow
def test_a_cluster_is_started_here_and_writes_parts(runnable_bundle: Path, tmp_path: Path) -> None:
    source = write_posts(tmp_path / "in.jsonl", 3000)
    scored(source, "-o", tmp_path / "local.jsonl", "--model", runnable_bundle)
    scored(source, "-o", tmp_path / "parts.jsonl", "--parts", 1000, "--model", runnable_bundle, "--engine", "ray")
    joined = b"".join(part.read_bytes() for part in sorted((tmp_path / "parts.jsonl").iterdir()))
    assert joined == (tmp_path / "local.jsonl").read_bytes()


@pytest.mark.slow
def test_a_folder_of_shards_is_scored_on_a_cluster_into_parts_that_all_commands_read(runnable_bundle: Path, tmp_path: Path) -> None:
    shards, parts, local = tmp_path / "shards", tmp_path / "parts.parquet", tmp_path / "local.parquet"
    (shards / "more").mkdir(parents=True)
    posts = [{"id": f"q{n}", "text": f"zuzu zyzzyx wuzzy zumba xyzzy yuzu {n % 40}", "date": "2026-01-02"} for n in range(900)]
    pq.write_table(pa.Table.from_pylist(posts[:400]), shards / "a.parquet")
    pq.write_table(pa.Table.from_pylist(posts[400:700]), shards / "more" / "b.parquet")
    (shards / "more" / "c.jsonl").write_text("".join(json.dumps(post) + "\n" for post in posts[700:]))
    write_posts(shards / "d.jsonl", 100)
    scored(shards, "-o", local, "--model", runnable_bundle)
    scored(shards, "-o", parts, "--parts", 300, "--model", runnable_bundle, "--engine", "ray")
    assert [path.name for path in sorted(parts.iterdir())] == [f"part-{number:05}.parquet" for number in range(4)]
    whole = [row for path in sorted(parts.iterdir()) for row in pq.read_table(path).to_pylist()]
    assert whole == pq.read_table(local).to_pylist()
    assert sum(row["error"] is None for row in whole) == 997
    written = []
    for name, source in (("parts", parts), ("local", local)):
        case, page = tmp_path / name, tmp_path / f"{name}.html"
        assert main(["campaigns", str(source), "-o", str(case), "--workers", "1"]) == 0
        members = [json.loads(line) for line in (case / "members.jsonl").read_text().splitlines()]
        written.append(sorted((member["campaign"], member["id"]) for member in members))
        assert main(["report", str(source), "-o", str(page), "--model", str(runnable_bundle), "--workers", "1"]) == 0
        assert "posts" in page.read_text("utf-8")
    assert len(written[0]) >= 900
    assert written[0] == written[1]


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore:::ray")
def test_ray_reads_blocks_in_threads_of_the_names_that_the_engine_waits_for(runnable_bundle: Path, tmp_path: Path) -> None:
    source = write_posts(tmp_path / "in.jsonl", 3000)
    with cluster(None, runnable_bundle) as engine:
        engine.begin([Input(source)], Reading())
        engine.score([(1, Post("cook wanted in the zoo 0"))])
        threads = [thread for thread in threading.enumerate() if thread.name.startswith(READERS)]
        assert {name for name in READERS if any(thread.name.startswith(name) for thread in threads)} == set(READERS)
        engine.close()
        assert not any(thread.is_alive() for thread in threads)


@pytest.mark.slow
def test_standard_output_holds_nothing_of_rays(runnable_bundle: Path, tmp_path: Path) -> None:
    source = write_posts(tmp_path / "in.jsonl", 300)
    scored(source, "-o", tmp_path / "local.jsonl", "--model", runnable_bundle)
    with score(source, "--model", runnable_bundle, "--engine", "ray") as process:
        output, shown = process.communicate(timeout=300)
    assert output == (tmp_path / "local.jsonl").read_text()
    assert shown.startswith("input ")


@pytest.mark.slow
@pytest.mark.parametrize("address", ["127.0.0.1:1", "nowhere"])
def test_no_cluster_under_an_address_is_said(runnable_bundle: Path, tmp_path: Path, address: str) -> None:
    source = write_posts(tmp_path / "in.jsonl", 3)
    with score(source, "--model", runnable_bundle, "--engine", "ray", "--address", address) as process:
        _, shown = process.communicate(timeout=300)
    assert process.returncode == 5, shown
    assert shown.startswith(f"scam-detector: {address}: no Ray cluster answers: ")
    assert shown.endswith("start one with: ray start --head --disable-usage-stats\n")
