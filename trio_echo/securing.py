"""TLS with one client of a server: the handshake, the relay that comes after it, the farewell.

A `SecureClient` stands in for the function that makes a plain client's relay. `SecureSocket` is for
the reactor, `SecureStream` for Trio's streams.
"""

from __future__ import annotations

import socket
import ssl
from abc import ABC, abstractmethod
from contextlib import suppress
from typing import TYPE_CHECKING, TypeAlias

import trio

from .errors import HANDSHAKE, TlsError, naming
from .faults import FaultyRelay
from .relay import Relay
from .socket_relay import SocketRelay
from .tls import shake_hands
from .tls_problems import TlsProblem
from .tls_socket import TlsSocket

if TYPE_CHECKING:
    from collections.abc import Callable

    from .faults import FaultSwitch
    from .reactor import Reactor
    from .relay import BaseRelay
    from .tcp_info import Socket

    CurrentContext: TypeAlias = Callable[[], ssl.SSLContext]
    """Returns the context for the next handshake."""

# Seconds for a client that failed to read why. Closing at once would reset a connection on which
# the client has sent more, and the reset would overtake the alert (RFC 2525, section 2.17).
_LINGER = 1.0
# Seconds for close_notify to a client that is cut off. It waits only if the send buffer is full.
_FAREWELL = 0.1
_PIECE = 64 * 1024


class SecureClient(ABC):
    """A client that speaks TLS.

    Attributes:
        sock: its socket.
    """

    __slots__ = ("sock",)

    def __init__(self, sock: Socket) -> None:
        self.sock = sock

    async def begin(self, limit: float, where: str) -> None:
        """Shake hands.

        Args:
            limit: how many seconds that may take.
            where: of the error.

        Raises:
            TlsError: the handshake failed.
            SocketCallError: the connection broke.
        """
        with trio.move_on_after(limit) as scope:
            await self._shake_hands(where)
        if scope.cancelled_caught:
            raise TlsError(HANDSHAKE, TlsProblem.TIMED_OUT, where=where)

    async def linger(self) -> None:
        """Let a client with which the handshake failed read why."""
        with trio.move_on_after(_LINGER):
            await _drain(self.sock)

    @abstractmethod
    def __call__(self) -> BaseRelay:
        """Make the relay, after the handshake."""

    @abstractmethod
    async def answer_farewell(self) -> None:
        """Send close_notify to a client that has sent its own, once there is room for it."""

    @abstractmethod
    async def leave(self) -> None:
        """Send close_notify if it was not sent, and if there is room for it."""

    @abstractmethod
    async def _shake_hands(self, where: str) -> None:
        """Shake hands, whatever time it takes."""


class SecureSocket(SecureClient):
    """A client that a reactor serves.

    Args:
        sock: the client's, non-blocking.
        reactor: must be running.
        context: returns that of the server.
    """

    __slots__ = ("_context", "_plain", "_reactor", "_tls")

    def __init__(self, sock: socket.socket, reactor: Reactor, context: CurrentContext) -> None:
        super().__init__(sock)
        self._plain = sock
        self._tls: TlsSocket
        self._reactor = reactor
        self._context = context

    def __call__(self) -> BaseRelay:
        """Make the relay, after the handshake."""
        return SocketRelay(self._plain, self._reactor, tls=self._tls)

    async def answer_farewell(self) -> None:
        """Send close_notify to a client that has sent its own, once there is room for it."""
        with suppress(OSError):  # it does not wait for this
            await _when_ready(self._tls.unwrap, self.sock)

    async def leave(self) -> None:
        """Send close_notify if it was not sent, and if there is room for it."""
        with suppress(OSError):
            self._tls.unwrap()

    async def _shake_hands(self, where: str) -> None:
        with naming(HANDSHAKE, where):
            self._tls = TlsSocket(self.sock.fileno(), self._context())
            await _when_ready(self._tls.do_handshake, self.sock)


class SecureStream(SecureClient):
    """A client that is served with Trio's streams.

    Args:
        stream: the client's.
        context: returns that of the server.
        faults: how its echo goes wrong; `None` for never.
    """

    __slots__ = ("_context", "_faults", "_tls", "_transport")

    def __init__(
        self, stream: trio.SocketStream, context: CurrentContext, faults: FaultSwitch | None
    ) -> None:
        super().__init__(stream.socket)
        self._transport = stream
        self._tls: trio.SSLStream[trio.SocketStream]
        self._context = context
        self._faults = faults

    def __call__(self) -> BaseRelay:
        """Make the relay, after the handshake."""
        if self._faults is not None:
            return FaultyRelay(self._tls, self._faults)
        return Relay(self._tls)

    async def answer_farewell(self) -> None:
        """Send close_notify to a client that has sent its own, once there is room for it."""
        with suppress(trio.BrokenResourceError):  # it does not wait for this
            await self._tls.unwrap()

    async def leave(self) -> None:
        """Send close_notify if it was not sent, and if there is room for it."""
        with trio.move_on_after(_FAREWELL, shield=True), suppress(trio.BrokenResourceError):
            await self._tls.aclose()

    async def _shake_hands(self, where: str) -> None:
        self._tls = await shake_hands(
            self._transport, self._context(), server_side=True, where=where
        )


async def _when_ready(call: Callable[[], object], sock: Socket) -> None:
    """Repeat a call of OpenSSL until the socket has let it finish."""
    while True:
        try:
            call()
        except ssl.SSLWantReadError:
            await trio.lowlevel.wait_readable(sock)
        except ssl.SSLWantWriteError:
            await trio.lowlevel.wait_writable(sock)
        else:
            return


async def _drain(sock: Socket) -> None:
    """End the sending side, and receive what comes, without OpenSSL, until the peer has left."""
    plain = socket.socket(fileno=sock.fileno())
    try:
        with suppress(OSError):
            plain.shutdown(socket.SHUT_WR)
            while True:
                await trio.lowlevel.wait_readable(plain)
                if not plain.recv(_PIECE):
                    return
    finally:
        plain.detach()
