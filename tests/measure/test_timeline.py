from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from trio_echo.measure.histogram import Histogram
from trio_echo.measure.timeline import FIRST_LENGTH, MOST_SLICES, Timeline

BEGAN = 10**15
ECHOES = st.lists(st.tuples(st.integers(0, 10**13), st.integers(0, 10**10)), max_size=30)


def timeline(echoes: list[tuple[int, int]], chunk: int = 7) -> Timeline:
    """Echoes, as when they came back after the beginning, and how long they took."""
    made = Timeline(BEGAN)
    ordered = sorted(echoes)
    for at in range(0, len(ordered), chunk):
        part = ordered[at : at + chunk]
        made.record([BEGAN + when for when, _ in part], [took for _, took in part])
    return made


def whole(echoes: list[tuple[int, int]]) -> Histogram:
    made = Histogram()
    made.record([took for _, took in echoes])
    return made


@given(ECHOES, ECHOES)
def test_merging_is_as_exact_as_counting_all(
    one: list[tuple[int, int]], other: list[tuple[int, int]]
) -> None:
    together = timeline(one)
    together.merge(timeline(other))
    assert together.whole() == whole(one + other)
    assert len(together) == len(one + other)
    if one and other:
        assert together == timeline(one + other)


@given(ECHOES)
def test_each_slice_has_what_came_back_in_it(echoes: list[tuple[int, int]]) -> None:
    made = timeline(echoes)
    assert len(made.slices) <= MOST_SLICES
    for number, part in enumerate(made.slices):
        inside = [one for one in echoes if one[0] // made.length == number]
        assert part == whole(inside)


def test_an_hour_fits_into_its_slices() -> None:
    made = Timeline(BEGAN)
    for second in range(3600):
        made.record([BEGAN + second * 10**9], [second])
    assert len(made) == 3600
    assert MOST_SLICES // 2 < len(made.slices) <= MOST_SLICES
    assert made.length % FIRST_LENGTH == 0


def test_one_that_began_later_is_put_where_it_was() -> None:
    made, later = Timeline(BEGAN), Timeline(BEGAN + 3 * FIRST_LENGTH)
    later.record([BEGAN + 3 * FIRST_LENGTH], [5])
    made.merge(later)
    assert [len(one) for one in made.slices] == [0, 0, 0, 1]
