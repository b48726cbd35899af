"""Every output with contacts hidden, and every message without words of a post."""

import json
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from letters import LetterBackend

from detector import Detector, InputError
from detector.bundle import Bundle
from detector.campaigns import Options, find_campaigns
from detector.cli import main
from detector.facts.table import add_facts
from detector.files import score_files
from detector.masked_rows import mask_fields, mask_scored
from detector.masking import mask_contact
from detector.records import Contact
from detector.refusals import ErrorFile

SECRETS = ["lotus_hr", "lotus hr", "12 345 678", "12345678", "345678", "hr@lotus", "N7654321"]
TEXT = "Typist in Poipet, pay 15,000-20,000 baht.\nTG @lotus_hr or +855 12 345 678, mail hr@lotus.example, passport N7654321. Ask lotus_hr!"
ROWS = [
    {"id": f"p-{n}", "title": "Call +855 12 345 678", "text": TEXT, "author": "lotus_hr", "link": "https://t.me/lotus_hr",
     "phone": 85512345678, "likes": 12, "rate": 0.987654, "date": "2026-11-01T09:30:00Z", "tags": ["job", "@lotus_hr"]}
    for n in range(3)
]  # fmt: skip


@pytest.fixture(scope="module")
def detector(bundle: Bundle) -> Iterator[Detector]:
    with Detector(bundle, LetterBackend(), threads=1) as detector:
        yield detector


def write(path: Path, rows: list[dict[str, object]]) -> Path:
    path.write_text("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows), "utf-8")
    return path


def scored_rows() -> list[dict[str, object]]:
    """Return rows as ``score`` writes them, flagged."""
    start = TEXT.index("@lotus_hr")
    evidence = [{"start": start - 3, "end": start + 9, "text": TEXT[start - 3 : start + 9]}]
    verdict = {
        "score": 0.95, "label": "scam_compound", "label_scores": {"scam_compound": 0.95}, "band": "high", "reason": None, "language": "en",
        "note": None, "windows": 1, "evidence": evidence, "indicators": [{"code": "travel_paid", "score": 0.9, "evidence": evidence}],
        "contacts": [{"kind": "telegram", "value": "@lotus_hr"}, {"kind": "phone", "value": "+85512345678"}],
        "model": "m/0.1+sha256:998877665544", "error": None,
    }  # fmt: skip
    return [row | verdict for row in ROWS]


def content(path: Path) -> str:
    """Return all that a file says, as text."""
    if path.suffix == ".parquet":
        return json.dumps(pq.read_table(path).to_pylist(), ensure_ascii=False, default=str)
    return path.read_text("utf-8")


def leaks(path: Path) -> list[str]:
    found = content(path)
    return [secret for secret in SECRETS if secret in found]


@pytest.mark.parametrize("suffix", ["jsonl", "csv", "parquet"])
def test_no_contact_is_left_in_a_scored_file(detector: Detector, tmp_path: Path, suffix: str) -> None:
    source, output = write(tmp_path / "in.jsonl", ROWS), tmp_path / f"out.{suffix}"
    score_files(detector, [source], tmp_path / f"open.{suffix}")
    assert len(leaks(tmp_path / f"open.{suffix}")) > 3
    score_files(detector, [source], output, mask=True)
    assert leaks(output) == []
    shown = content(output)
    assert "15,000-20,000" in shown
    assert "2026-11-01T09:30:00Z" in shown
    assert mask_contact(Contact("telegram", "@lotus_hr")).value in shown


@pytest.mark.parametrize("suffix", ["jsonl", "csv", "parquet"])
def test_a_masked_run_that_is_resumed_is_the_same_and_cannot_be_mixed(detector: Detector, tmp_path: Path, suffix: str) -> None:
    source, output = write(tmp_path / "in.jsonl", ROWS), tmp_path / f"out.{suffix}"
    score_files(detector, [source], tmp_path / f"whole.{suffix}", mask=True)
    progress = Path(f"{output}.progress")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Path, "replace", lambda *_: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            score_files(detector, [source], output, mask=True, resume=True)
    assert progress.exists()
    assert leaks(progress) == []
    with pytest.raises(InputError, match="another choice of --mask"):
        score_files(detector, [source], output, resume=True)
    assert score_files(detector, [source], output, mask=True, resume=True).resumed == len(ROWS)
    assert output.read_bytes() == (tmp_path / f"whole.{suffix}").read_bytes()


def test_refused_texts_are_masked_where_they_are_asked_for(detector: Detector, tmp_path: Path) -> None:
    rows: list[dict[str, object]] = [
        {"id": 1, "text": TEXT + "x" * 100_001},
        {"id": 2, "text": ["@lotus_hr"]},
        {"id": 3, "text": "cook"},
    ]
    source, errors = write(tmp_path / "in.jsonl", rows), tmp_path / "errors.jsonl"
    summary = score_files(detector, [source], tmp_path / "out.jsonl", mask=True, errors=ErrorFile(errors, with_text=True))
    assert summary.refused == 2
    assert leaks(errors) == leaks(tmp_path / "out.jsonl") == []
    assert "Typist in Poipet" in errors.read_text("utf-8")


@pytest.mark.parametrize("suffix", ["jsonl", "csv", "parquet"])
def test_no_contact_is_left_in_a_file_of_facts(tmp_path: Path, suffix: str) -> None:
    source, output = write(tmp_path / "in.jsonl", scored_rows()), tmp_path / f"out.{suffix}"
    add_facts([source], output, mask=True)
    assert leaks(output) == []
    shown = content(output)
    assert "15,000-20,000 baht" in shown
    assert "m/0.1+sha256:998877665544" in shown
    assert "TG •••••••••" in shown


def test_a_scored_table_without_offsets_is_masked_too(detector: Detector, tmp_path: Path) -> None:
    score_files(detector, [write(tmp_path / "in.jsonl", ROWS)], tmp_path / "scored.csv")
    add_facts([tmp_path / "scored.csv"], tmp_path / "out.csv", every=True, mask=True)
    assert leaks(tmp_path / "out.csv") == []


def test_no_contact_is_left_in_a_folder_of_campaigns(tmp_path: Path) -> None:
    rows = scored_rows()
    # Of one wording with other contacts: what the template shows are slots.
    rows[2] |= {"text": TEXT.replace("lotus_hr", "lotus_hr22").replace("678", "679"), "contacts": rows[2]["contacts"][1:]}
    source = write(tmp_path / "in.jsonl", rows)
    opened = find_campaigns([source], tmp_path / "open")
    masked = find_campaigns([source], tmp_path / "masked", options=Options(mask=True))
    assert [campaign.id for campaign in masked.campaigns] == [campaign.id for campaign in opened.campaigns]
    assert any(leaks(path) for path in (tmp_path / "open").iterdir())
    for path in (tmp_path / "masked").iterdir():
        assert leaks(path) == [], path
    graphs = [(tmp_path / name / "campaigns.graphml").read_text("utf-8") for name in ("open", "masked")]
    for part in ("<node ", "<edge "):
        assert graphs[0].count(part) == graphs[1].count(part)


def test_a_cell_is_hidden_by_what_the_text_names() -> None:
    fields = {"text": "TG: lotus_hr, come", "by": "posted by lotus_hr", "who": {"name": ["lotus_hr", 5]}}
    assert mask_fields(fields, text_columns=("text",)) == {
        "text": "TG: ••••••••, come",
        "by": "posted by ••••••••",
        "who": {"name": ["••••••••", 5]},
    }


@pytest.mark.parametrize(
    ("name", "value", "masked"),
    [
        ("likes", 1200, 1200),
        ("number", 85512345678, None),
        ("number", 85512345678.0, None),
        ("share", 0.123456789, 0.123456789),
        ("amount", 15000000, 15000000),
        ("shared", True, True),
        ("empty", None, None),
        ("missing", float("nan"), "nan"),
        ("raw", b"call 0812345678", None),
        ("raw", b"nothing", b"nothing"),
        ("date", 1764201600, 1764201600),
        ("created_at", "1764201600", "1764201600"),
        ("number", "1764201600", "••••••••••"),
        ("Phone", "12", "••"),
        ("user name", "Sokha", "•••••"),
        ("when", datetime(2026, 11, 1), datetime(2026, 11, 1)),
        ("p-id", "1234567890", "1234567890"),
    ],
)
def test_a_cell_of_any_kind_is_hidden_where_it_must_be(name: str, value: object, masked: object) -> None:
    found = mask_fields({name: value}, kept={"p-id"})[name]
    assert str(found) == str(masked)
    assert masked == "nan" or type(found) is type(masked)


def test_several_columns_of_text_are_masked_as_one_text() -> None:
    fields = {"title": "TG: lotus_hr", "empty": "", "description": "ask lotus_hr for 0812345678"}
    assert mask_fields(fields, text_columns=("title", "empty", "description")) == {
        "title": "TG: ••••••••",
        "empty": "",
        "description": "ask •••••••• for ••••••••••",
    }


def test_a_scored_row_with_anything_in_its_columns_is_answered() -> None:
    for junk in (None, 5, "x", [1, None], {"a": 1}, [{"kind": None}], [{"start": "a"}], [{"start": 1, "end": 2}]):
        fields = {"text": TEXT, "contacts": junk, "evidence": junk, "indicators": junk, "language": junk}
        assert "lotus" not in json.dumps(mask_scored(fields, text_columns=("text",)))


# Messages.

WORDS = "sunflower lantern"


@pytest.fixture
def broken(tmp_path: Path) -> list[Path]:
    """Files that are broken in many ways, each with words of a post in it."""
    files = {
        "line.jsonl": f'{{"text": "cook"}}\n{{"text": "{WORDS}\n["{WORDS}"]\n{{"text": ["{WORDS}"]}}\n{{"id": "a", "text": "{WORDS * 9000}"}}\n',
        "scored.jsonl": "".join(
            json.dumps(row | each) + "\n"
            for row in [{"text": WORDS, "band": "high", "score": 0.9}]
            for each in (
                {},
                {"band": WORDS},
                {"score": WORDS},
                {"error": WORDS},
                {"text": [WORDS]},
                {"contacts": WORDS},
                {"date": WORDS},
            )
        ),
        "cells.csv": f'id,text,band,score\n1,{WORDS},high,0.5,{WORDS}\n2\n3,"{WORDS}\n',
        "list.jsonl": f'[{{"text": "{WORDS}"}}]',
    }
    for name, text in files.items():
        (tmp_path / name).write_text(text, "utf-8")
    (tmp_path / "bytes.csv").write_bytes(b"id,text,band,score\n1," + WORDS.encode() + b"\xff\xfe\x81,high,0.5\n" * 3)
    (tmp_path / "cut.parquet").write_bytes(b"PAR1" + WORDS.encode() * 50)
    return sorted(tmp_path.iterdir())


@pytest.mark.parametrize("command", ["score", "facts", "campaigns", "verify"])
def test_no_message_and_no_file_of_errors_has_a_word_of_a_post(
    command: str, broken: list[Path], tmp_path: Path, runnable_bundle: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    refused = 0
    for number, path in enumerate(broken):
        output, errors = tmp_path / f"out{number}.jsonl", tmp_path / f"errors{number}.jsonl"
        options = {
            "score": ["-o", str(output), "--errors", str(errors), "--model", str(runnable_bundle)],
            "facts": ["-o", str(output)],
            "campaigns": ["-o", str(tmp_path / f"case{number}")],
            "verify": [],
        }
        target = path
        if command == "verify":
            target = tmp_path / f"kept{number}"
            target.mkdir()
            (target / "manifest.jsonl").write_bytes(path.read_bytes())
        refused += main([command, str(target), *options[command]]) != 0
        shown = capfd.readouterr()
        assert "sunflower" not in shown.err, path
        assert "sunflower" not in shown.out, path
        assert not errors.exists() or "sunflower" not in errors.read_text("utf-8"), path
    assert refused >= 4
