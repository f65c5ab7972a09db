from __future__ import annotations

import json

import jsonschema
import msgspec
from hypothesis import given
from hypothesis import strategies as st

from trio_echo.measure.histogram import Histogram
from trio_echo.measure.live import SCHEMA, Live, Second, schema
from trio_echo.measure.load.loader import Report
from trio_echo.measure.load.workload import FROM_INTENDED, ROUND_TRIP, Workload

SECOND = 10**9


def histogram(*times: int) -> Histogram:
    made = Histogram()
    made.record(times)
    return made


def report(
    until: float, times: dict[int, list[int]], part: int = 0, failures: dict[str, int] | None = None
) -> Report:
    counted = {number: {ROUND_TRIP: histogram(*some)} for number, some in times.items()}
    return Report(0, int(until * SECOND), failures or {}, counted, part)


def test_a_second_is_there_when_all_parts_have_reported_it() -> None:
    live = Live(3, "a:1", Workload(connections=2, processes=2, duration=2.5))
    assert list(live.add(report(1.1, {0: [5] * 30, 1: [7]}))) == []
    (first,) = live.add(report(1.0, {0: [9] * 30}, 1, {"closed early": 1}))
    assert (first.round, first.target, first.second, first.seconds) == (3, "a:1", 0, 1.0)
    assert (first.messages, first.messages_per_second) == (60, 60.0)
    assert (first.p50_ns, first.p99_ns, first.max_ns) == (5, None, 9)
    assert first.failures == {"closed early": 1}
    assert list(live.add(report(1.5, {1: [1]}))) == []
    assert list(live.add(report(1.5, {}, 1, {"closed early": 1}))) == []
    (rest,) = live.rest()
    assert (rest.second, rest.seconds, rest.messages, rest.messages_per_second) == (1, 0.5, 2, 4.0)
    assert list(live.rest()) == []


def test_a_part_that_stalls_does_not_hold_up_the_others() -> None:
    live = Live(1, "a:1", Workload(connections=2, processes=2, duration=9.0))
    seconds = list(live.add(report(4.0, {number: [1] for number in range(4)})))
    assert [one.second for one in seconds] == [0, 1]
    # What it had before counts as soon as it comes.
    (late,) = live.add(report(3.0, {0: [2], 2: [3]}, 1))
    assert (late.second, late.messages, late.max_ns) == (2, 3, 3)


@given(
    st.lists(st.tuples(st.integers(0, 1), st.dictionaries(st.integers(0, 5), st.integers(1, 9))))
)
def test_the_seconds_of_a_round_have_all_its_messages(
    parts: list[tuple[int, dict[int, int]]],
) -> None:
    live = Live(1, "a:1", Workload(connections=2, processes=2, duration=9.0))
    seconds: list[Second] = []
    for number, (part, counts) in enumerate(parts):
        times = {second: [5] * count for second, count in counts.items()}
        seconds += live.add(report(number / 2, times, part))
    seconds += live.rest()
    assert [one.second for one in seconds] == list(range(len(seconds)))
    assert sum(one.messages for one in seconds) == sum(sum(one.values()) for _, one in parts)


def test_an_open_loop_has_times_from_the_intended_start() -> None:
    live = Live(1, "a:1", Workload(rate=10.0, duration=1.0))
    times = {0: {ROUND_TRIP: histogram(*[4] * 30), FROM_INTENDED: histogram(*[9] * 30)}}
    (one,) = live.add(Report(30, SECOND, {}, times))
    assert (one.p50_ns, one.from_intended_p50_ns, one.from_intended_max_ns) == (4, 9, 9)


def test_the_schema_is_the_one_of_the_code_and_describes_a_line() -> None:
    assert schema() == SCHEMA.read_text(encoding="utf-8")
    live = Live(1, "a:1", Workload(duration=1.0))
    (line,) = live.add(report(1.0, {}))
    value = json.loads(msgspec.json.encode(line))
    jsonschema.validate(value, json.loads(schema()))
    assert (value["messages"], value["p50_ns"], value["max_ns"]) == (0, None, None)
