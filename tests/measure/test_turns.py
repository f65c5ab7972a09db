"""A run visits all targets by turns, and keeps what it has measured when it is cancelled."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

import pytest
import trio
from support import PATIENCE, RawServer, receive_all, receive_count

from trio_echo import BackgroundServer, SocketCallError
from trio_echo.addresses import parse_endpoint
from trio_echo.measure.load.workload import Workload
from trio_echo.measure.turns import Plan, Progress, run

if TYPE_CHECKING:
    import socket

SHORT = [Workload(connections=2, size=size, messages=20) for size in (8, 16)]


async def test_every_target_has_every_round_and_turns_are_whole() -> None:
    with BackgroundServer() as one, BackgroundServer() as two:
        endpoints = [one.addresses[0], two.addresses[0]]
        plan = Plan(endpoints=endpoints, workloads=SHORT, rounds=2)
        progress = Progress([], [])
        await run(plan, progress, lambda: None)
    assert len(plan) == len(progress.done) == 8
    seen = Counter((one.number, one.workload, one.target) for one in progress.done)
    assert set(seen.values()) == {1}
    for index in range(0, 8, 2):  # the two rounds of a turn ran next to each other
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


# What is answered must come before the timeout, also on a busy machine.
@pytest.mark.parametrize(
    ("rate", "answered", "seconds"),
    [(None, 0, 0.3), pytest.param(1000.0, 10, 10.0, marks=pytest.mark.slow)],
)
async def test_a_round_by_messages_does_not_wait_for_ever(
    rate: float | None, answered: int, seconds: float
) -> None:
    def answer_some(sock: socket.socket) -> None:
        for _ in range(answered):
            sock.sendall(receive_count(sock, 8))
        receive_all(sock)

    with RawServer(answer_some) as address:
        load = Workload(size=8, messages=20, rate=rate)
        endpoints = [parse_endpoint(address)]
        plan = Plan(endpoints=endpoints, workloads=[load], rounds=1, timeout=seconds)
        progress = Progress([], [])
        with trio.fail_after(PATIENCE):
            await run(plan, progress, lambda: None)
    (only,) = progress.done
    assert only.summary.messages == answered
    assert only.summary.failures == {f"no echo for {seconds:g} s": 1}
    assert not only.cut  # that few came back is the server's doing
    assert not progress.partial


async def test_a_target_that_takes_no_connection_ends_the_run() -> None:
    with BackgroundServer() as gone:
        pass
    with BackgroundServer() as server:
        endpoints = [server.addresses[0], gone.addresses[0]]
        plan = Plan(endpoints=endpoints, workloads=SHORT, rounds=1000)
        progress = Progress([], [])
        with pytest.raises(SocketCallError, match=str(gone.addresses[0])):
            await run(plan, progress, lambda: None)
    assert [one.target for one in progress.done] in ([], [0])  # their order is random


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
    assert only.cut
