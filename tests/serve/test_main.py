"""``python -m serve`` as a process of its own."""

import json
import signal
import socket
import sys
import time
import urllib.request
from pathlib import Path

import pytest
from running import served

from detector.bundle import DEFAULT_BUNDLE, MANIFEST
from detector.errors import EXIT_CODES, BundleError, InputError, MissingExtraError
from serve.__main__ import main

LURE = "Typists wanted in Poipet, ticket and passport paid by us, write to @example_hr"


def assert_scores_and_ends_gracefully(model: Path) -> None:
    body = json.dumps({"items": [{"id": "p-1", "text": LURE}]}).encode()
    with served(model, THREADS="1") as service:
        process, port = service.process, service.port
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/readyz") as answer:
            assert json.load(answer) == {"status": "ok"}
        with socket.create_connection(("127.0.0.1", port), timeout=20) as connection:
            connection.sendall(
                b"POST /v1/score HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
                b"Expect: 100-continue\r\nContent-Length: %d\r\n\r\n" % len(body)
            )
            assert b"100 Continue" in connection.recv(1000)  # from here on it is being answered
            process.send_signal(signal.SIGTERM)
            wait_until_refused(port)
            connection.sendall(body)
            received = b"".join(iter(lambda: connection.recv(65536), b""))
        process.wait(timeout=20)
    head, _, sent = received.partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 200 ")
    (entry,) = json.loads(sent)["results"]
    assert entry["id"] == "p-1"
    assert entry["result"]["contacts"] == [{"kind": "telegram", "value": "@example_hr"}]
    # uvicorn ends by the signal it was sent, once all is answered and closed.
    assert process.returncode in {0, -signal.SIGTERM}


def wait_until_refused(port: int) -> None:
    deadline = time.monotonic() + 20
    while time.monotonic() < deadline:
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
        except ConnectionRefusedError:
            return
        time.sleep(0.05)
    pytest.fail("the service still listens after SIGTERM")


def test_a_request_that_is_being_answered_at_sigterm_is_answered(runnable_bundle: Path) -> None:
    assert_scores_and_ends_gracefully(runnable_bundle)


@pytest.mark.model
@pytest.mark.skipif(not (DEFAULT_BUNDLE / MANIFEST).exists(), reason="no bundled model")
def test_the_bundled_model_is_served() -> None:
    assert_scores_and_ends_gracefully(DEFAULT_BUNDLE)


def run_main(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], **variables: str) -> tuple[int, str]:
    for name, value in variables.items():
        monkeypatch.setenv(f"SCAM_DETECTOR_{name}", value)
    return main([]), capsys.readouterr().err


def test_a_folder_without_a_model_ends_with_one_sentence(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    status, shown = run_main(monkeypatch, capsys, MODEL=str(tmp_path))
    assert status == EXIT_CODES[BundleError]
    assert shown == f"serve: {tmp_path}: no bundle.json; is this a model folder?\n"


def test_a_setting_at_fault_ends_with_one_sentence(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    status, shown = run_main(monkeypatch, capsys, PORT="http")
    assert status == EXIT_CODES[InputError]
    assert shown == "serve: SCAM_DETECTOR_PORT: expected a whole number, got 'http'\n"


def test_without_the_web_framework_the_extra_is_named(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setitem(sys.modules, "uvicorn", None)
    monkeypatch.delitem(sys.modules, "serve.workers", raising=False)
    status, shown = run_main(monkeypatch, capsys)
    assert status == EXIT_CODES[MissingExtraError]
    assert shown.endswith("run: pip install 'scam-recruitment-detector[serve]'\n")


def test_help_names_every_variable(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit, match="0"):
        main(["--help"])
    assert "SCAM_DETECTOR_MAX_BODY_BYTES" in capsys.readouterr().out
