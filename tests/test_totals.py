"""What a server has done so far, read while it runs and afterwards."""

from __future__ import annotations

import errno
import socket
from collections import Counter
from functools import partial
from ipaddress import ip_network

import pytest
import trio
from support import Events, connected, reset
from trio.testing import wait_all_tasks_blocked

from trio_echo import Faults, Limits, SocketCallError, connect, serve
from trio_echo.accepted import Accepted
from trio_echo.events import (
    ClientClosed,
    ClientConnected,
    ClientsRefused,
    DataReceived,
    Refusal,
    Stopped,
    ignore,
)
from trio_echo.handler import ClientHandler
from trio_echo.relay import BaseRelay
from trio_echo.totals import Ending, Tally, Totals

pytestmark = pytest.mark.usefixtures("way")


def lost(number: int) -> SocketCallError:
    return SocketCallError("recv()", OSError(number, "gone"))


@pytest.mark.parametrize(
    ("error", "ending"),
    [
        (lost(errno.ECONNRESET), Ending.RESET),
        (lost(errno.EPIPE), Ending.RESET),
        (lost(errno.ETIMEDOUT), Ending.NO_ANSWER),
        (lost(errno.EHOSTUNREACH), Ending.NO_ANSWER),
        (lost(errno.ENETDOWN), Ending.FAILED),
        (ZeroDivisionError(), Ending.BUG),
    ],
)
def test_an_error_decides_how_a_connection_ended(error: Exception, ending: Ending) -> None:
    assert Ending.by(error) is ending


def test_totals_can_be_added() -> None:
    one = Totals(1, 2, 3, 4, 5, Counter({Ending.IDLE: 6}), Counter({Refusal.NETWORK: 7}), 8)
    other = Totals(ended=Counter({Ending.IDLE: 1, Ending.BUG: 1}))
    assert one + other == Totals(
        1, 2, 3, 4, 5, Counter({Ending.IDLE: 7, Ending.BUG: 1}), Counter({Refusal.NETWORK: 7}), 8
    )


async def test_bytes_and_clients_are_counted_while_they_are_connected(host: str) -> None:
    events, tally, stop = Events(), Tally(), trio.Event()
    assert tally.totals() == Totals()
    async with trio.open_nursery() as nursery:
        listeners = await nursery.start(
            partial(serve, 0, hosts=[host], observer=events, tally=tally, stop=stop)
        )
        port = listeners[0].socket.getsockname()[1]
        async with await connect(host, port) as client:
            await client.echo(b"hello")
            assert tally.totals(exact=False) == Totals(clients=1, connected=1)
            assert tally.totals() == Totals(clients=1, connected=1, echoed=5)
            assert tally.totals(exact=False).echoed == 5  # it never becomes less
        await events.wait(ClientClosed)
        sock = socket.create_connection((host, port))
        await events.wait(ClientConnected)
        reset(sock)
        await events.wait(ClientClosed)
        async with await connect(host, port) as client:
            await client.echo(b"hello")
            stop.set()
            nursery.cancel_scope.cancel()
    await events.wait(Stopped)
    ended = Counter({Ending.CLOSED: 1, Ending.RESET: 1, Ending.CUT_OFF: 1})
    assert tally.totals() == Totals(clients=3, echoed=10, cut_off=1, ended=ended)


class _Leaving(BaseRelay):
    """Has sent back five bytes; its client leaves while a thread counts them."""

    def __init__(self) -> None:
        self._leaves, self.has_left = trio.Event(), trio.Event()
        self.moved = None

    @property
    def echoed(self) -> int:  # type: ignore[override]
        if not self._leaves.is_set():
            trio.from_thread.run(self._leave)
        return 5

    async def _leave(self) -> None:
        self._leaves.set()
        await self.has_left.wait()

    async def run(self) -> None:
        await self._leaves.wait()


async def test_a_client_that_leaves_while_a_thread_counts_is_counted_once() -> None:
    handler = ClientHandler(
        ignore, observe_data=False, take_over=None, idle_watch=None, handshake_timeout=1
    )
    relay = _Leaving()
    sock, peer = connected("127.0.0.1")

    async def serve_client() -> None:
        await handler.serve(Accepted(sock), lambda: relay)
        relay.has_left.set()

    with peer:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(serve_client)
            await wait_all_tasks_blocked()
            await trio.to_thread.run_sync(handler.count_echoed)
    assert handler.echoed == 5


@pytest.mark.parametrize(
    ("limits", "faults", "ending"),
    [
        (Limits(idle_timeout=0.01), Faults(), Ending.IDLE),
        (Limits(), Faults(reset_after=1), Ending.FAULT),
    ],
)
async def test_the_servers_own_ends_are_counted(
    limits: Limits, faults: Faults, ending: Ending
) -> None:
    events, tally = Events(), Tally()
    async with trio.open_nursery() as nursery:
        listeners = await nursery.start(
            partial(serve, 0, limits=limits, faults=faults, observer=events, tally=tally)
        )
        with socket.create_connection(listeners[0].socket.getsockname()) as sock:
            sock.sendall(b"hello")
            await events.wait(ClientClosed)
        nursery.cancel_scope.cancel()
    assert tally.totals().ended == Counter({ending: 1})


async def test_a_bug_and_a_refusal_are_counted(host: str) -> None:
    events, tally = Events(), Tally()

    def observe(event: object) -> None:
        events(event)  # type: ignore[arg-type]
        if isinstance(event, DataReceived):
            raise ZeroDivisionError

    limits = Limits(max_clients_per_host=1, allow=[ip_network("127.0.0.0/8"), ip_network("::1")])
    async with trio.open_nursery() as nursery:
        listeners = await nursery.start(
            partial(serve, 0, hosts=[host], limits=limits, observer=observe, tally=tally)
        )
        address = listeners[0].socket.getsockname()
        with socket.create_connection(address[:2]) as sock:
            await events.wait(ClientConnected)
            with socket.create_connection(address[:2]):
                await events.wait(ClientsRefused)
            sock.sendall(b"hello")
            await events.wait(ClientClosed)
        nursery.cancel_scope.cancel()
    totals = tally.totals()
    assert totals.ended == Counter({Ending.BUG: 1})
    assert totals.refused == Counter({Refusal.TOO_MANY: 1})
