"""The load over TLS: sockets that behave like plain ones, and rounds against a server."""

from __future__ import annotations

import errno
import select
import socket
import ssl
import threading
from contextlib import asynccontextmanager, closing, contextmanager, suppress
from functools import partial
from typing import TYPE_CHECKING

import papers
import pytest
import trio
from msgspec.structs import replace
from support import PATIENCE, RawServer, receive_all, receive_count

from trio_echo import Endpoint, Relay, SocketCallError
from trio_echo.addresses import parse_endpoint
from trio_echo.errors import strerror
from trio_echo.measure.load.connections.opening import Failure, connect
from trio_echo.measure.load.connections.tls import LoadSocket, Tls
from trio_echo.measure.load.round import run_round
from trio_echo.measure.load.workload import Workload

if TYPE_CHECKING:
    from collections import Counter
    from collections.abc import AsyncIterator, Iterator

RECORD = 16384


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> papers.Files:
    return papers.written(tmp_path_factory.mktemp("papers"))


@contextmanager
def pair() -> Iterator[tuple[ssl.SSLSocket, ssl.SSLSocket]]:
    """A socket of a load, and its peer, which blocks."""
    context = papers.client_context()
    context.sslsocket_class = LoadSocket
    near, far = socket.socketpair()
    peers: list[ssl.SSLSocket] = []

    def accept() -> None:
        server = papers.server_context()
        peers.append(server.wrap_socket(far, server_side=True, suppress_ragged_eofs=False))

    accepting = threading.Thread(target=accept)
    accepting.start()
    ours = context.wrap_socket(near, server_hostname="localhost")
    accepting.join()
    ours.setblocking(False)
    with closing(ours), closing(peers[0]):
        yield ours, peers[0]


def test_what_the_kernel_has_no_room_for_is_sent_later_without_a_gap() -> None:
    message = bytes(range(256)) * 40_000
    with pair() as (ours, peer):
        unsent = memoryview(message)[ours.send(message) :]
        assert 0 < len(unsent) < len(message)
        with pytest.raises(BlockingIOError):
            ours.send(unsent)
        got: list[bytes] = []
        receive = partial(receive_count, peer, len(message))
        receiving = threading.Thread(target=lambda: got.append(receive()))
        receiving.start()
        while unsent:
            select.select([], [ours], [])
            unsent = unsent[ours.send(unsent) :]
        receiving.join()
    assert got == [message]


@pytest.mark.parametrize("sizes", [[1] * 20, [RECORD] * 6, [RECORD, 5, RECORD, RECORD, 1, 1]])
def test_a_receive_leaves_nothing_that_a_poller_does_not_report(sizes: list[int]) -> None:
    buffer = memoryview(bytearray(4 * RECORD))
    with pair() as (ours, peer):
        with pytest.raises(BlockingIOError):
            ours.recv_into(buffer)
        for size in sizes:
            peer.sendall(bytes(size))
        missing = sum(sizes)
        while missing:
            readable, _, _ = select.select([ours], [], [], PATIENCE)
            assert readable
            missing -= ours.recv_into(buffer)
        with pytest.raises(BlockingIOError):
            ours.recv_into(buffer)


def test_closing_tells_the_peer_and_does_not_wait_for_it() -> None:
    with pair() as (ours, peer):
        ours.close()
        ours.close()
        assert peer.recv(1) == b""  # and no SSLEOFError


def opened(
    files: papers.Files, address: str, count: int = 1, *, patience: float = PATIENCE
) -> tuple[list[socket.socket], Counter[Failure]]:
    waker, wake = socket.socketpair()
    secure = Tls("localhost", ca=files.ca).secure()
    with waker, wake:
        return connect(*parse_endpoint(address), count, wake, patience=patience, secure=secure)


def test_a_certificate_that_is_not_trusted_fails_the_connection(files: papers.Files) -> None:
    context = papers.server_context(not_after=papers.LONG_AGO)
    with RawServer(papers.over_tls(lambda _: None, context)) as address:
        words = "the peer's certificate has expired"
        assert opened(files, address) == (
            [],
            {Failure("do_handshake()", errno.EPROTO, words): 1},
        )


def test_a_server_that_never_answers_the_hello_is_given_up(files: papers.Files) -> None:
    got: list[bytes] = []
    with RawServer(lambda sock: got.append(receive_all(sock))) as address:
        late = Failure("do_handshake()", errno.ETIMEDOUT, strerror(errno.ETIMEDOUT))
        assert opened(files, address, patience=0.05) == ([], {late: 1})
    assert got[0].startswith(b"\x16\x03\x01")


def test_a_server_that_wants_a_certificate_says_so_at_the_first_receive(
    files: papers.Files,
) -> None:
    context = papers.server_context(wants_certificate=True)
    with RawServer(papers.over_tls(lambda _: None, context)) as address:
        (sock,), _ = opened(files, address)
        with closing(sock):
            select.select([sock], [], [], PATIENCE)
            with pytest.raises(ssl.SSLError) as refused:
                sock.recv_into(bytearray(RECORD))
    words = SocketCallError.wrap("recv()", refused.value).strerror
    assert words == "the peer wants a certificate"


@asynccontextmanager
async def serving(context: ssl.SSLContext) -> AsyncIterator[Endpoint]:
    async def echo(stream: trio.abc.Stream) -> None:
        async with stream:
            with suppress(SocketCallError):  # a client that does not trust it
                await Relay(stream).run()

    async with trio.open_nursery() as nursery:
        serve = partial(trio.serve_ssl_over_tcp, echo, 0, context, host="127.0.0.1")
        (listener,) = await nursery.start(serve)
        yield Endpoint.from_sockaddr(listener.transport_listener.socket.getsockname())
        nursery.cancel_scope.cancel()


@pytest.mark.parametrize(
    "load",
    [
        Workload(connections=3, size=100, messages=601, pipeline=4, processes=2),
        pytest.param(
            # More than the buffers hold: OpenSSL keeps a part of what was refused.
            Workload(connections=3, size=RECORD - 1000, messages=3000, pipeline=800),
            marks=pytest.mark.slow,
        ),
        pytest.param(Workload(connections=2, size=3_000_000, messages=9), marks=pytest.mark.slow),
        pytest.param(
            Workload(connections=3, size=1000, messages=300, rate=3000.0), marks=pytest.mark.slow
        ),
    ],
    ids=["small", "pipelined", "large", "open loop"],
)
@pytest.mark.parametrize(
    "version",
    [pytest.param("TLSv1.2", marks=pytest.mark.slow), "TLSv1.3"],
)
async def test_every_echo_is_what_was_sent(
    files: papers.Files, load: Workload, version: str
) -> None:
    context = papers.server_context()
    context.maximum_version = getattr(ssl.TLSVersion, version.replace(".", "_"))
    verified = replace(load, verify=True)
    async with serving(context) as target:
        with trio.fail_after(2 * PATIENCE):
            samples = await run_round(target, verified, tls=Tls("localhost", ca=files.ca))
    assert (len(samples.received), samples.failures) == (load.messages, {})
    assert samples.tls is not None
    assert samples.tls.startswith(f"{version} ")


@pytest.mark.slow
async def test_the_name_in_the_certificate_is_by_default_the_servers_host(
    files: papers.Files,
) -> None:
    load = Workload(messages=1)
    async with serving(papers.server_context("localhost")) as target:
        with pytest.raises(SocketCallError) as refused:
            await run_round(target, load, tls=Tls(ca=files.ca))
    words = "the peer's certificate is for another name"
    assert str(refused.value) == f"[do_handshake()] {words}: {target}"
