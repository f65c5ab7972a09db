"""A server with the reactor: how it accepts, what it leaves behind, how it is interrupted."""

from __future__ import annotations

import sys

import pytest

if sys.platform != "linux":
    pytest.skip("epoll is Linux's", allow_module_level=True)

import errno
import gc
import os
import select
import signal
import socket
from contextlib import contextmanager, nullcontext
from functools import partial
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import trio
from support import Events, receive_all, reset
from trio.testing import MockClock, wait_all_tasks_blocked

import trio_echo.accepted
import trio_echo.reactor
import trio_echo.relays
import trio_echo.server
from trio_echo import Faults, Limits, SocketCallError, connect, serve
from trio_echo.accepted import accept_waiting, open_queue
from trio_echo.events import ClientClosed, ClientConnected, DataReceived, Stopped
from trio_echo.reactor import Reactor

if TYPE_CHECKING:
    from collections.abc import Iterator

    from trio_echo.events import ServerEvent
    from trio_echo.socket_relay import SocketRelay


async def test_a_server_cancelled_by_a_tap_leaves_other_clients_alone(host: str) -> None:
    events = Events()

    def observe(event: ServerEvent) -> None:
        events(event)
        if isinstance(event, DataReceived):
            scope.cancel()

    far: list[socket.socket] = []
    with trio.CancelScope() as scope:
        async with trio.open_nursery() as nursery:
            listeners = await nursery.start(partial(serve, 0, hosts=[host], observer=observe))
            address = listeners[0].socket.getsockname()[:2]
            far = [socket.create_connection(address) for _ in range(20)]
            for _ in far:
                await events.wait(ClientConnected)
            for sock in far:  # nothing runs in between: they are one batch
                sock.sendall(b"hello")
            await trio.sleep_forever()
    for sock in far:
        sock.close()
    kinds = [type(event) for event in events.seen]
    assert kinds.count(DataReceived) == 1
    assert kinds.count(ClientClosed) == 20
    assert events.seen[-1] == Stopped(clients=20, echoed=0, cut_off=20)


async def test_without_an_epoll_set_there_is_one_typed_error(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def fail() -> None:
        raise OSError(errno.EMFILE, "Too many open files")

    monkeypatch.setattr(trio_echo.reactor, "_open_epoll", fail)
    with pytest.raises(SocketCallError) as failure:
        await serve(0)
    assert str(failure.value) == "[epoll_create()] Too many open files"


async def test_without_a_descriptor_for_a_queue_there_is_one_typed_error(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def fail(_: trio.SocketListener) -> socket.socket:
        raise OSError(errno.EMFILE, "Too many open files")

    monkeypatch.setattr(trio_echo.server, "open_queue", fail)
    with pytest.raises(SocketCallError) as failure:
        await serve(0, hosts=["127.0.0.1"])
    assert str(failure.value).startswith("[socket()] Too many open files: 127.0.0.1:")


async def waiting_clients(
    host: str, number: int
) -> tuple[trio.SocketListener, list[socket.socket]]:
    (listener,) = await trio.open_tcp_listeners(0, host=host)
    address = listener.socket.getsockname()[:2]
    return listener, [socket.create_connection(address) for _ in range(number)]


async def test_waiting_clients_are_accepted_up_to_a_batch(
    monkeypatch: pytest.MonkeyPatch, host: str
) -> None:
    monkeypatch.setattr(trio_echo.accepted, "BATCH", 3)
    listener, clients = await waiting_clients(host, 5)
    async with listener:
        with open_queue(listener) as queue:
            first, second, third = (list(accept_waiting(queue)) for _ in range(3))
            assert [len(first), len(second), len(third)] == [3, 2, 0]
            for sock in [sock for sock, _ in first + second] + clients:
                sock.close()


async def test_accepted_sockets_do_not_block(host: str) -> None:
    listener, (client,) = await waiting_clients(host, 1)
    async with listener:
        with open_queue(listener) as queue, client:
            ((sock, address),) = accept_waiting(queue)
            with sock:
                assert address == client.getsockname()
                assert sock.gettimeout() == 0
                with pytest.raises(BlockingIOError):
                    sock.recv(1)


async def test_its_own_listeners_do_not_keep_the_reactor_from_waiting_for_the_next_message(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    alone: list[bool] = []

    class Alone(Reactor):
        def _is_alone(self) -> bool:
            alone.append(super()._is_alone())
            return alone[-1]

    monkeypatch.setattr(trio_echo.reactor, "Reactor", Alone)
    monkeypatch.setattr(trio_echo.reactor, "time", SimpleNamespace(perf_counter=lambda: 0.0))
    async with trio.open_nursery() as nursery:
        listeners = await nursery.start(partial(serve, 0, hosts=["127.0.0.1", "127.0.0.2"]))
        with socket.create_connection(listeners[0].socket.getsockname()) as sock:
            await wait_all_tasks_blocked(0.01)
            for _ in range(2):
                sock.sendall(b"x")
                await wait_all_tasks_blocked(0.01)
        nursery.cancel_scope.cancel()
    assert alone[-1]


class FailingListener:
    """Accepts one client, then fails."""

    def __init__(self, listener: socket.socket, failure: int) -> None:
        self._listener = listener
        self._failure = failure
        self.calls = 0

    def accept(self) -> tuple[socket.socket, object]:
        self.calls += 1
        if self.calls == 2:
            raise OSError(self._failure, os.strerror(self._failure))
        return self._listener.accept()


@pytest.mark.parametrize("failure", [errno.EMFILE, errno.ECONNABORTED])
async def test_a_failed_accept_ends_the_batch_and_is_left_to_trio(failure: int) -> None:
    listener, clients = await waiting_clients("127.0.0.1", 3)
    async with listener:
        with open_queue(listener) as queue:
            failing: Any = FailingListener(queue, failure)
            accepted = list(accept_waiting(failing))
            assert len(accepted) == 1
            assert failing.calls == 2
            for sock in [sock for sock, _ in accepted] + clients:
                sock.close()


@pytest.mark.parametrize("reason", ["portable", "faults"])
async def test_it_is_not_opened_if_it_is_not_wanted(
    monkeypatch: pytest.MonkeyPatch, reason: str
) -> None:
    def refuse() -> nullcontext[None]:
        raise AssertionError("a reactor")

    monkeypatch.setattr(trio_echo.server, "open_reactor", refuse)
    faults = Faults(fragment=1) if reason == "faults" else Faults()
    async with trio.open_nursery() as nursery:
        start = partial(serve, 0, hosts=["127.0.0.1"], faults=faults, portable=reason == "portable")
        listeners = await nursery.start(start)
        async with await connect("127.0.0.1", listeners[0].socket.getsockname()[1]) as client:
            assert await client.echo(b"hello") == b"hello"
        nursery.cancel_scope.cancel()


@contextmanager
def no_cycles() -> Iterator[None]:
    """Fail if the block leaves something that needs the garbage collector."""
    gc.disable()
    gc.collect()  # leave out what others have left
    gc.set_debug(gc.DEBUG_SAVEALL)
    try:
        yield
        gc.collect()
        left = [type(one).__name__ for one in gc.garbage]
    finally:
        gc.set_debug(0)
        gc.garbage.clear()
        gc.enable()
    assert left == []


@pytest.mark.parametrize("end", ["half-close", "reset", "reset during an echo", "idle"])
@pytest.mark.parametrize("many", [1, 10], ids=["one", "a crowd"])
@pytest.mark.parametrize(
    "kind",
    [
        pytest.param({}, id="reactor"),
        pytest.param({"portable": True}, id="portable"),
        pytest.param({"faults": Faults(fragment=100_000, delay=0)}, id="faults"),
        pytest.param({"client_slots": trio.CapacityLimiter(20)}, id="limited"),
    ],
)
async def test_a_connection_leaves_no_cycles_behind(
    end: str, many: int, kind: dict[str, Any], mock_clock: MockClock
) -> None:
    closed = 0

    def observe(event: object) -> None:
        nonlocal closed
        if isinstance(event, ClientClosed):
            closed += 1

    limits = Limits(idle_timeout=1) if end == "idle" else Limits()
    async with trio.open_nursery() as nursery:
        start = partial(serve, 0, hosts=["127.0.0.1"], observer=observe, limits=limits, **kind)
        listeners = await nursery.start(start)
        address = listeners[0].socket.getsockname()
        for before in (0, many):
            # The first one also makes what is made only once.
            with no_cycles() if before else nullcontext():
                clients = [socket.create_connection(address) for _ in range(many)]
                for sock in clients:
                    sock.sendall(b"hello")
                await wait_all_tasks_blocked(0.01)
                if end == "idle":
                    mock_clock.jump(1)
                for sock in clients:
                    if end == "half-close":
                        sock.shutdown(socket.SHUT_WR)
                    elif end == "reset":
                        reset(sock)
                    elif end == "reset during an echo":
                        sock.setblocking(False)
                        try:
                            while True:
                                sock.send(bytes(1_000_000))
                        except BlockingIOError:
                            reset(sock)
                while closed < before + many:
                    await trio.lowlevel.checkpoint()
                await wait_all_tasks_blocked()
                if end in ("half-close", "idle"):
                    for sock in clients:
                        assert receive_all(sock) == b"hello"
                        sock.close()
        nursery.cancel_scope.cancel()


@pytest.mark.parametrize("where", ["tap", "remove", "add"])
def test_ctrl_c_at_any_point_ends_the_server_and_closes_everything(
    monkeypatch: pytest.MonkeyPatch, where: str
) -> None:
    """Also between the two halves of a change."""
    events: list[object] = []
    clients: list[socket.socket] = []
    interrupted = False

    def interrupt() -> None:
        nonlocal interrupted
        if not interrupted and len(clients) == 3:
            interrupted = True
            signal.raise_signal(signal.SIGINT)

    def observe(event: object) -> None:
        events.append(event)
        if where == "tap" and isinstance(event, DataReceived):
            interrupt()

    class Interrupting(Reactor):
        def add(self, relay: SocketRelay) -> None:
            if where == "add" and not interrupted:
                self._epoll.register(relay.descriptor, select.EPOLLIN)
                interrupt()
            super().add(relay)

        def remove(self, relay: SocketRelay) -> None:
            super().remove(relay)
            if where == "remove":
                interrupt()

    monkeypatch.setattr(trio_echo.reactor, "Reactor", Interrupting)

    async def main() -> None:
        async with trio.open_nursery() as nursery:
            listeners = await nursery.start(
                partial(serve, 0, hosts=["127.0.0.1"], observer=observe)
            )
            address = listeners[0].socket.getsockname()
            clients.extend(socket.create_connection(address) for _ in range(3))
            if where != "add":
                await wait_all_tasks_blocked()
            for sock in clients:
                sock.sendall(b"hello")
                sock.shutdown(socket.SHUT_WR)

    with pytest.RaisesGroup(KeyboardInterrupt, flatten_subgroups=True, allow_unwrapped=True):
        trio.run(main)
    assert interrupted
    assert isinstance(events[-1], Stopped)
    assert events[-1].clients == sum(isinstance(one, ClientClosed) for one in events)
    for sock in clients:
        sock.close()


async def test_a_server_uses_it_on_both_families(
    monkeypatch: pytest.MonkeyPatch, host: str
) -> None:
    monkeypatch.setattr(trio_echo.relays, "Relay", None)
    async with trio.open_nursery() as nursery:
        listeners = await nursery.start(partial(serve, 0, hosts=[host]))
        async with await connect(host, listeners[0].socket.getsockname()[1]) as client:
            assert await client.echo(b"hello") == b"hello"
        nursery.cancel_scope.cancel()
