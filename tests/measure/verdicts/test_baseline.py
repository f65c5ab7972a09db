"""A run against a stored one: slower, not slower, or not known; and what is not comparable."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
import runs
from msgspec.structs import replace

from trio_echo.measure.load.workload import Workload
from trio_echo.measure.results import environment
from trio_echo.measure.results.found import Found
from trio_echo.measure.results.run import Round, Run, Target, collect
from trio_echo.measure.results.summary import summarize
from trio_echo.measure.verdicts.baseline import against, mismatch

if TYPE_CHECKING:
    from collections.abc import Sequence

LOAD = Workload(duration=1.0)
WHERE = environment.describe()
STEADY = (98, 99, 100, 100, 101, 102)


def run_of(
    messages: Sequence[int], targets: Sequence[Target] = runs.TARGETS[:1], load: Workload = LOAD
) -> Run:
    """A round of a second for each number of messages."""
    made = [
        Round(number=number, target=target, workload=0, summary=summarize(one, load))
        for number, count in enumerate(messages, 1)
        for target in range(len(targets))
        for one in [runs.samples(count, seed=number)]
    ]
    return collect(WHERE, targets, [load], made, partial=False)


def outcomes(run: Run, baseline: Run, tolerance: float = 0.1) -> list[str]:
    return [one.outcome for one in against(run, baseline, tolerance)]


def test_the_same_is_met() -> None:
    run = run_of(STEADY)
    rate, _ = against(run, run)
    assert rate.sentence() == (
        "met: IPv4, 1 x 64 B: rate 1.00 of the baseline (0.97 to 1.03): not more than 10 % slower"
    )


def test_what_is_surely_slower_than_the_tolerance_is_not_met() -> None:
    rate, _ = against(run_of([one * 3 // 4 for one in STEADY]), run_of(STEADY))
    assert rate.sentence() == (
        "not met: IPv4, 1 x 64 B: rate 0.75 of the baseline (0.73 to 0.77): more than 10 % slower"
    )


def test_on_a_busy_machine_a_slower_run_is_not_decided() -> None:
    slower = run_of([one * 3 // 4 for one in STEADY])
    usage = replace(runs.QUIET, others=0.6)
    busy = [replace(one, usage=usage) for one in slower.rounds]
    run = replace(slower, rounds=tuple(busy[:3]) + slower.rounds[3:])
    assert outcomes(run, run_of(STEADY))[0] == "not met"
    run = replace(slower, rounds=tuple(busy[:4]) + slower.rounds[4:])
    rate, _ = against(run, run_of(STEADY))
    assert rate.outcome == "undecided"
    assert rate.sentence().endswith("more than 10 % slower, but other programs were busy")
    assert outcomes(run_of(STEADY), run)[0] == "met"


def test_the_tolerance_decides() -> None:
    slower = run_of([one * 3 // 4 for one in STEADY])
    assert outcomes(slower, run_of(STEADY), 0.1)[0] == "not met"
    assert outcomes(slower, run_of(STEADY), 0.5)[0] == "met"
    assert outcomes(slower, run_of(STEADY), 0.35)[0] == "undecided"


def test_noise_does_not_fail() -> None:
    noisy = run_of([20, 60, 80, 90, 150, 300])
    rate, _ = against(noisy, run_of(STEADY))
    assert rate.outcome == "undecided"
    assert rate.sentence().endswith("these rounds do not show whether it is more than 10 % slower")


def test_what_is_faster_is_met() -> None:
    assert outcomes(run_of([2 * one for one in STEADY]), run_of(STEADY))[0] == "met"


def test_a_silent_round_makes_the_median_unknown() -> None:
    _, time = against(run_of([*STEADY, 0]), run_of(STEADY))
    assert time.sentence() == (
        "not met: IPv4, 1 x 64 B: p50 against the baseline: unknown: too few rounds have it"
    )


def refused(
    baseline: Run,
    *workloads: Workload,
    targets: Sequence[Target] = runs.TARGETS[:1],
    wire: str | None = None,
    tls: bool = False,
) -> str | None:
    return mismatch(baseline, targets, workloads or [LOAD], wire=wire, tls=tls)


def test_how_long_a_round_takes_may_differ() -> None:
    assert refused(run_of(STEADY), Workload(messages=10, warm_up=1.0)) is None


@pytest.mark.parametrize(
    ("workload", "why"),
    [
        (Workload(duration=1.0, size=65), "it has no load 1 x 65 B: it has 1 x 64 B"),
        (Workload(duration=1.0, rate=50.0), "it has no load 1 x 64 B at 50/s: it has 1 x 64 B"),
        (
            Workload(duration=1.0, pipeline=2),
            "it has no load 1 x 64 B, 2 under way: it has 1 x 64 B",
        ),
        (
            Workload(duration=1.0, connections=2, processes=2),
            "it has no load 2 x 64 B, 2 processes: it has 1 x 64 B",
        ),
        (
            Workload(duration=1.0, verify=True, payload="a.bin"),
            "it has no load 1 x 64 B, verified, bytes of a.bin: it has 1 x 64 B",
        ),
    ],
)
def test_another_load_is_refused(workload: Workload, why: str) -> None:
    assert refused(run_of(STEADY), LOAD, workload) == why


def test_a_search_is_refused() -> None:
    found = Found(
        target=0,
        requirement="p50 < 5 ms",
        holds=50.0,
        fails=None,
        interval=None,
        load_limited=False,
        complete=True,
    )
    load = Workload(duration=1.0, rate=50.0)
    baseline = replace(run_of(STEADY, load=load), searches=(found,))
    assert refused(baseline, load) == "it is from a search: give results of a run without --search"


def test_another_cable_is_refused_but_not_another_seed() -> None:
    cabled = replace(run_of(STEADY), wire="delay=20ms,loss=1%,seed=7")
    assert refused(cabled, wire="delay=20ms,loss=1%,seed=8") is None
    assert refused(cabled, wire="") == "its cable was delay=20ms,loss=1%, not perfect"
    assert refused(cabled) == "its cable was delay=20ms,loss=1%, not none"


def test_with_tls_and_without_are_not_compared() -> None:
    plain = run_of(STEADY)
    assert refused(plain, tls=True) == "it was measured without TLS"
    rounds = tuple(replace(one, tls="TLSv1.3") for one in plain.rounds)
    assert refused(replace(plain, rounds=rounds)) == "it was measured with TLS"


def test_fewer_than_six_rounds_are_refused() -> None:
    assert refused(run_of(STEADY[:5])) == "it has 5 rounds with 1 x 64 B: 6 are needed"


def test_one_target_is_compared_with_one_whatever_its_name() -> None:
    other = [Target(name="new", address="10.0.0.1:7", family="IPv4")]
    assert refused(run_of(STEADY), targets=other) is None
    assert len(against(run_of(STEADY, other), run_of(STEADY))) == 2


def test_of_several_targets_each_must_be_in_the_baseline() -> None:
    baseline = run_of(STEADY)
    assert refused(baseline, targets=runs.TARGETS) == "it has no target IPv6: it has IPv4"
    both = run_of(STEADY, runs.TARGETS)
    assert refused(both, targets=runs.TARGETS) is None
    assert len(against(both, both)) == 4
