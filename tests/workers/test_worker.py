"""One worker; the test is its parent."""

from __future__ import annotations

import socket
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

import pytest
import trio
from support import PATIENCE

from trio_echo import Endpoint, Faults, Limits, SocketCallError, TlsError, TlsProblem
from trio_echo.events import (
    ClientClosed,
    ClientConnected,
    ClientFailed,
    Connection,
    DataReceived,
    HandshakeFailed,
)
from trio_echo.workers.link import Link, Notice, Totals, WorkerConfig
from trio_echo.workers.process import start
from trio_echo.workers.worker import _LinkedServer

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from trio_echo.events import ServerEvent

CLIENT = Connection(1, Endpoint("::1", 9000), Endpoint("::1", 51188))
RESET = SocketCallError("recv()", ConnectionResetError(104, "reset"))


def config(*, quiet: bool = False, host: str = "127.0.0.1") -> WorkerConfig:
    return WorkerConfig([Endpoint(host, 0)], [], Limits(), Faults(), quiet, portable=False)


@asynccontextmanager
async def reporting(*, quiet: bool) -> AsyncIterator[tuple[_LinkedServer, Link]]:
    ours, theirs = map(Link, socket.socketpair())
    with trio.fail_after(PATIENCE):
        async with ours, theirs, trio.open_nursery() as nursery:
            nursery.start_soon(theirs.write)
            yield _LinkedServer(theirs, config(quiet=quiet)), ours
            nursery.cancel_scope.cancel()


async def test_an_exception_that_cannot_be_pickled_is_replaced_by_its_repr() -> None:
    class LocalError(Exception):
        pass

    async with reporting(quiet=True) as (worker, parent):
        worker._report(ClientFailed(CLIENT, LocalError("a bug")))
        messages = await parent.receive()
        assert messages is not None
        (failed,) = messages
        assert isinstance(failed, ClientFailed)
        assert repr(failed.error) == "LocalError('a bug')"


async def test_a_network_error_is_sent_unchanged() -> None:
    async with reporting(quiet=False) as (worker, parent):
        worker._report(ClientFailed(CLIENT, RESET))
        messages = await parent.receive()
        assert messages is not None
        (failed,) = messages
        assert isinstance(failed, ClientFailed)
        assert isinstance(failed.error, SocketCallError)
        assert (failed.error.call, failed.error.errno) == ("recv()", 104)


async def test_a_failed_handshake_is_counted_and_its_bug_sent_as_a_repr() -> None:
    async with reporting(quiet=True) as (worker, parent):
        worker._report(HandshakeFailed(CLIENT, TlsError("do_handshake()", TlsProblem.NOT_TLS)))
        worker._report(HandshakeFailed(CLIENT, ValueError("a bug")))
        messages = await parent.receive()
        assert messages is not None
        totals, failed = messages
        assert totals == Totals(failed_handshakes=2)
        assert isinstance(failed, HandshakeFailed)
        assert repr(failed.error) == "ValueError('a bug')"


@pytest.mark.parametrize("quiet", [False, True])
async def test_events_are_counted_and_sent_unless_quiet(quiet: bool) -> None:
    events: list[ServerEvent] = [
        ClientConnected(CLIENT),
        DataReceived(CLIENT, b"hello"),
        ClientFailed(CLIENT, RESET),
    ]
    async with reporting(quiet=quiet) as (worker, parent):
        for event in events:
            worker._report(event)
        messages = await parent.receive()
        assert messages is not None
        totals, *sent = messages
        assert totals == Totals(clients=1, echoed=0, unfinished=1)
        assert [type(one) for one in sent] == ([] if quiet else [type(one) for one in events])
        worker._report(ClientClosed(CLIENT, 5))
        messages = await parent.receive()
        assert messages is not None
        assert messages[0] == Totals(clients=1, echoed=5, unfinished=0)


async def test_a_worker_that_cannot_listen_reports_the_error() -> None:
    process, ours, _ = await start([])
    with trio.fail_after(PATIENCE):
        async with Link(ours) as link, trio.open_nursery() as nursery:
            nursery.start_soon(link.write)
            link.post(config(host="203.0.113.1"))
            messages = await link.receive()
            assert messages is not None
            (error,) = messages
            assert isinstance(error, SocketCallError)
            assert error.call == "bind()"
            assert await link.receive() is None
            nursery.cancel_scope.cancel()
        assert await process.wait() == 0


async def test_a_worker_ends_with_its_link() -> None:
    process, ours, _ = await start([])
    with trio.fail_after(PATIENCE):
        async with Link(ours) as link, trio.open_nursery() as nursery:
            nursery.start_soon(link.write)
            link.post(config())
            assert await link.receive() == [Notice.LISTENING]
            nursery.cancel_scope.cancel()
        assert await process.wait() == 0


async def test_a_worker_without_a_config_ends_at_once(capfd: pytest.CaptureFixture[str]) -> None:
    process, ours, _ = await start([])
    ours.close()
    with trio.fail_after(PATIENCE):
        assert await process.wait() == 0
    assert capfd.readouterr() == ("", "")
