"""Whether a run meets what was required: what the interval, gaps and failures mean."""

from __future__ import annotations

import math
from array import array
from typing import TYPE_CHECKING

import pytest
import runs

from trio_echo.measure.load.workload import Samples, Workload
from trio_echo.measure.results import environment
from trio_echo.measure.results.run import Round, Run, collect
from trio_echo.measure.results.summary import summarize
from trio_echo.measure.verdicts.judging import Judgement, fewest_messages, holds, judge, time_of
from trio_echo.measure.verdicts.requirements import parse_requirement

if TYPE_CHECKING:
    from collections.abc import Sequence

MS = 1_000_000
CLOSED = Workload(connections=16, duration=1.0)
OPEN = Workload(connections=16, duration=1.0, rate=1000.0)
WHERE = environment.describe()


def round_of(
    time: int,
    *,
    load: Workload = CLOSED,
    messages: int = 1100,
    unanswered: int = 0,
    failed: int = 0,
) -> Samples:
    """A round of a second in which every echo took that many milliseconds."""
    sent = [number * 1_000_000_000 // max(messages, 1) for number in range(messages)]
    made = Samples(0, 1_000_000_000, unanswered=unanswered)
    made.intended = made.sent = array("q", sent)
    made.received = array("q", [one + time * MS for one in sent])
    made.failures = {"closed early": failed} if failed else {}
    return made


def run_of(rounds: Sequence[Samples], load: Workload = CLOSED) -> Run:
    made = [
        Round(number=number, target=0, workload=0, summary=summarize(one, load))
        for number, one in enumerate(rounds, 1)
    ]
    return collect(WHERE, runs.TARGETS[:1], [load], made, partial=False)


def judged(text: str, rounds: Sequence[Samples], load: Workload = CLOSED) -> Judgement:
    (one,) = judge(run_of(rounds, load), [parse_requirement(text)])
    return one


def times(*milliseconds: int) -> list[Samples]:
    return [round_of(one) for one in milliseconds]


def test_a_limit_that_the_whole_interval_keeps_is_met() -> None:
    one = judged("p99 < 5 ms", times(1, 2, 3, 3, 4, 4))
    assert one.outcome == "met"
    assert one.sentence() == ("met: p99 < 5 ms: IPv4, 16 x 64 B: p99 3.00 ms (1.00 ms to 4.00 ms)")


def test_a_limit_that_the_whole_interval_breaks_is_not_met() -> None:
    one = judged("p99 < 5 ms", times(5, 6, 7, 7, 8, 9))
    assert one.outcome == "not met"
    assert one.sentence() == (
        "not met: p99 < 5 ms: IPv4, 16 x 64 B: p99 7.00 ms (5.00 ms to 9.00 ms)"
    )


def test_a_limit_within_the_interval_is_not_decided() -> None:
    one = judged("p99 < 5 ms", times(4, 6, 7, 7, 8, 9))
    assert one.outcome == "undecided"
    assert one.sentence() == (
        "undecided: p99 < 5 ms: IPv4, 16 x 64 B: p99 7.00 ms (4.00 ms to 9.00 ms): "
        "the interval contains the limit; more rounds may decide"
    )


@pytest.mark.parametrize(("time", "outcome"), [(4, "met"), (6, "not met")])
def test_without_an_interval_the_median_decides(time: int, outcome: str) -> None:
    assert judged("p99 < 5 ms", times(1, time, 9)).outcome == outcome


def test_a_percentile_with_too_few_messages_is_not_met() -> None:
    one = judged("p99.9 < 5 ms", times(1, 1, 1, 1, 1, 1))
    assert one.outcome == "not met"
    assert one.sentence() == (
        "not met: p99.9 < 5 ms: IPv4, 16 x 64 B: unknown: "
        "every round needs 10,000 messages for p99.9"
    )


@pytest.mark.parametrize("text", ["p99 < 5 ms", "rate > 1"])
def test_a_target_that_answered_nothing_is_not_met(text: str) -> None:
    one = judged(text, [round_of(1, messages=0)] * 6)
    assert one.sentence() == f"not met: {text}: IPv4, 16 x 64 B: unknown: nothing came back"


def test_a_single_silent_round_makes_its_percentiles_unknown() -> None:
    one = judged("p99 < 5 ms", [*times(1, 1, 1, 1, 1, 1), round_of(1, messages=0)])
    assert one.outcome == "not met"


def test_a_rate_is_judged_in_the_other_direction() -> None:
    rounds = [round_of(1, messages=count) for count in (90, 100, 110, 100, 100, 100)]
    assert judged("rate > 80", rounds).outcome == "met"
    assert judged("rate > 95", rounds).outcome == "undecided"
    assert judged("rate > 120", rounds).sentence() == (
        "not met: rate > 120: IPv4, 16 x 64 B: rate 100 (90 to 110)"
    )


def test_failures_are_counted_over_all_rounds() -> None:
    rounds = [round_of(1, failed=failed) for failed in (0, 2, 0, 1)]
    assert judged("failures <= 3", rounds).outcome == "met"
    assert judged("failures == 0", rounds).sentence() == (
        "not met: failures == 0: IPv4, 16 x 64 B: 3 connections failed"
    )


def test_each_target_and_load_must_meet_each_requirement() -> None:
    run, _ = runs.run(2)
    both = [parse_requirement(one) for one in ("rate > 50", "p50 < 1 ns")]
    found = judge(run, both)
    assert [one.outcome for one in found] == ["met"] * 4 + ["not met"] * 4
    assert len({one.cell for one in found}) == 4


def test_a_load_that_never_ran_is_not_met() -> None:
    run = collect(WHERE, runs.TARGETS[:1], [CLOSED], [], partial=True)
    (one,) = judge(run, [parse_requirement("failures == 0")])
    assert one.sentence().endswith("unknown: no round was run")


@pytest.mark.parametrize(
    ("time", "unanswered", "found"),
    [
        (1, 5, 1.0),  # under way for less than the limit when the round ended
        (1, 15, 1.0),  # 10 of 1,115 may be late: it is the p99
        (1, 40, math.inf),
        (7, 40, 7.0),
    ],
)
def test_messages_without_an_echo_count_in_an_open_loop(
    time: int, unanswered: int, found: float
) -> None:
    requirement = parse_requirement("p99 < 5 ms")
    made = round_of(time, load=OPEN, unanswered=unanswered)
    one = Round(number=1, target=0, workload=0, summary=summarize(made, OPEN))
    assert time_of(requirement, one, OPEN) == pytest.approx(found * MS)
    assert holds(requirement, one, OPEN) is (found < 5)


def test_an_open_loop_that_hangs_does_not_meet_a_limit() -> None:
    rounds = [round_of(1, load=OPEN, unanswered=200)] * 6
    assert (
        judged("p99 < 5 ms", rounds, OPEN)
        .sentence()
        .endswith("p99 too few echoes (too few echoes to too few echoes)")
    )


def test_a_round_with_a_failed_connection_does_not_hold() -> None:
    made = round_of(1, load=OPEN, failed=1)
    one = Round(number=1, target=0, workload=0, summary=summarize(made, OPEN))
    assert not holds(parse_requirement("p99 < 5 ms"), one, OPEN)


def test_a_percentile_needs_ten_messages_beyond_it() -> None:
    assert fewest_messages("p50") == 20
    assert fewest_messages("p99") == 1000
    assert fewest_messages("p99.9") == 10_000
