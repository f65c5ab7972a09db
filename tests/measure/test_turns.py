"""A run visits all targets by turns, and keeps what it has measured when it is cancelled."""

from __future__ import annotations

from collections import Counter

import pytest
import trio

from trio_echo import BackgroundServer
from trio_echo.measure.turns import Plan, Progress, run
from trio_echo.measure.workload import Workload

SHORT = [Workload(connections=2, size=size, messages=20) for size in (8, 16)]


async def test_every_target_has_every_round_and_turns_are_whole() -> None:
    with BackgroundServer() as one, BackgroundServer() as two:
        endpoints = [one.addresses[0], two.addresses[0]]
        plan = Plan(endpoints=endpoints, workloads=SHORT, rounds=3)
        progress = Progress([], [])
        await run(plan, progress, lambda: None)
    assert len(plan) == len(progress.done) == 12
    seen = Counter((one.number, one.workload, one.target) for one in progress.done)
    assert set(seen.values()) == {1}
    for index in range(0, 12, 2):  # the two rounds of a turn ran next to each other
        first, second = progress.done[index : index + 2]
        assert (first.number, first.workload) == (second.number, second.workload)
        assert {first.target, second.target} == {0, 1}
    assert {one.summary.messages for one in progress.done} == {20}
    assert not progress.partial


def test_the_order_within_a_turn_is_random() -> None:
    with BackgroundServer() as server:
        endpoints = [server.addresses[0]] * 2
    plan = Plan(endpoints=endpoints, workloads=SHORT, rounds=100)
    first = [target for _, _, target in plan.visits()][::2]
    assert 20 < sum(first) < 180


async def test_a_run_that_is_cancelled_keeps_what_it_has() -> None:
    with BackgroundServer() as server:
        endless = Workload(size=8, duration=1000)
        plan = Plan(endpoints=[server.addresses[0]], workloads=[endless], rounds=2)
        progress = Progress([], [])
        with trio.CancelScope() as scope:

            def enough() -> None:
                if progress.messages >= 10:
                    scope.cancel()

            await run(plan, progress, enough)
            pytest.fail("it went on")
    assert scope.cancelled_caught
    assert progress.partial
    (only,) = progress.done
    assert only.summary.messages >= 10
