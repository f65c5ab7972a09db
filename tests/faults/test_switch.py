"""Faults that change while connections are open."""

from __future__ import annotations

import math
import threading
from typing import TYPE_CHECKING

import pytest
import trio
from support import PATIENCE, connected, stream_of
from trio.testing import MockClock, memory_stream_pair, wait_all_tasks_blocked

from trio_echo import Faults, FaultSwitch, FaultyStream, receive_exactly

if TYPE_CHECKING:
    from collections.abc import Iterator

ALL = Faults(black_hole=True)


def swallows(switch: FaultSwitch) -> FaultyStream:
    near, _ = memory_stream_pair()
    return FaultyStream(near, switch)


async def test_new_faults_hit_an_open_connection_and_go_away_again() -> None:
    switch = FaultSwitch()
    near, far = memory_stream_pair()
    stream = FaultyStream(near, switch)
    await stream.send_all(b"a")
    switch.faults = ALL
    assert switch.faults == stream.faults == ALL
    await stream.send_all(b"b")
    switch.faults = Faults()
    await stream.send_all(b"c")
    assert await receive_exactly(far, 2) == b"ac"


async def test_another_thread_ends_an_endless_delay() -> None:
    switch = FaultSwitch(Faults(delay=math.inf))
    near, far = memory_stream_pair()
    stream = FaultyStream(near, switch)
    with trio.fail_after(PATIENCE):
        async with trio.open_nursery() as nursery:
            nursery.start_soon(stream.send_all, b"hello")
            await wait_all_tasks_blocked()
            thread = threading.Thread(target=lambda: setattr(switch, "faults", Faults(fragment=2)))
            thread.start()
            assert await receive_exactly(far, 5) == b"hello"
            thread.join()


async def test_a_change_during_a_pause_decides_about_what_was_not_sent(
    mock_clock: MockClock,
) -> None:
    switch = FaultSwitch(Faults(fragment=1, delay=10))
    near, far = memory_stream_pair()
    stream = FaultyStream(near, switch)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(stream.send_all, b"hello")
        await wait_all_tasks_blocked()
        mock_clock.jump(10)
        assert await far.receive_some() == b"h"
        switch.faults = Faults(delay=3)
        await wait_all_tasks_blocked()
        mock_clock.jump(3)
        assert await far.receive_some() == b"ello"


async def test_a_new_lifetime_ends_a_receive_that_waits(
    host: str, autojump_clock: MockClock
) -> None:
    switch = FaultSwitch()
    ours, peer = connected(host)
    with peer:
        async with FaultyStream(stream_of(ours), switch) as stream, trio.open_nursery() as nursery:

            @nursery.start_soon
            async def change() -> None:
                await trio.sleep(5)
                switch.faults = Faults(lifetime=7)

            start = trio.current_time()
            with pytest.raises(trio.BrokenResourceError, match="closed on purpose"):
                await stream.receive_some()
            assert trio.current_time() - start == pytest.approx(12)
        assert peer.recv(1) == b""


async def test_bytes_count_from_the_change_for_an_open_connection() -> None:
    switch = FaultSwitch()
    near, far = memory_stream_pair()
    stream = FaultyStream(near, switch)
    await stream.send_all(b"hello")
    switch.faults = Faults(close_after=2)
    with pytest.raises(trio.BrokenResourceError, match="closed on purpose after 7 bytes"):
        await stream.send_all(b"again")
    assert await receive_exactly(far, 7) == b"helloag"


async def test_a_slow_close_ends_when_closing_becomes_quick(autojump_clock: MockClock) -> None:
    switch = FaultSwitch(Faults(slow_close=math.inf))
    near, far = memory_stream_pair()
    async with trio.open_nursery() as nursery:
        nursery.start_soon(FaultyStream(near, switch).send_eof)
        await wait_all_tasks_blocked()
        switch.faults = Faults()
        assert await far.receive_some() == b""


def hit(streams: Iterator[FaultyStream]) -> list[bool]:
    return [bool(stream.faults) for stream in streams]


async def test_the_first_connections_after_a_change_are_hit_and_open_ones_are_not() -> None:
    switch = FaultSwitch(Faults(delay=1, only_first=1))
    first, second = swallows(switch), swallows(switch)
    assert hit(iter((first, second))) == [True, False]
    switch.faults = Faults(black_hole=True, only_first=1)
    third, fourth = swallows(switch), swallows(switch)
    assert hit(iter((first, second, third, fourth))) == [False, False, True, False]


async def test_a_share_is_that_of_the_connection_numbers() -> None:
    faults = Faults(black_hole=True, only_share=0.5, seed=5)
    switch = FaultSwitch()
    swallows(switch)
    switch.faults = faults
    assert hit(swallows(switch) for _ in range(50)) == [faults.hit(n) for n in range(1, 51)]


def test_a_change_after_the_run_of_trio_has_ended_does_nothing() -> None:
    switch = FaultSwitch(Faults(delay=math.inf))

    async def main() -> None:
        with trio.move_on_after(0.01):
            await swallows(switch).send_all(b"hello")

    trio.run(main)
    switch.faults = Faults()
    assert repr(switch) == f"<FaultSwitch: {Faults()}>"


def test_only_faults_can_be_set() -> None:
    switch = FaultSwitch(Faults(delay=1))
    with pytest.raises(TypeError, match="it must be a Faults, not dict"):
        switch.faults = {"delay": 2}  # type: ignore[assignment]
    assert switch.faults == Faults(delay=1)
