"""The server over real sockets, on both families."""

from __future__ import annotations

import errno
import gc
import math
import socket
import sys
from contextlib import ExitStack, asynccontextmanager, suppress
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, cast

import pytest
import trio
from support import Events, ipv6, receive_all, reset
from trio.testing import MockClock, wait_all_tasks_blocked

import trio_echo
from trio_echo import (
    AddressError,
    Endpoint,
    Faults,
    IncompleteReceiveError,
    Limits,
    SocketCallError,
    connect,
    receive_exactly,
    serve,
)
from trio_echo.events import (
    ClientClosed,
    ClientClosedOnPurpose,
    ClientConnected,
    ClientFailed,
    ClientIdle,
    ClientResetOnPurpose,
    ClientsWaiting,
    DataReceived,
    Draining,
    FamilyMissing,
    Listening,
    Stopped,
)

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

    from trio_echo.events import Connection
    from trio_echo.relay import BaseRelay

pytestmark = pytest.mark.usefixtures("way")


class Server:
    """A running `serve`, and what a test needs to know about it."""

    def __init__(self, port: int, events: Events, stop: trio.Event) -> None:
        self.port = port
        self.events = events
        self.stop = stop
        self.stopped = trio.Event()

    async def drained(self) -> Stopped:
        self.stop.set()
        return await self.events.wait(Stopped)


@asynccontextmanager
async def serving(
    host: str, limits: Limits = Limits(), faults: Faults = Faults()
) -> AsyncIterator[Server]:
    async with trio.open_nursery() as nursery:
        events, stop = Events(), trio.Event()
        listeners = await nursery.start(
            partial(
                serve, 0, hosts=[host], limits=limits, faults=faults, observer=events, stop=stop
            )
        )
        yield Server(listeners[0].socket.getsockname()[1], events, stop)
        nursery.cancel_scope.cancel()


def plain_socket(host: str, port: int) -> socket.socket:
    return socket.create_connection((host, port))


async def test_each_client_gets_its_own_bytes_back(host: str) -> None:
    async with serving(host) as server, trio.open_nursery() as nursery:

        async def client(number: int) -> None:
            message = bytes([number]) * (number * 1000 + 1)
            async with await connect(host, server.port) as client:
                for _ in range(5):
                    assert await client.echo(message) == message

        for number in range(20):
            nursery.start_soon(client, number)


@ipv6
async def test_it_listens_on_both_families_with_the_same_free_port() -> None:
    async with trio.open_nursery() as nursery:
        listeners = await nursery.start(serve, 0)
        names = [Endpoint.from_sockaddr(one.socket.getsockname()) for one in listeners]
        assert [name.host for name in names] == ["127.0.0.1", "::1"]
        assert names[0].port == names[1].port != 0
        nursery.cancel_scope.cancel()


@ipv6
async def test_another_port_is_taken_if_it_is_in_use_on_the_second_address() -> None:
    attempts: list[int] = []
    original = trio.open_tcp_listeners

    async def open_once_taken(
        port: int, *, host: str | None = None, backlog: int | None = None
    ) -> list[trio.SocketListener]:
        if host == "::1":
            attempts.append(port)
            if len(attempts) == 1:
                raise OSError(errno.EADDRINUSE, "Address already in use")
        return await original(port, host=host, backlog=backlog)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(trio, "open_tcp_listeners", open_once_taken)
        async with trio.open_nursery() as nursery:
            listeners = await nursery.start(serve, 0)
            assert len(listeners) == 2
            assert len(attempts) == 2
            assert listeners[0].socket.getsockname()[1] == attempts[1]
            nursery.cancel_scope.cancel()


@ipv6
@pytest.mark.parametrize("max_clients", [None, 1])
@pytest.mark.parametrize("taken", [False, True], ids=["free", "taken"])
async def test_an_early_client_is_served_once_the_server_listens_on_all_addresses(
    *, taken: bool, max_clients: int | None
) -> None:
    early: list[socket.socket] = []
    original = trio.open_tcp_listeners

    async def open_late(
        port: int, *, host: str | None = None, backlog: int | None = None
    ) -> list[trio.SocketListener]:
        if host == "::1" and not early:
            early.append(plain_socket("127.0.0.1", port))
            await wait_all_tasks_blocked()
            if taken:
                raise OSError(errno.EADDRINUSE, "Address already in use")
        return await original(port, host=host, backlog=backlog)

    events = Events()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(trio, "open_tcp_listeners", open_late)
        async with trio.open_nursery() as nursery:
            limits = Limits(max_clients=max_clients)
            listeners = await nursery.start(partial(serve, 0, limits=limits, observer=events))
            names = [Endpoint.from_sockaddr(one.socket.getsockname()) for one in listeners]
            if not taken:
                await events.wait(ClientConnected)
            assert events.seen[:2] == [Listening(name) for name in names]
            nursery.cancel_scope.cancel()
    assert events.seen[-1] == Stopped(int(not taken), echoed=0, cut_off=int(not taken))
    with early[0] as sock, suppress(ConnectionResetError):  # not served by the next attempt
        assert sock.recv(1) == b""


async def test_a_client_that_ends_its_side_gets_everything_back_first(host: str) -> None:
    async with serving(host) as server:
        stream = await trio.open_tcp_stream(host, server.port)
        message = bytes(range(256)) * 40_000

        async def send() -> None:
            await stream.send_all(message)
            await stream.send_eof()

        async with stream, trio.open_nursery() as nursery:
            nursery.start_soon(send)
            assert await receive_exactly(stream, len(message)) == message
            assert await stream.receive_some() == b""


async def test_the_events_of_a_client_come_in_order(host: str) -> None:
    async with serving(host) as server:
        listening = await server.events.wait(Listening)
        assert listening.endpoint == (host, server.port)
        async with await connect(host, server.port) as client:
            assert await client.echo(b"hello") == b"hello"
            assert isinstance(client.stream, trio.SocketStream)
            mine = Endpoint.from_sockaddr(client.stream.socket.getsockname())
        closed = await server.events.wait(ClientClosed)
        connection = closed.connection
        assert connection == trio_echo.events.Connection(1, listening.endpoint, mine)
        assert server.events.seen[1:] == [
            ClientConnected(connection),
            DataReceived(connection, b"hello"),
            ClientClosed(connection, echoed=5),
        ]


async def test_a_client_that_resets_ends_alone(host: str) -> None:
    async with serving(host) as server, await connect(host, server.port) as other:
        rude = plain_socket(host, server.port)
        assert await other.echo(b"before") == b"before"
        reset(rude)
        failed = await server.events.wait(ClientFailed)
        assert isinstance(failed.error, SocketCallError)
        assert (failed.error.call, failed.error.errno) == ("recv()", errno.ECONNRESET)
        assert (await server.events.wait(ClientClosed)).connection == failed.connection
        assert await other.echo(b"after") == b"after"


async def test_a_client_that_resets_before_it_is_accepted_is_not_counted(host: str) -> None:
    async with serving(host) as server:
        for _ in range(10):
            # Nothing runs in between: the kernel accepts and resets the connection in its queue.
            reset(plain_socket(host, server.port))
        async with await connect(host, server.port) as client:
            assert await client.echo(b"alive") == b"alive"
        assert await server.drained() == Stopped(clients=1, echoed=5, cut_off=0)


async def test_a_client_that_never_receives_does_not_delay_others(host: str) -> None:
    async with serving(host) as server, await connect(host, server.port) as other:
        greedy = await trio.open_tcp_stream(host, server.port)
        async with greedy, trio.open_nursery() as nursery:
            nursery.start_soon(greedy.send_all, bytes(100_000_000))
            # Once both directions are full, nothing moves any more: the server is stuck with it.
            await wait_all_tasks_blocked(cushion=0.1)
            for _ in range(10):
                assert await other.echo(b"x" * 1000) == b"x" * 1000
            nursery.cancel_scope.cancel()
        received = sum(
            len(event.data) for event in server.events.seen if isinstance(event, DataReceived)
        )
        assert 65536 < received < 100_000_000


async def test_if_the_observer_fails_on_a_client_only_that_client_ends(host: str) -> None:
    failures: list[ClientFailed] = []

    def observe(event: object) -> None:
        if isinstance(event, DataReceived) and event.data == b"bad":
            raise RuntimeError("bug")
        if isinstance(event, ClientFailed):
            failures.append(event)

    async with trio.open_nursery() as nursery:
        listeners = await nursery.start(partial(serve, 0, hosts=[host], observer=observe))
        port = listeners[0].socket.getsockname()[1]
        async with await connect(host, port) as good, await connect(host, port) as bad:
            with pytest.raises((trio_echo.IncompleteReceiveError, SocketCallError)):
                await bad.echo(b"bad")
            assert await good.echo(b"good") == b"good"
        nursery.cancel_scope.cancel()
    (failure,) = failures
    assert isinstance(failure.error, ExceptionGroup)
    assert failure.error.subgroup(RuntimeError) is not None


async def test_without_data_an_observer_gets_all_other_events(host: str) -> None:
    events = Events()
    async with trio.open_nursery() as nursery:
        start = partial(serve, 0, hosts=[host], observer=events, observe_data=False)
        listeners = await nursery.start(start)
        async with await connect(host, listeners[0].socket.getsockname()[1]) as client:
            assert await client.echo(b"hello") == b"hello"
        closed = await events.wait(ClientClosed)
        assert closed.echoed == 5
        kinds = [type(event) for event in events.seen]
        assert kinds == [Listening, ClientConnected, ClientClosed]
        nursery.cancel_scope.cancel()


async def test_who_takes_over_gets_the_pieces_after_the_first(host: str) -> None:
    events = Events()
    later: list[object] = []

    def take_over(connection: Connection, relay: BaseRelay) -> None:
        later.append(connection)
        relay.tap = later.append

    async with trio.open_nursery() as nursery:
        start = partial(serve, 0, hosts=[host], observer=events, take_over=take_over)
        listeners = await nursery.start(start)
        async with await connect(host, listeners[0].socket.getsockname()[1]) as client:
            for message in (b"one", b"two", b"three"):
                assert await client.echo(message) == message
        closed = await events.wait(ClientClosed)
        assert later == [closed.connection, b"two", b"three"]
        data = [event.data for event in events.seen if isinstance(event, DataReceived)]
        assert data == [b"one"]
        nursery.cancel_scope.cancel()


async def test_the_portable_way_serves_the_same(host: str) -> None:
    events = Events()
    async with trio.open_nursery() as nursery:
        start = partial(serve, 0, hosts=[host], observer=events, portable=True)
        listeners = await nursery.start(start)
        async with await connect(host, listeners[0].socket.getsockname()[1]) as client:
            assert await client.echo(b"hello") == b"hello"
        closed = await events.wait(ClientClosed)
        assert DataReceived(closed.connection, b"hello") in events.seen
        nursery.cancel_scope.cancel()


async def test_an_observers_error_outside_clients_ends_the_server() -> None:
    def observe(event: object) -> None:
        if isinstance(event, Listening):
            raise RuntimeError("bug")

    with pytest.RaisesGroup(pytest.RaisesExc(RuntimeError, match="bug"), flatten_subgroups=True):
        await serve(0, hosts=["127.0.0.1"], observer=observe)


async def test_an_excess_client_waits_for_its_turn_and_one_event_reports_it(host: str) -> None:
    async with serving(host, Limits(max_clients=1)) as server:
        first = await connect(host, server.port)
        await server.events.wait(ClientConnected)
        waiting = [await connect(host, server.port) for _ in range(2)]
        assert await server.events.wait(ClientsWaiting) == ClientsWaiting(max_clients=1)
        assert await first.echo(b"mine") == b"mine"
        await wait_all_tasks_blocked()
        kinds = [type(event) for event in server.events.seen]
        assert kinds.count(ClientConnected) == 1
        assert kinds.count(ClientsWaiting) == 1

        await first.aclose()
        for client in waiting:
            async with client:
                assert await client.echo(b"my turn") == b"my turn"
        assert await server.drained() == Stopped(clients=3, echoed=18, cut_off=0)


async def test_a_crowd_never_exceeds_the_limit(
    host: str,
) -> None:
    async with serving(host, Limits(max_clients=3)) as server:
        crowd = [plain_socket(host, server.port) for _ in range(100)]
        for number, sock in enumerate(crowd):
            sock.sendall(bytes([number]))
            sock.shutdown(socket.SHUT_WR)
        for _ in crowd:
            await server.events.wait(ClientClosed)
        for number, sock in enumerate(crowd):
            with sock:
                assert sock.recv(2) == bytes([number])
        at_once = most = 0
        for event in server.events.seen:
            at_once += isinstance(event, ClientConnected) - isinstance(event, ClientClosed)
            most = max(most, at_once)
        assert (at_once, most) == (0, 3)
        assert await server.drained() == Stopped(clients=100, echoed=100, cut_off=0)


async def test_a_crowd_is_served_although_some_reset(host: str) -> None:
    async with serving(host) as server:
        crowd = [plain_socket(host, server.port) for _ in range(100)]
        for number, sock in enumerate(crowd):
            if number % 3:
                sock.sendall(b"hello")
                sock.shutdown(socket.SHUT_WR)
            else:
                reset(sock)
        for number in range(100):
            if number % 3:
                await server.events.wait(ClientClosed)
        for number, sock in enumerate(crowd):
            if number % 3:
                with sock:
                    assert sock.recv(10) == b"hello"
        assert await server.drained() == Stopped(clients=66, echoed=330, cut_off=0)


async def test_each_time_the_slots_fill_up_an_event_reports_it(host: str) -> None:
    async with serving(host, Limits(max_clients=1)) as server:
        for _ in range(2):
            first = await connect(host, server.port)
            await server.events.wait(ClientConnected)
            second = await connect(host, server.port)
            await server.events.wait(ClientsWaiting)
            await first.aclose()
            await server.events.wait(ClientClosed)
            await second.aclose()
            await server.events.wait(ClientClosed)


def descriptors() -> int:
    return len(list(Path("/proc/self/fd").iterdir()))


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux lists a process's descriptors")
async def test_clients_that_left_while_waiting_hold_few_descriptors(host: str) -> None:
    async with serving(host, Limits(max_clients=1)) as server:
        first = await connect(host, server.port)
        await server.events.wait(ClientConnected)
        before = descriptors()
        for number in range(500):
            with plain_socket(host, server.port) as sock:
                sock.sendall(b"!" * (number % 2))
        await server.events.wait(ClientsWaiting)
        await wait_all_tasks_blocked()
        assert descriptors() - before < 100
        last = await connect(host, server.port)
        await first.aclose()
        async with last:
            assert await last.echo(b"my turn") == b"my turn"
        # Those that had sent nothing may have been served, or may have left before that.
        stopped = await server.drained()
        assert (stopped.clients, stopped.cut_off) == (502, 0)


async def test_waiting_clients_have_the_grace_period_too(host: str, mock_clock: MockClock) -> None:
    async with serving(host, Limits(max_clients=1, grace=5)) as server:
        first, second, third = [await connect(host, server.port) for _ in range(3)]
        await server.events.wait(ClientsWaiting)
        await wait_all_tasks_blocked()
        server.stop.set()
        assert await server.events.wait(Draining) == Draining(clients=3, grace=5)
        assert await first.echo(b"hello") == b"hello"
        await first.aclose()
        assert await second.echo(b"my turn") == b"my turn"
        mock_clock.jump(5)
        assert await server.events.wait(Stopped) == Stopped(clients=2, echoed=12, cut_off=2)
        for client in (second, third):
            async with client:
                assert await client.receive_unsolicited() == b""


@pytest.mark.parametrize("how", ["stopped", "cancelled"])
async def test_waiting_clients_are_cut_off_and_counted_unless_they_have_left(
    host: str, how: str
) -> None:
    events, stop = Events(), trio.Event()
    limits = Limits(max_clients=1, grace=0)
    start = partial(serve, 0, hosts=[host], limits=limits, observer=events, stop=stop)
    with ExitStack() as crowd:
        async with trio.open_nursery() as nursery:
            listeners = await nursery.start(start)
            port = listeners[0].socket.getsockname()[1]
            for number in range(300):
                sock = plain_socket(host, port)
                match number % 3:
                    case 0:
                        crowd.callback(sock.close)
                    case 1 if number > 2:
                        sock.close()
                    case _:
                        reset(sock)
                if number == 0:
                    await events.wait(ClientConnected)
            await events.wait(ClientsWaiting)
            await wait_all_tasks_blocked()
            if how == "stopped":
                stop.set()
            else:
                nursery.cancel_scope.cancel()
    assert events.seen[-1] == Stopped(clients=1, echoed=0, cut_off=100)


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere 127.0.0.1 is the only one")
async def test_a_server_remembers_few_of_its_own_endpoints_each_once() -> None:
    (listener,) = await trio.open_tcp_listeners(0, host="0.0.0.0")  # noqa: S104
    port = listener.socket.getsockname()[1]
    hosts = {f"127.0.1.{number}" for number in range(1, 101)}
    events = Events()
    async with trio.open_nursery() as nursery:
        await nursery.start(partial(serve, listeners=[listener], observer=events))
        for host in hosts:
            plain_socket(host, port).close()
            plain_socket(host, port).close()
            first, second = [(await events.wait(ClientClosed)).connection for _ in range(2)]
            assert first.local is second.local
            assert first.local == Endpoint(host, port)
        del first, second
        events.seen.clear()
        alive = [one for one in gc.get_objects() if isinstance(one, Endpoint)]
        assert 0 < sum(one.host in hosts and one.port == port for one in alive) < 70
        nursery.cancel_scope.cancel()


async def test_servers_with_the_same_slots_share_one_limit(host: str) -> None:
    slots, events = trio.CapacityLimiter(1), [Events(), Events()]
    async with trio.open_nursery() as nursery:
        ports = []
        for observer in events:
            (listener,) = await nursery.start(
                partial(serve, 0, hosts=[host], observer=observer, client_slots=slots)
            )
            ports.append(listener.socket.getsockname()[1])
        first, second = [await connect(host, port) for port in ports]
        async with second:
            async with first:
                assert await first.echo(b"mine") == b"mine"
                await wait_all_tasks_blocked()
                assert ClientConnected not in map(type, events[1].seen)
            assert await second.echo(b"my turn") == b"my turn"
        nursery.cancel_scope.cancel()


async def jump_from_pause_to_pause(clock: MockClock, seconds: float, times: int) -> None:
    for _ in range(times):
        await wait_all_tasks_blocked()
        clock.jump(seconds)


async def idle_in_the_end(server: Server, clock: MockClock) -> ClientIdle:
    """Let time pass until a client is idle. It may acknowledge what it got late."""
    async with trio.open_nursery() as nursery:
        nursery.start_soon(jump_from_pause_to_pause, clock, 1, 10_000)
        idle = await server.events.wait(ClientIdle)
        nursery.cancel_scope.cancel()
    return idle


async def test_an_idle_client_is_closed_and_an_active_one_is_not(
    host: str, mock_clock: MockClock
) -> None:
    limits = Limits(idle_timeout=10)
    async with serving(host, limits) as server, await connect(host, server.port) as client:
        for _ in range(3):
            assert await client.echo(b"still here") == b"still here"
            mock_clock.jump(9)
        idle = await idle_in_the_end(server, mock_clock)
        assert idle.idle_timeout == 10
        assert await server.events.wait(ClientClosed) == ClientClosed(idle.connection, 30)
        assert await client.receive_unsolicited() == b""


async def test_a_flooding_client_that_never_receives_is_idle_once_nothing_moves(
    host: str, mock_clock: MockClock
) -> None:
    async with serving(host, Limits(idle_timeout=10)) as server:
        greedy = await trio.open_tcp_stream(host, server.port)

        async def flood() -> None:
            with pytest.raises(trio.BrokenResourceError):
                await greedy.send_all(bytes(100_000_000))

        async with greedy, trio.open_nursery() as nursery:
            nursery.start_soon(flood)
            await wait_all_tasks_blocked(cushion=0.1)
            mock_clock.jump(9)
            await wait_all_tasks_blocked()
            assert not any(isinstance(event, ClientIdle) for event in server.events.seen)
            await idle_in_the_end(server, mock_clock)


async def test_bytes_that_arrive_just_before_the_limit_are_echoed(
    host: str, mock_clock: MockClock
) -> None:
    """A server that was stopped (SIGSTOP) or busy then finds both at once."""
    async with serving(host, Limits(idle_timeout=2)) as server:
        sock = plain_socket(host, server.port)
        await server.events.wait(ClientConnected)
        for message in (b"a", b"b", b"c"):
            sock.sendall(message)
            mock_clock.jump(2.5)
            assert (await server.events.wait(DataReceived)).data == message
        sock.shutdown(socket.SHUT_WR)
        await server.events.wait(ClientClosed)
        with sock:
            assert receive_all(sock) == b"abc"
        assert not any(isinstance(event, ClientIdle) for event in server.events.seen)


def slow_reader(host: str, port: int) -> socket.socket:
    """A client with little room to receive."""
    sock = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    sock.connect((host, port))
    return sock


async def sent_and_all_taken(sock: socket.socket, server: Server, count: int) -> None:
    """Send, and wait until the server has received everything and handed it to the system."""
    message = pattern(count)
    sock.setblocking(False)
    while message:
        message = message[sock.send(message) :]
        await trio.lowlevel.checkpoint()
    while count:
        count -= len((await server.events.wait(DataReceived)).data)
    await wait_all_tasks_blocked(0.01)


def pattern(count: int) -> bytes:
    return b"".join(number.to_bytes(4, "big") for number in range(count // 4))


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux counts acknowledged bytes")
async def test_a_client_that_receives_slowly_is_not_idle(host: str, mock_clock: MockClock) -> None:
    size = 60_000
    async with serving(host, Limits(idle_timeout=3)) as server:
        with slow_reader(host, server.port) as sock:
            await sent_and_all_taken(sock, server, size)
            received = b""
            while len(received) < size:
                with suppress(BlockingIOError):
                    received += sock.recv(8192)
                await jump_from_pause_to_pause(mock_clock, 0.8, 2)
            assert received == pattern(size)
            assert not any(isinstance(event, ClientIdle) for event in server.events.seen)
            idle = await idle_in_the_end(server, mock_clock)
            assert await server.events.wait(ClientClosed) == ClientClosed(idle.connection, size)


async def test_a_client_that_does_not_receive_what_the_system_holds_is_idle(
    host: str, mock_clock: MockClock
) -> None:
    async with serving(host, Limits(idle_timeout=3)) as server:
        with slow_reader(host, server.port) as sock:
            await sent_and_all_taken(sock, server, 60_000)
            before = trio.current_time()
            await idle_in_the_end(server, mock_clock)
            assert trio.current_time() - before < 3 * 3


async def test_a_stopping_server_accepts_nobody_and_lets_clients_finish(
    host: str, mock_clock: MockClock
) -> None:
    async with serving(host, Limits(grace=5)) as server:
        client = await connect(host, server.port)
        await server.events.wait(ClientConnected)
        server.stop.set()
        assert await server.events.wait(Draining) == Draining(clients=1, grace=5)
        with pytest.raises(SocketCallError) as refused:
            await connect(host, server.port)
        assert refused.value.errno == errno.ECONNREFUSED
        mock_clock.jump(4)
        assert await client.echo(b"unhurried") == b"unhurried"
        await client.aclose()
        assert await server.events.wait(Stopped) == Stopped(clients=1, echoed=9, cut_off=0)


async def test_a_client_still_connected_after_the_grace_period_is_cut_off(
    host: str, mock_clock: MockClock
) -> None:
    async with serving(host, Limits(grace=5)) as server, await connect(host, server.port) as client:
        assert await client.echo(b"hello") == b"hello"
        server.stop.set()
        await server.events.wait(Draining)
        mock_clock.jump(5)
        assert await server.events.wait(Stopped) == Stopped(clients=1, echoed=5, cut_off=1)
        assert await client.receive_unsolicited() == b""


async def test_without_clients_it_stops_at_once(host: str, mock_clock: MockClock) -> None:
    async with serving(host, Limits(grace=5)) as server:
        plain_socket(host, server.port).close()
        await server.events.wait(ClientClosed)
        assert await server.drained() == Stopped(clients=1, echoed=0, cut_off=0)
        assert not any(isinstance(event, Draining) for event in server.events.seen)


async def test_cancelling_ends_everything_at_once(host: str) -> None:
    events = Events()
    async with trio.open_nursery() as nursery:
        listeners = await nursery.start(partial(serve, 0, hosts=[host], observer=events))
        client = await connect(host, listeners[0].socket.getsockname()[1])
        await events.wait(ClientConnected)
        nursery.cancel_scope.cancel()
    assert events.seen[-1] == Stopped(clients=1, echoed=0, cut_off=1)
    async with client:
        assert await client.receive_unsolicited() == b""


@pytest.mark.parametrize(
    "limits", [Limits(), Limits(idle_timeout=60, max_clients=1)], ids=["unlimited", "limited"]
)
async def test_an_echo_in_fragments_is_complete(host: str, limits: Limits) -> None:
    faults = Faults(fragment=1000, delay=0)
    message = bytes(range(256)) * 400
    async with (
        serving(host, limits, faults) as server,
        await connect(host, server.port) as client,
    ):
        assert await client.echo(message) == message
        await client.aclose()
        closed = await server.events.wait(ClientClosed)
        assert closed.echoed == len(message)


async def test_a_client_alone_is_reset_on_purpose_at_the_given_byte(host: str) -> None:
    async with (
        serving(host, Limits(idle_timeout=60), Faults(fragment=2, reset_after=8)) as server,
        await connect(host, server.port) as other,
    ):
        assert await other.echo(b"before") == b"before"
        async with await connect(host, server.port) as client:
            assert await client.echo(b"hello") == b"hello"
            with pytest.raises(SocketCallError) as failure:
                await client.echo(b"again")
            assert (failure.value.call, failure.value.errno) == ("recv()", errno.ECONNRESET)
            assert client.buffered == b"aga"
        was_reset = await server.events.wait(ClientResetOnPurpose)
        assert was_reset.echoed == 8
        assert await server.events.wait(ClientClosed) == ClientClosed(was_reset.connection, 8)
        assert await other.echo(b"!") == b"!"
        await other.aclose()
        assert await server.drained() == Stopped(clients=2, echoed=15, cut_off=0)
        assert not any(isinstance(event, ClientFailed) for event in server.events.seen)


async def test_a_client_is_closed_on_purpose_at_the_given_byte_or_time(
    host: str, autojump_clock: MockClock
) -> None:
    for faults, echo in ((Faults(close_after=3), b"hel"), (Faults(lifetime=9), b"hello")):
        async with serving(host, faults=faults) as server:
            async with await connect(host, server.port) as client:
                await client.stream.send_all(b"hello")
                received = b"".join([bytes(piece) async for piece in client.stream])
                assert received == echo
            closed = await server.events.wait(ClientClosedOnPurpose)
            assert closed.echoed == len(echo)
            assert await server.events.wait(ClientClosed) == ClientClosed(
                closed.connection, closed.echoed
            )
            assert not any(isinstance(event, ClientFailed) for event in server.events.seen)


async def test_the_end_of_a_slow_client_is_answered_late_or_at_the_end_of_the_server(
    host: str,
) -> None:
    async with serving(host, Limits(grace=0), Faults(slow_close=math.inf)) as server:
        sock = plain_socket(host, server.port)
        with sock:
            sock.sendall(b"hello")
            sock.shutdown(socket.SHUT_WR)
            await server.events.wait(DataReceived)
            await wait_all_tasks_blocked(0.01)
            assert await server.drained() == Stopped(clients=1, echoed=5, cut_off=1)
            assert receive_all(sock) == b"hello"


async def test_a_black_hole_receives_and_never_answers(host: str) -> None:
    async with (
        serving(host, faults=Faults(black_hole=True)) as server,
        await connect(host, server.port) as client,
    ):
        await client.stream.send_all(b"hello")
        assert (await server.events.wait(DataReceived)).data == b"hello"
        await client.aclose()
        assert (await server.events.wait(ClientClosed)).echoed == 0


async def test_only_the_first_connection_goes_wrong(host: str) -> None:
    async with serving(host, faults=Faults(close_after=0, only_first=1)) as server:
        async with await connect(host, server.port) as client:
            with pytest.raises(IncompleteReceiveError):
                await client.echo(b"hello")
        assert (await server.events.wait(ClientClosedOnPurpose)).connection.number == 1
        async with await connect(host, server.port) as client:
            assert await client.echo(b"hello") == b"hello"


async def test_a_client_that_resets_a_faulty_server_has_failed(host: str) -> None:
    async with serving(host, faults=Faults(reset_after=100)) as server:
        rude = plain_socket(host, server.port)
        await server.events.wait(ClientConnected)
        reset(rude)
        failed = await server.events.wait(ClientFailed)
        assert isinstance(failed.error, SocketCallError)
        assert failed.error.errno == errno.ECONNRESET


async def test_a_reset_on_purpose_makes_room_for_the_next_client(host: str) -> None:
    async with serving(host, Limits(max_clients=1), Faults(reset_after=0)) as server:
        first, second = await connect(host, server.port), await connect(host, server.port)
        await server.events.wait(ClientsWaiting)
        for client in (first, second):
            async with client:
                with pytest.raises(SocketCallError):
                    await client.echo(b"hello")
        assert await server.drained() == Stopped(clients=2, echoed=0, cut_off=0)


async def test_a_client_is_not_idle_while_a_slow_echo_moves(
    host: str, mock_clock: MockClock
) -> None:
    async with (
        serving(host, Limits(idle_timeout=5), Faults(fragment=1, delay=3)) as server,
        await connect(host, server.port) as client,
    ):
        assert isinstance(client.stream, trio.SocketStream)
        await client.stream.send_all(b"hello")
        await server.events.wait(DataReceived)
        await jump_from_pause_to_pause(mock_clock, 3, 5)
        assert await receive_exactly(client.stream, 5) == b"hello"
        idle = await idle_in_the_end(server, mock_clock)
        assert await server.events.wait(ClientClosed) == ClientClosed(idle.connection, 5)


async def test_a_client_is_idle_if_its_echo_is_delayed_beyond_the_timeout(
    host: str, mock_clock: MockClock
) -> None:
    async with (
        serving(host, Limits(idle_timeout=5), Faults(delay=6)) as server,
        await connect(host, server.port) as client,
    ):
        await client.stream.send_all(b"hello")
        await server.events.wait(DataReceived)
        await jump_from_pause_to_pause(mock_clock, 5, 1)
        idle = await server.events.wait(ClientIdle)
        assert await server.events.wait(ClientClosed) == ClientClosed(idle.connection, 0)


@pytest.mark.parametrize(
    ("grace", "stopped"),
    [(10, Stopped(clients=1, echoed=5, cut_off=0)), (2.5, Stopped(1, echoed=2, cut_off=1))],
    ids=["in time", "too late"],
)
async def test_a_slow_echo_ends_within_the_grace_period_or_is_cut_off(
    host: str, mock_clock: MockClock, grace: float, stopped: Stopped
) -> None:
    async with (
        serving(host, Limits(grace=grace), Faults(fragment=1, delay=1)) as server,
        await connect(host, server.port) as client,
    ):
        assert isinstance(client.stream, trio.SocketStream)
        await client.stream.send_all(b"hello")
        await client.stream.send_eof()
        await server.events.wait(DataReceived)
        server.stop.set()
        await server.events.wait(Draining)
        await jump_from_pause_to_pause(mock_clock, 1, 5)
        assert await server.events.wait(Stopped) == stopped
        received = b"".join([bytes(piece) async for piece in client.stream])
        assert received == b"hello"[: stopped.echoed]


async def test_cancelling_does_not_wait_for_a_pause(host: str) -> None:
    async with (
        serving(host, faults=Faults(delay=math.inf)) as server,
        await connect(host, server.port) as client,
    ):
        await client.stream.send_all(b"hello")
        await server.events.wait(DataReceived)
        await wait_all_tasks_blocked()


async def test_a_port_in_use_is_one_typed_error_even_from_a_nursery(host: str) -> None:
    async with serving(host) as server, trio.open_nursery() as nursery:
        with pytest.raises(SocketCallError) as failure:
            await nursery.start(partial(serve, server.port, hosts=[host]))
        assert failure.value.errno == errno.EADDRINUSE
        words = failure.value.strerror  # the system's own
        assert str(failure.value) == f"[bind()] {words}: {Endpoint(host, server.port)}"


@pytest.mark.parametrize(
    ("name", "call"), [("nosuch.invalid", "getaddrinfo()"), ("203.0.113.1", "bind()")]
)
async def test_an_address_of_another_machine_is_an_error(name: str, call: str) -> None:
    with pytest.raises(SocketCallError) as failure:
        await serve(0, hosts=[name])
    assert failure.value.call == call


def without_ipv6(number: int) -> Callable[..., object]:
    original = trio.open_tcp_listeners

    async def open_ipv4_only(
        port: int, *, host: str | None = None, backlog: int | None = None
    ) -> list[trio.SocketListener]:
        if host == "::1":
            raise OSError(number, "as on a system without IPv6")
        return await original(port, host=host, backlog=backlog)

    return open_ipv4_only


@pytest.mark.parametrize("number", [errno.EAFNOSUPPORT, errno.EADDRNOTAVAIL])
async def test_if_a_family_is_missing_the_other_one_is_served_and_an_event_reports_it(
    number: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(trio, "open_tcp_listeners", without_ipv6(number))
    events = Events()
    async with trio.open_nursery() as nursery:
        listeners = await nursery.start(partial(serve, 0, observer=events))
        (listener,) = listeners
        missing = await events.wait(FamilyMissing)
        assert (missing.error.errno, missing.error.where) == (
            number,
            f"[::1]:{listener.socket.getsockname()[1]}",
        )
        nursery.cancel_scope.cancel()


async def test_if_the_only_family_is_missing_it_is_an_error(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(trio, "open_tcp_listeners", without_ipv6(errno.EAFNOSUPPORT))
    with pytest.raises(SocketCallError) as failure:
        await serve(0, hosts=["::1"])
    assert failure.value.call == "socket()"


async def test_a_server_listens_once_on_an_address_named_twice() -> None:
    async with trio.open_nursery() as nursery:
        listeners = await nursery.start(partial(serve, 0, hosts=["127.0.0.1", "127.0.0.1"]))
        assert len(listeners) == 1
        nursery.cancel_scope.cancel()


async def test_a_single_name_instead_of_a_list_is_refused() -> None:
    with pytest.raises(TypeError, match=r"such as \['127.0.0.1'\]"):
        await serve(0, hosts="127.0.0.1")


@pytest.mark.parametrize(
    ("host", "port"), [("127.0.0.1", 65536), ("127.0.0.1", -1), ("127.0.0.1\0.example", 0)]
)
async def test_hosts_and_ports_that_c_would_cut_short_are_refused(host: str, port: int) -> None:
    with pytest.raises(AddressError, match="is not a"):
        await serve(port, hosts=[host])
    with pytest.raises(AddressError, match="is not a"):
        await connect(host, port)


async def test_an_empty_list_of_hosts_is_refused() -> None:
    with pytest.raises(ValueError, match="at least one"):
        await serve(0, hosts=[])


class NoListener:
    """Looks like a listener by its name only."""


async def tcp() -> trio.SocketListener:
    return (await trio.open_tcp_listeners(0, host="127.0.0.1"))[0]


async def test_bad_listeners_are_refused_and_the_others_are_closed() -> None:
    beside, closed, other = await tcp(), await tcp(), await tcp()
    await closed.aclose()
    wrong: list[tuple[list[object], type[Exception], str]] = [
        ([], ValueError, "at least one"),
        ([NoListener(), beside], TypeError, "not NoListener"),
        ([closed, other], ValueError, "open"),
    ]
    for given, kind, words in wrong:
        with pytest.raises(kind, match=words):
            await serve(listeners=cast("list[trio.SocketListener]", given))
    assert beside.socket.fileno() == other.socket.fileno() == -1
    twice = await tcp()
    with pytest.raises(ValueError, match="twice"):
        await serve(listeners=[twice, twice])
    assert twice.socket.fileno() == -1


@pytest.mark.skipif(not hasattr(socket, "AF_UNIX"), reason="there are no Unix sockets")
async def test_a_listener_that_is_not_tcp_is_refused(tmp_path: Path) -> None:
    sock = trio.socket.socket(socket.AddressFamily["AF_UNIX"])
    await sock.bind(str(tmp_path / "echo"))
    sock.listen()
    with pytest.raises(ValueError, match="must be TCP"):
        await serve(listeners=[trio.SocketListener(sock)])
    assert sock.fileno() == -1


@pytest.mark.usefixtures("way")
async def test_given_listeners_are_served_and_closed_in_the_end(host: str) -> None:
    given = [*await trio.open_tcp_listeners(0, host=host), *await trio.open_tcp_listeners(0)]
    events, stop = Events(), trio.Event()
    async with trio.open_nursery() as nursery:
        start = partial(serve, listeners=given, observer=events, stop=stop)
        assert await nursery.start(start) == given
        names = [Endpoint.from_sockaddr(one.socket.getsockname()) for one in given]
        assert events.seen == [Listening(name) for name in names]
        async with await connect(*names[0]) as client:
            assert await client.echo(b"hello") == b"hello"
            stop.set()
            await events.wait(Draining)
            assert [one.socket.fileno() for one in given] == [-1] * len(given)
            assert await client.echo(b"goodbye") == b"goodbye"


@pytest.mark.usefixtures("way")
async def test_a_crowd_is_served_in_the_order_in_which_it_came(host: str) -> None:
    (listener,) = await trio.open_tcp_listeners(0, host=host)
    address = listener.socket.getsockname()[:2]
    with ExitStack() as stack:
        crowd = [stack.enter_context(socket.create_connection(address)) for _ in range(100)]
        expected = [Endpoint.from_sockaddr(one.getsockname()) for one in crowd]
        for one in crowd:
            one.shutdown(socket.SHUT_WR)
        events = Events()
        async with trio.open_nursery() as nursery:
            limits = Limits(max_clients=1)
            start = partial(serve, listeners=[listener], limits=limits, observer=events)
            await nursery.start(start)
            for _ in crowd:
                await events.wait(ClientClosed)
            nursery.cancel_scope.cancel()
    came = [one.connection.remote for one in events.seen if isinstance(one, ClientConnected)]
    assert came == expected


async def test_given_listeners_are_closed_even_if_they_are_never_served() -> None:
    given = await trio.open_tcp_listeners(0, host="127.0.0.1")
    with trio.CancelScope() as scope:
        scope.cancel()
        await serve(listeners=given)
    assert given[0].socket.fileno() == -1


@pytest.mark.parametrize(
    "limits",
    [
        {"max_clients": 0},
        {"max_clients_per_host": 0},
        {"idle_timeout": 0.0},
        {"idle_timeout": float("nan")},
        {"grace": -1.0},
        {"grace": float("nan")},
    ],
)
def test_a_limit_out_of_range_is_refused(limits: dict[str, float]) -> None:
    with pytest.raises(ValueError, match=next(iter(limits))):
        Limits(**limits)  # type: ignore[arg-type]
