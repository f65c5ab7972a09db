"""One round as numbers, against values worked out by hand."""

from __future__ import annotations

from array import array
from typing import Any

import pytest
import runs
from hypothesis import given
from hypothesis import strategies as st

from trio_echo.measure.load.workload import Samples, Workload
from trio_echo.measure.results.summary import Distribution, percentiles, summarize


def test_a_percentile_is_the_sample_of_the_nearest_rank() -> None:
    # 50 of 100 are 50 or less, 90 are 90 or less.
    assert percentiles(range(1, 101)) == {"p50": 50, "p90": 90}
    # Of an odd number the rank is rounded up: 10.5 to 11, 94.5 to 95.
    assert percentiles(range(1, 22)) == {"p50": 11}
    assert percentiles(range(1, 106)) == {"p50": 53, "p90": 95}


@pytest.mark.parametrize(
    ("count", "names"),
    [
        (0, ""),
        (19, ""),
        (20, "p50"),
        (99, "p50"),
        (100, "p50 p90"),
        (999, "p50 p90"),
        (1_000, "p50 p90 p99"),
        (9_999, "p50 p90 p99"),
        (10_000, "p50 p90 p99 p99.9"),
        (99_999, "p50 p90 p99 p99.9"),
        (100_000, "p50 p90 p99 p99.9 p99.99"),
    ],
)
def test_a_percentile_needs_ten_samples_beyond_it(count: int, names: str) -> None:
    found = percentiles(range(count))
    assert " ".join(found) == names
    assert all(count - 1 - value >= 10 for value in found.values())


@given(st.lists(st.integers(0, 10**12), min_size=1, max_size=300))
def test_percentiles_are_samples_and_rise(times: list[int]) -> None:
    found = Distribution.of(times)
    assert found is not None
    values = [found.min, *found.percentiles.values(), found.max]
    assert values == sorted(values)
    assert set(values) <= set(times)
    assert found.min <= found.mean <= found.max


def test_a_round_is_summarized_in_messages_bytes_and_nanoseconds() -> None:
    summary = summarize(
        Samples(
            began=1_000_000_000,
            ended=3_000_000_000,
            intended=array("q", [1_000_000_000, 1_500_000_000]),
            sent=array("q", [1_000_000_000, 1_500_000_050]),
            received=array("q", [1_000_000_100, 1_500_000_350]),
            failures={"closed early": 1},
            unanswered=3,
        ),
        Workload(size=64, duration=2.0, rate=1.0),
    )
    assert (summary.messages, summary.unanswered, summary.seconds) == (2, 3, 2.0)
    assert (summary.messages_per_second, summary.bytes_per_second) == (1.0, 64.0)
    assert summary.round_trip_ns == Distribution(min=100, mean=200.0, max=300, percentiles={})
    assert summary.from_intended_ns == Distribution(min=100, mean=225.0, max=350, percentiles={})
    assert summary.failures == {"closed early": 1}


def test_a_closed_loop_has_no_intended_start() -> None:
    assert summarize(runs.samples(), Workload(duration=1.0)).from_intended_ns is None


@pytest.mark.parametrize("rate", [None, 10.0])
def test_a_round_without_a_message_has_a_rate_of_0_and_no_round_trip(rate: float | None) -> None:
    summary = summarize(Samples(began=0, ended=10**9), Workload(duration=1.0, rate=rate))
    assert (summary.messages, summary.messages_per_second) == (0, 0.0)
    assert summary.round_trip_ns is None
    assert summary.from_intended_ns is None


def test_a_round_without_time_has_no_rate() -> None:
    summary = summarize(Samples(began=7, ended=7), Workload(duration=1.0))
    assert summary.messages_per_second is None
    assert summary.bytes_per_second is None


@pytest.mark.parametrize(
    ("asked", "rate"),
    [({"messages": 1}, None), ({"messages": 2}, 1), ({"duration": 1.0}, 1)],
)
def test_a_round_of_one_message_has_no_rate(asked: dict[str, Any], rate: float | None) -> None:
    summary = summarize(runs.samples(1), Workload(**asked))
    assert summary.messages_per_second == rate
    assert summary.bytes_per_second == (rate and 64)


def test_arrays_of_different_lengths_are_refused() -> None:
    torn = Samples(began=0, ended=1, sent=array("q", [0]))
    with pytest.raises(ValueError, match="beginnings of"):
        summarize(torn, Workload(duration=1.0))


@pytest.mark.slow
def test_half_a_million_samples_are_no_matter() -> None:
    # Half a second; anything quadratic would meet the time limit of every test.
    summary = summarize(runs.samples(500_000), Workload(duration=1.0))
    assert summary.messages_per_second == 500_000
    assert summary.round_trip_ns is not None
    assert set(summary.round_trip_ns.percentiles) == {"p50", "p90", "p99", "p99.9", "p99.99"}
