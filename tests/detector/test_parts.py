"""Outputs in parts: the same rows as in one file, and a folder that is there whole or not at all."""

import json
from pathlib import Path

import pytest
from letters import LetterBackend

from detector import BackendError, Detector, InputError, OutputError
from detector.bundle import Bundle
from detector.files import score_files
from detector.tables import open_table


def write_posts(path: Path, rows: int) -> Path:
    lines = [json.dumps({"id": n, "text": f"cook wanted {'in the zoo ' * (n % 7)}"}) for n in range(rows)]
    path.write_text("\n".join([*lines, "{broken"]) + "\n")
    return path


def rows_of(path: Path) -> list[dict[str, object]]:
    table = open_table(path)
    try:
        return [dict(row.fields) for row in table.rows()]
    finally:
        table.close()


@pytest.mark.parametrize("suffix", ["jsonl", "csv", "parquet"])
@pytest.mark.parametrize(("rows", "sizes"), [(0, [1]), (9, [5, 5]), (10, [5, 5, 1]), (3, [4])])
def test_parts_hold_the_rows_of_one_file_in_their_order(
    detector: Detector, tmp_path: Path, suffix: str, rows: int, sizes: list[int]
) -> None:
    source, whole, folder = write_posts(tmp_path / "in.jsonl", rows), tmp_path / f"whole.{suffix}", tmp_path / f"parts.{suffix}"
    score_files(detector, [source], whole)
    score_files(detector, [source], folder, parts=5)
    parts = sorted(folder.iterdir())
    assert [part.name for part in parts] == [f"part-{n:05}.{suffix}" for n in range(len(sizes))]
    held = [rows_of(part) for part in parts]
    assert [len(each) for each in held] == sizes
    assert [row for each in held for row in each] == rows_of(whole)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["in.jsonl", f"parts.{suffix}", f"whole.{suffix}"]


def test_parts_of_jsonl_are_the_one_file_cut_up(detector: Detector, tmp_path: Path) -> None:
    source = write_posts(tmp_path / "in.jsonl", 23)
    score_files(detector, [source], tmp_path / "whole.jsonl")
    score_files(detector, [source], tmp_path / "parts.jsonl", parts=4)
    joined = b"".join(part.read_bytes() for part in sorted((tmp_path / "parts.jsonl").iterdir()))
    assert joined == (tmp_path / "whole.jsonl").read_bytes()


def test_a_folder_of_parts_can_be_an_input(detector: Detector, tmp_path: Path) -> None:
    score_files(detector, [write_posts(tmp_path / "in.jsonl", 12)], tmp_path / "parts.parquet", parts=5)
    assert score_files(detector, [tmp_path / "parts.parquet"], tmp_path / "again.jsonl").rows == 13


@pytest.mark.parametrize("suffix", ["jsonl", "csv", "parquet"])
def test_a_run_that_fails_leaves_no_parts_and_can_be_gone_on_with(bundle: Bundle, tmp_path: Path, suffix: str) -> None:
    source, output = write_posts(tmp_path / "in.jsonl", 40), tmp_path / f"out.{suffix}"

    class Failing(LetterBackend):
        left = 25

        def token_scores(self, ids):
            self.left -= 1
            if self.left == 0:
                raise BackendError("failed")
            return super().token_scores(ids)

    with Detector(bundle, Failing(), threads=1) as failing:
        with pytest.raises(BackendError):
            score_files(failing, [source], output, parts=5, batch_size=8, resume=True)
        assert sorted(path.name for path in tmp_path.iterdir()) == ["in.jsonl", f"{output.name}.progress"]
        # What a process leaves that is killed.
        (tmp_path / f".{output.name}.progress.part").mkdir()
        (tmp_path / f".{output.name}.progress.part" / f"part-00000.{suffix}").write_text("half")
        summary = score_files(failing, [source], output, parts=5, batch_size=8, resume=True)
        assert summary.resumed in {8, 16, 24}
        score_files(failing, [source], tmp_path / f"whole.{suffix}", parts=5)
    assert [part.read_bytes() for part in sorted(output.iterdir())] == [
        part.read_bytes() for part in sorted((tmp_path / f"whole.{suffix}").iterdir())
    ]


@pytest.mark.parametrize("make", [Path.mkdir, Path.touch])
def test_parts_replace_nothing(detector: Detector, tmp_path: Path, make) -> None:
    source = write_posts(tmp_path / "in.jsonl", 3)
    make(tmp_path / "out.jsonl")
    with pytest.raises(OutputError, match=r"out\.jsonl: is there already, and a folder of parts replaces nothing"):
        score_files(detector, [source], tmp_path / "out.jsonl", parts=2)


def test_parts_want_a_name_and_a_size(detector: Detector, tmp_path: Path) -> None:
    source = write_posts(tmp_path / "in.jsonl", 3)
    with pytest.raises(InputError, match="at least 1 row in a part, got 0"):
        score_files(detector, [source], tmp_path / "out.jsonl", parts=0)
    with (tmp_path / "stream").open("wb") as stream, pytest.raises(InputError, match="the name of a folder"):
        score_files(detector, [source], stream, parts=2)
    assert not (tmp_path / "out.jsonl").exists()


@pytest.mark.parametrize("place", ["out.jsonl", "out.jsonl/evidence"])
@pytest.mark.parametrize("parts", [None, 2])
def test_evidence_is_not_kept_where_the_output_will_be(detector: Detector, tmp_path: Path, place: str, parts: int | None) -> None:
    source = write_posts(tmp_path / "in.jsonl", 3)
    with pytest.raises(OutputError, match=r"out\.jsonl: is the output, and evidence is to be kept there"):
        score_files(detector, [source], tmp_path / "out.jsonl", parts=parts, evidence=tmp_path / place)
    assert [path.name for path in tmp_path.iterdir()] == ["in.jsonl"]
