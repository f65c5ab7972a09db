"""One worker, and what it says to a parent that is a test."""

from __future__ import annotations

import socket
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

import pytest
import trio
from support import PATIENCE

from trio_echo import Endpoint, Faults, Limits, SocketCallError
from trio_echo.events import (
    ClientClosed,
    ClientConnected,
    ClientFailed,
    Connection,
    DataReceived,
    Stopped,
)
from trio_echo.workers.link import Job, Link, Notice
from trio_echo.workers.process import start
from trio_echo.workers.worker import _Worker

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from trio_echo.events import ServerEvent

CLIENT = Connection(1, Endpoint("::1", 9000), Endpoint("::1", 51188))
RESET = SocketCallError("recv()", ConnectionResetError(104, "reset"))


def job(*, quiet: bool = False, host: str = "127.0.0.1") -> Job:
    return Job([Endpoint(host, 0)], [], Limits(), Faults(), quiet, portable=False)


@asynccontextmanager
async def reporting(*, quiet: bool) -> AsyncIterator[tuple[_Worker, Link]]:
    ours, theirs = map(Link, socket.socketpair())
    with trio.fail_after(PATIENCE):
        async with ours, theirs, trio.open_nursery() as nursery:
            nursery.start_soon(theirs.write)
            yield _Worker(theirs, job(quiet=quiet)), ours
            nursery.cancel_scope.cancel()


async def test_an_exception_that_cannot_be_sent_is_sent_as_what_it_looks_like() -> None:
    class LocalError(Exception):
        pass

    async with reporting(quiet=True) as (worker, parent):
        worker._report(ClientFailed(CLIENT, LocalError("a bug")))
        said = await parent.receive()
        assert said is not None
        (failed,) = said
        assert isinstance(failed, ClientFailed)
        assert repr(failed.error) == "LocalError('a bug')"


async def test_what_the_network_caused_is_sent_whole() -> None:
    async with reporting(quiet=False) as (worker, parent):
        worker._report(ClientFailed(CLIENT, RESET))
        said = await parent.receive()
        assert said is not None
        (failed,) = said
        assert isinstance(failed, ClientFailed)
        assert isinstance(failed.error, SocketCallError)
        assert (failed.error.call, failed.error.errno) == ("recv()", 104)


@pytest.mark.parametrize("quiet", [False, True])
async def test_events_are_sent_unless_quiet_and_counted_in_any_case(quiet: bool) -> None:
    events: list[ServerEvent] = [
        ClientConnected(CLIENT),
        DataReceived(CLIENT, b"hello"),
        ClientFailed(CLIENT, RESET),
    ]
    async with reporting(quiet=quiet) as (worker, parent):
        for event in events:
            worker._report(event)
        said = await parent.receive()
        assert said is not None
        assert said[0] == Stopped(clients=1, echoed=0, cut_off=1)
        assert [type(one) for one in said[1:]] == ([] if quiet else [type(one) for one in events])
        worker._report(ClientClosed(CLIENT, 5))
        said = await parent.receive()
        assert said is not None
        assert said[0] == Stopped(clients=1, echoed=5, cut_off=0)


async def test_a_worker_that_cannot_listen_says_why() -> None:
    process, ours, _ = await start([])
    with trio.fail_after(PATIENCE):
        async with Link(ours) as link, trio.open_nursery() as nursery:
            nursery.start_soon(link.write)
            link.post(job(host="203.0.113.1"))
            said = await link.receive()
            assert said is not None
            (error,) = said
            assert isinstance(error, SocketCallError)
            assert error.call == "bind()"
            assert await link.receive() is None
            nursery.cancel_scope.cancel()
        assert await process.wait() == 0


async def test_a_worker_ends_with_its_link_whatever_it_is_doing() -> None:
    process, ours, _ = await start([])
    with trio.fail_after(PATIENCE):
        async with Link(ours) as link, trio.open_nursery() as nursery:
            nursery.start_soon(link.write)
            link.post(job())
            assert await link.receive() == [Notice.LISTENING]
            nursery.cancel_scope.cancel()
        assert await process.wait() == 0


async def test_a_worker_without_a_job_ends_at_once(capfd: pytest.CaptureFixture[str]) -> None:
    process, ours, _ = await start([])
    ours.close()
    with trio.fail_after(PATIENCE):
        assert await process.wait() == 0
    assert capfd.readouterr() == ("", "")
