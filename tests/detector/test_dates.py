"""Times that commands are told: one way of reading them for all."""

from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from detector.bundle import Bundle
from detector.cli import USAGE, main
from detector.dates import read_instant


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("0", datetime(1970, 1, 1, tzinfo=UTC)),
        ("20260301", datetime(1970, 8, 23, 11, 51, 41, tzinfo=UTC)),
        ("1795748400", datetime(2026, 11, 27, 3, tzinfo=UTC)),
        ("2026-03-01", datetime(2026, 3, 1, tzinfo=UTC)),
        ("2026-03-01T08:00:00+07:00", datetime(2026, 3, 1, 1, tzinfo=UTC)),
        ("2026-03-01T08:00:00Z", datetime(2026, 3, 1, 8, tzinfo=UTC)),
        ("03/04/2026", None),
        ("yesterday", None),
        ("", None),
        ("-1", None),
        ("1.5", None),
        ("٢٠٢٦", None),
        ("9" * 40, None),
        ("0001-01-01T00:00+14:00", None),
    ],
)
def test_a_number_is_seconds_whatever_its_length_and_all_else_iso_8601(text: str, expected: datetime | None) -> None:
    assert read_instant(text) == expected


@given(st.datetimes(datetime(1970, 1, 2), datetime(2200, 1, 1)), st.integers(-14, 14))
def test_a_time_is_the_same_written_in_either_way(time: datetime, hours: int) -> None:
    time = time.replace(microsecond=0, tzinfo=timezone(timedelta(hours=hours)))
    assert read_instant(time.isoformat()) == read_instant(str(int(time.timestamp()))) == time


@pytest.mark.parametrize("text", ["03/04/2026", "yesterday", "-1"])
def test_no_command_takes_what_is_no_time(text: str, capsys: pytest.CaptureFixture[str]) -> None:
    for arguments in (["report", "x.jsonl", "-o", "x.html", "--created"], ["export", "stix", "x.jsonl", "-o", "x.json", "--now"]):
        assert main([*arguments, text]) == USAGE
        assert f"expected a time as ISO 8601 or seconds since 1970, got {text!r}" in capsys.readouterr().err


def test_report_and_export_take_the_time_of_a_build_alike(
    bundle: Bundle, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    source, page = tmp_path / "scored.jsonl", tmp_path / "x.html"
    source.write_text('{"id": "1", "text": "typist in Poipet", "band": "high", "score": 0.9}\n')
    monkeypatch.setenv("SOURCE_DATE_EPOCH", "20260301")
    assert main(["report", str(source), "-o", str(page), "--model", str(bundle.folder), "--workers", "1"]) == 0
    assert "1970-08-23 11:51:41 UTC" in page.read_text("utf-8")
    assert main(["export", "stix", str(source), "-o", str(tmp_path / "x.json")]) == 3
    assert "got 1970-08-23T11:51:41Z" in capsys.readouterr().err
