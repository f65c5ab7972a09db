"""Both ends of a link in one process."""

from __future__ import annotations

import os
import socket
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

import trio
from support import PATIENCE
from trio.testing import wait_all_tasks_blocked

from trio_echo import Endpoint
from trio_echo.events import Connection, DataReceived, LinesMissing
from trio_echo.screen import backlog
from trio_echo.totals import Totals
from trio_echo.workers.link import HostFreed, HostWanted, Link, Notice

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    import pytest

CLIENT = Connection(1, Endpoint("::1", 9000), Endpoint("::1", 51188))
OTHER = Connection(2, Endpoint("::1", 9000), Endpoint("::1", 51189))


@asynccontextmanager
async def pair() -> AsyncIterator[tuple[Link, Link]]:
    ours, theirs = map(Link, socket.socketpair())
    with trio.fail_after(PATIENCE):
        async with ours, theirs, trio.open_nursery() as nursery:
            nursery.start_soon(ours.write)
            yield ours, theirs
            nursery.cancel_scope.cancel()


async def received(link: Link, count: int) -> list[object]:
    values: list[object] = []
    while len(values) < count:
        more = await link.receive()
        assert more is not None
        values += more
    return values


async def test_values_arrive_in_order_and_unchanged() -> None:
    values = [DataReceived(CLIENT, os.urandom(65536)) for _ in range(50)]
    async with pair() as (ours, theirs):
        for value in values:
            ours.post(value)
        assert await received(theirs, 50) == values
        await ours.flush()


async def test_requests_of_the_worker_do_not_let_a_flood_of_events_pass(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(backlog, "_QUEUED_BYTES", 2000)
    flood = [DataReceived(CLIENT, b"x" * 500) for _ in range(9)]
    other = DataReceived(OTHER, b"hello")
    requests = [Notice.SLOT_WANTED, HostWanted(1, "::1"), HostFreed("::1"), Notice.PONG]
    async with pair() as (ours, theirs):
        for value in [*flood[:6], *requests, *flood[6:], other, "end"]:
            ours.post(value)
        values = await received(theirs, 15)
    assert [one for one in values if one in requests] == requests
    assert values.index(other) < 8
    assert values[-1] == "end"


async def test_only_the_newest_state_arrives_before_later_values() -> None:
    async with pair() as (ours, theirs):
        for number in range(100):
            ours.post_state(Totals(number))
        ours.post("later")
        assert await received(theirs, 2) == [Totals(99), "later"]


async def test_a_cancelled_receive_loses_nothing() -> None:
    large = "x" * 10_000_000
    async with pair() as (ours, theirs):
        ours.post(large)
        attempts = 0
        while True:
            with trio.CancelScope() as scope:
                scope.deadline = trio.current_time()  # cancels at the first wait for more
                values = await theirs.receive()
                break
            attempts += 1
            await trio.lowlevel.checkpoint()
        assert values == [large]
        assert attempts > 1


async def test_the_end_comes_after_everything_sent() -> None:
    async with pair() as (ours, theirs):
        ours.post("last words")
        await ours.flush()
        ours.end()
        assert await theirs.receive() == ["last words"]
        assert await theirs.receive() is None


async def test_the_link_may_end_within_a_value() -> None:
    one, other = socket.socketpair()
    with one:
        one.sendall((100).to_bytes(4) + b"half")
    async with Link(other) as link:
        assert await link.receive() is None


async def test_without_a_receiver_flush_does_not_wait() -> None:
    async with pair() as (ours, theirs):
        async with theirs:
            pass
        for _ in range(2):
            ours.post("x" * 1_000_000)
            await ours.flush()
            await wait_all_tasks_blocked()


async def test_a_slow_receiver_gets_the_number_of_missing_lines() -> None:
    piece = DataReceived(CLIENT, b"x" * 65535 + b"\n")
    async with pair() as (ours, theirs):
        for _ in range(1000):
            ours.post(piece)
            await trio.lowlevel.checkpoint()
        ours.post("end")
        shown = missing = 0
        values: list[object] = []
        while "end" not in values:
            values = await received(theirs, 1)
            shown += values.count(piece)
            missing += sum(one.lines for one in values if isinstance(one, LinesMissing))
        assert missing > 0
        assert shown + missing == 1000
