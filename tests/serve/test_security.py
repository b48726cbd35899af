"""Keys, scopes, the open door and rates, as a client meets them."""

import sqlite3
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, get_args

import openai
import pytest
from fastapi.testclient import TestClient
from hypothesis import HealthCheck, given
from hypothesis import settings as examples
from hypothesis import strategies as st
from openai import OpenAI
from running import running
from schemathesis import GenerationMode
from schemathesis.openapi import from_asgi

from detector import Detector, InputError
from serve.app import create_app
from serve.headers import SECURITY_HEADERS
from serve.keys import FILE, KeyStore, Scope
from serve.security import Gate, check_exposure, guards, is_loopback, scope_of
from serve.settings import Settings

Load = Callable[[], Detector]
ONE = {"items": [{"text": "a driver is wanted"}]}
HERE = "http://127.0.0.1:8000"


@contextmanager
def guarded(load: Load, data: Path, *, address: str = HERE, **members: Any) -> Iterator[TestClient]:
    """Run a service with its guards."""
    settings = Settings(data=data, **members)
    gate = Gate(settings)
    with TestClient(create_app(load, settings, guards=guards(gate)), base_url=address, raise_server_exceptions=False) as client:
        yield client
    gate.close()


def bearer(key: str) -> dict[str, str]:
    return {"authorization": f"Bearer {key}"}


def test_without_any_key_this_machine_is_served(load: Load, tmp_path: Path) -> None:
    with guarded(load, tmp_path) as client:
        assert client.post("/v1/score", json=ONE).status_code == 200
        assert client.get("/metrics").status_code == 200
    assert list(tmp_path.iterdir()) == []  # nothing is written for it


def test_the_first_key_shuts_the_door_and_revoking_it_does_not_open_it_again(load: Load, tmp_path: Path) -> None:
    store = KeyStore(tmp_path)
    with guarded(load, tmp_path) as client:
        seen = [client.get("/v1/model").status_code]
        key = store.add("first", ["score"])
        seen += [client.get("/v1/model").status_code, client.get("/v1/model", headers=bearer(key)).status_code]
        store.revoke(key.split("_")[1])
        seen += [client.get("/v1/model", headers=bearer(key)).status_code, client.get("/v1/model").status_code]
        (tmp_path / FILE).unlink()
        seen.append(client.get("/v1/model").status_code)
    assert seen == [200, 401, 200, 401, 401, 401]


@pytest.mark.parametrize(
    ("members", "address"),
    [
        pytest.param({"anonymous": "no"}, HERE, id="not wanted"),
        pytest.param({"host": "0.0.0.0"}, HERE, id="others can reach it"),
        pytest.param({}, "http://rebound.example", id="a name that points here"),
    ],
)
def test_the_door_is_shut(load: Load, tmp_path: Path, members: dict[str, str], address: str) -> None:
    with guarded(load, tmp_path, address=address, **members) as client:
        answer = client.post("/v1/score", json=ONE)
    assert answer.status_code == 401
    assert answer.headers["www-authenticate"] == 'Bearer realm="scam-recruitment-detector"'
    assert answer.headers["content-type"] == "application/problem+json"


@pytest.mark.parametrize(
    "host", ["", "[", "[::1", "127.0.0.1@rebound.example", "a b", "\u00e9", "::1", "re_bound.example", "127.0.0.1.rebound.example"]
)
def test_a_host_that_is_none_is_not_this_machine(load: Load, tmp_path: Path, host: str) -> None:
    with guarded(load, tmp_path) as client:
        assert client.get("/v1/model", headers={"host": host.encode()}).status_code == 401


@pytest.mark.parametrize("host", ["localhost", "localhost:8000", "[::1]:8000", "127.0.0.1"])
def test_this_machine_has_several_names(load: Load, tmp_path: Path, host: str) -> None:
    with guarded(load, tmp_path) as client:
        assert client.get("/v1/model", headers={"host": host}).status_code == 200


def test_an_open_door_can_be_kept_beside_keys(load: Load, tmp_path: Path) -> None:
    KeyStore(tmp_path).add("x", ["score"])
    with guarded(load, tmp_path, anonymous="yes") as client:
        assert client.get("/v1/model").status_code == 200


def test_either_header_carries_the_key(load: Load, tmp_path: Path) -> None:
    key = KeyStore(tmp_path).add("x", ["score"])
    with guarded(load, tmp_path) as client:
        for headers in (bearer(key), {"authorization": f"bearer {key}"}, {"x-api-key": key}):
            assert client.get("/v1/model", headers=headers).status_code == 200
        for headers in ({"authorization": f"Basic {key}"}, {"authorization": key}, {"cookie": key}, {"x-api-key": ""}):
            assert client.get("/v1/model", headers=headers).status_code == 401
        assert client.get("/v1/model", params={"key": key}).status_code == 401


def test_a_wrong_key_is_refused_even_where_none_is_needed(load: Load, tmp_path: Path) -> None:
    with guarded(load, tmp_path) as client:
        answer = client.get("/v1/model", headers=bearer("srd_wrong"))
    assert answer.status_code == 401
    assert 'error="invalid_token"' in answer.headers["www-authenticate"]
    assert "srd_wrong" not in answer.text


def test_an_expired_and_a_revoked_key_are_told_so(load: Load, tmp_path: Path) -> None:
    old = KeyStore(tmp_path, clock=lambda: 1_000_000.0).add("old", ["score"], lifetime_s=60)
    store = KeyStore(tmp_path)
    revoked = store.add("revoked", ["score"])
    store.revoke(revoked.split("_")[1])
    with guarded(load, tmp_path) as client:
        details = [client.get("/v1/model", headers=bearer(key)).json()["detail"] for key in (old, revoked, "srd_x")]
    assert [detail.rpartition("this one is ")[2] for detail in details] == ["expired", "revoked", "not known"]


def test_a_key_for_something_else_is_forbidden(load: Load, tmp_path: Path) -> None:
    store = KeyStore(tmp_path)
    scoring, watching = store.add("a", ["score"]), store.add("b", ["metrics"])
    with guarded(load, tmp_path) as client:
        assert client.get("/metrics", headers=bearer(watching)).status_code == 200
        assert client.post("/v1/score", json=ONE, headers=bearer(scoring)).status_code == 200
        answers = [client.get("/metrics", headers=bearer(scoring)), client.post("/v1/score", json=ONE, headers=bearer(watching))]
    assert [answer.status_code for answer in answers] == [403, 403]
    assert 'error="insufficient_scope", scope="metrics"' in answers[0].headers["www-authenticate"]
    assert answers[1].json()["detail"] == "expected a key for 'score', got one for 'metrics'"


@pytest.mark.parametrize(
    ("path", "scope"),
    [
        ("/v1/score", "score"),
        ("/v1/moderations", "score"),
        ("/predict", "score"),
        ("/v1/batches", "batch"),
        ("/v1/batches/{id}/cancel", "batch"),
        ("/v1/batchesque", "score"),
        ("/v1/shadow", "admin"),
        ("/v1/admin/model", "admin"),
        ("/metrics", "metrics"),
        ("/later", "admin"),
    ],
)
def test_every_path_has_a_scope_and_an_unknown_one_the_highest(path: str, scope: str) -> None:
    assert scope_of(path) == scope


def test_admin_is_never_anonymous(load: Load, tmp_path: Path) -> None:
    settings = Settings(data=tmp_path)
    key = guards(Gate(settings))
    app = create_app(load, settings, guards=key)
    app.add_api_route("/v1/admin/model", lambda: None, dependencies=key)
    with TestClient(app, base_url=HERE) as client:
        assert client.get("/v1/model").status_code == 200
        assert client.get("/v1/admin/model").status_code == 401


def test_keys_that_cannot_be_read_let_nobody_in(load: Load, tmp_path: Path) -> None:
    (tmp_path / FILE).write_bytes(b"no database, but long enough to look like one" * 100)
    with guarded(load, tmp_path) as client:
        answers = [client.get("/v1/model"), client.get("/v1/model", headers=bearer(f"srd_{'0' * 10}_{'0' * 64}"))]
    assert [answer.status_code for answer in answers] == [503, 503]
    assert answers[0].headers["retry-after"] == "1"


def test_the_body_of_a_stranger_is_not_read(load: Load, tmp_path: Path) -> None:
    def body() -> Iterator[bytes]:
        pytest.fail("the body was read")
        yield b""

    with guarded(load, tmp_path, anonymous="no") as client:
        assert client.get("/healthz").status_code == 200
        assert client.post("/v1/score", content=b"no JSON").status_code == 401


def test_items_above_the_rate_wait_and_are_told_how_long(load: Load, tmp_path: Path) -> None:
    key = KeyStore(tmp_path).add("x", ["score"], rate=300)
    full = {"items": [{"text": "a driver is wanted"}] * 200}
    with guarded(load, tmp_path) as client:
        first = client.post("/v1/score", json=full, headers=bearer(key))
        second = client.post("/v1/score", json=full, headers=bearer(key))
        small = client.post("/v1/score", json=ONE, headers=bearer(key))
    assert [answer.status_code for answer in (first, second, small)] == [200, 429, 200]
    assert first.headers["ratelimit-policy"] == '"items";q=300;w=60'
    assert first.headers["ratelimit"] == '"items";r=100;t=40'
    # 100 are missing, and five come each second; some of it may have come already.
    assert 15 <= int(second.headers["retry-after"]) <= 20
    assert second.json()["detail"].startswith("expected at most 300 items a minute; send these again in ")


def test_one_full_request_always_fits(load: Load, tmp_path: Path) -> None:
    key = KeyStore(tmp_path).add("x", ["score"], rate=1)
    with guarded(load, tmp_path) as client:
        answers = [client.post("/v1/score", json={"items": ["x"] * 256}, headers=bearer(key)) for _ in range(2)]
    assert [answer.status_code for answer in answers] == [200, 429]


def test_the_rate_of_the_service_holds_for_all_others(load: Load, tmp_path: Path) -> None:
    with guarded(load, tmp_path, rate=256) as client:
        answers = [client.post("/v1/score", json={"items": ["x"] * 200}) for _ in range(2)]
    assert [answer.status_code for answer in answers] == [200, 429]


def test_without_a_rate_nothing_is_counted(load: Load, tmp_path: Path) -> None:
    with guarded(load, tmp_path) as client:
        answer = client.post("/v1/score", json=ONE)
    assert "ratelimit" not in answer.headers


def test_a_rate_that_cannot_be_counted_is_no_free_ride(load: Load, tmp_path: Path) -> None:
    (tmp_path / "rates.sqlite").write_bytes(b"no database, but long enough to look like one" * 100)
    with guarded(load, tmp_path, rate=256) as client:
        assert client.post("/v1/score", json=ONE).status_code == 503


@pytest.mark.parametrize(
    ("path", "body", "many"),
    [
        ("/v1/moderations", {"input": "a driver is wanted"}, {"input": ["a driver is wanted"] * 200}),
        ("/predict", {"inputs": "a driver is wanted"}, {"inputs": [["a driver is wanted"]] * 200}),
    ],
)
def test_the_interfaces_of_others_ask_for_a_key_and_count_as_well(
    load: Load, tmp_path: Path, path: str, body: object, many: object
) -> None:
    store = KeyStore(tmp_path)
    scoring, watching = store.add("a", ["score"], rate=300), store.add("b", ["metrics"])
    with guarded(load, tmp_path) as client:
        answers = [
            client.post(path, json=body),
            client.post(path, json=body, headers=bearer(watching)),
            client.post(path, json=many, headers=bearer(scoring)),
            client.post(path, json=many, headers=bearer(scoring)),
            client.post(path, json=body, headers=bearer(scoring)),
        ]
    assert [answer.status_code for answer in answers] == [401, 403, 200, 429, 200]
    for answer in (answers[0], answers[1], answers[3]):
        assert answer.headers["content-type"] == "application/json"
        assert "error" in answer.json()
        assert {name: answer.headers.get(name) for name in SECURITY_HEADERS} == SECURITY_HEADERS
    assert 'scope="score"' in answers[1].headers["www-authenticate"]
    assert 1 <= int(answers[3].headers["retry-after"]) <= 20
    assert answers[2].headers["ratelimit"] == '"items";r=100;t=40'


def test_the_official_client_sends_its_key_and_understands_the_refusals(load: Load, tmp_path: Path) -> None:
    store = KeyStore(tmp_path)
    good, watching = store.add("a", ["score"], rate=1), store.add("b", ["metrics"])
    service = Settings(data=tmp_path)
    gate = Gate(service)

    def moderate(key: str, posts: int = 1) -> None:
        with OpenAI(base_url=f"http://127.0.0.1:{port}/v1", api_key=key, max_retries=0) as client:
            client.moderations.create(input=["a driver is wanted"] * posts)

    with running(create_app(load, service, guards=guards(gate))) as port:
        with pytest.raises(openai.AuthenticationError) as unknown:
            moderate("none")
        with pytest.raises(openai.PermissionDeniedError, match="expected a key for 'score'"):
            moderate(watching)
        moderate(good, 256)
        with pytest.raises(openai.RateLimitError) as limited:
            moderate(good)
    gate.close()
    assert (unknown.value.code, limited.value.code) == ("invalid_api_key", "rate_limit_exceeded")
    assert int(limited.value.response.headers["retry-after"]) in range(50, 61)


@pytest.mark.parametrize(
    ("host", "loopback"),
    [("127.0.0.1", True), ("127.8.8.8", True), ("::1", True), ("localhost", True), ("0.0.0.0", False), ("::", False), ("", False)]
    + [("10.0.0.1", False), ("localhost.example", False), ("127.0.0.1.example", False)],
)
def test_loopback_is_told_from_the_rest(host: str, loopback: bool) -> None:
    assert is_loopback(host) is loopback


def test_a_service_that_others_can_reach_does_not_start_without_a_key(tmp_path: Path) -> None:
    store = KeyStore(tmp_path)
    open_to_all = Settings(host="0.0.0.0", data=tmp_path)
    with pytest.raises(InputError, match="SCAM_DETECTOR_HOST: other machines can reach 0.0.0.0, and there is no key yet; make one"):
        check_exposure(open_to_all, store)
    check_exposure(Settings(data=tmp_path), store)
    # Told to answer nobody, it may be started so that the first key can be made beside it.
    check_exposure(Settings(host="0.0.0.0", data=tmp_path, anonymous="no"), store)
    store.add("first", ["score"])
    check_exposure(open_to_all, store)
    with pytest.raises(InputError, match="SCAM_DETECTOR_ANONYMOUS=yes is not possible"):
        check_exposure(Settings(host="0.0.0.0", data=tmp_path, anonymous="yes"), store)


@pytest.mark.parametrize(
    "path",
    ["/healthz", "/v1/score", "/v1/moderations", "/predict", "/v1/model", "/nowhere", "/openapi.json", "/fail", "/metrics"],
)
def test_every_answer_has_the_security_headers(load: Load, path: str) -> None:
    app = create_app(load, Settings())

    def fail() -> None:
        raise KeyError("x")

    app.add_api_route("/fail", fail)
    with TestClient(app, raise_server_exceptions=False) as client:
        headers = client.get(path).headers
    assert {name: headers.get(name) for name in SECURITY_HEADERS} == SECURITY_HEADERS


def test_the_policy_allows_nothing_from_outside_and_no_inline_script() -> None:
    policy = dict(part.strip().split(" ", 1) for part in SECURITY_HEADERS["Content-Security-Policy"].split(";"))
    assert policy["default-src"] == "'none'"
    assert policy["frame-ancestors"] == "'none'"
    assert set(policy.values()) == {"'none'", "'self'"}


@pytest.mark.parametrize("mode", [GenerationMode.POSITIVE, GenerationMode.NEGATIVE])
@pytest.mark.parametrize("path", ["/v1/score", "/v1/moderations", "/predict"])
def test_answers_and_refusals_are_documented(load: Load, tmp_path: Path, path: str, mode: GenerationMode) -> None:
    key = KeyStore(tmp_path).add("generated", ["score"])
    service = Settings(data=tmp_path)
    operation = from_asgi("/openapi.json", create_app(load, service, guards=guards(Gate(service))))[path]["POST"]

    @examples(max_examples=10, deadline=None, derandomize=True, database=None, suppress_health_check=list(HealthCheck))
    @given(data=st.data(), sent=st.sampled_from([key, "wrong"]))
    def check(data: st.DataObject, sent: str) -> None:
        # Among the checks are that a request without the key, or with another, is refused.
        case = data.draw(operation.as_strategy(generation_mode=mode))
        if mode is GenerationMode.POSITIVE:
            # Who allows next to no time gets 504, and rightly so.
            case.headers.pop("X-Request-Timeout", None)
        case.call_and_validate(headers={"Authorization": f"Bearer {sent}"})

    check()


@pytest.mark.parametrize(
    ("path", "shape"), [("/v1/score", "Problem"), ("/v1/moderations", "OpenAIError"), ("/predict", "TeiError")]
)
def test_both_ways_to_send_a_key_are_documented(load: Load, tmp_path: Path, path: str, shape: str) -> None:
    with guarded(load, tmp_path) as client:
        document = client.get("/openapi.json").json()
    operation = document["paths"][path]["post"]
    for status in ("401", "403", "429", "503"):
        (content,) = operation["responses"][status]["content"].values()
        assert content == {"schema": {"$ref": f"#/components/schemas/{shape}"}}
    assert "WWW-Authenticate" in operation["responses"]["401"]["headers"]
    assert "Retry-After" in operation["responses"]["429"]["headers"]
    assert [list(way) for way in operation["security"]] == [["HTTPBearer"], ["APIKeyHeader"]]
    assert "security" not in document["paths"]["/healthz"]["get"]


def test_the_documented_scope_is_the_one_without_which_a_call_is_refused(load: Load, tmp_path: Path) -> None:
    with guarded(load, tmp_path) as client:
        store = KeyStore(tmp_path)
        keys = {scope: store.add("a test", [scope]) for scope in get_args(Scope)}
        store.close()
        for path, operations in client.get("/openapi.json").json()["paths"].items():
            for method, operation in operations.items():
                named = {scope for way in operation.get("security", ()) for scopes in way.values() for scope in scopes}
                url = path.format(batch="batch_0")
                refused = {
                    scope for scope, key in keys.items()
                    if client.request(method, url, headers={"X-API-Key": key}).status_code == 403
                }  # fmt: skip
                assert refused == (set(keys) - named if named else set()), (method, path)


def test_the_store_is_sqlite_so_that_a_change_is_whole_or_not_there(tmp_path: Path) -> None:
    KeyStore(tmp_path).add("x", ["score"])
    with sqlite3.connect(tmp_path / FILE) as connection:
        assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)
    connection.close()
