"""What is kept of a round: every time, or histograms that say the same within their error."""

from __future__ import annotations

import math
from array import array

from hypothesis import given, settings
from hypothesis import strategies as st

from trio_echo.measure.histogram import RELATIVE_ERROR, Histogram
from trio_echo.measure.load.keeping import SECOND, Keeper, fold, merge
from trio_echo.measure.load.workload import FROM_INTENDED, ROUND_TRIP, Samples, Workload
from trio_echo.measure.results.summary import PERCENTILES, summarize
from trio_echo.measure.timeline import MOST_SLICES

BEGAN = 10**15
OPEN = Workload(rate=1000.0, duration=10.0)
ECHOES = st.lists(
    st.tuples(st.integers(1, 5 * SECOND), st.integers(0, SECOND), st.integers(0, SECOND)),
    max_size=200,
)
"""When each came back in a round, how long it took, and how late it was sent."""


def samples(echoes: list[tuple[int, int, int]]) -> Samples:
    made = Samples(BEGAN, BEGAN + 5 * SECOND)
    for after, took, late in sorted(echoes):
        made.received.append(BEGAN + after)
        made.sent.append(BEGAN + after - took)
        made.intended.append(BEGAN + after - took - late)
    return made


@given(ECHOES)
@settings(max_examples=50)
def test_percentiles_of_histograms_are_within_their_error(
    echoes: list[tuple[int, int, int]],
) -> None:
    exact = summarize(samples(echoes), OPEN)
    folded = samples(echoes)
    fold(folded)
    assert folded.messages == len(echoes)
    assert not folded.received
    found = summarize(folded, OPEN)
    assert found.messages_per_second == exact.messages_per_second
    for one, other in (
        (found.round_trip_ns, exact.round_trip_ns),
        (found.from_intended_ns, exact.from_intended_ns),
    ):
        if one is None or other is None:
            assert one is other
            continue
        assert (one.min, one.max) == (other.min, other.max)
        assert math.isclose(one.mean, other.mean)
        assert one.percentiles.keys() == other.percentiles.keys()
        for name, time in one.percentiles.items():
            assert abs(time - other.percentiles[name]) <= RELATIVE_ERROR * other.percentiles[name]
        assert (one.relative_error, other.relative_error) == (RELATIVE_ERROR, 0)


def test_a_histogram_has_no_percentile_with_fewer_than_ten_messages_beyond() -> None:
    folded = samples([(i, i, 0) for i in range(1, 100)])
    fold(folded)
    times = summarize(folded, OPEN).round_trip_ns
    assert times is not None
    assert list(times.percentiles) == list(PERCENTILES)[:1]


@given(st.lists(ECHOES, min_size=1, max_size=3), st.integers(0, 100), st.data())
@settings(max_examples=50)
def test_parts_merge_exactly(
    parts: list[list[tuple[int, int, int]]], most: int, data: st.DataObject
) -> None:
    every = samples([one for part in parts for one in part])
    made = [samples(part) for part in parts]
    for one in made:
        if data.draw(st.booleans()):
            fold(one)
    histograms = any(one.timelines for one in made) or every.messages > most
    merged = Samples(BEGAN, BEGAN + 5 * SECOND)
    merge(merged, made, most)
    if not histograms:
        assert list(merged.received) == list(every.received)
        assert sorted(merged.sent) == sorted(every.sent)
        assert sorted(merged.intended) == sorted(every.intended)
    else:
        fold(every)
        assert merged.timelines == every.timelines


@given(ECHOES, st.integers(0, 200), st.booleans())
@settings(max_examples=50)
def test_a_keeper_keeps_what_it_was_given(
    echoes: list[tuple[int, int, int]], most: int, open_loop: bool
) -> None:
    every = samples(echoes if open_loop else [(after, took, 0) for after, took, _ in echoes])
    keeper = Keeper(BEGAN, most, open_loop=open_loop, watched=True)
    reports = []
    for at in range(0, max(len(echoes), 1), 50):
        data = {
            "intended": every.intended[at : at + 50].tobytes() if open_loop else b"",
            "sent": every.sent[at : at + 50].tobytes(),
            "received": every.received[at : at + 50].tobytes(),
        }
        reports.append(keeper.add(data, at, {}))
    assert keeper.samples.messages == reports[-1].messages == len(echoes)
    if len(echoes) > most:
        assert not keeper.samples.received
        assert keeper.samples.timelines.keys() == (
            {ROUND_TRIP, FROM_INTENDED} if open_loop else {ROUND_TRIP}
        )
    else:
        assert keeper.samples.received == every.received
        assert keeper.samples.intended == every.intended
        assert not keeper.samples.timelines
    seconds: dict[int, Histogram] = {}
    for report in reports:
        for number, times in report.times.items():
            seconds.setdefault(number, Histogram()).merge(times[ROUND_TRIP])
    for number, found in seconds.items():
        inside = Histogram()
        inside.record([took for after, took, _ in echoes if (after - 1) // SECOND == number])
        assert found == inside
    assert sum(map(len, seconds.values())) == len(echoes)


def test_nobody_looks_so_nothing_is_counted() -> None:
    keeper = Keeper(BEGAN, 10, open_loop=False, watched=False)
    one = array("q", [BEGAN + 1]).tobytes()
    report = keeper.add({"intended": b"", "sent": one, "received": one}, 5, {"x": 1})
    assert (report.messages, report.until, report.failures, report.times) == (1, 5, {"x": 1}, {})


def test_an_hour_is_in_bounded_memory() -> None:
    keeper = Keeper(BEGAN, 1000, open_loop=False, watched=False)
    for report in range(1200):
        received = [BEGAN + report * 3 * SECOND + i * 1000 for i in range(8)]
        sent = [one - 80_000 - (7919 * report) % 400_000 for one in received]
        data = {"sent": array("q", sent).tobytes(), "received": array("q", received).tobytes()}
        keeper.add({"intended": b"", **data}, 0, {})
    timeline = keeper.samples.timelines[ROUND_TRIP]
    assert len(timeline) == 1200 * 8
    assert len(timeline.slices) <= MOST_SLICES
