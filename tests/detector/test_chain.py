"""Evidence that is kept so that a later change shows: every byte, every line, every object."""

import json
import os
import random
import re
import shutil
import stat
import subprocess
import time
from collections.abc import Callable, Iterator
from hashlib import sha256
from pathlib import Path

import pytest
from forking import Forked, forking
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from letters import WARM_UP, LetterBackend

from detector import Detector, EvidenceError, InputError, OutputError
from detector.bundle import Bundle
from detector.chain import Verification
from detector.cli import main
from detector.files import score_files
from detector.tables import open_table

ROOT = Path(__file__).parents[2]
POSTS = [
    {"id": "p-1", "text": "zoo zebra zigzag zoom", "seen": "2026-11-01"},
    {"id": "p-2", "text": "cook wanted in the city", "seen": "2026-11-02"},
    {"id": "p-3", "text": "zoo zebra zigzag zoom", "seen": "2026-11-03"},
    {"id": "p-4", "text": "zinc zone ร้าน zoom zap zip", "seen": "2026-11-04"},
    {"id": "p-5", "text": "zulu zero zest zeal zonal", "seen": "2026-11-05"},
]
FLAGGED = ["p-1", "p-3", "p-4", "p-5"]


class AllFlagged(Detector):
    """Flags every post with a z in it: a band that does not hang on a model."""

    def score(self, posts):
        from dataclasses import replace

        texts = list(posts)
        verdicts = super().score(texts)
        return [
            verdict if verdict.error else replace(verdict, band="high" if "z" in post.text else "low")
            for post, verdict in zip(texts, verdicts, strict=True)
        ]


@pytest.fixture(scope="module")
def detector(bundle: Bundle) -> Iterator[Detector]:
    with AllFlagged(bundle, LetterBackend(), threads=1) as detector:
        yield detector


def write(path: Path, posts: list[dict[str, object]]) -> Path:
    path.write_text("".join(json.dumps(post, ensure_ascii=False) + "\n" for post in posts))
    return path


def keep(detector: Detector, folder: Path, posts: list[dict[str, object]] = POSTS, name: str = "posts.jsonl"):
    source = write(folder / name, posts)
    return score_files(detector, [source], folder / "out.jsonl", evidence=folder / "kept").kept


@pytest.fixture(scope="module")
def kept(detector: Detector, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("chain")
    keep(detector, folder)
    return folder / "kept"


@pytest.fixture
def copy(kept: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(kept, tmp_path / "copy"))


def lines(folder: Path) -> list[bytes]:
    return (folder / "manifest.jsonl").read_bytes().splitlines(keepends=True)


def faults(folder: Path, head: str | None = None) -> list[str]:
    return list(Verification(folder, head=head).faults())


def objects(folder: Path) -> list[Path]:
    return sorted(path for path in (folder / "objects").rglob("*") if path.is_file())


# What is kept.


def test_every_flagged_post_is_kept_as_it_came(kept: Path) -> None:
    records = [json.loads(line) for line in lines(kept)]
    assert [record["id"] for record in records] == FLAGGED
    for number, record in enumerate(records, 1):
        (post,) = (post for post in POSTS if post["id"] == record["id"])
        text = (kept / "objects" / record["text"]["sha256"][:2] / record["text"]["sha256"][2:]).read_bytes()
        cells = (kept / "objects" / record["row_cells"]["sha256"][:2] / record["row_cells"]["sha256"][2:]).read_bytes()
        assert text == str(post["text"]).encode()
        assert json.loads(cells) == post
        assert record["number"] == number
        assert record["row"] == POSTS.index(post) + 1
        assert record["file_sha256"] == sha256((kept.parent / "posts.jsonl").read_bytes()).hexdigest()
        assert record["text"]["bytes"] == len(text)
        assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", record["time"])
        assert record["verdict"]["band"] == "high"


def test_each_line_has_the_hash_of_the_line_before(kept: Path) -> None:
    found = lines(kept)
    assert json.loads(found[0])["previous"] == "0" * 64
    for one, other in zip(found, found[1:], strict=False):
        assert json.loads(other)["previous"] == sha256(one.removesuffix(b"\n")).hexdigest()


def test_the_manifest_holds_no_word_of_a_post(kept: Path) -> None:
    manifest = (kept / "manifest.jsonl").read_text("utf-8")
    assert not [word for post in POSTS for word in str(post["text"]).split() if len(word) > 3 and word in manifest]


def test_only_the_owner_can_open_what_is_kept(kept: Path) -> None:
    for path in [kept, *kept.rglob("*")]:
        assert stat.S_IMODE(path.stat().st_mode) == (0o700 if path.is_dir() else 0o600), path


def test_originals_are_kept_with_the_mask_too(detector: Detector, tmp_path: Path) -> None:
    source = write(tmp_path / "posts.jsonl", [{"id": 1, "text": "zoo, write to @lotus_hr today"}])
    score_files(detector, [source], tmp_path / "out.jsonl", mask=True, evidence=tmp_path / "kept")
    assert "lotus" not in (tmp_path / "out.jsonl").read_text("utf-8")
    assert b"zoo, write to @lotus_hr today" in [path.read_bytes() for path in objects(tmp_path / "kept")]


@pytest.mark.parametrize("suffix", ["csv", "parquet"])
def test_tables_of_every_kind_are_kept(detector: Detector, tmp_path: Path, suffix: str) -> None:
    score_files(detector, [write(tmp_path / "posts.jsonl", POSTS)], tmp_path / f"table.{suffix}")
    score_files(detector, [tmp_path / f"table.{suffix}"], tmp_path / "out.jsonl", evidence=tmp_path / "kept")
    assert faults(tmp_path / "kept") == []
    with_rows = [json.loads(path.read_bytes()) for path in objects(tmp_path / "kept") if path.read_bytes().startswith(b"{")]
    assert sorted(row["id"] for row in with_rows) == FLAGGED


def test_what_can_be_read_only_once_is_no_evidence(detector: Detector, tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    holder = os.open(tmp_path / "pipe", os.O_RDWR)
    os.write(holder, (json.dumps(POSTS[0]) + "\n").encode() * 500)
    with pytest.raises(InputError, match="expected a file, which can be checked against its hash later"):
        score_files(detector, [tmp_path / "pipe"], tmp_path / "out.jsonl", evidence=tmp_path / "kept")
    os.close(holder)


# Several runs.


def test_a_later_run_adds_to_the_chain(detector: Detector, tmp_path: Path) -> None:
    first = keep(detector, tmp_path)
    more = keep(detector, tmp_path, [{"id": "p-9", "text": "zoo zoo zoo later"}, *POSTS], name="more.jsonl")
    assert (first.added, first.known, first.entries) == (4, 0, 4)
    # Another file: its rows are other evidence, of the same texts.
    assert (more.added, more.known, more.entries) == (5, 0, 9)
    verification = Verification(tmp_path / "kept", head=first.head)
    assert list(verification.faults()) == []
    assert (verification.entries, verification.added, verification.head) == (9, 5, more.head)


def test_the_same_run_again_adds_nothing(detector: Detector, tmp_path: Path) -> None:
    first = keep(detector, tmp_path)
    before = (tmp_path / "kept" / "manifest.jsonl").read_bytes()
    again = keep(detector, tmp_path)
    assert (again.added, again.known, again.head) == (0, 4, first.head)
    assert (tmp_path / "kept" / "manifest.jsonl").read_bytes() == before


def test_a_folder_of_something_else_is_left_alone(detector: Detector, tmp_path: Path) -> None:
    (tmp_path / "kept").mkdir()
    (tmp_path / "kept" / "notes.txt").write_text("mine")
    with pytest.raises(OutputError, match=r"expected an empty folder or one with a manifest\.jsonl"):
        keep(detector, tmp_path)
    assert [path.name for path in (tmp_path / "kept").iterdir()] == ["notes.txt"]


def test_the_manifest_is_no_input_of_the_folder_it_lies_in(detector: Detector, tmp_path: Path) -> None:
    keep(detector, tmp_path)
    summary = score_files(detector, [tmp_path], tmp_path / "out.jsonl", evidence=tmp_path / "kept")
    assert summary.rows == len(POSTS)


# What does not hold.


@settings(deadline=None, max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_a_changed_byte_of_the_manifest_is_found_and_its_line_named(copy: Path, kept: Path, data: st.DataObject) -> None:
    whole = (kept / "manifest.jsonl").read_bytes()
    place = data.draw(st.integers(0, len(whole) - 1))
    byte = data.draw(st.integers(0, 255).filter(lambda value: value != whole[place]))
    (copy / "manifest.jsonl").write_bytes(whole[:place] + bytes([byte]) + whole[place + 1 :])
    number = whole.count(b"\n", 0, place) + 1
    assert faults(copy)[0].startswith(f"manifest.jsonl, line {number} ")


@settings(deadline=None, max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_a_byte_put_into_or_taken_from_the_manifest_is_found(copy: Path, kept: Path, data: st.DataObject) -> None:
    whole = (kept / "manifest.jsonl").read_bytes()
    place = data.draw(st.integers(0, len(whole) - 1))
    new = data.draw(st.binary(max_size=2))
    cut = data.draw(st.integers(0 if new else 1, 3))
    changed = whole[:place] + new + whole[place + cut :]
    (copy / "manifest.jsonl").write_bytes(changed)
    number = whole.count(b"\n", 0, place) + 1
    found = faults(copy)
    if changed == whole:
        assert found == []
    else:
        # A line break put in or taken shows in this line or, if it stands at its end, in the next.
        assert re.match(rf"manifest\.jsonl, line ({number}|{number + 1}) ", found[0])


@settings(deadline=None, max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_a_changed_byte_of_an_object_is_found_and_its_posts_named(copy: Path, kept: Path, data: st.DataObject) -> None:
    path = data.draw(st.sampled_from(objects(kept))).relative_to(kept)
    whole = (kept / path).read_bytes()
    place = data.draw(st.integers(0, len(whole)))
    new = data.draw(st.binary(max_size=2))
    changed = whole[:place] + new + whole[place + data.draw(st.integers(0, 2)) :]
    (copy / path).write_bytes(changed)
    found = faults(copy)
    (copy / path).write_bytes(whole)
    digest = path.parts[1] + path.parts[2]
    posts = [json.loads(line)["id"] for line in lines(kept) if digest.encode() in line]
    assert [re.match(rf"{path}, the (?:text|cells) of post '(.*?)', row", fault)[1] for fault in found] == (
        posts if changed != whole else []
    )


def test_a_missing_object_is_named_with_its_posts(copy: Path) -> None:
    text = json.loads(lines(copy)[0])["text"]["sha256"]
    (copy / "objects" / text[:2] / text[2:]).unlink()
    found = faults(copy)
    # Both posts have this text.
    assert [re.search(r"the text of post '(.*?)', row (\d)", fault).groups() for fault in found] == [("p-1", "1"), ("p-3", "3")]
    assert all(fault.endswith("is missing") for fault in found)


def test_an_object_that_was_put_in_is_named(copy: Path) -> None:
    (copy / "objects" / "00").mkdir(exist_ok=True)
    (copy / "objects" / "00" / "planted").write_bytes(b"planted")
    assert faults(copy) == [
        "objects/00/planted: was put in, or its line is missing: no whole line of manifest.jsonl names it",
    ]


@pytest.mark.parametrize("place", [0, 1, 2])
def test_a_line_that_was_removed_is_missed(copy: Path, place: int) -> None:
    found = lines(copy)
    (copy / "manifest.jsonl").write_bytes(b"".join(found[:place] + found[place + 1 :]))
    first = faults(copy)[0]
    assert first.startswith(f"manifest.jsonl, line {place + 1} post '{FLAGGED[place + 1]}'")
    assert "follows on 1 missing lines" in first


@pytest.mark.parametrize(("one", "other"), [(0, 1), (1, 3), (3, 0)])
def test_lines_that_changed_places_are_found(copy: Path, one: int, other: int) -> None:
    found = lines(copy)
    found[one], found[other] = found[other], found[one]
    (copy / "manifest.jsonl").write_bytes(b"".join(found))
    assert faults(copy)


def test_a_line_that_was_doubled_is_found(copy: Path) -> None:
    found = lines(copy)
    (copy / "manifest.jsonl").write_bytes(b"".join([*found[:2], found[0], *found[2:]]))
    (fault,) = faults(copy)
    assert fault.startswith("manifest.jsonl, line 3 post 'p-1', row 1 of")
    assert "was put in or moved" in fault


def test_a_line_that_was_written_anew_with_its_own_hash_is_found(copy: Path) -> None:
    from detector.chain.lines import sealed

    found = lines(copy)
    record = {name: value for name, value in json.loads(found[1]).items() if name != "sha256"}
    found[1] = sealed(record | {"id": "p-other"}) + b"\n"
    (copy / "manifest.jsonl").write_bytes(b"".join(found))
    (fault,) = faults(copy)
    assert fault.startswith("manifest.jsonl, line 3 post 'p-4'")
    assert "was rewritten, or the line before it was" in fault


def test_lines_taken_from_the_end_show_only_against_the_head(copy: Path) -> None:
    head = Verification(copy)
    assert list(head.faults()) == []
    found = lines(copy)
    (copy / "manifest.jsonl").write_bytes(b"".join(found[:-1]))
    (fault,) = [fault for fault in faults(copy, head.head) if not fault.startswith("objects/")]
    assert fault.startswith(f"manifest.jsonl: no line has the hash {head.head}")
    # Without the head only what the missing line named is left over.
    assert all(fault.startswith("objects/") for fault in faults(copy))


def test_a_line_that_names_a_way_out_of_the_folder_is_no_entry(copy: Path) -> None:
    from detector.chain.lines import sealed

    record = {name: value for name, value in json.loads(lines(copy)[0]).items() if name != "sha256"}
    record["text"] = {"sha256": "../../../etc/passwd", "bytes": 1}
    (copy / "manifest.jsonl").write_bytes(sealed(record) + b"\n")
    assert "was changed or put in" in faults(copy)[0]


@pytest.mark.parametrize(
    "content", [b"", b"\n\n", b"[]\n", b"{}\n", b"\0" * 5000, b"\xff\xfe\n", b'{"number": 1}\n', b"[" * 99_999]
)
def test_any_bytes_for_a_manifest_are_answered(copy: Path, content: bytes) -> None:
    (copy / "manifest.jsonl").write_bytes(content)
    assert faults(copy)


# The command.


def test_verify_says_whole_and_the_head(kept: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["verify", str(kept)]) == 0
    head = sha256(lines(kept)[-1].removesuffix(b"\n")).hexdigest()
    # Two posts share a text.
    assert capsys.readouterr().out == f"{kept}: whole; 4 posts, 7 objects\nhead {head}\n"
    assert main(["verify", str(kept), "--head", head]) == 0
    assert capsys.readouterr().out.endswith("the head you named is there, 0 lines before the last\n")


def test_verify_names_faults_and_ends_with_its_own_status(copy: Path, capsys: pytest.CaptureFixture[str]) -> None:
    objects(copy)[0].write_bytes(b"changed")
    assert main(["verify", str(copy)]) == 8
    shown = capsys.readouterr()
    assert "was changed: its SHA-256 is" in shown.out
    assert "1 faults, named above" in shown.err
    assert main(["verify", str(copy.parent)]) == 3
    assert "found no manifest.jsonl" in capsys.readouterr().err


# Runs that are cut off.

RUN = """
    import sys, time
    from pathlib import Path
    from test_chain import AllFlagged
    from letters import LetterBackend
    from detector.bundle import read_bundle
    from detector.files import score_files

    class Backend(LetterBackend):
        def token_scores(self, ids):
            time.sleep(0.0005)
            return super().token_scores(ids)

    folder, source, output, kept = map(Path, sys.argv[1:])
    detector = AllFlagged(read_bundle(folder), Backend(), threads=1)
    summary = score_files(detector, [source], output, batch_size=8, resume=True, evidence=kept)
    print(summary.rows, summary.resumed, summary.kept.added, summary.kept.known)
"""
ROWS = 160


@pytest.fixture(scope="module")
def server(bundle: Bundle, tmp_path_factory: pytest.TempPathFactory) -> Iterator["subprocess.Popen[bytes]"]:
    source = write(tmp_path_factory.mktemp("source") / "in.jsonl", POSTS)
    paths = [ROOT, ROOT / "tests", ROOT / "tests" / "detector"]
    with forking(
        WARM_UP.format(folder=str(bundle.folder), source=str(source)) + "    import test_chain\n", RUN, ROOT, paths
    ) as server:
        yield server


def kill_and_go_on(server: "subprocess.Popen[bytes]", bundle: Bundle, folder: Path, kills: int) -> None:
    chance = random.Random(kills)
    words = "zoo zebra zinc zone cook tour guide city".split()
    posts = [{"id": n, "text": " ".join(chance.choices(words, k=6)) + f" {n // 2}"} for n in range(ROWS)]
    write(folder / "in.jsonl", posts)
    manifest = folder / "kept" / "manifest.jsonl"
    arguments = [bundle.folder, folder / "in.jsonl", folder / "out.jsonl", folder / "kept"]
    for point in sorted(chance.sample(range(ROWS * 600), kills)):
        process = Forked(server, arguments, folder / "shown")
        deadline = time.monotonic() + 60
        while time.monotonic() < deadline and process.poll() is None:
            if manifest.exists() and manifest.stat().st_size >= point:
                break
            time.sleep(0.001)
        time.sleep(chance.random() / 100)
        process.kill()
    process = Forked(server, arguments, folder / "shown")
    assert process.wait() == 0, process.shown()
    flagged = [str(post["id"]) for post in posts if "z" in str(post["text"])]
    assert [json.loads(line)["id"] for line in lines(folder / "kept")] == flagged
    assert faults(folder / "kept") == []
    assert list((folder / "kept" / "incoming").iterdir()) == []
    rows, _, added, known = map(int, process.shown().split())
    assert rows == ROWS
    assert added + known == len(flagged)


def test_a_run_that_is_killed_is_gone_on_with_and_nothing_is_kept_twice(
    server: "subprocess.Popen[bytes]", bundle: Bundle, tmp_path: Path
) -> None:
    kill_and_go_on(server, bundle, tmp_path, 3)


@pytest.mark.slow
def test_a_run_that_is_killed_twenty_times_is_gone_on_with(
    server: "subprocess.Popen[bytes]", bundle: Bundle, tmp_path: Path
) -> None:
    kill_and_go_on(server, bundle, tmp_path, 20)


@pytest.mark.parametrize("cut", [1, 2, 40, 900])
def test_a_torn_last_line_is_found_told_and_mended(detector: Detector, tmp_path: Path, cut: int) -> None:
    keep(detector, tmp_path)
    manifest = tmp_path / "kept" / "manifest.jsonl"
    whole = manifest.read_bytes()
    manifest.write_bytes(whole[:-cut])
    assert "line 4 post" in faults(tmp_path / "kept")[0]
    assert "has no line break: bytes were taken from the end, or a run was killed" in faults(tmp_path / "kept")[0]
    again = keep(detector, tmp_path)
    if cut == 1:
        assert again.mended == "line 4 of manifest.jsonl lacked its line break, which was added"
        assert manifest.read_bytes() == whole
    else:
        assert re.fullmatch(r"line 4 of manifest\.jsonl, \d+ bytes without an end, was removed", again.mended or "")
        assert again.added == 1
    assert faults(tmp_path / "kept") == []


def test_nothing_is_added_to_a_broken_chain(detector: Detector, tmp_path: Path) -> None:
    keep(detector, tmp_path)
    manifest = tmp_path / "kept" / "manifest.jsonl"
    manifest.write_bytes(manifest.read_bytes().replace(b'"row": 1', b'"row": 7', 1))
    before = manifest.read_bytes()
    with pytest.raises(EvidenceError, match="line 1: was changed .* nothing is added to it"):
        keep(detector, tmp_path)
    assert manifest.read_bytes() == before


def test_objects_that_came_in_are_put_in_their_place_or_removed(detector: Detector, tmp_path: Path) -> None:
    keep(detector, tmp_path)
    folder = tmp_path / "kept"
    moved = objects(folder)[0]
    moved.rename(folder / "incoming" / (moved.parent.name + moved.name))
    (folder / "incoming" / sha256(b"never named").hexdigest()).write_bytes(b"half")
    assert faults(folder) == []
    keep(detector, tmp_path)
    assert moved.exists()
    assert list((folder / "incoming").iterdir()) == []


def test_two_processes_do_not_write_one_chain(detector: Detector, kept: Path, tmp_path: Path) -> None:
    from detector.chain import EvidenceFolder

    with EvidenceFolder(kept, "0" * 64):
        for action in (lambda: EvidenceFolder(kept, "0" * 64), lambda: faults(kept)):
            with pytest.raises(OutputError, match="another process is writing it"):
                action()
    assert faults(kept) == []


def test_a_disk_that_is_full_leaves_a_chain_that_can_be_gone_on_with(detector: Detector, tmp_path: Path) -> None:
    disk = tmp_path / "disk"
    disk.mkdir()
    if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=96k", "tmpfs", disk], capture_output=True, check=False).returncode:
        pytest.skip("only root may mount a small disk")
    posts = [{"id": n, "text": f"zoo zebra {n} zoom"} for n in range(200)]
    source = write(tmp_path / "posts.jsonl", posts)
    run: Callable[[], object] = lambda: score_files(  # noqa: E731
        detector, [source], tmp_path / "out.jsonl", batch_size=4, resume=True, evidence=disk / "kept"
    )
    try:
        with pytest.raises(OutputError, match="No space left on device"):
            run()
        subprocess.run(["mount", "-o", "remount,size=8m", disk], check=True)
        run()
        assert [json.loads(line)["id"] for line in lines(disk / "kept")] == [str(post["id"]) for post in posts]
        assert faults(disk / "kept") == []
    finally:
        subprocess.run(["umount", disk], check=True)


def test_the_row_kept_is_the_row_of_the_source(kept: Path) -> None:
    table = open_table(kept.parent / "posts.jsonl")
    rows = {row.number: row for row in table.rows()}
    for line in lines(kept):
        record = json.loads(line)
        assert rows[record["row"]].fields["id"] == record["id"]
        assert rows[record["row"]].line == record["line"]
    table.close()
