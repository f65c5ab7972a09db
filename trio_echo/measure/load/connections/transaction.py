"""A connection for each message, from `connect()` until both sides are closed: netperf's TCP_CRR.

An echo server sends back what it gets until its client closes (RFC 862). So this side closes first,
with a FIN as any client does, and waits for the server's. A reset would save the wait and leave no
port in TIME_WAIT, but the server would not do what it does for its clients.
"""

from __future__ import annotations

import errno
import selectors
import socket
import time
from functools import partial
from typing import TYPE_CHECKING, Any, NamedTuple

from trio_echo.errors import HANDSHAKE, SocketCallError, naming, strerror

from .contents import Contents
from .opening import connecting, shaking_hands
from .tls import LoadSocket

if TYPE_CHECKING:
    import ssl
    from collections.abc import Callable, Generator, Iterator

    from .opening import Secure, Wait
    from .ports import Ports

_RECEIVE = 256 * 1024
# So many ports in a row are tried. The next one is the one that has been free for longest.
_TRIES = 100
_NO_PORT = "no local port is free: each one rests for a while after its connection, in TIME_WAIT"


class Times(NamedTuple):
    """When a connection reached each stage, as `Samples` has them."""

    sent: int
    connected: int
    secured: int | None
    answered: int
    echoed: int
    received: int
    resumed: bool


class TransactionError(Exception):
    """A connection did not do what it should; the message is the kind of failure."""


class NoPortError(SocketCallError):
    """No local port is free for a connection."""

    def __init__(self) -> None:
        words = f"{strerror(errno.EADDRNOTAVAIL)} ({_NO_PORT})"
        super().__init__("connect()", OSError(errno.EADDRNOTAVAIL, words))


class Lane:
    """Opens one connection after the other.

    Attributes:
        sock: that of the connection under way. Its owner closes it.
        late: the kind of failure if it waits for too long now.
        session: of TLS, from the connection before; `None` to make a full handshake.
    """

    __slots__ = ("due", "failed", "fd", "late", "looks", "moved", "session", "sock", "steps",
                 "waits")  # fmt: skip

    def __init__(self) -> None:
        self.sock: socket.socket | None = None
        self.late = ""
        self.session: ssl.SSLSession | None = None
        # Of the loop that drives it:
        self.steps: Iterator[Wait] = iter(())
        self.due = 0
        self.fd, self.waits = -1, 0  # the poller's
        self.moved = self.looks = 0  # when it last went on; looks at it since
        self.failed = 0  # connections that failed in a row

    def close(self) -> None:
        """Close its socket, if it has one."""
        if self.sock is not None:
            self.sock.close()


class Transactions:
    """Makes the connections of a load, each for one message.

    Args:
        host: a numeric address, with a zone if it needs one.
        port: of the server.
        size: bytes of a message.
        verify: whether echoes are compared.
        patience: seconds for which a connection may wait.
        ports: chooses the port of each.
        secure: puts TLS on a connection, if there is to be TLS.
        resume: whether a connection resumes the TLS session of the one before it in its lane.
        payload: what messages consist of; random bytes if it is empty.
    """

    def __init__(
        self,
        host: str,
        port: int,
        *,
        size: int,
        verify: bool,
        patience: float,
        ports: Ports,
        secure: Secure | None = None,
        resume: bool = False,
        payload: bytes = b"",
    ) -> None:
        info = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_NUMERICHOST)
        self._family = info[0][0]
        self._address: Any = info[0][4]
        self._size = size
        self._verify = verify
        self._contents = Contents(size, payload, verify=verify)
        self._buffer = memoryview(bytearray(_RECEIVE))
        self._ports = ports
        self._secure = secure
        self._resume = resume
        self._late = f"{{}}: {strerror(errno.ETIMEDOUT)}", f"no {{}} for {patience:g} s"

    def probe(self) -> Generator[Wait, None, socket.socket]:
        """Open a connection that is not measured, to see if the server is there.

        Raises:
            SocketCallError: a call failed.
        """
        lane = Lane()
        try:
            yield from self._opened(lane)
        except BaseException:
            lane.close()
            raise
        assert lane.sock is not None  # noqa: S101  it is open
        return lane.sock

    def steps(self, lane: Lane) -> Generator[Wait, None, Times]:
        """Make one connection; yields what it must wait for.

        Raises:
            SocketCallError: a call failed.
            TransactionError: the server did not do its part.
        """
        sock, sent, connected, secured = yield from self._opened(lane)
        no = self._late[1]
        lane.late = no.format("echo")
        answered, echoed = yield from self._exchanged(sock)
        lane.late = no.format("end of the connection")
        resumed = False
        with naming("shutdown()"):
            if isinstance(sock, LoadSocket):
                resumed = bool(sock.session_reused)
                if self._resume:  # in TLS 1.3, what it needs for that came before the echo
                    lane.session = sock.session
                sock.end()
            else:
                sock.shutdown(socket.SHUT_WR)
        yield sock, selectors.EVENT_READ
        yield from self._ended(sock, sock.recv_into)
        if isinstance(sock, LoadSocket):  # TLS has ended; TCP has not yet
            yield from self._ended(sock, partial(socket.socket.recv_into, sock))
        received = time.perf_counter_ns()
        return Times(sent, connected, secured, answered, echoed, received, resumed)

    def _opened(
        self, lane: Lane
    ) -> Generator[Wait, None, tuple[socket.socket, int, int, int | None]]:
        """Connect, and make the handshake; returns the socket, and when each stage was reached."""
        call = self._late[0]
        lane.late = call.format("connect()")
        with naming("connect()"):
            sent, sock = yield from self._connected(lane)
        connected, secured = time.perf_counter_ns(), None
        if self._secure is not None:
            lane.late = call.format(HANDSHAKE)
            with naming(HANDSHAKE):
                lane.sock = sock = secure = self._secure(sock, session=lane.session)
                yield from shaking_hands(secure)
            secured = time.perf_counter_ns()
        return sock, sent, connected, secured

    def _connected(self, lane: Lane) -> Generator[Wait, None, tuple[int, socket.socket]]:
        """Connect; returns when that began, and the socket."""
        for _ in range(_TRIES if self._ports.chosen else 1):
            lane.sock = sock = socket.socket(self._family, socket.SOCK_STREAM)
            sock.setblocking(False)
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            try:
                self._ports.bind(sock)
                sent = time.perf_counter_ns()
                yield from connecting(sock, self._address)
            except OSError as exc:
                if exc.errno != errno.EADDRNOTAVAIL:
                    raise
                sock.close()
            else:
                return sent, sock
        with socket.socket(self._family, socket.SOCK_DGRAM) as other:
            other.connect(self._address)  # it fails if this machine has no address to use
        raise NoPortError

    def _exchanged(self, sock: socket.socket) -> Generator[Wait, None, tuple[int, int]]:
        """Send a message; returns when the first and the last byte of its echo were there."""
        contents, missing = self._contents, self._size
        offset = contents.next() if contents.varied else 0
        unsent = memoryview(contents.block)[offset : offset + missing]
        answered = now = 0
        while missing:
            if unsent:
                unsent = unsent[_tried("send()", sock.send, unsent) or 0 :]
            events = selectors.EVENT_READ
            yield sock, events | selectors.EVENT_WRITE if unsent else events
            count = _tried("recv()", sock.recv_into, self._buffer)
            if count is None:
                continue
            now = time.perf_counter_ns()
            answered = answered or now
            if not count:
                raise TransactionError("closed early")
            if count > missing or (unsent and count == missing):
                raise TransactionError("more than was sent")
            # Slices of bytes and memoryviews are compared one by one; this is memcmp.
            at = offset + self._size - missing
            if self._verify and not contents.block.startswith(self._buffer[:count], at):
                raise TransactionError("echo differs")
            missing -= count
        return answered, now

    def _ended(self, sock: socket.socket, receive: Callable[[Any], int]) -> Iterator[Wait]:
        """Wait until the server has closed its side."""
        while (count := _tried("recv()", receive, self._buffer)) is None:
            yield sock, selectors.EVENT_READ
        if count:
            raise TransactionError("more than was sent")


def _tried(call: str, function: Callable[[Any], int], data: memoryview) -> int | None:
    """Call send() or recv(); `None` if it would wait."""
    try:
        return function(data)
    except BlockingIOError:
        return None
    except OSError as exc:
        raise SocketCallError.wrap(call, exc) from exc
