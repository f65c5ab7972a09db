"""The task that carries frames, on memory ports and a mock clock; and the kernel's timer."""

from __future__ import annotations

import math
import sys
from contextlib import contextmanager
from typing import TYPE_CHECKING

import pytest
import trio
from support import PATIENCE
from trio.testing import MockClock, wait_all_tasks_blocked
from wire import ACK, CLIENT, PSH, SERVER, frame

from trio_echo import SocketCallError, lan
from trio_echo.lan import timers
from trio_echo.lan.timers import KernelTimer, Timer, TrioTimer, open_timer

if TYPE_CHECKING:
    from collections.abc import Iterator

SEGMENT = frame(CLIENT, SERVER, PSH | ACK, 1, payload=b"hello").data


class MemoryPort:
    """A port whose frames come from a test, and go to it with the time."""

    def __init__(self) -> None:
        self.put, self._entering = trio.open_memory_channel[list[bytes]](math.inf)
        self._leaving, self.get = trio.open_memory_channel[tuple[float, bytes]](math.inf)

    async def receive(self) -> list[bytes]:
        return await self._entering.receive()

    def send(self, frame: bytes) -> None:
        self._leaving.send_nowait((trio.current_time(), frame))


@contextmanager
def trio_timer() -> Iterator[Timer]:
    yield TrioTimer()


async def carried(
    cable: lan.Cable,
    nursery: trio.Nursery,
    *,
    timer: object = trio_timer,
    port: type[MemoryPort] = MemoryPort,
) -> dict[str, MemoryPort]:
    ports = {end: port() for end in cable.ends}
    nursery.start_soon(lambda: lan.carry(cable, ports, timer=timer))  # type: ignore[arg-type]
    await wait_all_tasks_blocked()
    return ports


async def test_frames_cross_in_both_directions_at_once(autojump_clock: MockClock) -> None:
    async with trio.open_nursery() as nursery:
        ports = await carried(lan.Cable("a", "b"), nursery)
        for source, target in (("a", "b"), ("b", "a")):
            ports[source].put.send_nowait([b"1", b"2"])
            assert await ports[target].get.receive() == (0.0, b"1")
            assert await ports[target].get.receive() == (0.0, b"2")
        nursery.cancel_scope.cancel()


async def test_frames_leave_when_they_are_due(autojump_clock: MockClock) -> None:
    async with trio.open_nursery() as nursery:
        ports = await carried(lan.Cable("a", "b", delay=1.0), nursery)
        ports["a"].put.send_nowait([b"1"])
        await trio.sleep(0.25)
        ports["a"].put.send_nowait([b"2"])
        assert await ports["b"].get.receive() == (1.0, b"1")
        assert await ports["b"].get.receive() == (1.25, b"2")
        nursery.cancel_scope.cancel()


async def test_a_delay_runs_from_the_arrival_that_a_port_knows(autojump_clock: MockClock) -> None:
    quarter = 250_000_000

    class Stamped(MemoryPort):
        # The second one never enters before the first. The last two are impossible.
        waits = (quarter, 2 * quarter, 0, -1, 10**11)

    cable = lan.Cable("a", "b", delay=1.0)
    async with trio.open_nursery() as nursery:
        ports = await carried(cable, nursery, port=Stamped)
        ports["a"].put.send_nowait([b"1", b"2", b"3", b"4", b"5"])
        left = [await ports["b"].get.receive() for _ in Stamped.waits]
        assert left == [(0.75, b"1"), (0.75, b"2"), (1.0, b"3"), (1.0, b"4"), (1.0, b"5")]
        first = cable.passages[0].time
        times = [one.time - first for one in cable.passages]
        assert times == [0, 0, quarter, quarter, quarter]
        nursery.cancel_scope.cancel()


async def test_a_new_rate_reaches_the_frames_that_wait(autojump_clock: MockClock) -> None:
    async with trio.open_nursery() as nursery:
        cable = lan.Cable("a", "b", rate=8)
        ports = await carried(cable, nursery)
        ports["a"].put.send_nowait([bytes(1000), bytes(1000)])
        await trio.sleep(500)
        cable.rate = 8000
        assert await ports["b"].get.receive() == (500.5, bytes(1000))
        assert await ports["b"].get.receive() == (501.5, bytes(1000))
        nursery.cancel_scope.cancel()


async def test_more_frames_than_one_batch_leave_in_their_order(autojump_clock: MockClock) -> None:
    async with trio.open_nursery() as nursery:
        ports = await carried(lan.Cable("a", "b", delay=1.0), nursery)
        frames = [bytes([number]) for number in range(200)]
        ports["a"].put.send_nowait(frames)
        assert [await ports["b"].get.receive() for _ in frames] == [(1.0, one) for one in frames]
        nursery.cancel_scope.cancel()


async def test_what_is_due_together_leaves_in_several_goes(autojump_clock: MockClock) -> None:
    """Otherwise, a flood would keep every other task from running."""
    async with trio.open_nursery() as nursery:
        ports = await carried(lan.Cable("a", "b", delay=1.0), nursery)
        ports["a"].put.send_nowait([b"frame"] * 1000)
        await ports["b"].get.receive()
        assert ports["b"].get.statistics().current_buffer_used < 200
        nursery.cancel_scope.cancel()


async def test_a_rule_that_raises_ends_the_carrying(autojump_clock: MockClock) -> None:
    cable = lan.Cable("a", "b")

    def wrong(_: object) -> bool:
        raise ZeroDivisionError("a rule's own mistake")

    cable.rules.append(lan.drop(wrong))
    with pytest.RaisesGroup(ZeroDivisionError):
        async with trio.open_nursery() as nursery:
            ports = await carried(cable, nursery)
            ports["a"].put.send_nowait([SEGMENT])
    assert cable.toward("b")._changed is None


async def test_a_cable_is_carried_once_at_a_time(autojump_clock: MockClock) -> None:
    cable = lan.Cable("a", "b")
    for _ in range(2):
        async with trio.open_nursery() as nursery:
            await carried(cable, nursery)
            with pytest.raises(lan.SettingError, match="the cable between a and b is in use"):
                await lan.carry(cable, {end: MemoryPort() for end in cable.ends})
            nursery.cancel_scope.cancel()


async def test_ports_must_be_those_of_the_cable() -> None:
    with pytest.raises(lan.SettingError, match="ports 'c' for a cable between 'a' and 'b'"):
        await lan.carry(lan.Cable("a", "b"), {"c": MemoryPort()})


@pytest.mark.skipif(sys.platform != "linux", reason="timerfd is Linux's")
async def test_the_kernels_timer_wakes_when_the_time_has_come_and_not_before() -> None:
    with open_timer() as timer:
        assert isinstance(timer, KernelTimer)
        with trio.fail_after(PATIENCE):
            for pause in (1_000_000, 1, 0, -(10**20)):
                due = timer.now() + pause
                timer.set(due)
                await timer.wait()
                assert timer.now() >= due


@pytest.mark.skipif(sys.platform != "linux", reason="timerfd is Linux's")
async def test_a_timer_that_rings_early_waits_for_the_rest(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(timers, "_REST", 1)  # it rings at once
    monkeypatch.setattr(timers, "_LEAD", 10**12)
    with trio.fail_after(PATIENCE), open_timer() as timer:
        due = timer.now() + 5_000_000
        timer.set(due)
        await timer.wait()
        assert timer.now() >= due


@pytest.mark.skipif(sys.platform != "linux", reason="timerfd is Linux's")
async def test_a_timer_can_be_set_again_while_a_task_waits() -> None:
    with trio.fail_after(PATIENCE), open_timer() as timer:
        async with trio.open_nursery() as nursery:
            timer.set(timer.now() + 10**15)
            nursery.start_soon(timer.wait)
            await wait_all_tasks_blocked()
            timer.set(timer.now())
        timer.set(timer.now())
        timer.set(None)
        with trio.move_on_after(0.01) as scope:
            await timer.wait()
        assert scope.cancelled_caught


@pytest.mark.skipif(sys.platform != "linux", reason="timerfd is Linux's")
async def test_frames_cross_with_the_kernels_timer() -> None:
    with trio.fail_after(PATIENCE):
        async with trio.open_nursery() as nursery:
            ports = await carried(lan.Cable("a", "b", delay=0.001), nursery, timer=open_timer)
            ports["a"].put.send_nowait([b"1", b"2"])
            times = [await ports["b"].get.receive() for _ in range(2)]
            assert [one for _, one in times] == [b"1", b"2"]
            nursery.cancel_scope.cancel()


async def test_trios_timer_is_set_again_while_a_task_waits(autojump_clock: MockClock) -> None:
    timer = TrioTimer()
    begin = timer.now()
    async with trio.open_nursery() as nursery:
        timer.set(begin + 10**12)
        nursery.start_soon(timer.wait)
        await wait_all_tasks_blocked()
        timer.set(begin + 10**9)
    assert timer.now() == begin + 10**9
    with trio.move_on_after(1000):  # it is not set any more
        await timer.wait()
    assert timer.now() == begin + 1001 * 10**9


@pytest.mark.skipif(sys.platform != "linux", reason="timerfd is Linux's")
def test_a_timer_that_cannot_be_opened_names_the_call(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("time.CLOCK_MONOTONIC", 99)
    with pytest.raises(SocketCallError, match=r"\[timerfd_create\(\)\] Invalid argument"):
        KernelTimer()
