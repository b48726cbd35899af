"""The clients against real servers: the service itself, and one that answers what it is told."""

import json
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from pathlib import Path
from typing import Any

import pytest
from clients import CLIENTS, HANGS_UP, scripted
from fastapi import FastAPI
from hypothesis import given
from hypothesis import settings as examples
from hypothesis import strategies as st
from letters import LetterBackend
from running import running

from detector import Detector, InputError, OutputError, Post, ServiceError, Verdict
from detector.bundle import Bundle
from detector.client import BatchOptions, Counts, Limits, Options, Retries
from detector.client.retries import retry_after_s
from detector.client.talks import Chunk, chunks
from serve.app import create_app
from serve.keys import KeyStore
from serve.security import Gate, guards
from serve.settings import Settings

NOW = 1_795_000_000.0
BATCH = {
    "id": "batch_1",
    "status": "completed",
    "created_at": "2026-11-27T08:00:00Z",
    "started_at": "2026-11-27T08:00:01Z",
    "ended_at": None,
    "expires_at": None,
    "input": {"format": "csv", "bytes": 9, "sha256": "0" * 64},
    "options": {},
    "counts": {"total": 2, "done": 2, "scored": 1, "failed": 1},
    "models": ["letters/1"],
    "error": None,
    "member of tomorrow": 1,
}
OK = (200, {}, {"status": "ok"})
POSTS = [Post("zoo staff wanted, write to @example_hr", "p-1", "en"), Post(" ", "p-2"), Post("half \ud800", "p-3"), Post("abc")]


@pytest.fixture(params=CLIENTS, ids=["waits", "twin"])
def connect(request: pytest.FixtureRequest) -> Callable[..., Any]:
    """Makes a client of either kind; it pauses, but not for long."""

    def make(address: str, **members: Any) -> Any:
        retries = Retries(first_s=0.01, longest_s=2, now=lambda: NOW)
        return request.param(address, **{"retries": retries, **members})

    return make


@pytest.fixture(scope="module")
def app(bundle: Bundle) -> FastAPI:
    return create_app(lambda: Detector(bundle, LetterBackend(), threads=1), Settings(max_body_bytes=20_000))


@pytest.fixture(scope="module")
def port(app: FastAPI) -> Iterator[int]:
    with running(app) as port:
        yield port


@pytest.fixture(scope="module")
def detector(bundle: Bundle) -> Iterator[Detector]:
    with Detector(bundle, LetterBackend(), threads=1) as detector:
        yield detector


def test_verdicts_are_those_of_the_library(connect: Callable[..., Any], port: int, detector: Detector) -> None:
    with connect(f"http://127.0.0.1:{port}") as client:
        found = list(client.score(POSTS))
    expected = detector.score(POSTS)
    assert [each.id for each in found] == [each.id for each in expected]
    for ours, theirs in zip(found, expected, strict=True):
        if theirs.error is None:
            assert ours == theirs
        else:
            assert ours.score is None
            assert theirs.error in (ours.error or "")


def test_posts_of_several_requests_keep_their_order(connect: Callable[..., Any], port: int) -> None:
    # Most are refused at once, which is answered in order as well.
    posts = [Post(" " if place % 20 else "zoo", f"p-{place}") for place in range(300)]
    posts += [Post("z" * 30_000, "long"), Post("zoo", "last")]
    with connect(f"http://127.0.0.1:{port}") as client:
        found = list(client.score(iter(posts)))
    assert [each.id for each in found] == [post.id for post in posts]
    assert [each.id for each in found if each.error is None] == [post.id for post in posts if post.text == "zoo"]
    assert "at most 100000 characters, got 30000" in (found[-2].error or "")


def test_options_are_heeded(connect: Callable[..., Any], port: int) -> None:
    with connect(f"http://127.0.0.1:{port}") as client:
        (found,) = client.score(POSTS[:1], Options(evidence=False, mask_contacts=True, language="id"))
    assert found.evidence == ()
    assert found.contacts[0].value != "@example_hr"


def test_the_model_and_its_limits_are_told(connect: Callable[..., Any], port: int, bundle: Bundle) -> None:
    with connect(f"http://127.0.0.1:{port}") as client:
        assert client.ready()
        found = client.model()
    assert (found.model, found.sha256, found.languages) == (bundle.identity, bundle.sha256, ("en", "id"))
    assert (found.high, found.review, found.limits) == (0.9, 0.4, Limits(256, 100_000, 20_000))


def test_a_key_is_sent_and_its_refusal_told(connect: Callable[..., Any], bundle: Bundle, tmp_path: Path) -> None:
    settings = Settings(data=tmp_path)
    key = KeyStore(tmp_path).add("tests", ["score"])
    gate = Gate(settings)
    with running(create_app(lambda: Detector(bundle, LetterBackend(), threads=1), settings, guards=guards(gate))) as port:
        with connect(f"http://127.0.0.1:{port}", key=key) as client:
            assert client.model().name == "letters"
        with connect(f"http://127.0.0.1:{port}", key="srd_wrong") as client, pytest.raises(ServiceError, match="401") as refused:
            list(client.score(["zoo"]))
    gate.close()
    assert refused.value.status == 401
    assert refused.value.request_id
    assert "srd_wrong" not in str(refused.value)


def test_a_file_goes_through_the_batches_of_the_service(connect: Callable[..., Any], bundle: Bundle, tmp_path: Path) -> None:
    posts, results, errors = (tmp_path / name for name in ("posts.jsonl", "results.jsonl", "errors.jsonl"))
    posts.write_text('{"text": "zoo", "id": "p-1"}\n{"text": " "}\nno JSON\n{"text": "abc", "custom_id": "p-4"}\n')
    app = create_app(lambda: Detector(bundle, LetterBackend(), threads=1), Settings(data=tmp_path / "data"))
    with running(app) as port, connect(f"http://127.0.0.1:{port}") as client:
        batch = client.batch(posts, name="once", results=results, errors=errors)
        assert client.batch(posts, name="once").id == batch.id
        assert (batch.status, batch.counts) == ("completed", Counts(total=4, done=4, scored=2, failed=2))
        found = list(client.results(batch.id))
        assert [(row.row, row.verdict.id, row.verdict.model) for row in found] == [
            (1, "p-1", bundle.identity),
            (4, "p-4", bundle.identity),
        ]
        assert [row.row for row in client.errors(batch.id)] == [2, 3]
        assert all(row.verdict.error for row in client.errors(batch.id))
        assert [json.loads(line)["row"] for line in results.read_text().splitlines()] == [1, 4]
        assert [json.loads(line)["row"] for line in errors.read_text().splitlines()] == [2, 3]
        assert [each.id for each in client.batches()] == [batch.id]
        client.delete(batch.id)
        assert list(client.batches()) == []


def later(seconds: float) -> str:
    return format_datetime(datetime.fromtimestamp(NOW, UTC) + timedelta(seconds=seconds), usegmt=True)


@pytest.mark.parametrize("status", [408, 429, 502, 503, 504, HANGS_UP])
def test_what_fails_for_a_while_is_sent_again(connect: Callable[..., Any], status: int) -> None:
    with scripted((status, {}, b""), (status, {}, b""), (200, {}, BATCH)) as script, connect(script.address) as client:
        assert client.status("batch_1").status == "completed"
    assert script.paths == ["GET /v1/batches/batch_1"] * 3


@pytest.mark.parametrize("asked", ["1", later(1)], ids=["seconds", "date"])
def test_what_the_service_asks_for_is_waited_out(connect: Callable[..., Any], asked: str) -> None:
    with scripted((503, {"Retry-After": asked}, b""), (200, {}, BATCH)) as script, connect(script.address) as client:
        started = time.monotonic()
        assert client.status("batch_1").ended
        assert time.monotonic() - started >= 1
    assert len(script.asked) == 2


@pytest.mark.parametrize("asked", ["3600", later(3600)], ids=["seconds", "date"])
def test_more_patience_than_there_is_ends_it(connect: Callable[..., Any], asked: str) -> None:
    with scripted((429, {"Retry-After": asked}, {"detail": "too many"})) as script, connect(script.address) as client:
        with pytest.raises(ServiceError, match="batch batch_1: refused with 429: too many"):
            client.status("batch_1")
    assert len(script.asked) == 1


@pytest.mark.parametrize("status", [400, 401, 403, 404, 409, 413, 422, 500])
def test_what_is_refused_for_good_is_sent_once(connect: Callable[..., Any], status: int) -> None:
    problem = {"detail": "no", "errors": [{"pointer": "#/items", "detail": "expected an array"}]}
    with scripted((status, {"X-Request-ID": "r-1"}, problem)) as script, connect(script.address) as client:
        with pytest.raises(ServiceError) as refused:
            client.status("batch_1")
    assert str(refused.value) == f"batch batch_1: refused with {status}: no; #/items: expected an array (request r-1)"
    assert (refused.value.status, len(script.asked)) == (status, 1)


def test_attempts_come_to_an_end(connect: Callable[..., Any]) -> None:
    with scripted((503, {}, b"<html>")) as script, connect(script.address, retries=Retries(attempts=3, first_s=0.01)) as client:
        with pytest.raises(ServiceError, match="batch batch_1: refused with 503: no reason given"):
            client.status("batch_1")
    assert len(script.asked) == 3


def test_a_batch_is_waited_for_while_the_service_is_away(connect: Callable[..., Any], tmp_path: Path) -> None:
    (tmp_path / "posts.csv").write_text("text\nzoo\n")
    away = [(HANGS_UP, {}, b""), (503, {}, b""), (502, {}, b"")]
    answers = [(202, {}, BATCH | {"status": "queued"}), *away, (200, {}, BATCH | {"status": "running"}), *away, (200, {}, BATCH)]
    retries = Retries(attempts=2, first_s=0, outage_s=30, draw=lambda: 0)
    with scripted(*answers) as script, connect(script.address, retries=retries) as client:
        assert client.batch(tmp_path / "posts.csv").status == "completed"
    assert script.paths[1:] == ["GET /v1/batches/batch_1"] * 8


def test_a_service_that_stays_away_is_given_up_with_the_name_of_the_batch(connect: Callable[..., Any]) -> None:
    retries = Retries(attempts=2, first_s=0.01, outage_s=0.3)
    with scripted((503, {}, b"")) as script, connect(script.address, retries=retries) as client:
        started = time.monotonic()
        with pytest.raises(ServiceError, match="batch batch_1: refused with 503"):
            client.wait("batch_1")
        assert time.monotonic() - started >= 0.3
        with pytest.raises(ServiceError, match="batch batch_1: refused with 503"):
            client.status("batch_1")  # whoever only asks is answered soon


def test_nobody_there_is_told_in_words(connect: Callable[..., Any]) -> None:
    with scripted(OK) as script:
        pass
    with connect(script.address, retries=Retries(attempts=2, first_s=0.01)) as client:
        assert client.ready() is False
        with pytest.raises(ServiceError, match=r"model: the service cannot be reached \(ConnectError\)") as lost:
            client.model()
    assert lost.value.status is None


@pytest.mark.parametrize("body", [b"<html>", b"[]", b'{"id": 1}', b"null"])
def test_an_answer_of_something_else_is_told(connect: Callable[..., Any], body: bytes) -> None:
    with scripted((200, {}, body)) as script, connect(script.address) as client, pytest.raises(ServiceError, match="expected"):
        client.status("batch_1")


def test_a_file_is_sent_whole_again_under_the_same_name(connect: Callable[..., Any], tmp_path: Path) -> None:
    path = tmp_path / "posts.jsonl"
    path.write_text('{"text": "zoo"}\n' * 20_000)
    answers = [(HANGS_UP, {}, b""), (503, {"Retry-After": "0"}, b""), (202, {}, BATCH | {"status": "queued"}), (200, {}, BATCH)]
    with scripted(*answers) as script, connect(script.address) as client:
        batch = client.batch(path, BatchOptions(text_column="text", operating_point="high"))
    assert (batch.status, batch.counts.scored, batch.created_at) == ("completed", 1, datetime(2026, 11, 27, 8, tzinfo=UTC))
    query = "text_column=text&evidence=true&mask_contacts=false&operating_point=high"
    assert script.paths == [f"POST /v1/batches?{query}"] * 3 + ["GET /v1/batches/batch_1"]
    sent = script.asked[:3]
    assert len({headers["idempotency-key"] for _, _, headers, _ in sent}) == 1
    assert {headers["content-type"] for _, _, headers, _ in sent} == {"application/jsonl"}
    assert [body for *_, body in sent] == [path.read_bytes()] * 3


def test_results_that_break_off_are_fetched_again_and_never_seen_in_part(connect: Callable[..., Any], tmp_path: Path) -> None:
    lines = b'{"row": 1, "id": "p-1", "error": {"code": "invalid_text", "message": "text: blank"}}\n' * 3
    cut = (200, {"Content-Length": str(len(lines))}, lines[:50])
    with scripted(cut, (200, {}, lines)) as script, connect(script.address) as client:
        found = list(client.errors("batch_1"))
    assert [(row.row, row.flagged, row.verdict) for row in found] == [(1, None, Verdict("p-1", error="text: blank"))] * 3
    into = tmp_path / "errors.jsonl"
    (tmp_path / "posts.csv").write_text("text\nzoo\n")
    with (
        scripted((202, {}, BATCH), (200, {}, BATCH), cut) as script,
        connect(script.address, retries=Retries(attempts=1)) as client,
    ):
        with pytest.raises(ServiceError, match="errors of batch_1: the service cannot be reached"):
            client.batch(tmp_path / "posts.csv", errors=into)
    assert [path.name for path in tmp_path.iterdir()] == ["posts.csv"]


def test_batches_are_listed_page_by_page(connect: Callable[..., Any]) -> None:
    pages = [{"data": [BATCH, BATCH], "next": "batch_1"}, {"data": [BATCH], "next": None}]
    with scripted(*((200, {}, page) for page in pages)) as script, connect(script.address) as client:
        assert len(list(client.batches())) == 3
    assert script.paths == ["GET /v1/batches?limit=100", "GET /v1/batches?limit=100&after=batch_1"]


def test_a_batch_is_cancelled_and_deleted_and_its_name_is_no_path(connect: Callable[..., Any]) -> None:
    with (
        scripted((200, {}, BATCH), (204, {}, b""), (HANGS_UP, {}, b""), (404, {}, b"")) as script,
        connect(script.address) as client,
    ):
        assert client.cancel("batch_1").ended
        client.delete("../batch?1")
        client.delete("batch_1")  # the first attempt got through, its answer was lost
    assert script.paths[:3] == [
        "POST /v1/batches/batch_1/cancel",
        "DELETE /v1/batches/..%2Fbatch%3F1",
        "DELETE /v1/batches/batch_1",
    ]


def test_what_cannot_be_right_is_refused_before_anything_is_sent(connect: Callable[..., Any], tmp_path: Path) -> None:
    for address in ("127.0.0.1:8000", "ftp://example.org", ""):
        with pytest.raises(InputError, match="base_url"):
            connect(address)
    with pytest.raises(InputError, match="timeout_s"):
        connect("http://127.0.0.1", timeout_s=0)
    with pytest.raises(InputError, match="at least 1 attempt"):
        Retries(attempts=0)
    with pytest.raises(InputError, match="outage_s"):
        Retries(outage_s=-1)
    with scripted((200, {}, BATCH)) as script, connect(script.address) as client:
        with pytest.raises(InputError, match=r"posts\.txt: expected a file whose name ends in \.csv"):
            client.batch(tmp_path / "posts.txt")
        with pytest.raises(InputError, match=r"posts\.csv: cannot be read: No such file"):
            client.batch(tmp_path / "posts.csv")
        (tmp_path / "folder.csv").mkdir()
        with pytest.raises(InputError, match=r"folder\.csv: expected a file"):
            client.batch(tmp_path / "folder.csv")
        (tmp_path / "posts.csv").touch()
        with pytest.raises(OutputError, match="cannot be written: No such file"):
            client.batch(tmp_path / "posts.csv", results=tmp_path / "none" / "results.jsonl")
    assert len(script.asked) == 3


@given(st.integers(1, 200), st.floats(0, 1))
def test_pauses_grow_and_stay_within_their_bounds(attempt: int, drawn: float) -> None:
    retries = Retries(first_s=0.5, longest_s=60, draw=lambda: drawn)
    assert retries.pause_s(attempt, {}) == drawn * min(60, 0.5 * 2.0 ** min(attempt - 1, 60))
    assert retries.pause_s(attempt, {"retry-after": "60"}) == 60 + drawn * 0.5
    assert retries.pause_s(attempt, {"retry-after": "61"}) is None
    assert retries.pause_s(attempt, {"retry-after": "61"}, left_s=62) == 61 + drawn * 0.5


@pytest.mark.parametrize(
    ("value", "seconds"),
    [("", None), ("soon", None), ("-5", None), ("1.5", 1.5), ("nan", None), ("1e400", None), (later(90), 90), (later(-90), 0)],
)
def test_a_retry_after_is_read(value: str, seconds: float | None) -> None:
    assert retry_after_s(value, NOW) == seconds


@examples(max_examples=50)
@given(st.lists(st.text(max_size=300), max_size=40), st.integers(1, 5), st.integers(300, 2000))
def test_requests_keep_within_the_limits_and_lose_nothing(texts: list[str], items: int, body_bytes: int) -> None:
    limits = Limits(items, 100_000, body_bytes)
    found = list(chunks([Post(text, str(place)) for place, text in enumerate(texts)], limits))
    places = [[each.id] if isinstance(each, Verdict) else [post.id for post in each.posts] for each in found]
    assert [place for part in places for place in part] == [str(place) for place in range(len(texts))]
    for chunk in found:
        if isinstance(chunk, Chunk):
            body = b'{"items":[%s],"options":{"evidence":false,"mask_contacts":false,"language":"zh-Hant-TW"}}' % b",".join(
                chunk.items
            )
            assert len(body) <= body_bytes
            assert 1 <= len(chunk.posts) <= items
            assert [entry["text"] for entry in json.loads(body)["items"]] == [post.text for post in chunk.posts]
