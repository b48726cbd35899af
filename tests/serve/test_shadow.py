"""A second model in the shadow: it is compared right, and nobody waits for it."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from exposed import number
from fastapi import FastAPI
from fastapi.testclient import TestClient
from hypothesis import given
from hypothesis import settings as examples
from hypothesis import strategies as st
from letters import LetterBackend, written
from running import SlowBackend, wait_until

from detector import Detector, Post, Verdict
from detector.bundle import GRAPH, Bundle
from serve import shadow as shadow_module
from serve.app import create_app
from serve.comparisons import EDGES, Comparisons, Kind, Pair, Tally, bin_of, together
from serve.keys import KeyStore
from serve.metrics import Metrics
from serve.security import Gate, guards
from serve.settings import Settings
from serve.shadow import ROOM_CHARACTERS, Shadow, chosen

TEXTS = ["zoo", "a driver is wanted", "zzz yyy xxx", "abc", "hello there"]


@pytest.fixture
def other(tmp_path: Path) -> Bundle:
    """A bundle for the shadow."""
    folder = tmp_path / "other"
    folder.mkdir()
    (folder / GRAPH).write_text("another")
    return written(folder)


class Doubtful(LetterBackend):
    """Sees half as much in each letter."""

    def token_scores(self, ids: Any) -> Any:
        return super().token_scores(ids) / 2


def idle_shadow(
    settings: Settings, other: Bundle, bundle: Bundle, backend: LetterBackend, idle: Callable[[], bool] = lambda: True
) -> Shadow:
    metrics = Metrics()
    metrics.serves(bundle)
    shadow = Shadow(settings, lambda _folder: Detector(other, backend, threads=1), metrics, idle)
    shadow.start(bundle.sha256)
    return shadow


@pytest.fixture
def settings(tmp_path: Path, other: Bundle) -> Settings:
    return Settings(data=tmp_path, shadow=other.folder, shadow_share=1)


@contextmanager
def shadowed(bundle: Bundle, settings: Settings, other: Bundle, backend: LetterBackend) -> Iterator[tuple[FastAPI, TestClient]]:
    app = create_app(lambda: Detector(bundle, LetterBackend(), threads=1), settings)
    with TestClient(app) as client:
        app.state.shadow.close()
        app.state.shadow = Shadow(
            settings, lambda _folder: Detector(other, backend, threads=1), app.state.metrics, lambda: app.state.admission.idle
        )
        app.state.shadow.start(bundle.sha256)
        wait_until(lambda: app.state.shadow.state == "running")
        yield app, client


def report(client: TestClient) -> dict[str, Any]:
    answer = client.get("/v1/shadow")
    assert answer.status_code == 200
    found: dict[str, Any] = answer.json()
    return found


def send(client: TestClient, texts: list[str]) -> None:
    client.post("/v1/score", json={"items": [{"text": text} for text in texts]}).raise_for_status()


def test_the_report_is_what_both_models_say(bundle: Bundle, other: Bundle, settings: Settings) -> None:
    with Detector(bundle, LetterBackend(), threads=1) as one, Detector(other, Doubtful(), threads=1) as two:
        pairs = list(zip(one.score(TEXTS), two.score(TEXTS), strict=True))
    differences = [(b.score or 0) - (a.score or 0) for a, b in pairs]
    with shadowed(bundle, settings, other, Doubtful()) as (_, client):
        send(client, TEXTS)
        wait_until(lambda: report(client)["all"]["items"] == len(TEXTS))
        found = report(client)
        text = client.get("/metrics").text
    assert found["all"] == {
        "items": len(TEXTS),
        "band_changed": sum(a.band != b.band for a, b in pairs) / len(pairs),
        "labels_agree": sum(a.label == b.label for a, b in pairs) / len(pairs),
        "mean_difference": pytest.approx(sum(map(abs, differences)) / len(pairs)),
        "largest_difference": pytest.approx(max(map(abs, differences))),
    }
    assert max(map(abs, differences)) > 0.1
    assert {(cell["served"], cell["shadow"]): cell["items"] for cell in found["bands"]} == {
        cell: sum((a.band, b.band) == cell for a, b in pairs) for cell in {(a.band, b.band) for a, b in pairs}
    }
    in_bins = [sum(part["above"] < d <= part["up_to"] for d in differences) for part in found["differences"]]
    assert [part["items"] for part in found["differences"]] == in_bins
    assert sum(language["items"] for language in found["languages"]) == len(TEXTS)
    assert {language["language"] for language in found["languages"]} <= {"en", "id", "other"}
    assert (found["state"], found["served"], found["shadow"]) == ("running", bundle.identity, other.identity)
    assert number(text, "shadow_items_total", outcome="compared") == len(TEXTS)
    assert number(text, "shadow_duration_seconds_count") == len(TEXTS)


@pytest.mark.parametrize("path", ["/v1/moderations", "/predict"])
def test_what_clients_of_others_send_is_compared_too(bundle: Bundle, other: Bundle, settings: Settings, path: str) -> None:
    with shadowed(bundle, settings, other, Doubtful()) as (_, client):
        client.post(path, json={"input": TEXTS[1], "inputs": TEXTS[1]}).raise_for_status()
        wait_until(lambda: report(client)["all"]["items"] == 1)


def test_a_shadow_that_hangs_holds_nobody_up_and_what_has_no_room_is_dropped(
    bundle: Bundle, other: Bundle, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shadow_module, "ROOM_ITEMS", 8)
    hanging = SlowBackend()
    with shadowed(bundle, settings, other, hanging) as (_, client):
        before = hanging.seen
        hanging.open.clear()
        send(client, ["zoo"])
        wait_until(lambda: hanging.seen > before)
        started = time.monotonic()
        for _ in range(6):
            send(client, ["zoo"] * 3)
        assert time.monotonic() - started < 10  # it hangs for 30 s
        assert report(client)["dropped"] == 18 - 8
        hanging.open.set()
        wait_until(lambda: report(client)["all"]["items"] == 1 + 8)


def test_the_shadow_waits_until_nothing_else_is_to_be_done(bundle: Bundle, other: Bundle, settings: Settings) -> None:
    busy, backend = [True], SlowBackend()
    shadow = idle_shadow(settings, other, bundle, backend, lambda: not busy[0])
    shadow.offer(Post("zoo"), Verdict(None, score=0.5, band="low", label="not_job", language="en", model="m"))
    wait_until(lambda: shadow.state == "running")
    before = backend.seen
    time.sleep(0.2)
    assert backend.seen == before
    busy[0] = False
    wait_until(lambda: backend.seen > before)
    shadow.close()


def test_failures_of_the_shadow_are_counted_and_calls_go_on(bundle: Bundle, other: Bundle, settings: Settings) -> None:
    failing = LetterBackend()
    with shadowed(bundle, settings, other, failing) as (_, client):
        failing.poison = 3  # what the tokenizer has for an unknown letter
        send(client, ["zoo", "5 zoo"])
        wait_until(lambda: report(client)["failed"] == 1 and report(client)["all"]["items"] == 1)
        assert number(client.get("/metrics").text, "shadow_items_total", outcome="failed") == 1


def test_a_broken_shadow_is_told_and_counted_and_the_service_serves(bundle: Bundle, settings: Settings, tmp_path: Path) -> None:
    app = create_app(lambda: Detector(bundle, LetterBackend(), threads=1), replace(settings, shadow=tmp_path / "none"))
    with TestClient(app) as client:
        wait_until(lambda: report(client)["state"] == "broken")
        send(client, TEXTS)
        assert report(client)["failed"] == len(TEXTS)
        assert report(client)["shadow"] is None


def test_without_a_second_model_nothing_is_compared_nor_written(bundle: Bundle, tmp_path: Path) -> None:
    with TestClient(create_app(lambda: Detector(bundle, LetterBackend(), threads=1), Settings(data=tmp_path / "data"))) as client:
        send(client, TEXTS)
        found = report(client)
    assert (found["state"], found["shadow"], found["all"]["items"]) == ("off", None, 0)
    assert found["all"]["band_changed"] is None
    assert not (tmp_path / "data").exists()


def test_a_shadow_that_is_promoted_rests_until_another_model_is_served(bundle: Bundle, other: Bundle, settings: Settings) -> None:
    shadow = idle_shadow(settings, other, bundle, LetterBackend())
    wait_until(lambda: shadow.state == "running")
    shadow.beside(other.sha256)
    wait_until(lambda: shadow.state == "served")
    shadow.offer(Post("zoo"), Verdict(None, score=0.5, band="low", label="not_job", language="en", model=other.identity))
    shadow.beside(bundle.sha256)
    wait_until(lambda: shadow.state == "running")
    shadow.close()
    assert shadow.comparisons.read(Pair(other.identity, other.identity)) == ({}, {})


def test_what_waits_when_the_shadow_is_promoted_is_dropped_and_no_failure(
    bundle: Bundle, other: Bundle, settings: Settings, caplog: pytest.LogCaptureFixture
) -> None:
    idle = [False]
    shadow = idle_shadow(settings, other, bundle, LetterBackend(), lambda: idle[0])
    wait_until(lambda: shadow.state == "running")
    for place in range(10):
        shadow.offer(Post(f"zoo {place}"), Verdict(None, score=0.5, band="low", label="not_job", language="en", model="m"))
    shadow.beside(other.sha256)
    idle[0] = True
    wait_until(lambda: shadow.state == "served")
    shadow.close()
    outcomes = shadow.comparisons.read(Pair("m", other.identity))[1]
    assert outcomes.get("failed", 0) == 0
    assert outcomes["dropped"] >= 9  # the first may have been taken up before
    assert sum(outcomes.values()) == 10
    assert not caplog.records


def test_what_is_laid_aside_is_bounded_by_its_length_too_and_counted_as_dropped_at_the_end(
    bundle: Bundle, other: Bundle, settings: Settings
) -> None:
    shadow = idle_shadow(settings, other, bundle, LetterBackend(), lambda: False)
    wait_until(lambda: shadow.state == "running")
    half = Post("z" * (ROOM_CHARACTERS // 2))
    for _ in range(5):
        shadow.offer(half, Verdict(None, score=0.5, band="low", label="not_job", language="en", model="m"))
    shadow.close()
    outcomes = shadow.comparisons.read(Pair("m", other.identity))[1]
    assert outcomes["dropped"] >= 4  # the one that was taken up and had to wait for the end is lost


def test_the_report_is_for_admins(bundle: Bundle, tmp_path: Path) -> None:
    settings = Settings(data=tmp_path)
    keys = KeyStore(tmp_path)
    score, admin = keys.add("score", ["score"]), keys.add("admin", ["admin"])
    gate = Gate(settings)
    app = create_app(lambda: Detector(bundle, LetterBackend(), threads=1), settings, guards=guards(gate))
    with TestClient(app) as client:
        for path in ("/v1/shadow", "/v1/admin/model"):
            seen = [client.get(path, headers={"X-API-Key": key}).status_code for key in (score, admin)]
            assert seen == [403, 200]
    gate.close()


@examples(max_examples=50)
@given(st.text(), st.floats(0, 1), st.floats(0, 1))
def test_a_text_that_is_among_a_share_is_among_every_larger_one(text: str, one: float, other: float) -> None:
    small, large = sorted([one, other])
    assert chosen(text, large) or not chosen(text, small)
    assert not chosen(text, 0)
    assert chosen(text, 1)


def test_the_share_of_many_texts_that_is_chosen_is_the_one_asked_for() -> None:
    assert 0.28 < sum(chosen(f"post {place}", 0.3) for place in range(10_000)) / 10_000 < 0.32


@given(st.floats(-1, 1))
def test_a_difference_lies_in_its_bin(difference: float) -> None:
    place = bin_of(difference)
    assert difference <= EDGES[place]
    assert place == 0 or difference > EDGES[place - 1]


@examples(max_examples=25, deadline=None)
@given(
    st.lists(st.tuples(st.sampled_from(["en", "id"]), st.sampled_from(["low", "high"]), st.floats(-1, 1)), max_size=20),
    st.integers(1, 4),
)
def test_however_tallies_are_written_the_sums_are_the_same(
    tmp_path_factory: pytest.TempPathFactory, found: list[tuple[str, str, float]], size: int
) -> None:
    comparisons, pair = Comparisons(tmp_path_factory.mktemp("shadow")), Pair("one", "two")
    for start in range(0, len(found), size):
        tally = Tally()
        for language, band, difference in found[start : start + size]:
            tally.add(pair, Kind(language, band, "low", True, bin_of(difference)), difference)
        comparisons.add(tally)
    kinds, outcomes = comparisons.read(pair)
    whole = together(kinds.values())
    assert whole.items == outcomes.get("compared", 0) == len(found)
    assert whole.sum == pytest.approx(sum(abs(difference) for *_, difference in found))
    assert whole.largest == max((abs(difference) for *_, difference in found), default=0)
    assert together(amount for kind, amount in kinds.items() if kind.language == "en").items == sum(row[0] == "en" for row in found)
    assert comparisons.read(Pair("one", "three")) == ({}, {})
