"""TLS with buffers in memory: every byte comes back, in order, however it was cut on the wire."""

from __future__ import annotations

import gc
import socket
import ssl
import sys
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING

import pytest

if sys.platform == "win32":
    pytest.skip("os.read() of a socket is Unix's", allow_module_level=True)

from hypothesis import given
from hypothesis import strategies as st
from papers import authority, server_context

from trio_echo.socket_relay import NOT_NOW
from trio_echo.tls_socket import TlsSocket

if TYPE_CHECKING:
    from collections.abc import Iterator

RECORD = 16 * 1024
CLIENT = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
authority().configure_trust(CLIENT)
OLD_CLIENT = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
authority().configure_trust(OLD_CLIENT)
OLD_CLIENT.maximum_version = ssl.TLSVersion.TLSv1_2
OLD_CLIENT.set_ciphers("ECDHE+AES+SHA256")  # CBC: its records are larger than those of GCM
SERVER = server_context()
VERSIONS = pytest.mark.parametrize("context", [CLIENT, OLD_CLIENT], ids=["TLS 1.3", "TLS 1.2"])


class Client:
    """The far end: OpenSSL with its own buffers, and the socket.

    Attributes:
        came: all that came back so far.
    """

    def __init__(self, far: socket.socket, context: ssl.SSLContext) -> None:
        self.far = far
        self.incoming, self.outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        self.tls = context.wrap_bio(self.incoming, self.outgoing, server_hostname="localhost")
        self.came = bytearray()

    def shake_hands(self, server: TlsSocket) -> None:
        done = False
        while not done:
            with suppress(ssl.SSLWantReadError):
                self.tls.do_handshake()
                done = True
            self.far.sendall(self.outgoing.read())
            with suppress(ssl.SSLWantReadError):
                server.do_handshake()
            self.fetch()

    def seal(self, data: bytes) -> bytes:
        """Encrypt, in full records and a rest."""
        for start in range(0, len(data), RECORD):
            self.tls.write(data[start : start + RECORD])
        return self.outgoing.read()

    def farewell(self) -> bytes:
        """Return a close_notify."""
        with suppress(ssl.SSLWantReadError):
            self.tls.unwrap()
        return self.outgoing.read()

    def fetch(self) -> None:
        """Take what has come from the socket, without decrypting it."""
        with suppress(BlockingIOError):
            while data := self.far.recv(1_000_000):
                self.incoming.write(data)

    def receive(self) -> bytes:
        """Decrypt what has come; return all that came so far."""
        self.fetch()
        with suppress(ssl.SSLWantReadError, ssl.SSLZeroReturnError):  # close_notify after our own
            while data := self.tls.read(RECORD):
                self.came += data
        return bytes(self.came)


@contextmanager
def connected(
    context: ssl.SSLContext = CLIENT, room: int = 0
) -> Iterator[tuple[TlsSocket, Client]]:
    """Both ends after the handshake.

    Args:
        context: the client's.
        room: how many bytes the server's socket holds unsent; 0 for the system's choice.
    """
    near, far = socket.socketpair()
    with near, far:
        near.setblocking(False)
        far.setblocking(False)
        far.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 1_000_000)
        if room:
            near.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, room)
        server, client = TlsSocket(near.fileno(), SERVER), Client(far, context)
        client.shake_hands(server)
        yield server, client


def echo(server: TlsSocket, client: Client) -> int:
    """Echo all that has come, as the reactor does; return how many bytes were sent back."""
    echoed = 0
    with suppress(*NOT_NOW):
        while data := server.receive():
            sent = 0
            while sent < len(data):
                with suppress(BlockingIOError):
                    sent += server.send_back()
                client.fetch()
            echoed += sent
    return echoed


@VERSIONS
@given(
    sizes=st.lists(
        st.sampled_from([1, 100, RECORD - 1, RECORD, RECORD + 1, 5 * RECORD]), max_size=5
    ),
    cut=st.sampled_from([1000, RECORD, RECORD + 22, RECORD + 30, 100_000]),
    room=st.sampled_from([0, 5000]),
)
def test_every_byte_comes_back_in_order(
    context: ssl.SSLContext, sizes: list[int], cut: int, room: int
) -> None:
    sent = bytearray()
    echoed = 0
    with connected(context, room) as (server, client):
        for size in sizes:
            data = bytes(number % 251 for number in range(size))
            sent += data
            sealed = client.seal(data)
            for start in range(0, len(sealed), cut):
                client.far.sendall(sealed[start : start + cut])
                echoed += echo(server, client)
        assert client.receive() == sent
    assert echoed == len(sent)


@VERSIONS
def test_bytes_that_come_with_the_end_of_the_handshake_are_ready(context: ssl.SSLContext) -> None:
    near, far = socket.socketpair()
    with near, far:
        near.setblocking(False)
        far.setblocking(False)
        server, client = TlsSocket(near.fileno(), SERVER), Client(far, context)
        with suppress(ssl.SSLWantReadError):
            client.tls.do_handshake()
        far.sendall(client.outgoing.read())
        with pytest.raises(ssl.SSLWantReadError):
            server.do_handshake()
        client.fetch()
        if context is OLD_CLIENT:
            with suppress(ssl.SSLWantReadError):
                client.tls.do_handshake()
            far.sendall(client.outgoing.read())
            server.do_handshake()
            assert not server.ready
            client.fetch()
        client.tls.do_handshake()
        far.sendall(client.outgoing.read() + client.seal(b"early") + client.farewell())
        if context is CLIENT:
            server.do_handshake()
            assert server.ready
        assert server.receive() == b"early"
        assert server.send_back() == 5
        assert server.ready
        assert server.receive() == b""
        assert client.receive() == b"early"


@pytest.mark.parametrize(
    "size", [1, RECORD, 3 * RECORD, 4 * RECORD - 1], ids=["a byte", "a record", "records", "full"]
)
def test_the_end_of_the_stream_is_ready_after_bytes_that_came_with_it(size: int) -> None:
    with connected() as (server, client):
        client.far.sendall(client.seal(bytes(size)) + client.farewell())
        received = bytearray()
        while data := server.receive():
            received += data
            assert server.send_back() == len(data)
        assert received == client.receive() == bytes(size)
        server.unwrap()
        client.fetch()
        client.tls.unwrap()  # fails if the close_notify is not here


@pytest.mark.parametrize("size", [1, 3 * RECORD], ids=["a byte", "records"])
def test_bytes_before_a_broken_record_are_sent_back_and_then_the_alert(size: int) -> None:
    with connected() as (server, client):
        broken = bytearray(client.seal(bytes(size)) + client.seal(b"broken"))
        broken[-1] ^= 1
        client.far.sendall(broken)
        assert server.receive() == bytes(size)
        assert server.ready
        assert server.send_back() == size
        with pytest.raises(ssl.SSLError, match="BAD_RECORD_MAC"):
            server.receive()
        with pytest.raises(ssl.SSLError):
            server.unwrap()
        with pytest.raises(ssl.SSLError, match="ALERT_BAD_RECORD_MAC"):
            client.receive()
        assert client.came == bytes(size)


@pytest.mark.parametrize("size", [100, 2 * RECORD])
def test_what_is_not_tls_is_an_error(size: int) -> None:
    with connected() as (server, client):
        client.far.sendall(b"?" * size)
        with pytest.raises(ssl.SSLError):
            server.receive()
        assert not server.ready


def test_an_error_that_was_ready_leaves_nothing_to_the_garbage_collector() -> None:
    with connected() as (server, client):
        client.far.sendall(client.seal(b"whole") + b"no record of TLS")
        assert server.receive() == b"whole"
        assert server.send_back() == 5
        with pytest.raises(ssl.SSLError):
            server.receive()
        # The error's traceback refers to the server.
        assert not any(isinstance(one, ssl.SSLError) for one in gc.get_referents(server))


def test_small_records_are_received_in_parts_so_that_other_clients_get_their_turn() -> None:
    sent = bytes(range(200))
    with connected() as (server, client):
        client.far.sendall(b"".join(client.seal(bytes([one]) * 300) for one in sent))
        received = bytearray()
        parts = 0
        while server.ready or not parts:
            data = server.receive()
            parts += 1
            received += data
            assert 0 < len(data) <= 64 * 300
            assert server.send_back() == len(data)
            client.fetch()
        assert parts == 4
        assert client.receive() == received
        assert received == b"".join(bytes([one]) * 300 for one in sent)


def test_an_end_without_close_notify_is_an_error() -> None:
    with connected() as (server, client):
        client.far.sendall(client.seal(b"all"))
        client.far.shutdown(socket.SHUT_WR)
        assert server.receive() == b"all"
        assert not server.ready  # the socket is still readable
        with pytest.raises(ssl.SSLEOFError):
            server.receive()


def test_without_room_nothing_counts_and_later_everything_does() -> None:
    with connected(room=5000) as (server, client):
        client.far.sendall(client.seal(bytes(4 * RECORD)))
        assert server.receive() == bytes(4 * RECORD)
        assert server.send_back() == 0  # a part had room
        with pytest.raises(BlockingIOError):
            server.send_back()
        count = 0
        while not count:
            client.fetch()
            count = server.send_back()
        assert count == 4 * RECORD
        assert client.receive() == bytes(4 * RECORD)


def test_an_answer_of_openssl_goes_out_before_more_is_received() -> None:
    answer = bytes(50_000)
    with connected(room=5000) as (server, client):
        server._outgoing.write(answer)  # as OpenSSL does after a KeyUpdate
        client.far.sendall(b"\x17\x03")  # the beginning of a record
        for _ in range(2):
            with pytest.raises(ssl.SSLWantWriteError):
                server.receive()
        client.far.sendall(b"\x03")
        came = bytearray()
        while len(came) < len(answer):
            came += client.far.recv(100_000)
            with suppress(*NOT_NOW):
                server.receive()
        assert came == answer


def test_an_answer_to_what_came_with_the_end_of_the_handshake_goes_out_at_once() -> None:
    with connected() as (server, client):
        server._incoming.write(b"\x17\x03")  # the beginning of a record
        server._outgoing.write(b"answer")  # as OpenSSL does after a KeyUpdate
        server.ready = True
        with pytest.raises(ssl.SSLWantReadError):
            server.receive()
        assert client.far.recv(100) == b"answer"


def test_close_notify_waits_for_room() -> None:
    with connected(room=5000) as (server, client):
        client.far.sendall(client.seal(bytes(4 * RECORD)) + client.farewell())
        assert server.receive() == bytes(4 * RECORD)
        with pytest.raises(ssl.SSLWantWriteError):
            server.unwrap()
        while True:
            client.fetch()
            with suppress(ssl.SSLWantWriteError):
                server.unwrap()
                break
        assert client.receive() == bytes(4 * RECORD)
        client.tls.unwrap()


def test_a_connection_that_breaks_is_the_systems_own_error() -> None:
    with connected() as (server, client):
        client.far.sendall(client.seal(b"hello"))
        assert server.receive() == b"hello"
        client.far.close()
        with pytest.raises(BrokenPipeError):
            server.send_back()


def test_if_the_handshake_fails_the_client_learns_why() -> None:
    near, far = socket.socketpair()
    with near, far:
        near.setblocking(False)
        far.setblocking(False)
        far.sendall(b"\x16\x03\x01\x00\x05hello")  # a record of the handshake, but no message
        server = TlsSocket(near.fileno(), SERVER)
        with pytest.raises(ssl.SSLError):
            server.do_handshake()
        assert far.recv(100).startswith(b"\x15")  # a record with an alert
