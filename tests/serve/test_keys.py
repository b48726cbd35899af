"""API keys: made once, kept as hashes, revoked and expired."""

import hmac
import re
import shutil
import stat
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from detector import InputError
from detector.errors import EXIT_CODES, OutputError
from serve import keys
from serve.__main__ import main, read_lifetime_s
from serve.keys import FILE, KeyStore


class Clock:
    def __init__(self) -> None:
        self.now = 1_800_000_000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def store(tmp_path: Path) -> KeyStore:
    return KeyStore(tmp_path)


def test_a_key_is_found_by_itself_and_by_nothing_else(store: KeyStore) -> None:
    key = store.add("platform", ["batch", "score"], rate=600)
    other = store.add("other", ["score"])
    found = store.find(key)
    assert found is not None
    assert (found.name, found.scopes, found.rate, found.expires) == ("platform", ("score", "batch"), 600, None)
    prefix, identifier, secret = key.split("_")
    assert found.id == identifier
    swapped = f"{prefix}_{identifier}_{other.rpartition('_')[2]}"
    cut = key[:-1]
    for wrong in ("", "x", cut, key + "0", key.upper(), f" {key}", f"{prefix}_{identifier}_{secret[::-1]}", swapped, "\ud800", "é"):
        assert store.find(wrong) is None


def test_no_two_keys_are_alike_and_each_has_32_random_bytes(store: KeyStore) -> None:
    made = {store.add("x", ["score"]) for _ in range(20)}
    assert len(made) == 20
    assert all(re.fullmatch(r"srd_[0-9a-f]{10}_[0-9a-f]{64}", key) for key in made)


def test_the_file_holds_neither_key_nor_secret_and_is_for_this_user_alone(store: KeyStore, tmp_path: Path) -> None:
    key = store.add("platform", ["score"])
    secret = key.rpartition("_")[2]
    for file in tmp_path.iterdir():
        raw = file.read_bytes()
        assert secret.encode() not in raw
        assert bytes.fromhex(secret) not in raw
        assert stat.S_IMODE(file.stat().st_mode) == 0o600


def test_the_data_directory_is_made_for_this_user_alone(tmp_path: Path) -> None:
    KeyStore(tmp_path / "data").add("platform", ["score"])
    assert stat.S_IMODE((tmp_path / "data").stat().st_mode) == 0o700


def test_a_key_counts_until_it_expires(tmp_path: Path) -> None:
    clock = Clock()
    store = KeyStore(tmp_path, clock=clock)
    key = store.add("short", ["score"], lifetime_s=60)
    found = store.find(key)
    assert found is not None
    assert [found.state(clock.now + later) for later in (0, 59.9, 60, 1e9)] == ["active", "active", "expired", "expired"]


def test_another_store_sees_what_was_revoked_at_once(store: KeyStore, tmp_path: Path) -> None:
    old, new = store.add("old", ["score"]), store.add("new", ["score"])
    reader = KeyStore(tmp_path)
    before = reader.find(old)
    assert before is not None
    assert before.state(0) == "active"
    store.revoke(before.id)
    states = [(found.name, found.state(0)) for found in reader.keys()]
    assert states == [("old", "revoked"), ("new", "active")]
    assert reader.find(new) is not None


def test_revoking_twice_keeps_the_first_time(tmp_path: Path) -> None:
    clock = Clock()
    store = KeyStore(tmp_path, clock=clock)
    identifier = store.add("old", ["score"]).split("_")[1]
    store.revoke(identifier)
    clock.now += 100
    store.revoke(identifier)
    (key,) = store.keys()
    assert key.revoked == 1_800_000_000


def test_a_file_that_is_put_back_from_a_copy_is_read_anew(store: KeyStore, tmp_path: Path) -> None:
    key = store.add("platform", ["score"])
    reader = KeyStore(tmp_path)
    assert reader.find(key) is not None
    other = KeyStore(tmp_path / "other")
    other.add("else", ["score"])
    shutil.move(tmp_path / "other" / FILE, tmp_path / FILE)
    assert reader.find(key) is None
    (tmp_path / FILE).unlink()
    assert not reader.any_made()


def test_keys_made_side_by_side_are_all_kept(store: KeyStore, tmp_path: Path) -> None:
    with ThreadPoolExecutor(8) as pool:
        made = list(pool.map(lambda _: KeyStore(tmp_path).add("x", ["score"]), range(16)))
    assert all(store.find(key) for key in made)


def test_secrets_are_compared_in_constant_time_also_where_there_is_no_such_key(
    store: KeyStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    key = store.add("platform", ["score"])
    compared: list[tuple[int, int]] = []
    real = hmac.compare_digest

    def note(left: bytes, right: bytes) -> bool:
        compared.append((len(left), len(right)))
        return real(left, right)

    monkeypatch.setattr(keys.hmac, "compare_digest", note)
    found = [store.find(presented) is not None for presented in (key, f"srd_{'0' * 10}_{'0' * 64}", "nonsense")]
    assert found == [True, False, False]
    assert compared == [(32, 32)] * 3


@pytest.mark.parametrize(
    ("name", "scopes", "rate", "lifetime_s", "message"),
    [
        ("", ["score"], None, None, "expected a name"),
        ("a\nb", ["score"], None, None, "expected a name"),
        ("x" * 101, ["score"], None, None, "expected a name"),
        ("x", [], None, None, "got none"),
        ("x", ["score", "root"], None, None, "expected scopes out of score, batch, metrics, admin, got score, root"),
        ("x", ["score"], 0, None, "items a minute: expected at least 1, got 0"),
        ("x", ["score"], None, 0, "expected at least 1, got 0"),
    ],
)
def test_what_will_not_do_is_named(
    store: KeyStore, name: str, scopes: list[str], rate: int | None, lifetime_s: int | None, message: str
) -> None:
    with pytest.raises(InputError, match=message):
        store.add(name, scopes, rate=rate, lifetime_s=lifetime_s)
    assert not store.any_made()


def test_a_data_directory_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(OutputError, match="cannot be written"):
        KeyStore(tmp_path / "file").add("x", ["score"])


@pytest.mark.parametrize(("text", "seconds"), [("12h", 43_200), ("90d", 7_776_000), ("6w", 3_628_800)])
def test_a_lifetime_is_read(text: str, seconds: int) -> None:
    assert read_lifetime_s(text) == seconds


@pytest.mark.parametrize("text", ["", "90", "d", "-1d", "1.5d", "9m", "90 d"])
def test_what_is_no_lifetime_is_refused(text: str) -> None:
    with pytest.raises(InputError, match="expected a time such as 12h, 90d or 6w"):
        read_lifetime_s(text)


def test_the_commands_make_list_and_revoke(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("SCAM_DETECTOR_DATA", str(tmp_path))
    assert main(["keys", "add", "platform", "--scopes", "score,batch", "--rate", "600", "--expires", "90d"]) == 0
    out = capsys.readouterr().out
    key = out.strip()
    assert out == f"{key}\n"
    found = KeyStore(tmp_path).find(key)
    assert found is not None
    assert main(["keys", "list"]) == 0
    listed = capsys.readouterr()
    columns = listed.out.strip().split("\t")
    assert columns[:4] == [found.id, "active", "score,batch", "600 items a minute"]
    assert columns[-1] == "platform"
    assert key.rpartition("_")[2] not in listed.out + listed.err
    assert main(["keys", "revoke", found.id]) == 0
    assert main(["keys", "list"]) == 0
    assert "revoked" in capsys.readouterr().out


def test_a_key_that_is_not_there_cannot_be_revoked_and_is_not_shown(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("SCAM_DETECTOR_DATA", str(tmp_path))
    assert main(["keys", "revoke", "ffffffffff"]) == EXIT_CODES[InputError]
    assert "no keys yet" in capsys.readouterr().err
    key = KeyStore(tmp_path).add("x", ["score"])
    assert main(["keys", "revoke", key]) == EXIT_CODES[InputError]  # the whole key, by mistake
    assert key not in capsys.readouterr().err
