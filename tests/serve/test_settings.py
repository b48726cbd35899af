"""Settings come from the environment, when asked for."""

import re
from pathlib import Path

import pytest

from detector import InputError
from detector.bundle import DEFAULT_BUNDLE
from serve.settings import Settings, describe


def test_an_empty_environment_leaves_the_defaults() -> None:
    settings = Settings.from_environment({"SCAM_DETECTOR_PORT": "", "PORT": "1"})
    assert settings == Settings()
    assert (settings.host, settings.port, settings.model) == ("127.0.0.1", 8000, DEFAULT_BUNDLE)
    assert settings.max_body_bytes == 4_194_304
    assert (settings.max_batch_bytes, settings.max_batches, settings.batch_days) == (209_715_200, 16, 7)
    assert (settings.workers, settings.anonymous, settings.rate) == (1, "auto", None)
    assert settings.data == Path.home() / ".local/state/scam-recruitment-detector"


def test_every_setting_is_read_from_its_variable() -> None:
    environ = {
        "SCAM_DETECTOR_HOST": "::1",
        "SCAM_DETECTOR_PORT": "9000",
        "SCAM_DETECTOR_MODEL": "/srv/model",
        "SCAM_DETECTOR_BACKEND": "torch",
        "SCAM_DETECTOR_THREADS": "3",
        "SCAM_DETECTOR_MAX_BODY_BYTES": "1000",
        "SCAM_DETECTOR_MAX_WAITING_TOKENS": "5000",
        "SCAM_DETECTOR_TIMEOUT_S": "7",
        "SCAM_DETECTOR_DRAIN_S": "0",
        "SCAM_DETECTOR_WORKERS": "2",
        "SCAM_DETECTOR_DATA": "/srv/data",
        "SCAM_DETECTOR_ANONYMOUS": "no",
        "SCAM_DETECTOR_RATE": "600",
        "SCAM_DETECTOR_REFERENCE": "/srv/reference.json",
        "SCAM_DETECTOR_MODELS": "/srv/models",
        "SCAM_DETECTOR_SHADOW": "/srv/shadow",
        "SCAM_DETECTOR_SHADOW_SHARE": "0.25",
        "SCAM_DETECTOR_MAX_BATCH_BYTES": "2000",
        "SCAM_DETECTOR_MAX_BATCHES": "3",
        "SCAM_DETECTOR_MAX_KEPT_BYTES": "4000",
        "SCAM_DETECTOR_BATCH_DAYS": "1",
    }
    assert Settings.from_environment(environ) == Settings(
        host="::1",
        port=9000,
        model=Path("/srv/model"),
        backend="torch",
        threads=3,
        max_body_bytes=1000,
        max_waiting_tokens=5000,
        timeout_s=7,
        drain_s=0,
        workers=2,
        data=Path("/srv/data"),
        anonymous="no",
        rate=600,
        reference=Path("/srv/reference.json"),
        models=Path("/srv/models"),
        shadow=Path("/srv/shadow"),
        shadow_share=0.25,
        max_batch_bytes=2000,
        max_batches=3,
        max_kept_bytes=4000,
        batch_days=1,
    )
    assert all(variable in describe() for variable in environ)


def test_every_setting_is_explained() -> None:
    purposes = re.findall(r"^  SCAM_DETECTOR_(\w+) .*\n {8}(\S.*)", describe(), re.MULTILINE)
    assert {name.lower() for name, _ in purposes} == set(Settings.__slots__)
    assert (
        "TIMEOUT_S",
        "Longest time from the head of a request until all of it is scored; its sender may allow less.",
    ) in purposes


def test_the_environment_is_read_on_each_call(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SCAM_DETECTOR_PORT", "9001")
    assert Settings.from_environment().port == 9001
    monkeypatch.setenv("SCAM_DETECTOR_PORT", "9002")
    assert Settings.from_environment().port == 9002


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("PORT", "http", "SCAM_DETECTOR_PORT: expected a whole number, got 'http'"),
        ("PORT", "65536", "SCAM_DETECTOR_PORT: expected 0 to 65535, got 65536"),
        ("THREADS", "0", "SCAM_DETECTOR_THREADS: expected at least 1, got 0"),
        ("MAX_BODY_BYTES", "4MB", "SCAM_DETECTOR_MAX_BODY_BYTES: expected a whole number"),
        ("WORKERS", "0", "SCAM_DETECTOR_WORKERS: expected at least 1, got 0"),
        ("RATE", "0", "SCAM_DETECTOR_RATE: expected at least 1, got 0"),
        ("ANONYMOUS", "maybe", "SCAM_DETECTOR_ANONYMOUS: expected one of auto, yes, no, got 'maybe'"),
        ("MAX_BODY_BYTES", "0", "SCAM_DETECTOR_MAX_BODY_BYTES: expected at least 1, got 0"),
        ("MAX_WAITING_TOKENS", "0", "SCAM_DETECTOR_MAX_WAITING_TOKENS: expected at least 1, got 0"),
        ("MAX_BATCHES", "0", "SCAM_DETECTOR_MAX_BATCHES: expected at least 1, got 0"),
        ("BATCH_DAYS", "0.5", "SCAM_DETECTOR_BATCH_DAYS: expected a whole number, got '0.5'"),
        ("TIMEOUT_S", "0", "SCAM_DETECTOR_TIMEOUT_S: expected at least 1, got 0"),
        ("SHADOW_SHARE", "some", "SCAM_DETECTOR_SHADOW_SHARE: expected a number, got 'some'"),
        ("SHADOW_SHARE", "1.5", "SCAM_DETECTOR_SHADOW_SHARE: expected 0 to 1, got 1.5"),
        ("SHADOW_SHARE", "nan", "SCAM_DETECTOR_SHADOW_SHARE: expected 0 to 1, got nan"),
        ("DRAIN_S", "-1", "SCAM_DETECTOR_DRAIN_S: expected at least 0, got -1"),
    ],
)
def test_a_value_out_of_range_is_named(name: str, value: str, message: str) -> None:
    with pytest.raises(InputError, match=message):
        Settings.from_environment({f"SCAM_DETECTOR_{name}": value})
