"""The reactor over TLS: each record is sent back, whatever comes right after it."""

from __future__ import annotations

import socket
import ssl
import sys
from contextlib import asynccontextmanager, suppress
from functools import partial
from typing import TYPE_CHECKING

import pytest

if sys.platform != "linux":
    pytest.skip("epoll is Linux's", allow_module_level=True)

import trio
from papers import authority, server_context
from support import PATIENCE, linked

from trio_echo.errors import SocketCallError
from trio_echo.reactor import open_reactor
from trio_echo.socket_relay import SocketRelay

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

RECORD = 16 * 1024
# Less than the tests send.
SMALL = 4 * 1024


@asynccontextmanager
async def secured() -> AsyncIterator[tuple[ssl.SSLSocket, ssl.SSLSocket]]:
    """Both ends of a connection after the handshake: the server's does not block."""
    near, far = linked("127.0.0.1")
    near.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, SMALL)
    far.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)  # what comes last comes at once
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    authority().configure_trust(context)
    own = server_context()
    own.num_tickets = 0
    server = own.wrap_socket(
        near, server_side=True, do_handshake_on_connect=False, suppress_ragged_eofs=False
    )
    client = context.wrap_socket(far, server_hostname="localhost", do_handshake_on_connect=False)
    with server, client:
        for end in (server, client):
            end.settimeout(PATIENCE)
        async with trio.open_nursery() as nursery:
            for end in (server, client):
                nursery.start_soon(partial(trio.to_thread.run_sync, end.do_handshake))
        server.setblocking(False)
        yield server, client


def say_farewell(client: ssl.SSLSocket) -> None:
    """Send a close_notify, and do not wait for the answer."""
    client.setblocking(False)
    with suppress(ssl.SSLWantReadError):
        client.unwrap()


def receive(client: ssl.SSLSocket, count: int) -> bytes:
    """Receive so many bytes."""
    client.settimeout(PATIENCE)
    came = bytearray()
    while len(came) < count:
        came += client.recv(count - len(came)) or pytest.fail("the stream ended")
    return bytes(came)


@pytest.mark.parametrize(
    "size", [0, 1, RECORD - 1, RECORD, RECORD + 1, 3 * RECORD, 4 * RECORD, 5 * RECORD + 7]
)
async def test_bytes_and_the_end_of_the_stream_that_come_together_both_count(size: int) -> None:
    data = bytes(number % 251 for number in range(size))
    pieces: list[bytes] = []
    async with secured() as (server, client), open_reactor() as reactor:
        assert reactor is not None
        relay = SocketRelay(server, reactor, pieces.append)
        client.sendall(data)
        say_farewell(client)
        with trio.fail_after(PATIENCE):
            async with trio.open_nursery() as nursery:
                nursery.start_soon(relay.run)
                came = await trio.to_thread.run_sync(receive, client, size)
    assert came == data == b"".join(pieces)
    assert relay.echoed == size


@pytest.mark.parametrize(
    "breaking",
    [
        pytest.param(lambda plain: plain.shutdown(socket.SHUT_WR), id="end without close_notify"),
        pytest.param(lambda plain: plain.send(b"no record of TLS"), id="what is not TLS"),
    ],
)
async def test_records_are_echoed_before_the_connection_breaks(
    breaking: Callable[[socket.socket], object],
) -> None:
    pieces: list[int] = []
    async with secured() as (server, client), open_reactor() as reactor:
        assert reactor is not None
        relay = SocketRelay(server, reactor, lambda data: pieces.append(len(data)))
        client.sendall(bytes(2 * RECORD))
        with socket.socket(fileno=client.detach()) as plain:
            breaking(plain)
            with pytest.raises(SocketCallError, match=r"\[recv\(\)\]"):
                await relay.run()
    assert pieces == [RECORD, RECORD]
    assert relay.echoed == 2 * RECORD
