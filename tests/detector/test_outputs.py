"""Tables out: the same names everywhere, nothing that a spreadsheet runs, and whole files or none."""

import csv
import datetime
import io
import json
import os
import resource
import signal
import stat
import subprocess
import sys
import textwrap
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from detector import INDICATORS, LABELS, BackendError, Detector, OutputError
from detector.bundle import Bundle
from detector.files import Summary, score_files
from detector.outputs import CsvWriter, ParquetWriter, reserved_names, verdict_columns, whole_file
from detector.records import Contact, Evidence, IndicatorFinding, Verdict

ROOT = Path(__file__).parents[2]
VERDICT = Verdict(
    id="p-1",
    score=0.9400000013,
    label="scam_compound",
    label_scores=dict(zip(LABELS, (0.94, 0.04, 0.01, 0.01), strict=True)),
    band="high",
    language="id",
    windows=1,
    evidence=(Evidence(0, 5, "tiket"), Evidence(9, 12, "mes")),
    indicators=(IndicatorFinding("travel_paid", 0.97, (Evidence(0, 5, "tiket"),)), IndicatorFinding("secrecy", 0.6)),
    contacts=(Contact("telegram", "@example_hr"), Contact("phone", "+62000")),
    model="letters/0.0.1",
)
FLAT = ["id", "score", "label", *(f"score_{label}" for label in LABELS), "band", "reason", "language", "note", "windows"]
FLAT += ["evidence", "indicators", "contacts", "model", "error"]


def write_jsonl(path: Path, *records: object) -> Path:
    path.write_text("".join(json.dumps(record) + "\n" for record in records), "utf-8")
    return path


def read_csv(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8-sig", newline="") as stream:
        return list(csv.DictReader(stream))


def parts_in(folder: Path) -> list[str]:
    return [path.name for path in folder.iterdir() if path.name.endswith(".part")]


# Names and forms.


def test_names_are_the_same_in_all_formats_and_the_input_stands_first(detector: Detector, tmp_path: Path) -> None:
    source = write_jsonl(
        tmp_path / "in.jsonl",
        {"nr": 1, "text": "kitchen help wanted", "score": 5, "label_scores": 1, "score_not_job": 2, "text_id": 3},
    )
    outputs = {suffix: tmp_path / f"out{suffix}" for suffix in (".jsonl", ".csv", ".parquet")}
    for output in outputs.values():
        score_files(detector, [source], output)
    carried = ["nr", "text", "input_score", "input_label_scores", "input_score_not_job", "text_id"]
    assert list(read_csv(outputs[".csv"])[0]) == carried + FLAT
    assert pq.read_schema(outputs[".parquet"]).names == carried + FLAT
    names = [name for name in FLAT if not name.startswith("score_")]
    names.insert(names.index("label") + 1, "label_scores")
    assert list(json.loads(outputs[".jsonl"].read_text())) == carried + names
    assert reserved_names(LABELS) == set(FLAT) | {"label_scores"}


def test_the_id_column_keeps_its_place_and_is_written_once(detector: Detector, tmp_path: Path) -> None:
    source = write_jsonl(tmp_path / "in.jsonl", {"text": "kitchen help", "id": 7, "who": "x"})
    for name in ("out.csv", "out.jsonl"):
        score_files(detector, [source], tmp_path / name)
    assert list(read_csv(tmp_path / "out.csv")[0])[:4] == ["text", "id", "who", "score"]
    record = json.loads((tmp_path / "out.jsonl").read_text())
    assert list(record)[:4] == ["text", "id", "who", "score"]
    assert record["id"] == "7"


def test_csv_writes_lists_as_text() -> None:
    stream = io.BytesIO()
    writer = CsvWriter(stream, {"text": str}, LABELS)
    writer.write({"text": "tiket & mes"}, VERDICT)
    writer.finish()
    (row,) = csv.DictReader(io.StringIO(stream.getvalue().decode("utf-8-sig"), newline=""))
    assert list(row) == ["text", *verdict_columns(LABELS)]
    assert (row["evidence"], row["indicators"]) == ("tiket | mes", "travel_paid;secrecy")
    assert row["contacts"] == "telegram:@example_hr phone:+62000"
    assert (row["score"], row["score_scam_compound"], row["reason"], row["windows"]) == ("0.94", "0.94", "", "1")


def test_parquet_writes_typed_columns(tmp_path: Path) -> None:
    with (tmp_path / "out.parquet").open("wb") as stream:
        writer = ParquetWriter(stream, {"text": str, "n": int}, LABELS)
        writer.write({"text": "tiket & mes", "n": 3}, VERDICT)
        writer.write({}, Verdict("p-2", error="no text"))
        writer.finish()
    first, second = pq.read_table(tmp_path / "out.parquet").to_pylist()
    assert first["indicators"][0] == {
        "code": "travel_paid",
        "score": 0.97,
        "evidence": [{"start": 0, "end": 5, "text": "tiket"}],
    }
    assert first["contacts"][0] == {"kind": "telegram", "value": "@example_hr"}
    assert (first["score_other_job_fraud"], first["n"], second["n"], second["score"]) == (0.04, 3, None, None)
    assert second["error"] == "no text"


def test_every_column_of_every_input_is_carried_over(detector: Detector, tmp_path: Path) -> None:
    one = write_jsonl(tmp_path / "one.jsonl", *({"text": "kitchen help"} for _ in range(150)), {"text": "zoo", "late": [1, "x"]})
    two = tmp_path / "two.csv"
    two.write_text("text,extra\nkitchen help,a\ntoo,b,many\n")
    score_files(detector, [one, two], tmp_path / "out.csv")
    rows = read_csv(tmp_path / "out.csv")
    assert list(rows[0])[:4] == ["text", "late", "extra", "extra_cells"]
    assert rows[150]["late"] == '[1, "x"]'
    assert (rows[151]["extra"], rows[152]["extra_cells"]) == ("a", '["many"]')


def test_parquet_columns_keep_their_types(detector: Detector, tmp_path: Path) -> None:
    source, output = tmp_path / "in.parquet", tmp_path / "out.parquet"
    day = datetime.date(2026, 5, 1)
    noon = datetime.datetime(2026, 5, 1, 12, tzinfo=datetime.UTC)
    table = pa.table(
        {
            "text": ["kitchen help wanted", "zoo"],
            "views": pa.array([1, None], pa.int32()),
            "rate": [0.5, float("nan")],
            "day": [day, None],
            "seen": pa.array([noon, None], pa.timestamp("ms", "UTC")),
            "tags": [["a"], None],
            "flag": [True, False],
        }
    )
    pq.write_table(table, source)
    score_files(detector, [source], output)
    carried = pq.read_table(output).select(table.column_names)
    assert carried.schema.equals(table.schema)
    assert carried.slice(0, 1).equals(table.slice(0, 1))
    score_files(detector, [source], tmp_path / "out.jsonl")
    records = [json.loads(line) for line in (tmp_path / "out.jsonl").read_text().splitlines()]
    assert (records[0]["day"], records[0]["seen"], records[0]["tags"]) == ("2026-05-01", "2026-05-01T12:00:00+00:00", ["a"])
    assert records[1]["rate"] is None


def test_parquet_types_of_json_values_hold_all_of_them(detector: Detector, tmp_path: Path) -> None:
    source = write_jsonl(
        tmp_path / "in.jsonl",
        {"text": "a", "n": 1, "f": 1, "b": True, "mixed": 1, "huge": 2**70, "none": None},
        {"text": "b", "n": None, "f": 0.5, "b": False, "mixed": "x", "huge": 1, "nested": {"k": [1]}},
    )
    score_files(detector, [source], tmp_path / "out.parquet")
    table = pq.read_table(tmp_path / "out.parquet")
    kinds = {name: str(table.schema.field(name).type) for name in ("n", "f", "b", "mixed", "huge", "none", "nested")}
    assert kinds == {
        "n": "int64",
        "f": "double",
        "b": "bool",
        "mixed": "string",
        "huge": "string",
        "none": "string",
        "nested": "string",
    }
    assert table["huge"].to_pylist() == [str(2**70), "1"]
    assert table["nested"].to_pylist() == [None, '{"k": [1]}']


def test_half_surrogate_pairs_are_carried_over_as_far_as_the_format_can(detector: Detector, tmp_path: Path) -> None:
    source = write_jsonl(tmp_path / "in.jsonl", {"text": "kitchen help", "who": "a\ud83d", "k\udc00": 1})
    for suffix in ("jsonl", "csv", "parquet"):
        assert score_files(detector, [source], tmp_path / f"out.{suffix}").refused == 0
    line = (tmp_path / "out.jsonl").read_bytes()
    assert line.isascii()
    assert json.loads(line)["who"] == "a\ud83d"
    assert read_csv(tmp_path / "out.csv")[0]["who"] == "a\ufffd"
    assert (
        pq.read_table(tmp_path / "out.parquet").to_pylist()[0] | {"who": "a\ufffd", "k\ufffd": 1}
        == pq.read_table(tmp_path / "out.parquet").to_pylist()[0]
    )


# Spreadsheets.


@pytest.mark.parametrize("start", ["=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠"])
@pytest.mark.parametrize("blanks", ["", " ", "\u3000 ", "\ufeff"])
def test_no_cell_starts_with_a_formula(start: str, blanks: str) -> None:
    attack = f"{blanks}{start}HYPERLINK(1)"
    verdict = Verdict("@id", score=-0.5, evidence=(Evidence(0, 1, attack),), error=attack)
    stream = io.BytesIO()
    writer = CsvWriter(stream, {attack: str, "n": str}, LABELS)
    writer.write({attack: attack, "n": [attack]}, verdict)
    writer.finish()
    header, cells = csv.reader(io.StringIO(stream.getvalue().decode("utf-8-sig"), newline=""))
    assert header[0] == cells[0] == f"'{attack}"
    row = dict(zip(header, cells, strict=True))
    assert (row["id"], row["evidence"], row["error"]) == ("'@id", f"'{attack}", f"'{attack}")
    assert row["score"] == "-0.5"


@pytest.mark.parametrize("number", ["-5", "+62", "-1.5", "-1,5", "+1e5", "-2.5E-3"])
def test_plain_numbers_stay_as_they_are(number: str) -> None:
    stream = io.BytesIO()
    writer = CsvWriter(stream, {"n": str, "m": str}, LABELS)
    writer.write({"n": number, "m": f"{number}+1"}, Verdict("1"))
    writer.finish()
    cells = list(csv.reader(io.StringIO(stream.getvalue().decode("utf-8-sig"), newline="")))[1]
    assert cells[:2] == [number, f"'{number}+1"]


def test_csv_starts_with_the_mark_that_spreadsheets_need(detector: Detector, tmp_path: Path) -> None:
    source = write_jsonl(tmp_path / "in.jsonl", {"text": "ร้านกาแฟหาพนักงาน"})
    score_files(detector, [source], tmp_path / "out.csv")
    assert (tmp_path / "out.csv").read_bytes().startswith(b"\xef\xbb\xbftext,")
    again = score_files(detector, [tmp_path / "out.csv"], tmp_path / "again.csv")
    assert (again.rows, again.refused) == (1, 0)


# Whole or not at all.


def test_nothing_is_seen_under_the_name_before_the_file_is_whole(tmp_path: Path) -> None:
    path = tmp_path / "out.csv"
    path.write_text("older")
    with whole_file(path) as stream:
        stream.write(b"newer")
        stream.flush()
        assert path.read_text() == "older"
    assert path.read_text() == "newer"
    assert parts_in(tmp_path) == []


def test_a_failure_removes_what_was_written_and_keeps_the_older_file(tmp_path: Path) -> None:
    path = tmp_path / "out.csv"
    path.write_text("older")
    whole = whole_file(path)
    whole.__enter__().write(b"half")
    assert not whole.__exit__(KeyboardInterrupt, KeyboardInterrupt(), None)
    assert path.read_text() == "older"
    assert parts_in(tmp_path) == []


class FailingBackend:
    """Fails on the tenth window."""

    def __init__(self) -> None:
        self.calls = 0

    def token_scores(self, ids):
        self.calls += 1
        if self.calls == 10:
            raise BackendError("failed")
        return np.zeros((len(ids), len(LABELS) + len(INDICATORS)), dtype=np.float32)


@pytest.mark.parametrize("suffix", ["jsonl", "csv", "parquet"])
def test_a_runtime_that_fails_leaves_no_output(bundle: Bundle, tmp_path: Path, suffix: str) -> None:
    source = write_jsonl(tmp_path / "in.jsonl", *({"text": "kitchen help"} for _ in range(20)))
    detector = Detector(bundle, FailingBackend(), threads=1)
    with pytest.raises(BackendError):
        score_files(detector, [source], tmp_path / f"out.{suffix}", batch_size=4)
    detector.close()
    assert [path.name for path in tmp_path.iterdir()] == ["in.jsonl"]


def test_the_mode_and_the_link_of_an_older_file_stay(tmp_path: Path) -> None:
    target, link = tmp_path / "target.csv", tmp_path / "link.csv"
    target.touch(0o640)
    link.symlink_to(target)
    with whole_file(link) as stream:
        stream.write(b"new")
    assert link.is_symlink()
    assert target.read_bytes() == b"new"
    assert stat.S_IMODE(target.stat().st_mode) == 0o640


def test_a_pipe_is_written_to_and_not_replaced(detector: Detector, tmp_path: Path) -> None:
    source = write_jsonl(tmp_path / "in.jsonl", {"text": "kitchen help"})
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    with subprocess.Popen(["cat", str(pipe)], stdout=subprocess.PIPE) as reader:
        score_files(detector, [source], pipe)
        out, _ = reader.communicate(timeout=20)
    assert json.loads(out)["text"] == "kitchen help"
    assert stat.S_ISFIFO(pipe.stat().st_mode)


@pytest.mark.parametrize("name", ["out", "out.xlsx", "out.json"])
def test_an_extension_without_a_format_is_refused(detector: Detector, tmp_path: Path, name: str) -> None:
    with pytest.raises(OutputError, match=r"ends in \.jsonl, \.csv or \.parquet"):
        score_files(detector, ["-"], tmp_path / name)


@pytest.mark.parametrize("suffix", ["jsonl", "csv", "parquet"])
def test_a_folder_that_is_missing_is_named(detector: Detector, tmp_path: Path, suffix: str) -> None:
    source = write_jsonl(tmp_path / "in.jsonl", {"text": "kitchen help"})
    output = tmp_path / "nowhere" / f"out.{suffix}"
    with pytest.raises(OutputError, match=rf"nowhere/out\.{suffix}: cannot be written: No such file or directory"):
        score_files(detector, [source], output)


def test_a_folder_under_the_name_of_the_output_is_no_target(detector: Detector, tmp_path: Path) -> None:
    source = write_jsonl(tmp_path / "in.jsonl", {"text": "kitchen help"})
    (tmp_path / "out.csv").mkdir()
    with pytest.raises(OutputError, match="Is a directory"):
        score_files(detector, [source], tmp_path / "out.csv")
    assert parts_in(tmp_path) == []


@contextmanager
def small_disk() -> Iterator[None]:
    """Let no file grow over 64 KiB."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (64 * 1024, before[1]))
    yield
    resource.setrlimit(resource.RLIMIT_FSIZE, before)


@pytest.mark.parametrize("suffix", ["jsonl", "csv", "parquet"])
def test_a_full_disk_is_an_output_error_and_leaves_nothing(detector: Detector, tmp_path: Path, suffix: str) -> None:
    source = tmp_path / "in.csv"
    source.write_text("text\n" + "".join(f"{os.urandom(40).hex()}\n" for _ in range(2000)))
    with small_disk(), pytest.raises(OutputError, match=rf"out\.{suffix}: cannot be written: .*[Ff]ile too large"):
        score_files(detector, [source], tmp_path / f"out.{suffix}")
    assert [path.name for path in tmp_path.iterdir()] == ["in.csv"]


def test_a_full_device_is_an_output_error(detector: Detector, tmp_path: Path) -> None:
    source = write_jsonl(tmp_path / "in.jsonl", {"text": "kitchen help"})
    with pytest.raises(OutputError, match="/dev/full: cannot be written: No space left on device"):
        score_files(detector, [source], "/dev/full")


SLOW_RUN = """
    import sys, time
    from pathlib import Path
    import numpy as np
    from detector import Detector
    from detector.bundle import read_bundle
    from detector.files import score_files

    class Backend:
        def token_scores(self, ids):
            time.sleep(0.002)
            return np.zeros((len(ids), 33), dtype=np.float32)

    folder, source, output = map(Path, sys.argv[1:])
    score_files(Detector(read_bundle(folder), Backend(), threads=1), [source], output, batch_size=4)
"""


def test_a_run_that_is_killed_leaves_no_half_output(bundle: Bundle, tmp_path: Path) -> None:
    source = write_jsonl(tmp_path / "in.jsonl", *({"text": "kitchen help"} for _ in range(20_000)))
    output = tmp_path / "out.jsonl"
    command = [sys.executable, "-c", textwrap.dedent(SLOW_RUN), str(bundle.folder), str(source), str(output)]
    with subprocess.Popen(command, cwd=ROOT) as process:
        deadline = time.monotonic() + 30
        while not any(path.stat().st_size for path in tmp_path.glob("*.part")) and time.monotonic() < deadline:
            time.sleep(0.02)
        process.send_signal(signal.SIGKILL)
    assert process.returncode == -signal.SIGKILL
    assert not output.exists()
    assert len(parts_in(tmp_path)) == 1


def test_the_summary_counts_rows_bands_and_languages() -> None:
    summary = Summary(seconds=2.0)
    summary.count("in.csv", 1, VERDICT)
    summary.count("in.csv", 2, Verdict("2", error="no text"))
    assert (summary.rows, summary.refused, summary.rows_per_second) == (2, 1, 1.0)
    assert (dict(summary.bands), dict(summary.languages)) == ({"high": 1}, {"id": 1})
    assert summary.refusals == [("in.csv", 2, "no text")]
