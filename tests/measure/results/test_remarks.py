"""What is said of a run whose conditions were not good."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
import runs
from msgspec.structs import replace

from trio_echo.measure.load.keeping import fold
from trio_echo.measure.load.workload import Workload
from trio_echo.measure.results import environment
from trio_echo.measure.results.remarks import remarks
from trio_echo.measure.results.run import Round, Run, collect
from trio_echo.measure.results.summary import summarize

if TYPE_CHECKING:
    from trio_echo.measure.load.usage import Usage

CLOSED = Workload(duration=1.0)
TWO_PROCESSORS = replace(environment.describe(), cpu_count=2)


def run_of(*usages: Usage | None, messages: list[int] | None = None) -> Run:
    """A run of one target: rounds with such a usage, and so many messages in a second."""
    counts = messages or [100] * len(usages)
    rounds = [
        Round(
            number=number,
            target=0,
            workload=0,
            summary=summarize(runs.samples(count), CLOSED),
            usage=usage,
        )
        for number, (usage, count) in enumerate(zip(usages, counts, strict=True), 1)
    ]
    return collect(TWO_PROCESSORS, runs.TARGETS[:1], [CLOSED], rounds, partial=False)


def quiet(**changes: object) -> Usage:
    return replace(runs.QUIET, **changes)


def test_a_quiet_machine_and_steady_rounds_need_no_remark() -> None:
    assert remarks(runs.run()[0]) == []
    assert remarks(run_of(*[quiet()] * 6, messages=[90, 95, 100, 105, 110, 500])) == []
    assert remarks(run_of(None, None)) == []
    assert remarks(run_of()) == []


def test_a_load_that_was_busy_is_said_with_how_often() -> None:
    run = run_of(quiet(load=(0.2, 0.96)), quiet(load=(0.95,)), quiet(load=()), quiet(load=(1.0,)))
    assert remarks(run) == [
        "the load was busy for more than 95 % of the time in 2 of 4 rounds: "
        "it may be the limit, not the server"
    ]


def test_a_cable_that_was_busy_is_said_with_how_often() -> None:
    run = run_of(quiet(cable=0.96), quiet(cable=0.95), quiet(cable=0.2))
    assert remarks(run) == [
        "the cable was busy for more than 95 % of the time in 1 of 3 rounds: it may be the limit"
    ]


def test_other_programs_and_the_load_average_are_said() -> None:
    run = run_of(quiet(others=1.31, load_average=4.04), quiet(), quiet(others=0.5))
    assert remarks(run) == [
        "the machine was busy: in 1 of 3 rounds other programs used more than half a processor, "
        "up to 1.3 of 2, load average up to 4.0"
    ]
    without = run_of(quiet(others=1.31, load_average=None))
    assert remarks(without)[0].endswith("up to 1.3 of 2")


@pytest.mark.parametrize(("average", "said"), [(2.0, False), (2.1, True), (None, False)])
def test_if_the_server_is_unknown_the_load_average_alone_is_said(
    average: float | None, said: bool
) -> None:
    run = run_of(quiet(server=None, others=None, load_average=average))
    line = "the machine was busy: load average up to 2.1 on 2 processors"
    assert remarks(run) == ([line] if said else [])


def test_rounds_that_differ_widely_are_said_on_the_same_line() -> None:
    counts = [100, 100, 80, 80, 60, 60]
    wide = (
        "the rounds differ widely: the middle half of those of IPv4, 1 x 64 B spans 38 % of their "
        "median"
    )
    assert remarks(run_of(*[quiet()] * 6, messages=counts)) == [wide]
    busy = remarks(run_of(*[quiet(others=2.0)] * 6, messages=counts))
    assert len(busy) == 1
    assert busy[0].startswith("the machine was busy: ")
    assert busy[0].endswith(f"; {wide}")


def test_of_an_open_loop_the_median_round_trips_are_looked_at() -> None:
    load = Workload(duration=1.0, rate=100.0)
    rounds = []
    for number in range(1, 7):
        brought = runs.samples(100)
        for at, sent in enumerate(brought.sent):
            brought.received[at] = sent + 1000 * number
        rounds.append(Round(number=number, target=0, workload=0, summary=summarize(brought, load)))
    run = collect(TWO_PROCESSORS, runs.TARGETS[:1], [load], rounds, partial=False)
    assert "spans 71 % of their median" in remarks(run)[0]


def test_percentiles_of_histograms_are_said_with_their_error() -> None:
    folded = runs.samples(100)
    fold(folded)
    rounds = [
        Round(number=number, target=0, workload=0, summary=summarize(one, CLOSED))
        for number, one in enumerate((folded, runs.samples(100), runs.samples(0)), 1)
    ]
    run = collect(TWO_PROCESSORS, runs.TARGETS[:1], [CLOSED], rounds, partial=False)
    assert remarks(run) == ["percentiles of 1 of 3 rounds are from histograms: within 0.4 %"]
