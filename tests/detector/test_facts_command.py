"""``scam-detector facts`` on real files: nothing of the input is lost, and flagged posts have their facts."""

import csv
import json
import subprocess
import sys
from pathlib import Path

import pyarrow.parquet
import pytest

from detector.cli import main
from detector.errors import InputError, OutputError
from detector.facts.records import COLUMNS
from detector.facts.table import add_facts

ROWS = [
    {"id": "a", "text": "Typist for Poipet via Bangkok, salary $900 per month", "band": "high", "language": "en", "evidence": [{"start": 0, "end": 6}]},
    {"id": "b", "text": "Cook in Dubai, salary 3000 AED", "band": "low", "language": "en", "evidence": []},
    {"id": "c", "text": "hello", "band": "review", "language": "en", "evidence": []},
    {"id": "d", "text": None, "band": "high", "language": None, "evidence": []},
]  # fmt: skip


@pytest.fixture
def scored(tmp_path: Path) -> Path:
    path = tmp_path / "scored.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in ROWS), "utf-8")
    return path


def read(path: Path) -> list[dict[str, object]]:
    return [json.loads(line) for line in path.read_text("utf-8").splitlines()]


def test_flagged_posts_get_their_facts_and_every_column_stays(scored: Path, tmp_path: Path) -> None:
    out = tmp_path / "cases.jsonl"
    summary = add_facts([scored], out)
    rows = read(out)
    assert [{key: row[key] for key in ROWS[0]} for row in rows] == ROWS
    assert (rows[0]["destination"], rows[0]["transit"], rows[0]["origin"], rows[0]["role"]) == ("KH", "TH", "unknown", "clerk")
    assert rows[0]["pay"] == {
        "low": 900, "high": 900, "currency": "USD", "period": "month", "start": 38, "end": 42, "text": "$900",
    }  # fmt: skip
    assert [place["place"] for place in rows[0]["places"]] == ["Poipet", "Bangkok"]
    assert all(rows[1][name] is None for name in COLUMNS)
    assert (rows[2]["role"], rows[2]["destination"]) == ("unknown", "unknown")
    assert (summary.rows, summary.read, summary.refused) == (4, 2, 0)
    assert summary.found == {"places": 1, "transit": 1, "destination": 1, "role": 1, "pay": 1}


def test_with_all_every_post_is_read(scored: Path, tmp_path: Path) -> None:
    out = tmp_path / "cases.jsonl"
    assert add_facts([scored], out, every=True).read == 3
    assert read(out)[1]["destination"] == "AE"


def test_csv_and_parquet_say_what_jsonl_says(scored: Path, tmp_path: Path) -> None:
    for name in ("cases.jsonl", "cases.csv", "cases.parquet"):
        add_facts([scored], tmp_path / name, every=True)
    expected = read(tmp_path / "cases.jsonl")
    parquet = pyarrow.parquet.read_table(tmp_path / "cases.parquet").to_pylist()
    with (tmp_path / "cases.csv").open(encoding="utf-8-sig", newline="") as lines:
        cells = list(csv.DictReader(lines))
    assert [{name: row[name] for name in COLUMNS} for row in parquet] == [{name: row[name] for name in COLUMNS} for row in expected]
    assert [row["destination"] for row in cells] == ["KH", "AE", "unknown", ""]
    assert json.loads(cells[0]["places"]) == expected[0]["places"]
    assert json.loads(cells[0]["pay"]) == expected[0]["pay"]
    assert json.loads(cells[0]["evidence"]) == ROWS[0]["evidence"]


def test_facts_are_added_to_csv_and_parquet_as_well(scored: Path, tmp_path: Path) -> None:
    for name in ("first.csv", "first.parquet"):
        add_facts([scored], tmp_path / name)
        again = tmp_path / f"second-{name}.jsonl"
        add_facts([tmp_path / name], again)
        row = read(again)[0]
        assert row["destination"] == "KH"
        assert row["input_destination"] == "KH"


def test_a_file_that_was_not_scored_is_refused_with_what_to_do(tmp_path: Path) -> None:
    posts = tmp_path / "posts.csv"
    posts.write_text("id,text\n1,Typist in Poipet\n", "utf-8")
    with pytest.raises(InputError, match="column 'band', got none; score it first, or read every row with --all"):
        add_facts([posts], tmp_path / "out.jsonl")
    assert not (tmp_path / "out.jsonl").exists()


def test_a_file_is_not_written_over_itself(scored: Path) -> None:
    with pytest.raises(OutputError, match="is an input and the output"):
        add_facts([scored], scored)


def test_a_broken_line_is_counted_and_does_not_stop_the_others(scored: Path, tmp_path: Path) -> None:
    with scored.open("a", encoding="utf-8") as stream:
        stream.write("{broken\n")
    assert main(["facts", str(scored), "-o", str(tmp_path / "out.jsonl")]) == 2
    assert len(read(tmp_path / "out.jsonl")) == 5


def test_the_command_runs_in_a_process_of_its_own(scored: Path) -> None:
    done = subprocess.run([sys.executable, "-m", "detector", "facts", str(scored)], capture_output=True, check=True)
    rows = [json.loads(line) for line in done.stdout.splitlines()]
    assert rows[0]["destination"] == "KH"
    assert b"rows 4, read 2, refused 0; named: origin 0, transit 1, destination 1, role 1, pay 1" in done.stderr


def test_the_help_shows_examples(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["facts", "--help"]) == 0
    assert "scam-detector facts scored.jsonl -o cases.jsonl" in capsys.readouterr().out
