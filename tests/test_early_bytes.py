"""What a client has sent before it is welcomed: echoed before its socket joins the epoll set."""

from __future__ import annotations

import sys

import pytest

if sys.platform != "linux":
    pytest.skip("epoll is Linux's", allow_module_level=True)

import os
import re
import shutil
import signal
import socket
import subprocess
from contextlib import contextmanager, suppress
from functools import partial
from typing import TYPE_CHECKING

import trio
import trio.testing
from support import PATIENCE, Events, linked, receive_all, receive_count, reset

import trio_echo.reactor
from trio_echo import serve
from trio_echo.events import ClientClosed, DataReceived
from trio_echo.reactor import Reactor
from trio_echo.socket_relay import SocketRelay

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


class Joins(Exception):  # noqa: N818  it is not an error
    """A relay's socket joins the epoll set."""


class Door:
    """In place of a reactor."""

    def add(self, _relay: SocketRelay) -> None:
        raise Joins

    def remove(self, _relay: SocketRelay) -> None:
        raise AssertionError("it did not join")


class Sleeping:
    """In place of a reactor: nothing happens."""

    def add(self, _relay: SocketRelay) -> None:
        pass

    def remove(self, _relay: SocketRelay) -> None:
        pass


async def joins(relay: SocketRelay) -> bool:
    """Begin and run a relay; return whether its socket joins the epoll set."""
    relay.begin()
    try:
        await relay.run()
    except Joins:
        return True
    return False


@contextmanager
def early(data: bytes) -> Iterator[tuple[socket.socket, socket.socket]]:
    """Both ends of a connection; the near one does not block, and has these bytes."""
    near, far = linked("127.0.0.1")
    with near, far:
        far.sendall(data)
        near.setblocking(False)
        far.settimeout(PATIENCE)
        yield near, far


async def test_they_are_echoed_before_the_socket_joins() -> None:
    tapped: list[bytes] = []
    with early(b"hello") as (near, far):
        relay = SocketRelay(near, Door(), tapped.append)
        relay.counts_lines = True
        assert await joins(relay)
        assert far.recv(100) == b"hello"
    assert tapped == [b"hello"]
    assert (relay.echoed, relay.lines) == (5, 1)
    assert not relay.rest


async def test_if_there_are_none_the_socket_joins() -> None:
    with early(b"") as (near, _):
        assert await joins(SocketRelay(near, Door()))


async def test_if_there_is_no_room_they_are_left_to_the_reactor() -> None:
    with early(b"hello") as (near, far):
        with suppress(BlockingIOError):
            while True:
                near.send(bytes(1_000_000))
        relay = SocketRelay(near, Door())
        assert await joins(relay)
        reset(far)
    assert bytes(relay.rest or b"") == b"hello"
    assert relay.echoed == 0


async def test_if_the_stream_has_ended_the_socket_does_not_join() -> None:
    with early(b"") as (near, far):
        far.shutdown(socket.SHUT_WR)
        assert not await joins(SocketRelay(near, Door()))


async def test_if_a_tap_cancels_nothing_is_echoed() -> None:
    with early(b"hello") as (near, far):
        with trio.CancelScope() as scope:
            relay = SocketRelay(near, Door(), lambda _: scope.cancel())
            await joins(relay)
        assert scope.cancelled_caught
        near.shutdown(socket.SHUT_WR)
        assert far.recv(100) == b""
    assert relay.echoed == 0


async def test_a_server_echoes_what_a_client_sent_before_it_was_accepted(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    joined: list[int] = []

    class Noting(Reactor):
        def add(self, relay: SocketRelay) -> None:
            joined.append(relay.echoed)
            super().add(relay)

    monkeypatch.setattr(trio_echo.reactor, "Reactor", Noting)
    events = Events()
    (listener,) = await trio.open_tcp_listeners(0, host="127.0.0.1")
    with socket.create_connection(listener.socket.getsockname()) as client:
        client.sendall(b"hello")
        async with trio.open_nursery() as nursery:
            await nursery.start(partial(serve, listeners=[listener], observer=events))
            data = await events.wait(DataReceived)
            assert data.data == b"hello"
            client.shutdown(socket.SHUT_WR)
            closed = await events.wait(ClientClosed)
            assert closed.echoed == 5
            nursery.cancel_scope.cancel()
        assert receive_all(client) == b"hello"
    assert joined == [5]


# A server that stops after three clients.
_SERVER = """
import trio
from trio_echo import serve
from trio_echo.events import ClientClosed, Listening

async def main():
    stop = trio.Event()
    def observe(event):
        if isinstance(event, Listening):
            print(event.endpoint.port, flush=True)
        if isinstance(event, ClientClosed) and event.connection.number == 3:
            stop.set()
    await serve(0, hosts=["127.0.0.1"], observer=observe, observe_data=False, stop=stop)

trio.run(main)
"""


@pytest.mark.slow
@pytest.mark.skipif(shutil.which("strace") is None, reason="no strace")
def test_the_system_calls_for_a_clients_socket(tmp_path: Path) -> None:
    trace = tmp_path / "trace"
    command = ["strace", "-qq", "-e", "trace=network,desc", "-o", str(trace)]
    with subprocess.Popen(
        [*command, sys.executable, "-c", _SERVER],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    ) as server:
        try:
            assert server.stdout is not None
            port = server.stdout.readline()
            if not port:
                pytest.skip("strace may not trace here")
            for _ in range(3):
                with socket.create_connection(("127.0.0.1", int(port))) as client:
                    client.sendall(b"hello")
                    client.shutdown(socket.SHUT_WR)
                    assert receive_all(client) == b"hello"
            server.wait(PATIENCE)
        finally:
            with suppress(ProcessLookupError):
                os.killpg(server.pid, signal.SIGKILL)
    lines = trace.read_text().splitlines()
    # The first one is accepted by Trio; the next one shows that options are inherited.
    *_, third = (n for n, line in enumerate(lines) if re.match(r"accept4\(.* = \d+$", line))
    number = lines[third].rpartition(" ")[2]
    calls = []
    for line in lines[third + 1 :]:
        if re.match(rf"\w+\({number}\b|epoll_ctl\(\d+, \w+, {number}\b", line):
            calls.append(line.partition("(")[0])
        if line.startswith(f"close({number})"):
            break
    assert calls.count("recvfrom") == 1
    transfers = {"recvfrom", "sendto", "readv", "write"}  # how many depends on what is early
    others = [call for call in calls if call not in transfers]
    assert others == ["getsockname", "ioctl", "epoll_ctl", "epoll_ctl", "close"]


async def test_a_client_that_waits_keeps_nothing_of_what_it_sent_early() -> None:
    data = b"x" * 64 * 1024

    class Early(socket.socket):
        def recv(self, *_: object) -> bytes:
            super().recv(len(data), socket.MSG_WAITALL)
            return data

    with early(data) as (near, far):
        near.setblocking(True)
        sock = Early(fileno=near.detach())
        relay = SocketRelay(sock, Sleeping())
        count = sys.getrefcount(data)
        relay.begin()
        sock.setblocking(False)
        with sock:
            async with trio.open_nursery() as nursery:
                nursery.start_soon(relay.run)
                await trio.testing.wait_all_tasks_blocked()
                assert receive_count(far, len(data)) == data
                assert not relay.rest
                assert sys.getrefcount(data) == count
                nursery.cancel_scope.cancel()
