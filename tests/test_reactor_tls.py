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
from trio_echo.tls_socket import TlsSocket

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

RECORD = 16 * 1024
# Less than the tests send.
SMALL = 4 * 1024


@asynccontextmanager
async def secured(
    near: socket.socket, far: socket.socket
) -> AsyncIterator[tuple[TlsSocket, ssl.SSLSocket]]:
    """Both ends of TLS after the handshake; what is near is the server's, and does not block."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    authority().configure_trust(context)
    own = server_context()
    own.num_tickets = 0
    client = context.wrap_socket(far, server_hostname="localhost", do_handshake_on_connect=False)
    client.settimeout(PATIENCE)
    with near, client:
        near.setblocking(False)
        tls = TlsSocket(near.fileno(), own)
        with trio.fail_after(PATIENCE):
            async with trio.open_nursery() as nursery:
                nursery.start_soon(partial(trio.to_thread.run_sync, client.do_handshake))
                while True:
                    try:
                        tls.do_handshake()
                    except ssl.SSLWantReadError:
                        await trio.lowlevel.wait_readable(near)
                    else:
                        break
        yield tls, client


@asynccontextmanager
async def secured_tcp() -> AsyncIterator[tuple[socket.socket, TlsSocket, ssl.SSLSocket]]:
    """The server's socket, and both ends of TLS. The server has room for less than tests send."""
    near, far = linked("127.0.0.1")
    near.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, SMALL)
    far.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)  # what comes last comes at once
    async with secured(near, far) as (tls, client):
        yield near, tls, client


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
    async with secured_tcp() as (server, tls, client), open_reactor() as reactor:
        assert reactor is not None
        relay = SocketRelay(server, reactor, pieces.append, tls=tls)
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
    async with secured_tcp() as (server, tls, client), open_reactor() as reactor:
        assert reactor is not None
        relay = SocketRelay(server, reactor, lambda data: pieces.append(len(data)), tls=tls)
        client.sendall(bytes(2 * RECORD))
        with socket.socket(fileno=client.detach()) as plain:
            breaking(plain)
            with pytest.raises(SocketCallError, match=r"\[recv\(\)\]"):
                await relay.run()
    assert sum(pieces) == 2 * RECORD
    assert relay.echoed == 2 * RECORD


async def test_what_comes_with_the_end_of_the_handshake_is_echoed() -> None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    authority().configure_trust(context)
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    client = context.wrap_bio(incoming, outgoing, server_hostname="localhost")
    near, far = socket.socketpair()
    with near, far:
        near.setblocking(False)
        far.setblocking(False)
        tls = TlsSocket(near.fileno(), server_context())
        with suppress(ssl.SSLWantReadError):
            client.do_handshake()
        far.sendall(outgoing.read())
        await trio.lowlevel.wait_readable(near)
        with suppress(ssl.SSLWantReadError):
            tls.do_handshake()
        await trio.lowlevel.wait_readable(far)
        incoming.write(far.recv(100_000))
        client.do_handshake()
        client.write(b"early")
        far.sendall(outgoing.read())
        await trio.lowlevel.wait_readable(near)
        tls.do_handshake()
        async with open_reactor() as reactor, trio.open_nursery() as nursery:
            assert reactor is not None
            nursery.start_soon(SocketRelay(near, reactor, tls=tls).run)
            came = b""
            while not came:
                with trio.fail_after(PATIENCE):
                    await trio.lowlevel.wait_readable(far)
                incoming.write(far.recv(100_000))
                with suppress(ssl.SSLWantReadError):
                    came = client.read(100)
            nursery.cancel_scope.cancel()
    assert came == b"early"


async def test_an_answer_of_openssl_waits_for_room_until_all_of_it_is_sent() -> None:
    answer = b"\0such as a KeyUpdate" * 50_000  # the client's OpenSSL never sees it
    server, far = socket.socketpair()  # unlike TCP's, a full buffer stays full
    async with secured(server, far) as (tls, client), open_reactor() as reactor:
        assert reactor is not None
        relay = SocketRelay(server, reactor, tls=tls)
        filled = 0
        with suppress(BlockingIOError):
            while True:
                filled += server.send(b"?")
        async with trio.open_nursery() as nursery:
            nursery.start_soon(relay.run)
            tls._outgoing.write(answer)
            with socket.socket(fileno=client.detach()) as plain:
                plain.send(b"\x17\x03")  # the beginning of a record
                with trio.fail_after(PATIENCE):
                    while relay.rest is None:
                        await trio.lowlevel.checkpoint()
                    assert bytes(relay.rest) == b""
                    plain.settimeout(PATIENCE)
                    came = bytearray()
                    while not came.endswith(answer):
                        came += await trio.to_thread.run_sync(plain.recv, 100_000)
                    while relay.rest is not None:
                        await trio.lowlevel.checkpoint()
                nursery.cancel_scope.cancel()
    assert came == b"?" * filled + answer
