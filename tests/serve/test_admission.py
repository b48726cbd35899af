"""Which post is scored next, and what is refused."""

import asyncio
import threading
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from real_posts import corpus_texts

from detector import Post
from detector.bundle import DEFAULT_BUNDLE, MANIFEST, TOKENIZER, read_bundle
from detector.encoder import Encoder
from detector.text import normalise
from serve.admission import JOB_TURN, LONG_TOKENS, Admission, Overloaded, Priority, Timing, TooLate, count_tokens

examples = settings(max_examples=40, deadline=None, derandomize=True, database=None)

SHORT = "a" * 24  # ten tokens
LONG = "a" * (3 * LONG_TOKENS)


def posts(name: str, number: int, text: str = SHORT) -> list[Post]:
    return [Post(text, f"{name}-{place}") for place in range(number)]


class Desk:
    """Scores a post by noting its id, one at a time as a test lets it.

    :ivar order: Ids of the posts that were begun, in order.
    """

    def __init__(self, *, is_open: bool = False) -> None:
        self.order: list[str] = []
        self._open = threading.Event()
        if is_open:
            self._open.set()

    def __call__(self, post: Post) -> str:
        self.order.append(str(post.id))
        assert self._open.wait(timeout=20)
        return f"scored {post.id}"

    def release(self) -> None:
        self._open.set()


@contextmanager
def admitting(threads: int = 1, max_tokens: int = 10_000, observe: Callable[[Timing], None] | None = None) -> Iterator[Admission]:
    admission = Admission(threads, max_tokens=max_tokens, observe=observe)
    try:
        yield admission
    finally:
        admission.close()


async def begun(*asked: Awaitable[list[str]]) -> list["asyncio.Task[list[str]]"]:
    """Let requests be taken on, one after the other."""
    tasks = []
    for one in asked:
        tasks.append(asyncio.ensure_future(one))
        await asyncio.sleep(0)
    return tasks


def test_results_come_in_the_order_of_the_posts() -> None:
    def slowest_first(post: Post) -> str:
        threading.Event().wait(0.02 if str(post.id).endswith("-0") else 0)
        return str(post.id)

    async def run() -> list[str]:
        with admitting(threads=3) as admission:
            return await admission.score(slowest_first, posts("p", 9))

    assert asyncio.run(run()) == [f"p-{place}" for place in range(9)]


def test_no_posts_have_no_results() -> None:
    async def run() -> list[str]:
        with admitting() as admission:
            return await admission.score(Desk(), [])

    assert asyncio.run(run()) == []


def test_a_short_request_does_not_wait_for_all_of_a_long_one() -> None:
    desk = Desk()

    async def run() -> None:
        with admitting() as admission:
            tasks = await begun(admission.score(desk, posts("large", 50)), admission.score(desk, posts("small", 1)))
            desk.release()
            await asyncio.gather(*tasks)

    asyncio.run(run())
    assert desk.order.index("small-0") == 2  # one was under way, and one more had its turn


def test_requests_take_turns() -> None:
    desk = Desk()

    async def run() -> None:
        with admitting() as admission:
            tasks = await begun(*(admission.score(desk, posts(name, 3)) for name in "abc"))
            desk.release()
            await asyncio.gather(*tasks)

    asyncio.run(run())
    # a-0 had begun before the others came; a then had its turn before them.
    assert desk.order == ["a-0", "a-1", "b-0", "c-0", "a-2", "b-1", "c-1", "b-2", "c-2"]


def test_jobs_come_behind_what_somebody_waits_for_but_not_for_ever() -> None:
    desk = Desk()

    async def run() -> None:
        with admitting() as admission:
            tasks = await begun(
                admission.score(desk, posts("job", 40), priority=Priority.JOB),
                admission.score(desk, posts("call", 40)),
            )
            desk.release()
            await asyncio.gather(*tasks)

    asyncio.run(run())
    first = desk.order[1 : desk.order.index("call-39")]
    assert [place for place, name in enumerate(first, 1) if name.startswith("job")] == [JOB_TURN, 2 * JOB_TURN]


def test_long_posts_leave_a_thread_to_the_others() -> None:
    long, short = Desk(), Desk(is_open=True)

    async def run() -> None:
        with admitting(threads=2, max_tokens=100_000) as admission:
            (waiting,) = await begun(admission.score(long, posts("long", 5, LONG)))
            await asyncio.wait_for(admission.score(short, posts("short", 9)), timeout=20)
            assert len(long.order) == 1
            long.release()
            await waiting

    asyncio.run(run())
    assert len(long.order) == 5


def test_a_long_post_is_scored_where_there_is_only_one_thread() -> None:
    async def run() -> list[str]:
        with admitting(max_tokens=100_000) as admission:
            return await admission.score(Desk(is_open=True), posts("long", 2, LONG))

    assert asyncio.run(run()) == ["scored long-0", "scored long-1"]


def test_what_would_exceed_the_bound_is_refused_and_told_when_to_come_back() -> None:
    desk = Desk()

    async def run() -> Overloaded:
        with admitting(max_tokens=100) as admission:
            # One post of ten tokens is under way, nine wait.
            tasks = await begun(admission.score(desk, posts("a", 10)))
            assert admission.waiting_tokens(Priority.INTERACTIVE) == 90
            with pytest.raises(Overloaded) as refused:
                await admission.score(desk, posts("b", 2))
            tasks += await begun(admission.score(desk, posts("c", 1)))
            desk.release()
            await asyncio.gather(*tasks)
            assert admission.waiting_tokens(Priority.INTERACTIVE) == 0
        return refused.value

    refused = asyncio.run(run())
    assert (refused.status_code, refused.retry_after_s) == (503, 1)
    assert refused.headers == {"Retry-After": "1"}
    assert not [name for name in desk.order if name.startswith("b")]


def test_a_request_larger_than_the_bound_is_taken_on_if_none_waits() -> None:
    async def run() -> list[str]:
        with admitting(max_tokens=1) as admission:
            return await admission.score(Desk(is_open=True), posts("a", 20))

    assert len(asyncio.run(run())) == 20


def test_jobs_have_a_bound_of_their_own() -> None:
    desk = Desk()

    async def run() -> None:
        with admitting(max_tokens=100) as admission:
            tasks = await begun(admission.score(desk, posts("job", 30), priority=Priority.JOB))
            with pytest.raises(Overloaded):
                await admission.score(desk, posts("more", 1), priority=Priority.JOB)
            tasks += await begun(admission.score(desk, posts("call", 5)))
            desk.release()
            await asyncio.gather(*tasks)

    asyncio.run(run())


def test_the_time_to_come_back_follows_the_rate() -> None:
    """Ten tokens in 0.05 s are 200 a second; 1,990 wait and 1,000 may."""

    def paced(_post: Post) -> str:
        threading.Event().wait(0.05)
        return ""

    async def run() -> int:
        with admitting(max_tokens=1_000) as admission:
            await admission.score(paced, posts("warm", 40))
            assert 100 < admission.tokens_per_second < 700  # the guess before the first post still counts a little
            large = asyncio.ensure_future(admission.score(paced, posts("large", 200)))
            await asyncio.sleep(0)
            expected_s = 1_000 / admission.tokens_per_second
            with pytest.raises(Overloaded) as refused:
                await admission.score(paced, posts("next", 1))
            large.cancel()
        assert refused.value.retry_after_s == pytest.approx(expected_s, abs=1.1)
        return refused.value.retry_after_s

    assert asyncio.run(run()) > 1


def test_past_its_deadline_a_request_is_given_up_and_its_rest_never_scored() -> None:
    desk = Desk()

    async def run() -> None:
        with admitting() as admission:
            loop = asyncio.get_running_loop()
            with pytest.raises(TooLate) as late:
                await admission.score(desk, posts("a", 5), until=loop.time() + 0.05)
            assert late.value.status_code == 504
            assert admission.waiting_tokens(Priority.INTERACTIVE) == 0
            desk.release()
            assert await admission.score(desk, posts("b", 1)) == ["scored b-0"]

    asyncio.run(run())
    assert desk.order == ["a-0", "b-0"]


def test_what_a_cancelled_caller_wanted_is_never_scored() -> None:
    desk = Desk()

    async def run() -> None:
        with admitting() as admission:
            first, second, third = await begun(*(admission.score(desk, posts(name, 3)) for name in "abc"))
            second.cancel()
            await asyncio.wait({second})
            desk.release()
            await asyncio.gather(first, third)

    asyncio.run(run())
    assert not [name for name in desk.order if name.startswith("b")]
    assert len(desk.order) == 6


def test_an_error_ends_its_request_and_no_other() -> None:
    desk = Desk(is_open=True)

    def broken(post: Post) -> str:
        desk(post)
        raise KeyError("broken")

    async def run() -> list[str]:
        with admitting() as admission:
            bad, good = await begun(admission.score(broken, posts("bad", 5)), admission.score(desk, posts("good", 5)))
            with pytest.raises(KeyError, match="broken"):
                await bad
            return await good

    assert len(asyncio.run(run())) == 5
    assert len([name for name in desk.order if name.startswith("bad")]) <= 2


def test_each_post_is_reported_with_its_times() -> None:
    seen: list[Timing] = []

    def paced(_post: Post) -> str:
        threading.Event().wait(0.02)
        return ""

    async def run() -> None:
        with admitting(observe=seen.append) as admission:
            await admission.score(paced, posts("a", 2), priority=Priority.JOB)

    asyncio.run(run())
    assert [(timing.priority, timing.tokens) for timing in seen] == [(Priority.JOB, 10)] * 2
    assert all(timing.took_s >= 0.02 for timing in seen)
    assert seen[0].waited_s < 0.02 <= seen[1].waited_s


@examples
@given(
    st.lists(st.tuples(st.integers(0, 12), st.sampled_from(Priority), st.sampled_from([SHORT, LONG])), max_size=8),
    st.integers(1, 4),
)
def test_whatever_is_asked_each_post_has_its_own_result_once(asked: list[tuple[int, Priority, str]], threads: int) -> None:
    desk = Desk(is_open=True)

    async def run() -> list[list[str]]:
        with admitting(threads, max_tokens=10**9) as admission:
            wanted = (
                admission.score(desk, posts(str(place), number, text), priority=priority)
                for place, (number, priority, text) in enumerate(asked)
            )
            results = await asyncio.gather(*wanted)
            assert not any(admission.waiting_tokens(priority) for priority in Priority)
        return list(results)

    expected = [[f"scored {place}-{post}" for post in range(number)] for place, (number, _, _) in enumerate(asked)]
    assert asyncio.run(run()) == expected
    assert len(desk.order) == len(set(desk.order)) == sum(number for number, _, _ in asked)


@examples
@given(st.text(st.characters()))
def test_every_text_counts_for_something(text: str) -> None:
    assert 2 <= count_tokens(text) <= 2 + 4 * len(text)
    assert count_tokens(text) <= count_tokens(text + "a")


@pytest.mark.model
@pytest.mark.skipif(not (DEFAULT_BUNDLE / MANIFEST).exists(), reason="no bundled model")
def test_few_posts_have_more_tokens_than_they_are_counted_for() -> None:
    manifest = read_bundle(DEFAULT_BUNDLE).manifest
    encoder = Encoder.from_file(DEFAULT_BUNDLE / TOKENIZER, max_tokens=manifest.max_tokens, overlap=manifest.overlap)
    ratios = sorted(
        sum(len(window.ids) for window in encoder.windows(normalise(text).text)) / count_tokens(text) for text in corpus_texts(40)
    )
    assert len(ratios) > 1000
    assert ratios[len(ratios) * 97 // 100] < 1.12
    assert ratios[len(ratios) // 2] > 0.5  # nor is everything counted for far too much
