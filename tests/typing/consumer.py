"""A typed program that uses the public API as an application would."""

from __future__ import annotations

import socket
from functools import partial
from typing import TYPE_CHECKING, assert_type

import trio
import trio.testing

import trio_echo
from trio_echo import (
    BackgroundServer,
    EchoClient,
    Endpoint,
    ExactReceiver,
    Faults,
    FaultyStream,
    IncompleteReceiveError,
    Limits,
    SocketCallError,
    events,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from trio_echo.testing import EchoServer

MESSAGE = b"18 bytes, exactly."


def report(event: events.ServerEvent) -> str:
    """Say what happened; a checker knows the fields of each event."""
    match event:
        case events.Listening(endpoint):
            return f"listening on {assert_type(endpoint, Endpoint)}"
        case events.DataReceived(connection, data):
            return f"{assert_type(connection, events.Connection).remote}: {len(data)} bytes"
        case events.ClientFailed(error=SocketCallError() as error):
            return f"{assert_type(error.call, str)}: {error.reason}"
        case events.Stopped():
            return f"{assert_type(event.clients, int)} clients"
        case _:
            return type(event).__name__


class Log:
    """An observer with its own state."""

    def __init__(self) -> None:
        self.lines: list[str] = []

    def __call__(self, event: events.ServerEvent) -> None:
        self.lines.append(report(event))


async def talk(endpoint: Endpoint) -> bytes:
    """Receive exactly what was sent."""
    client = await trio_echo.connect(*endpoint, family=socket.AF_INET)
    assert_type(client, EchoClient)
    async with client:
        assert_type(await client.echo(bytearray(b"hello")), bytes)
        await client.stream.send_all(MESSAGE)
        receiver = ExactReceiver(client.stream)
        try:
            return assert_type(await receiver.receive_exactly(len(MESSAGE)), bytes)
        except IncompleteReceiveError as exc:
            return assert_type(exc.partial, bytes)


async def serve(log: Callable[[events.ServerEvent], object]) -> bytes:
    """Serve one client, then stop."""
    stop = trio.Event()
    async with trio.open_nursery() as nursery:
        listeners: list[trio.SocketListener] = await nursery.start(
            partial(
                trio_echo.serve,
                0,
                hosts=["127.0.0.1"],
                limits=Limits(max_clients=10, idle_timeout=60, grace=1),
                observer=log,
                stop=stop,
            )
        )
        host, port = listeners[0].socket.getsockname()
        answer = await talk(Endpoint(host, port))
        stop.set()
    return answer


async def in_memory() -> bytes:
    """Split a message on purpose, and put it together again."""
    near, far = trio.testing.memory_stream_pair()
    await FaultyStream(far, Faults(fragment=1, delay=0)).send_all(MESSAGE)
    return assert_type(await trio_echo.receive_exactly(near, len(MESSAGE)), bytes)


def from_a_thread() -> bytes:
    """Use the server from code that is not asynchronous."""
    with BackgroundServer(hosts=["127.0.0.1"], faults=Faults(fragment=1)) as server:
        assert_type(server.addresses, tuple[Endpoint, ...])
        with socket.create_connection(server.addresses[0]) as sock:
            sock.sendall(b"x")
            return sock.recv(1)


def in_a_test(echo_server: EchoServer) -> None:
    """Use the fixture of the pytest plugin."""
    echo_server.faults = Faults(black_hole=True)
    assert_type(echo_server.ipv4, Endpoint | None)
    assert_type(echo_server.events.wait_for(events.ClientClosed), events.ClientClosed)
    assert_type(echo_server.events.of(events.ClientClosed), list[events.ClientClosed])


def main() -> None:
    """Do all of it."""
    log = Log()
    if trio.run(serve, log) != MESSAGE or trio.run(in_memory) != MESSAGE or from_a_thread() != b"x":
        raise SystemExit("that was not echoed")
    print(*log.lines, sep="\n")  # noqa: T201  a program's output


if __name__ == "__main__":
    main()
