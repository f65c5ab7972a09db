"""Failed accepts reach the observer of their server, not the log."""

from __future__ import annotations

import errno
import socket
from functools import partial

import pytest
import trio
from support import Events

import trio_echo.accepted
import trio_echo.reception
from trio_echo import Limits, serve
from trio_echo.events import AcceptFailed

pytestmark = pytest.mark.usefixtures("way")


class FullTable:
    """A table of open files that is full for the clients of one listener."""

    def __init__(self) -> None:
        self.port = 0
        self.failed = 0
        self.failed_twice = trio.Event()

    def check(self, port: int) -> None:
        if port == self.port:
            self.failed += 1
            if self.failed == 2:
                self.failed_twice.set()
            raise OSError(errno.EMFILE, "Too many open files")


@pytest.fixture
def full(monkeypatch: pytest.MonkeyPatch) -> FullTable:
    table = FullTable()
    original = trio.SocketListener.accept

    async def accept(listener: trio.SocketListener) -> trio.SocketStream:
        table.check(listener.socket.getsockname()[1])
        return await original(listener)

    def accept_waiting(queue: socket.socket) -> list[object]:
        full = queue.getsockname()[1] == table.port
        return [] if full else list(trio_echo.accepted.accept_waiting(queue))

    monkeypatch.setattr(trio.SocketListener, "accept", accept)
    monkeypatch.setattr(trio_echo.reception, "accept_waiting", accept_waiting)
    return table


async def echo(stream: trio.SocketStream) -> None:
    async for data in stream:
        await stream.send_all(data)


def knock(host: str, port: int) -> None:
    """Let a listener accept once more; then it tries the next accept, for the second client."""
    for _ in range(2):
        with socket.create_connection((host, port)):
            pass


@pytest.mark.parametrize("limits", [Limits(), Limits(max_clients=9)], ids=["open", "limited"])
async def test_each_server_reports_its_own_failed_accepts_and_logs_none(
    host: str, full: FullTable, limits: Limits, caplog: pytest.LogCaptureFixture
) -> None:
    one, other = Events(), Events()
    async with trio.open_nursery() as nursery:
        start = partial(serve, 0, hosts=[host], limits=limits)
        listeners = await nursery.start(partial(start, observer=one))
        await nursery.start(partial(start, observer=other))
        full.port = listeners[0].socket.getsockname()[1]
        knock(host, full.port)
        failed = await one.wait(AcceptFailed)
        assert str(failed.error) == "[accept()] Too many open files"
        await full.failed_twice.wait()
        nursery.cancel_scope.cancel()
    assert sum(isinstance(event, AcceptFailed) for event in one.seen) == 1
    assert not any(isinstance(event, AcceptFailed) for event in other.seen)
    assert not caplog.records


async def test_other_servers_of_the_process_keep_their_log(
    host: str, full: FullTable, caplog: pytest.LogCaptureFixture
) -> None:
    events = Events()
    async with trio.open_nursery() as nursery:
        await nursery.start(partial(serve, 0, hosts=[host], observer=events))
        listeners = await nursery.start(partial(trio.serve_tcp, echo, 0, host=host))
        full.port = listeners[0].socket.getsockname()[1]
        knock(host, full.port)
        await full.failed_twice.wait()
        nursery.cancel_scope.cancel()
    assert [record.name for record in caplog.records] == ["trio.serve_listeners"] * full.failed
    assert not any(isinstance(event, AcceptFailed) for event in events.seen)


async def test_without_an_observer_failed_accepts_stay_in_the_log(
    host: str, full: FullTable, caplog: pytest.LogCaptureFixture
) -> None:
    async with trio.open_nursery() as nursery:
        listeners = await nursery.start(partial(serve, 0, hosts=[host]))
        full.port = listeners[0].socket.getsockname()[1]
        knock(host, full.port)
        await full.failed_twice.wait()
        nursery.cancel_scope.cancel()
    assert len(caplog.records) == full.failed
