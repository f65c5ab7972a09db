from __future__ import annotations

import pickle

from hypothesis import given
from hypothesis import strategies as st

from trio_echo.measure.histogram import BUCKETS, RELATIVE_ERROR, Histogram, merged
from trio_echo.quantities import A_YEAR

TIMES = st.lists(st.integers(0, A_YEAR * 10**9) | st.integers(0, 10**6))


def histogram(times: list[int]) -> Histogram:
    made = Histogram()
    made.record(times)
    return made


@given(st.lists(TIMES, max_size=5))
def test_merging_is_as_exact_as_counting_all(parts: list[list[int]]) -> None:
    every = [time for part in parts for time in part]
    whole = merged(histogram(part) for part in parts)
    assert whole == histogram(every)
    assert whole == merged(histogram(part) for part in reversed(parts))
    assert (len(whole), whole.total) == (len(every), sum(every))


@given(TIMES.filter(bool))
def test_each_rank_is_within_the_error(times: list[int]) -> None:
    found = histogram(times).at(range(1, len(times) + 1))
    for time, exact in zip(found, sorted(times), strict=True):
        assert abs(time - exact) <= RELATIVE_ERROR * exact
    assert found[0] >= min(times)
    assert found[-1] <= max(times)


@given(st.lists(st.integers(0, 256), min_size=1))
def test_times_of_few_nanoseconds_are_exact(times: list[int]) -> None:
    assert histogram(times).at(range(1, len(times) + 1)) == sorted(times)


@given(TIMES)
def test_its_values_stand_for_all_times(times: list[int]) -> None:
    made = histogram(times)
    values, counts = made.values()
    assert sum(counts) == len(times)
    assert values == sorted(values)
    assert all(number < BUCKETS for number in made.counts)


def test_memory_is_bounded_whatever_is_counted() -> None:
    made = Histogram()
    for start in range(100):
        made.record(range(start, 10**8, 10**5))
    assert len(made) == 100 * 1000
    assert len(made.counts) < 128 * 27


def test_it_travels_between_processes() -> None:
    made = histogram([1, 2, 3000])
    assert pickle.loads(pickle.dumps(made)) == made  # noqa: S301  our own
