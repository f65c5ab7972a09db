from __future__ import annotations

from fractions import Fraction
from itertools import chain, count, islice, takewhile

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trio_echo.measure.load.pace import Pacer, Share, shares

SECOND = 1_000_000_000

rates = st.floats(min_value=0, exclude_min=True, allow_infinity=False)
numbers = st.integers(min_value=-(10**12), max_value=10**12)
spreads = st.integers(1, 40).flatmap(lambda most: st.tuples(st.just(most), st.integers(1, most)))


@pytest.mark.parametrize(
    ("rate", "number", "nanoseconds"),
    [
        (1000.0, 0, 0),
        (1000.0, 7, 7_000_000),
        (1000.0, -2, -2_000_000),
        (3.0, 1, 333_333_333),
        (3.0, 3, SECOND),
        (0.5, 1, 2 * SECOND),
        (1e9, 10**15, 10**15),
    ],
)
def test_a_message_is_due_at_its_number_divided_by_the_rate(
    rate: float, number: int, nanoseconds: int
) -> None:
    assert Pacer(rate).due(number) == nanoseconds


@given(rate=rates, number=numbers)
def test_no_rounding_adds_up(rate: float, number: int) -> None:
    exact = Fraction(number * SECOND) / Fraction(rate)
    assert 0 <= exact - Pacer(rate).due(number) < 1


@given(rate=rates, number=numbers)
def test_a_message_is_never_due_before_the_one_ahead_of_it(rate: float, number: int) -> None:
    pacer = Pacer(rate)
    assert pacer.due(number) <= pacer.due(number + 1)


@given(rate=st.floats(0.1, 1e10), elapsed=st.integers(-10, 10**12))
def test_messages_due_before_a_time_are_counted(rate: float, elapsed: int) -> None:
    pacer = Pacer(rate)
    due = pacer.due_before(elapsed)
    assert due >= 0
    assert due == 0 or pacer.due(due - 1) < elapsed
    assert pacer.due(due) >= elapsed


@given(spread=spreads)
def test_connections_are_spread_evenly_over_processes(spread: tuple[int, int]) -> None:
    connections, processes = spread
    parts = shares(connections, processes)
    assert [one for part in parts for one in range(part.first, part.stop)] == [*range(connections)]
    assert len(parts) == processes
    assert max(map(len, parts)) - min(map(len, parts)) <= 1


@given(spread=spreads, first=st.integers(-100, 100), more=st.integers(0, 200))
def test_each_message_belongs_to_one_process(
    spread: tuple[int, int], first: int, more: int
) -> None:
    parts = [part.numbers(first) for part in shares(*spread)]
    each = [list(takewhile(lambda number: number < first + more, part)) for part in parts]
    assert all(one == sorted(one) for one in each)
    assert sorted(chain.from_iterable(each)) == [*range(first, first + more)]


@given(spread=spreads, messages=st.integers(0, 500))
def test_a_share_counts_its_own_messages(spread: tuple[int, int], messages: int) -> None:
    for part in shares(*spread):
        own = takewhile(lambda number: number < messages, part.numbers())
        assert part.count(messages) == sum(1 for _ in own)


def test_messages_take_turns_on_the_connections() -> None:
    assert list(islice(Share(1, 3, 4).numbers(), 5)) == [1, 2, 5, 6, 9]
    assert list(islice(Share(0, 1, 1).numbers(-2), 4)) == list(islice(count(-2), 4))
