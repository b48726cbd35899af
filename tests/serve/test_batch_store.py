"""What is known of batches: whose turn it is, how long they are kept, and what a killed process leaves behind."""

import shutil
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import pytest
from batch_calls import folders

from detector.errors import OutputError
from serve.batches import clocks
from serve.batches.clocks import Moment, now
from serve.batches.folders import Outputs, make, take
from serve.batches.store import File, OtherContentError, Record, Store, TooManyError, Upload

DAY_S = 86_400
YEARS_S = 30 * 365 * DAY_S


class Clock:
    """A clock on the wall that can be set, beside one that cannot."""

    def __init__(self) -> None:
        self.moment = Moment(1_800_000_000.0, "boot", 1000.0)

    def __call__(self) -> Moment:
        return self.moment

    def pass_by(self, seconds: float) -> None:
        self.moment = replace(self.moment, wall=self.moment.wall + seconds, uptime=self.moment.uptime + seconds)

    def set_to(self, wall: float) -> None:
        self.moment = replace(self.moment, wall=wall)

    def start_anew(self) -> None:
        self.moment = replace(self.moment, boot="next", uptime=5.0)


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def store(tmp_path: Path, clock: Clock) -> Iterator[Store]:
    store = Store(tmp_path, clock=clock)
    yield store
    store.close()


def made(store: Store, owner: str = "key a", *, request: str | None = None, content: str = "0", most: int = 99) -> Record:
    """Make a batch that waits for its turn."""
    with store.begin(owner, most=most, request=request) as upload:
        return upload.queue(File("jsonl", 1, content * 64, "{}"))[0]


def found(store: Store, batch: str) -> Record:
    record = store.find(batch)
    assert record is not None
    return record


def test_owners_take_turns_and_what_was_begun_comes_first(store: Store) -> None:
    a1, a2, a3 = (made(store, "key a").id for _ in range(3))
    b1, b2 = (made(store, "key b").id for _ in range(2))
    order = []
    while waiting := store.waiting():
        order.append(waiting[0])
        store.start(waiting[0])
        assert store.waiting()[0] == waiting[0]
        store.end(waiting[0], "completed")
    assert order == [a1, b1, a2, b2, a3]


def test_how_the_batches_of_everybody_stand(store: Store, clock: Clock) -> None:
    first = made(store)
    clock.pass_by(60)
    second, third = made(store, "key b"), made(store)
    for batch in (first, second):
        assert store.start(batch.id) is not None
        store.set_total(batch.id, 50)
    store.keep(found(store, second.id), rows=20, scored=19, lengths=(1, 1), models=())
    standing = store.standing()
    assert {status: number for status, number in standing.numbers.items() if number} == {"running": 2, "queued": 1}
    assert (standing.rows_left, standing.oldest_s) == (80, 60)
    store.end(first.id, "failed", "for a test")
    store.cancel(third.id)
    standing = store.standing()
    assert (standing.numbers["failed"], standing.numbers["cancelled"], standing.numbers["expired"]) == (1, 1, 0)
    assert (standing.rows_left, standing.oldest_s) == (30, 0)


def test_nothing_is_written_before_the_first_batch(store: Store, tmp_path: Path) -> None:
    assert not any(store.standing().numbers.values())
    store.sweep(DAY_S)
    assert store.waiting() == []
    assert store.find("x") is None
    assert list(tmp_path.iterdir()) == []


def test_uploads_at_once_are_no_more_than_may_be(store: Store, tmp_path: Path) -> None:
    stores = [Store(tmp_path) for _ in range(8)]

    def begin(one: Store) -> Upload | None:
        try:
            return one.begin("key a", most=3)
        except TooManyError:
            return None

    with ThreadPoolExecutor(8) as pool:
        begun = [upload for upload in pool.map(begin, stores) if upload is not None]
    assert len(begun) == 3
    assert len(folders(tmp_path)) == 3
    for upload in begun:
        with upload:
            pass
    assert folders(tmp_path) == []
    for one in stores:
        one.close()


def test_of_the_same_request_sent_twice_at_once_one_batch_is_made(store: Store) -> None:
    file = File("jsonl", 1, "0" * 64, "{}")
    with store.begin("key a", most=9, request="r") as first, store.begin("key a", most=9, request="r") as second:
        one, new = second.queue(file)
        other, newer = first.queue(file)
    assert (one.id, new, newer) == (other.id, True, False)
    assert [record.id for record in store.page(None, limit=9, before=None)] == [one.id]
    assert made(store, "key b", request="r").id != one.id
    with pytest.raises(OtherContentError):
        made(store, request="r", content="1")


def test_the_request_of_a_batch_that_failed_makes_another(store: Store) -> None:
    batch = made(store, request="r").id
    store.start(batch)
    assert made(store, request="r").id == batch
    store.end(batch, "failed")
    assert made(store, request="r").id != batch


@pytest.mark.parametrize("left", ["uploading", "without a row", "without a folder"])
def test_what_an_upload_of_a_killed_process_left_is_swept(tmp_path: Path, left: str) -> None:
    killed = Store(tmp_path)
    upload = killed.begin("key a", most=1)
    if left == "without a row":
        killed.drop(upload.path.parent.name)
    if left == "without a folder":
        shutil.rmtree(upload.path.parent)
    store = Store(tmp_path)
    other = store.begin("key b", most=1)
    upload._lock.close()  # as the system does with the files of a process
    store.sweep(DAY_S)
    assert folders(tmp_path) == [other.path.parent]
    made(store, "key a", most=1)
    killed.close()
    store.close()
    other._lock.close()


def test_a_batch_is_kept_for_its_time_then_its_row_for_as_long_again(store: Store, clock: Clock, tmp_path: Path) -> None:
    batch = made(store).id
    store.start(batch)
    clock.pass_by(100 * DAY_S)
    store.sweep(7 * DAY_S)
    store.end(batch, "completed")
    seen = []
    for _ in range(3):
        clock.pass_by(7 * DAY_S - 1)
        store.sweep(7 * DAY_S)
        record = store.find(batch)
        seen.append((record and record.status, len(folders(tmp_path))))
    assert seen == [("completed", 1), ("expired", 0), (None, 0)]


@pytest.mark.parametrize("status", ["queued", "running", "cancelling"])
@pytest.mark.parametrize("seconds", [YEARS_S, -YEARS_S])
def test_a_clock_that_jumps_ends_and_deletes_nothing_that_has_not_ended(
    store: Store, clock: Clock, tmp_path: Path, status: str, seconds: float
) -> None:
    batch = made(store).id
    if status != "queued":
        store.start(batch)
    if status == "cancelling":
        store.cancel(batch)
    clock.set_to(clock.moment.wall + seconds)
    store.sweep(DAY_S)
    assert found(store, batch).status == status
    assert len(folders(tmp_path)) == 1
    assert store.waiting() == [batch]


@pytest.mark.parametrize("seconds", [YEARS_S, -YEARS_S])
def test_a_clock_that_jumps_does_not_expire_what_ended_before(store: Store, clock: Clock, seconds: float) -> None:
    batch = made(store).id
    store.start(batch)
    store.end(batch, "completed")
    clock.pass_by(DAY_S / 2)
    clock.set_to(clock.moment.wall + seconds)
    store.sweep(DAY_S)
    assert found(store, batch).status == "completed"
    clock.pass_by(DAY_S / 2)
    store.sweep(DAY_S)
    assert found(store, batch).status == "expired"


def test_where_the_machine_was_started_anew_the_clock_on_the_wall_counts(store: Store, clock: Clock) -> None:
    batch = made(store).id
    store.start(batch)
    store.end(batch, "completed")
    clock.start_anew()
    store.sweep(DAY_S)
    assert found(store, batch).status == "completed"
    clock.set_to(clock.moment.wall + DAY_S)
    store.sweep(DAY_S)
    assert found(store, batch).status == "expired"


def test_the_clocks_of_this_machine_are_read() -> None:
    first, second = now(), now()
    assert first.boot == second.boot != ""
    assert 0 <= second.since(first) < 5


def test_rows_are_counted_once(store: Store) -> None:
    batch = made(store).id
    store.start(batch)
    before = found(store, batch)
    store.keep(before, rows=5, scored=4, lengths=(40, 10), models=["m"])
    with pytest.raises(RuntimeError, match="somebody else has counted rows of it"):
        store.keep(before, rows=5, scored=4, lengths=(40, 10), models=["m"])
    after = found(store, batch)
    assert (after.done, after.scored, after.lengths, after.models) == (5, 4, (40, 10), ("m",))


def test_what_has_ended_is_not_begun_ended_or_cancelled_again(store: Store) -> None:
    batch = made(store).id
    store.cancel(batch)
    assert store.start(batch) is None
    store.end(batch, "completed")
    assert found(store, batch).status == "cancelled"
    assert store.delete(batch)
    assert not store.delete(batch)


def test_a_lock_is_of_one_and_goes_with_its_file(tmp_path: Path) -> None:
    lock = make(tmp_path / "batches" / "one")
    assert take(tmp_path / "batches" / "one") is None
    lock.close()
    again = take(tmp_path / "batches" / "one")
    assert again is not None
    again.close()
    assert take(tmp_path / "batches" / "none") is None


def test_what_lies_behind_the_lengths_that_count_is_cut_off(tmp_path: Path) -> None:
    make(tmp_path / "one").close()
    outputs = Outputs(tmp_path / "one", (0, 0))
    lengths = outputs.append((0, 0), (b"kept\n", b"error\n"))
    outputs.append(lengths, (b"half a li", b""))
    outputs.close()
    Outputs(tmp_path / "one", lengths).close()
    assert (tmp_path / "one" / "results.jsonl").read_bytes() == b"kept\n"
    with pytest.raises(OutputError, match=r"expected 9 bytes, got 5; the disk lost what was written"):
        Outputs(tmp_path / "one", (9, 6))


def test_where_the_start_of_the_machine_is_hidden_the_clock_on_the_wall_counts(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(clocks, "_BOOT", tmp_path / "hidden")
    before = now()
    assert before.boot == ""
    assert Moment(before.wall + 60, "", 0.0).since(before) == 60
