"""The options of accepted sockets, read back or seen in the echo."""

from __future__ import annotations

import errno
import math
import socket
import sys
from contextlib import contextmanager
from functools import partial
from typing import TYPE_CHECKING

import pytest
import trio
from support import Events, receive_count

from trio_echo import (
    BackgroundServer,
    Endpoint,
    Limits,
    SocketCallError,
    connect,
    listening,
    receive_exactly,
    serve,
)
from trio_echo.events import ClientConnected, Connection
from trio_echo.handler import ClientHandler

if TYPE_CHECKING:
    from collections.abc import Iterator

    from trio_echo.accepted import Accepted
    from trio_echo.tcp_info import Socket

pytestmark = pytest.mark.usefixtures("way")


@contextmanager
def noted_sockets(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[Socket]]:
    """Collect the sockets that a server serves."""
    served: list[Socket] = []
    original = ClientHandler._connection

    def note(self: ClientHandler, client: Accepted) -> Connection:
        served.append(client.sock)
        return original(self, client)

    with monkeypatch.context() as patch:
        patch.setattr(ClientHandler, "_connection", note)
        yield served


def options(sock: Socket) -> list[int]:
    names = (socket.SO_KEEPALIVE, socket.SO_OOBINLINE)
    values = [bool(sock.getsockopt(socket.SOL_SOCKET, name)) for name in names]
    return values + streams_options(sock)


def streams_options(sock: Socket) -> list[int]:
    """Return the options that `trio.SocketStream` sets."""
    names = ["TCP_NODELAY", "TCP_NOTSENT_LOWAT"]
    numbers = [getattr(socket, name) for name in names if hasattr(socket, name)]
    return [sock.getsockopt(socket.IPPROTO_TCP, number) for number in numbers]


@pytest.mark.parametrize("given", [False, True], ids=["own", "given"])
@pytest.mark.parametrize("keepalive", [30, math.inf])
@pytest.mark.parametrize("max_clients", [None, 1000])
async def test_every_client_has_the_options_even_if_it_connected_before_the_server_began(
    host: str,
    monkeypatch: pytest.MonkeyPatch,
    *,
    given: bool,
    keepalive: float,
    max_clients: int | None,
) -> None:
    events = Events()
    clients: list[socket.socket] = []
    limits = Limits(keepalive=keepalive, max_clients=max_clients)
    start = partial(serve, 0, hosts=[host], observer=events, limits=limits)
    with noted_sockets(monkeypatch) as served:
        async with trio.open_nursery() as nursery:
            if given:
                listeners = await trio.open_tcp_listeners(0, host=host)
                address = listeners[0].socket.getsockname()[:2]
                clients += [socket.create_connection(address) for _ in range(100)]
                start = partial(start, listeners=listeners)
            listeners = await nursery.start(start)
            address = listeners[0].socket.getsockname()[:2]
            model = await trio.open_tcp_stream(*address)
            clients += [socket.create_connection(address) for _ in range(3)]
            for _ in [model, *clients]:
                await events.wait(ClientConnected)
            assert len(served) == len(clients) + 1
            expected = [keepalive == 30, True, *streams_options(model.socket)]
            assert [options(sock) for sock in served] == [expected] * len(served)
            await model.aclose()
            nursery.cancel_scope.cancel()
    for sock in clients:
        sock.close()


async def test_urgent_data_comes_back_in_its_place(host: str) -> None:
    async with trio.open_nursery() as nursery:
        listeners = await nursery.start(partial(serve, 0, hosts=[host]))
        async with await connect(host, listeners[0].socket.getsockname()[1]) as client:
            assert isinstance(client.stream, trio.SocketStream)
            await client.stream.socket.send(b"abc", socket.MSG_OOB)
            await client.stream.send_all(b"def")
            assert await client.echo(b"ghi") == b"abcdefghi"[:3]
            assert await receive_exactly(client.stream, 6) == b"defghi"
        nursery.cancel_scope.cancel()


def test_a_server_in_a_thread_returns_urgent_data_in_its_place() -> None:
    with BackgroundServer() as server:
        for address in server.addresses:
            with socket.create_connection(address) as sock:
                sock.send(b"abc", socket.MSG_OOB)
                sock.sendall(b"def")
                assert receive_count(sock, 6) == b"abcdef"


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere listeners get no options")
async def test_if_a_listener_refuses_the_options_it_is_one_typed_error(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def fail(*_: object) -> None:
        raise OSError(errno.ENOPROTOOPT, "Protocol not available")

    monkeypatch.setattr(listening, "_set_options", fail)
    with pytest.raises(SocketCallError) as failure:
        await serve(0, hosts=["127.0.0.1"])
    assert str(failure.value).startswith("[setsockopt()] Protocol not available: 127.0.0.1:")


@pytest.mark.parametrize(("wildcard", "host"), [("0.0.0.0", "127.0.0.1"), ("::", "::1")])  # noqa: S104
async def test_a_clients_own_address_of_the_server_is_reported_not_the_wildcard(
    wildcard: str, host: str
) -> None:
    events = Events()
    async with trio.open_nursery() as nursery:
        listeners = await nursery.start(partial(serve, 0, hosts=[wildcard], observer=events))
        port = listeners[0].socket.getsockname()[1]
        with socket.create_connection((host, port)):
            connected = await events.wait(ClientConnected)
        assert connected.connection.local == Endpoint(host, port)
        nursery.cancel_scope.cancel()
