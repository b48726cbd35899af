"""Token buckets: worked by hand, and never over the limit whoever draws on them."""

import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from serve.rates import Buckets, Taken


class Clock:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


def test_a_bucket_is_full_at_first_and_fills_by_its_rate(tmp_path: Path) -> None:
    clock = Clock()
    buckets = Buckets(tmp_path, clock=clock)
    taken = [buckets.take("a", 100, rate=60, burst=100), buckets.take("a", 1, rate=60, burst=100)]
    clock.now += 10
    taken += [buckets.take("a", 11, rate=60, burst=100), buckets.take("a", 10, rate=60, burst=100)]
    assert taken == [Taken(True, 0, 100.0), Taken(False, 0, 1.0), Taken(False, 10, 1.0), Taken(True, 0, 100.0)]


def test_each_caller_has_a_bucket_of_its_own(tmp_path: Path) -> None:
    buckets = Buckets(tmp_path)
    assert buckets.take("a", 5, rate=1, burst=5).granted
    assert not buckets.take("a", 5, rate=1, burst=5).granted
    assert buckets.take("b", 5, rate=1, burst=5).granted


def test_a_clock_that_starts_again_gives_nothing_away_and_takes_nothing(tmp_path: Path) -> None:
    clock = Clock()
    buckets = Buckets(tmp_path, clock=clock)
    buckets.take("a", 4, rate=60, burst=10)
    clock.now = 3.0  # the machine was started anew
    assert buckets.take("a", 0, rate=60, burst=10).left == 6
    clock.now = 4.0
    assert buckets.take("a", 0, rate=60, burst=10).left == 7


def test_a_bucket_outlives_the_process(tmp_path: Path) -> None:
    clock = Clock()
    first = Buckets(tmp_path, clock=clock)
    first.take("a", 10, rate=60, burst=10)
    first.close()
    assert not Buckets(tmp_path, clock=clock).take("a", 1, rate=60, burst=10).granted


@settings(max_examples=30, deadline=None, derandomize=True, database=None)
@given(steps=st.lists(st.tuples(st.floats(0, 30), st.integers(0, 12)), max_size=20))
def test_in_no_stretch_of_time_is_more_granted_than_burst_and_rate(
    tmp_path_factory: pytest.TempPathFactory, steps: list[tuple[float, int]]
) -> None:
    clock = Clock()
    buckets = Buckets(tmp_path_factory.mktemp("rates"), clock=clock)
    granted: list[tuple[float, int]] = []
    for pause, amount in steps:
        clock.now += pause
        if buckets.take("a", amount, rate=30, burst=12).granted:
            granted.append((clock.now, amount))
    buckets.close()
    for start, (begin, _) in enumerate(granted):
        for stop in range(start, len(granted)):
            end = granted[stop][0]
            assert sum(amount for _, amount in granted[start : stop + 1]) <= 12 + (end - begin) * 30 / 60 + 1e-6


DRAW = """
import sys
from pathlib import Path
from serve.rates import Buckets
buckets = Buckets(Path(sys.argv[1]), clock=lambda: 0.0)
print("ready", flush=True)
sys.stdin.readline()
print(sum(buckets.take("a", 3, rate=60, burst=100).granted for _ in range(60)))
"""


@pytest.mark.parametrize("attempt", range(6))
def test_processes_that_draw_at_once_never_get_more_than_the_bucket_holds(tmp_path: Path, attempt: int) -> None:
    command = [sys.executable, "-c", DRAW, str(tmp_path)]
    drawers = [subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) for _ in range(4)]
    for drawer in drawers:
        assert drawer.stdout is not None
        assert drawer.stdout.readline() == "ready\n"
    for drawer in drawers:  # which make the file at the same moment
        assert drawer.stdin is not None
        drawer.stdin.write("\n")
        drawer.stdin.flush()
    assert sum(int(drawer.communicate()[0]) for drawer in drawers) == 33  # of 3 each, out of 100
    assert [drawer.returncode for drawer in drawers] == [0] * 4
