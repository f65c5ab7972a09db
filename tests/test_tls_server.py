"""A server with TLS, on both families, by the reactor and by Trio's streams."""

from __future__ import annotations

import errno
import socket
import ssl
import sys
from contextlib import asynccontextmanager, suppress
from datetime import UTC, datetime
from functools import partial
from ipaddress import ip_network
from itertools import pairwise
from typing import TYPE_CHECKING

import pytest
import trio
import trustme
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from support import Events, reset
from trio.testing import wait_all_tasks_blocked

from trio_echo import (
    BackgroundServer,
    Faults,
    Limits,
    SocketCallError,
    receive_exactly,
    serve,
)
from trio_echo.certificates import CertificateFiles, LiveCertificates
from trio_echo.errors import TlsError, naming
from trio_echo.events import (
    ClientClosed,
    ClientConnected,
    ClientFailed,
    ClientIdle,
    ClientResetOnPurpose,
    DataReceived,
    HandshakeFailed,
    Stopped,
)
from trio_echo.tls import shake_hands
from trio_echo.tls_problems import TlsProblem
from trio_echo.tls_socket import TlsSocket
from trio_echo.totals import Tally, Totals

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path
    from typing import Any

    from trio.testing import MockClock

    Stream = trio.SSLStream[trio.SocketStream]

AUTHORITY = trustme.CA()
NAME = "echo.test"
CERTIFICATE = AUTHORITY.issue_cert(NAME)
HELLO = b"hello"
HOST = "127.0.0.1"


def server_context(*, wants_certificate: bool = False) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    CERTIFICATE.configure_cert(context)
    if wants_certificate:
        context.verify_mode = ssl.CERT_REQUIRED
        AUTHORITY.configure_trust(context)
    return context


def client_context(certificate: trustme.LeafCert | None = None) -> ssl.SSLContext:
    context = ssl.create_default_context()
    AUTHORITY.configure_trust(context)
    if certificate is not None:
        certificate.configure_cert(context)
    return context


CLIENT = client_context()


class Server:
    """A server under test: where it listens, what it reports, how to stop it."""

    def __init__(self, host: str) -> None:
        self.host = host
        self.port = 0
        self.events = Events()
        self.stop = trio.Event()

    def plain(self) -> socket.socket:
        return socket.create_connection((self.host, self.port))

    async def connect(self, context: ssl.SSLContext = CLIENT) -> Stream:
        stream = await trio.open_tcp_stream(self.host, self.port)
        try:
            return await shake_hands(stream, context, server_hostname=NAME)
        except SocketCallError:
            await stream.aclose()
            raise

    async def problem(self) -> TlsProblem:
        """Wait for a failed handshake."""
        event = await self.events.wait(HandshakeFailed)
        assert isinstance(event.error, TlsError)
        assert event.error.where == str(event.connection.remote)
        return event.error.problem

    async def stopped(self) -> Stopped:
        self.stop.set()
        return await self.events.wait(Stopped)


@asynccontextmanager
async def serving(host: str, context: Any = None, **options: Any) -> AsyncIterator[Server]:
    server = Server(host)
    async with trio.open_nursery() as nursery:
        service = partial(
            serve,
            0,
            hosts=[host],
            observer=server.events,
            stop=server.stop,
            ssl_context=context or server_context(),
            **options,
        )
        (listener,) = await nursery.start(service)
        server.port = listener.socket.getsockname()[1]
        yield server
        nursery.cancel_scope.cancel()


async def echoes(stream: Stream, data: bytes = HELLO) -> bool:
    await stream.send_all(data)
    return await receive_exactly(stream, len(data)) == data


class BareClient:
    """OpenSSL without a socket: a test sends and receives its records as it likes."""

    def __init__(self) -> None:
        self.incoming, self.outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        self.tls = CLIENT.wrap_bio(self.incoming, self.outgoing, server_hostname=NAME)

    async def shake_hands(self, stream: trio.SocketStream) -> None:
        while True:
            try:
                self.tls.do_handshake()
            except ssl.SSLWantReadError:
                await stream.send_all(self.outgoing.read())
                self.incoming.write(await stream.receive_some())
            else:
                return

    def say_farewell(self) -> None:
        with pytest.raises(ssl.SSLWantReadError):
            self.tls.unwrap()

    async def receive_all(self, stream: trio.SocketStream) -> bytes:
        """Receive until close_notify, and then the end."""
        async for data in stream:
            self.incoming.write(data)
        self.incoming.write_eof()
        received = bytearray()
        with suppress(ssl.SSLZeroReturnError):  # close_notify, after our own
            while True:
                received += self.tls.read(65_536)
        return bytes(received)


async def test_each_client_gets_its_bytes_back(way: str, host: str) -> None:
    data = bytes(range(256)) * 1000
    async with serving(host) as server:
        async with await server.connect() as first, await server.connect() as second:
            assert await echoes(first, b"first")
            async with trio.open_nursery() as nursery:
                nursery.start_soon(second.send_all, data)
                assert await receive_exactly(second, len(data)) == data
            assert await echoes(first)
        assert await server.stopped() == Stopped(2, len(data) + 10, 0)
    assert not any(isinstance(one, ClientFailed) for one in server.events.seen)
    assert max(len(one.data) for one in server.events.seen if isinstance(one, DataReceived)) > 1000


async def test_after_close_notify_all_comes_back_and_then_close_notify(way: str, host: str) -> None:
    data = bytes(range(256)) * 200
    client = BareClient()
    async with serving(host) as server, await trio.open_tcp_stream(host, server.port) as stream:
        await client.shake_hands(stream)
        for start in range(0, len(data), 10_000):
            client.tls.write(data[start : start + 10_000])
        client.say_farewell()
        await stream.send_all(client.outgoing.read())  # it begins with the end of the handshake
        await stream.send_eof()
        assert await client.receive_all(stream) == data
        assert (await server.events.wait(ClientClosed)).echoed == len(data)
    assert not any(isinstance(one, ClientFailed) for one in server.events.seen)


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux has the reactor")
async def test_close_notify_waits_for_room(monkeypatch: pytest.MonkeyPatch) -> None:
    unwrap, full = TlsSocket.unwrap, [ssl.SSLWantWriteError()]

    def unwrap_later(tls: TlsSocket) -> None:
        if full:
            raise full.pop()
        unwrap(tls)

    monkeypatch.setattr(TlsSocket, "unwrap", unwrap_later)
    client = BareClient()
    async with serving(HOST) as server, await trio.open_tcp_stream(HOST, server.port) as stream:
        await client.shake_hands(stream)
        client.say_farewell()
        await stream.send_all(client.outgoing.read())
        assert await client.receive_all(stream) == b""
    assert not full


async def test_an_end_without_close_notify_is_reported(way: str, host: str) -> None:
    async with serving(host) as server:
        stream = await server.connect()
        assert await echoes(stream)
        await stream.transport_stream.send_eof()
        failed = await server.events.wait(ClientFailed)
        assert isinstance(failed.error, TlsError)
        assert (failed.error.call, failed.error.problem) == ("recv()", TlsProblem.TRUNCATED)
        assert (await server.events.wait(ClientClosed)).echoed == len(HELLO)
        await stream.transport_stream.aclose()


async def test_a_reset_is_reported_as_a_reset(way: str) -> None:
    async with serving(HOST) as server:
        stream = await server.connect()
        assert await echoes(stream)
        reset(stream.transport_stream.socket)
        failed = await server.events.wait(ClientFailed)
    assert isinstance(failed.error, SocketCallError)
    assert (failed.error.call, failed.error.errno) == ("recv()", errno.ECONNRESET)


async def test_records_that_were_changed_end_only_that_client(way: str) -> None:
    client = BareClient()
    async with serving(HOST) as server, await server.connect() as other:
        async with await trio.open_tcp_stream(HOST, server.port) as stream:
            await client.shake_hands(stream)
            client.tls.write(HELLO)
            record = bytearray(client.outgoing.read())
            record[-1] ^= 1
            await stream.send_all(record)
            failed = await server.events.wait(ClientFailed)
            assert isinstance(failed.error, TlsError)
            assert failed.error.problem is TlsProblem.DAMAGED
        assert await echoes(other)


@pytest.mark.parametrize(
    ("said", "problem"),
    [
        (b"hello\n", TlsProblem.NOT_TLS),
        (b"\x16\x03\x01\x00", TlsProblem.ENDED),
        (b"", TlsProblem.ENDED),
    ],
)
async def test_a_client_without_tls_is_one_event_and_disturbs_nobody(
    way: str, said: bytes, problem: TlsProblem
) -> None:
    async with serving(HOST) as server, await server.connect() as other:
        async with await trio.open_tcp_stream(HOST, server.port) as stream:
            await stream.send_all(said)
            await stream.send_eof()
            assert await server.problem() is problem
        assert await echoes(other)
        await other.aclose()
        assert await server.stopped() == Stopped(1, len(HELLO), 0, failed_handshakes=1)
    assert sum(isinstance(one, ClientConnected) for one in server.events.seen) == 1


async def test_a_reset_during_the_handshake_is_one_event(way: str) -> None:
    async with serving(HOST) as server:
        sock = server.plain()
        sock.sendall(b"\x16\x03\x01")
        await wait_all_tasks_blocked()
        reset(sock)
        error = (await server.events.wait(HandshakeFailed)).error
        assert isinstance(error, SocketCallError)
        assert (error.call, error.errno) == ("do_handshake()", errno.ECONNRESET)


async def test_a_reset_just_before_the_handshake_ends_only_that_client(way: str) -> None:
    clients: list[socket.socket] = []

    def context_after_reset() -> ssl.SSLContext:
        while clients:
            reset(clients.pop())
        return server_context()

    async with serving(HOST, context_after_reset) as server:
        clients.append(server.plain())
        clients[0].sendall(HELLO)
        assert isinstance((await server.events.wait(HandshakeFailed)).error, SocketCallError)
        async with await server.connect() as client:
            assert await echoes(client)


async def test_a_client_that_never_finishes_the_handshake_is_ended(
    way: str, mock_clock: MockClock
) -> None:
    async with serving(HOST, limits=Limits(max_clients=2)) as server:
        with server.plain() as silent:
            silent.sendall(b"\x16\x03\x01")
            async with await server.connect() as other:
                assert await echoes(other)
                while not any(isinstance(one, HandshakeFailed) for one in server.events.seen):
                    await wait_all_tasks_blocked()
                    mock_clock.jump(Limits().handshake_timeout)
                assert await server.problem() is TlsProblem.TIMED_OUT
                assert await echoes(other)


async def test_a_client_in_its_handshake_is_cut_off_by_the_stop(way: str) -> None:
    tally = Tally()
    async with serving(HOST, limits=Limits(grace=0), tally=tally) as server:
        with server.plain():
            while tally.totals() != Totals(waiting=1):
                await trio.lowlevel.checkpoint()
            assert await server.stopped() == Stopped(0, 0, cut_off=1)
    assert tally.totals() == Totals(cut_off=1)
    assert not any(isinstance(one, HandshakeFailed) for one in server.events.seen)


@pytest.mark.parametrize(
    ("certificate", "of_server", "of_client"),
    [
        (None, TlsProblem.NO_CERTIFICATE, TlsProblem.CERTIFICATE_WANTED),
        (trustme.CA().issue_cert(NAME), TlsProblem.UNTRUSTED, TlsProblem.OWN_UNTRUSTED),
        (
            AUTHORITY.issue_cert(NAME, not_after=datetime(2020, 1, 1, tzinfo=UTC)),
            TlsProblem.EXPIRED,
            TlsProblem.OWN_EXPIRED,
        ),
        (AUTHORITY.issue_cert("client@echo.test"), None, None),
    ],
    ids=["none", "untrusted", "expired", "right"],
)
async def test_the_certificate_of_a_client_is_checked_and_both_learn_why(
    way: str,
    certificate: trustme.LeafCert | None,
    of_server: TlsProblem | None,
    of_client: TlsProblem | None,
) -> None:
    async with serving(HOST, server_context(wants_certificate=True)) as server:
        stream = await server.connect(client_context(certificate))
        if of_client is None:
            assert await echoes(stream)
            await stream.aclose()
            return
        await stream.send_all(HELLO)  # TLS 1.3 lets it send before the server has checked
        with pytest.raises(TlsError) as caught, naming("recv()"):
            await stream.receive_some()
        assert caught.value.problem is of_client
        await stream.transport_stream.aclose()
        assert await server.problem() is of_server


async def test_a_new_certificate_is_for_new_clients_and_a_broken_one_for_nobody(
    way: str, tmp_path: Path
) -> None:
    chain, key = tmp_path / "cert.pem", tmp_path / "key.pem"

    def write(certificate: trustme.LeafCert) -> None:
        chain.write_bytes(b"".join(one.bytes() for one in certificate.cert_chain_pems))
        key.write_bytes(certificate.private_key_pem.bytes())

    def number(stream: Stream) -> str:
        found = stream.getpeercert()["serialNumber"]
        assert isinstance(found, str)
        return found

    write(CERTIFICATE)
    live = LiveCertificates(CertificateFiles(str(chain), str(key)))
    async with serving(HOST, live) as server, await server.connect() as before:
        write(AUTHORITY.issue_cert(NAME))
        await live.reload()
        async with await server.connect() as after:
            assert number(after) != number(before)
            key.write_bytes(CERTIFICATE.private_key_pem.bytes())
            with pytest.raises(TlsError) as caught:
                await live.reload()
            assert caught.value.problem is TlsProblem.KEY_MISMATCH
            async with await server.connect() as last:
                assert number(last) == number(after)
                assert await echoes(before)
                assert await echoes(after)
                assert await echoes(last)


async def test_an_idle_client_gets_close_notify(way: str, mock_clock: MockClock) -> None:
    limits = Limits(idle_timeout=60)
    async with serving(HOST, limits=limits) as server, await server.connect() as stream:
        assert await echoes(stream)
        while not any(isinstance(one, ClientIdle) for one in server.events.seen):
            await wait_all_tasks_blocked()
            mock_clock.jump(8)
        assert await stream.receive_some() == b""


async def test_a_client_that_is_cut_off_gets_close_notify(way: str) -> None:
    limits = Limits(grace=0)
    async with serving(HOST, limits=limits) as server, await server.connect() as stream:
        assert await echoes(stream)
        assert await server.stopped() == Stopped(1, len(HELLO), cut_off=1)
        assert await stream.receive_some() == b""


async def test_clients_take_turns(way: str) -> None:
    async def wait_for_a_turn(server: Server) -> None:
        async with await server.connect() as second:
            assert await echoes(second)

    limits = Limits(max_clients=1)
    async with (
        serving(HOST, limits=limits) as server,
        trio.open_nursery() as nursery,
        await server.connect() as first,
    ):
        nursery.start_soon(wait_for_a_turn, server)
        assert await echoes(first)


async def test_a_network_is_refused_before_the_handshake(way: str) -> None:
    allow = [ip_network("192.0.2.0/24")]
    async with serving(HOST, limits=Limits(allow=allow)) as server:
        with pytest.raises(SocketCallError):
            await server.connect()


async def test_faults_are_those_of_the_echo_inside_tls() -> None:
    async with serving(HOST, faults=Faults(fragment=2, reset_after=5)) as server:
        stream = await server.connect()
        await stream.send_all(b"hello!")
        received = b""
        with suppress(trio.BrokenResourceError):  # it is reset
            while piece := await stream.receive_some():
                assert len(piece) <= 2
                received += piece
        assert received == HELLO
        assert (await server.events.wait(ClientResetOnPurpose)).echoed == 5
        await stream.aclose()


async def test_a_bug_in_the_function_for_the_context_ends_only_that_client(way: str) -> None:
    contexts = [server_context(), None]

    async with serving(HOST, lambda: contexts.pop()) as server:
        async with await trio.open_tcp_stream(HOST, server.port) as stream:
            assert await stream.receive_some() == b""
            assert isinstance((await server.events.wait(HandshakeFailed)).error, AttributeError)
        async with await server.connect() as client:
            assert await echoes(client)


def test_a_background_server_speaks_tls() -> None:
    with BackgroundServer(ssl_context=server_context()) as server:
        for address in server.addresses:
            with (
                socket.create_connection(address) as plain,
                CLIENT.wrap_socket(plain, server_hostname=NAME) as sock,
            ):
                sock.sendall(HELLO)
                assert sock.recv(100) == HELLO
                sock.unwrap()


@settings(max_examples=10, suppress_health_check=list(HealthCheck))
@given(
    messages=st.lists(st.binary(min_size=1, max_size=40_000), min_size=1, max_size=4),
    cuts=st.lists(st.floats(0, 1), max_size=6),
)
def test_records_that_are_cut_anywhere_come_back_whole(
    messages: list[bytes], cuts: list[float]
) -> None:
    async def main() -> None:
        client = BareClient()
        async with serving(HOST) as server, await trio.open_tcp_stream(HOST, server.port) as stream:
            await client.shake_hands(stream)
            for message in messages:
                for start in range(0, len(message), 16_384):
                    client.tls.write(message[start : start + 16_384])
            client.say_farewell()
            data = client.outgoing.read()
            places = [0, *sorted(int(cut * len(data)) for cut in cuts), len(data)]
            for start, end in pairwise(places):
                await stream.send_all(data[start:end])
                await wait_all_tasks_blocked()
            assert await client.receive_all(stream) == b"".join(messages)

    trio.run(main)


@pytest.mark.slow
def test_100_mib_come_back(way: str, host: str) -> None:
    async def main() -> None:
        piece = bytes(range(256)) * 4096
        async with serving(host, observe_data=False) as server:
            async with await server.connect() as stream, trio.open_nursery() as nursery:

                async def send() -> None:
                    for number in range(100):
                        await stream.send_all(number.to_bytes(4, "big") + piece[4:])

                nursery.start_soon(send)
                for number in range(100):
                    received = await receive_exactly(stream, len(piece))
                    assert received == number.to_bytes(4, "big") + piece[4:]
            assert await server.stopped() == Stopped(1, 100 * len(piece), 0)

    trio.run(main)
