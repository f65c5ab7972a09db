"""The echo client: connect, send a message, receive exactly as many bytes."""

from __future__ import annotations

import errno
import socket
from contextlib import suppress
from typing import TYPE_CHECKING

import trio

from .addresses import DEFAULT_PORT, Endpoint, check_target, is_localhost, no_such_host, resolve
from .client_tls import server_name_of
from .errors import SocketCallError, TlsError, naming, strerror, ungrouped
from .events import DataSent, EchoReceived, ignore
from .exact import ExactReceiver, IncompleteReceiveError
from .keepalive import KEEPALIVE, check_keepalive, keep_alive
from .tls import shake_hands

if TYPE_CHECKING:
    import ssl

    from .events import ClientObserver

# If sending and receiving fail in different ways, the earlier one is raised. Only receiving finds
# out what a server says about TLS.
_ECHO_ERRORS = (
    TlsError,
    SocketCallError,
    IncompleteReceiveError,
    trio.BusyResourceError,
    trio.ClosedResourceError,
)

# Seconds that closing may take. TLS says goodbye to a server that may not be receiving.
_FAREWELL = 1.0

_NO_WAY = {errno.ENETUNREACH, errno.EADDRNOTAVAIL, errno.EAFNOSUPPORT, errno.EINVAL}


class EchoClient(trio.abc.AsyncResource):
    """Sends messages to an echo server and receives what comes back.

    Use it with `async with`, which closes the stream at the end. With TLS, the server learns that
    this is the end (close_notify; RFC 8446, section 6.1), unless the block is cancelled.

    Args:
        stream: any connected Trio stream.
        observer: called when a message was sent and when its echo was received. It runs in the
            event loop and must return at once.
    """

    def __init__(self, stream: trio.abc.Stream, *, observer: ClientObserver = ignore) -> None:
        self.stream = stream
        self._report = observer
        self._receiver = ExactReceiver(stream)
        self._turn = trio.Lock()
        self._awaits_unsolicited = False
        self._interrupted = False

    async def start_tls(
        self, ssl_context: ssl.SSLContext, server_hostname: str, *, where: str | None = None
    ) -> None:
        """Begin TLS, before the first echo. If that fails or is cancelled, the client is closed.

        Args:
            ssl_context: as for `connect`.
            server_hostname: the name or the address that the server's certificate must have.
            where: of the error.

        Raises:
            TlsError: the handshake failed.
            SocketCallError: the connection broke.
            ValueError: `server_hostname` is not a name.
        """
        try:
            name = server_name_of(server_hostname)
            self.stream = await shake_hands(
                self.stream, ssl_context, server_hostname=name, where=where
            )
        except BaseException:
            await trio.aclose_forcefully(self.stream)
            raise
        self._receiver = ExactReceiver(self.stream)

    @property
    def buffered(self) -> bytes:
        """What has arrived of an interrupted echo."""
        return self._receiver.buffered

    async def echo(self, data: bytes | bytearray | memoryview) -> bytes:
        """Send a message and receive exactly as many bytes; an echo server returns the same ones.

        Sending and receiving run concurrently. A client that sends everything before it receives
        deadlocks if the message fills the buffers of both directions. Several tasks may call
        this; they take turns.

        Args:
            data: the message, of any length: any bytes-like object.

        Returns:
            As many bytes as were sent. They are not compared with the message.

        Raises:
            IncompleteReceiveError: the server ended the connection first.
            SocketCallError: `send()` or `recv()` failed: the connection broke.
            trio.BrokenResourceError: an earlier echo was interrupted. What comes next belongs to
                that one, so the connection cannot be used any more.
            trio.BusyResourceError: a `receive_unsolicited` is running. Nothing was sent.
            trio.ClosedResourceError: this client was closed.
            TypeError: `data` is not bytes-like.
        """
        message = bytes(memoryview(data))
        async with self._turn:
            if self._awaits_unsolicited:
                raise trio.BusyResourceError("another task is in receive_unsolicited()")
            if self._interrupted:
                raise trio.BrokenResourceError("an earlier echo on this connection was interrupted")
            received = b""
            with ungrouped(*_ECHO_ERRORS):
                async with trio.open_nursery() as nursery:
                    nursery.start_soon(self._send, message)
                    received = await self._receive(len(message))
            self._interrupted = False
        self._report(EchoReceived(received))
        return received

    async def receive_unsolicited(self) -> bytes:
        """Wait until the server sends something unsolicited, or ends the connection.

        An echo server never sends unasked. Nothing is lost when this is cancelled.

        Returns:
            Bytes that are not an echo, or `b""` if the server has ended the connection.

        Raises:
            SocketCallError: `recv()` failed: the connection broke.
            trio.BusyResourceError: an `echo` or another `receive_unsolicited` is running.
        """
        if self._turn.locked() or self._awaits_unsolicited:
            raise trio.BusyResourceError("another task is receiving with this client")
        self._awaits_unsolicited = True
        try:
            with naming("recv()"):
                return bytes(await self.stream.receive_some())
        finally:
            self._awaits_unsolicited = False

    async def aclose(self) -> None:
        """Close the connection."""
        with trio.move_on_after(_FAREWELL):
            await self.stream.aclose()

    async def _send(self, data: bytes) -> None:
        await trio.lowlevel.checkpoint_if_cancelled()
        # From here on an echo may come. It must not pass for the echo of a later message.
        self._interrupted = bool(data)
        try:
            with naming("send()"):
                await self.stream.send_all(data)
        except (trio.BusyResourceError, trio.ClosedResourceError):
            self._interrupted = False  # nothing was sent, or nothing more will come
            raise
        self._report(DataSent(len(data)))

    async def _receive(self, count: int) -> bytes:
        with naming("recv()"):
            return await self._receiver.receive_exactly(count)


async def connect(
    host: str = "localhost",
    port: int = DEFAULT_PORT,
    *,
    family: socket.AddressFamily = socket.AF_UNSPEC,
    keepalive: float = KEEPALIVE,
    ssl_context: ssl.SSLContext | None = None,
    server_hostname: str | None = None,
    observer: ClientObserver = ignore,
) -> EchoClient:
    """Connect to an echo server.

    Trio tries the addresses of a name by happy eyeballs (RFC 8305). The addresses of `localhost`,
    and those of a single family, are tried one after another.

    TCP can connect a socket to itself if nobody listens on a port of this machine (simultaneous
    open; RFC 9293, section 3.5). This counts as a refused connection.

    Args:
        host: a name, or an IPv4 or IPv6 address, with a zone if needed (`fe80::1%eth0`).
        port: 1 to 65535.
        family: `AF_INET` or `AF_INET6` to use only that one.
        keepalive: seconds without an answer from the server's machine after which the connection
            breaks (see `keepalive.keep_alive`). `math.inf` for never.
        ssl_context: for TLS: whom to trust, such as `ssl.create_default_context()`.
        server_hostname: the name that the server's certificate must have; by default the host.
        observer: passed to the `EchoClient`.

    Raises:
        AddressError: host or port is not valid.
        SocketCallError: `getaddrinfo()`, `socket()` or `connect()` failed; for TLS also
            `do_handshake()`, as a `TlsError` that says why. With TLS 1.3, a server that wants a
            certificate says so later: the first `echo` or `receive_unsolicited` raises it.
        ValueError: systems do not accept this `keepalive`, or `server_hostname` is not a name.
    """
    check_target(host, port)
    check_keepalive(keepalive)
    if server_hostname is not None:
        server_name_of(server_hostname)
    stream = await _open(host, port, family, keepalive)
    client = EchoClient(stream, observer=observer)
    if ssl_context is not None:
        where = str(Endpoint(host, port))
        await client.start_tls(ssl_context, server_hostname or host, where=where)
    return client


async def _open(
    host: str, port: int, family: socket.AddressFamily, keepalive: float
) -> trio.SocketStream:
    hosts = [host]
    if family != socket.AF_UNSPEC or is_localhost(host) or ":" in host:
        hosts = [endpoint.host for endpoint in await resolve(host, port, family=family)]
    attempts: list[OSError] = []
    while hosts:
        name = hosts.pop(0)
        try:
            stream = await trio.open_tcp_stream(name, port)
        except (socket.gaierror, UnicodeError) as exc:
            raise no_such_host(host, exc) from exc
        except OSError as exc:
            attempts += _attempts(exc)
            continue
        itself = _connected_to_itself(stream)
        if itself is None:
            with suppress(OSError):  # macOS refuses if it broke already; the next call raises
                keep_alive(stream.socket, keepalive)
            return stream
        await stream.aclose()
        attempts.append(OSError(errno.ECONNREFUSED, strerror(errno.ECONNREFUSED)))
        if name != itself:  # a name, whose other addresses were not tried any more
            others = [endpoint.host for endpoint in await resolve(name, port)]
            hosts += [one for one in others if one != itself]
    # Report the attempt that got furthest. If one address refused, it does not matter that this
    # machine cannot reach another one.
    attempts.sort(key=lambda one: one.errno in _NO_WAY)
    if attempts[0].errno == errno.EINVAL:
        await resolve(host, port)  # raises if a link-local address lacks its zone
    reason = OSError(attempts[0].errno, strerror(attempts[0].errno or 0))
    where = str(Endpoint(host, port))
    raise SocketCallError.wrap("connect()", reason, where) from attempts[0]


def _connected_to_itself(stream: trio.SocketStream) -> str | None:
    """Return the address of a socket that is its own peer, or `None`."""
    own, peer = stream.socket.getsockname(), None
    with suppress(OSError):  # it broke already
        peer = stream.socket.getpeername()
    return Endpoint.from_sockaddr(own).host if own == peer else None


def _attempts(exc: OSError) -> list[OSError]:
    """List the errors of the single attempts of `trio.open_tcp_stream`."""
    if isinstance(exc.__cause__, ExceptionGroup):
        return [one for one in exc.__cause__.exceptions if isinstance(one, OSError)]
    return [exc]
