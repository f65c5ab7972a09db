"""Samples of TCP_INFO from a connection on loopback."""

from __future__ import annotations

import socket
import sys
import time
from itertools import pairwise
from typing import TYPE_CHECKING

import pytest
import trio
from trio.testing import wait_all_tasks_blocked

from trio_echo import EchoClient
from trio_echo.errors import SocketCallError
from trio_echo.observe.kernel.congestion import sampled
from trio_echo.tcp_info import congestion

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from contextlib import AbstractAsyncContextManager

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="only Linux has all of TCP_INFO")

ENDLESS = 1e6  # seconds: only the looks at both ends of the block


@pytest.fixture
async def pair() -> AsyncIterator[tuple[trio.SocketStream, trio.SocketStream]]:
    (listener,) = await trio.open_tcp_listeners(0, host="127.0.0.1")
    async with listener:
        near = await trio.open_tcp_stream("127.0.0.1", listener.socket.getsockname()[1])
        async with near, await listener.accept() as far:
            yield near, far


Pair = tuple[trio.SocketStream, trio.SocketStream]


async def test_a_quiet_connection_has_plausible_values(pair: Pair) -> None:
    found = congestion(pair[0].socket)
    assert found is not None
    assert found.phase == "open"
    assert found.window == 10  # RFC 6928
    assert found.threshold is None
    assert (found.in_flight, found.retransmissions) == (0, 0)
    assert found.segment_size == pair[0].socket.getsockopt(socket.IPPROTO_TCP, socket.TCP_MAXSEG)
    assert 0 < found.round_trip < found.timeout
    assert found.timeout >= 0.2  # Linux's smallest


async def test_the_beginning_and_the_end_of_a_block_are_sampled(pair: Pair) -> None:
    async with sampled(pair[0], interval=ENDLESS) as samples:
        assert len(samples) == 1
    first, last = samples
    assert first.congestion == last.congestion


async def test_the_list_grows_while_the_block_runs(pair: Pair) -> None:
    near, far = pair
    before = time.time_ns()
    async with sampled(EchoClient(near)) as samples:
        while len(samples) < 3:
            await near.send_all(bytes(50_000))
            await far.receive_some(1 << 20)
            await trio.sleep(0.001)
    assert before <= samples[0].time <= samples[-1].time <= time.time_ns()
    times = [one.time for one in samples]
    assert times == sorted(times)
    for earlier, later in pairwise(samples[:-1]):
        assert earlier.congestion != later.congestion


async def test_it_ends_with_the_connection(pair: Pair) -> None:
    near, far = pair
    async with sampled(near) as samples:
        await near.aclose()
        await far.aclose()
    assert len(samples) == 1
    assert congestion(near.socket) is None


async def test_errors_of_the_block_come_out_as_they_are(pair: Pair) -> None:
    with pytest.raises(KeyError):
        async with sampled(pair[0]):
            raise KeyError
    with trio.CancelScope() as scope:
        async with sampled(pair[0], interval=ENDLESS):
            await wait_all_tasks_blocked()
            scope.cancel()
            await trio.sleep_forever()
    assert scope.cancelled_caught


async def test_what_is_not_a_connection_is_one_line() -> None:
    near, far = socket.socketpair()
    with near, far:
        assert congestion(near) is None
        block: AbstractAsyncContextManager[object] = sampled(near)
        with pytest.raises(SocketCallError, match=r"^\[getsockopt\(\)\] no open TCP connection"):
            await block.__aenter__()
        with pytest.raises(ValueError, match="interval must be more than 0"):
            await sampled(near, interval=0).__aenter__()
