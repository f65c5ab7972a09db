"""The echo of one socket, with the help of a reactor: the first bytes, and who has the socket.

Many clients send at once. What has come when a client is welcomed is echoed by the client's own
task. So a client that sends one message costs the reactor one event: the end of the stream.
"""

from __future__ import annotations

import ssl
from contextlib import suppress
from typing import TYPE_CHECKING, Protocol

import trio

from .errors import naming
from .relay import BaseRelay, lines_in

if TYPE_CHECKING:
    import socket
    from collections.abc import Callable

    from .tls_socket import TlsSocket

# What a call raises that would have to wait. OpenSSL has its own errors for that.
NOT_NOW = (BlockingIOError, ssl.SSLWantReadError, ssl.SSLWantWriteError)
# How many bytes to receive at once if they are shown to a tap, as Trio's own streams do.
PIECE = 64 * 1024


class Watch(Protocol):
    """What a relay needs of a reactor."""

    def add(self, relay: SocketRelay) -> None:
        """Take over a relay's socket; its task goes to sleep next."""

    def remove(self, relay: SocketRelay) -> None:
        """Give a socket back to its task, if it is here."""


class SocketRelay(BaseRelay):
    """Sends back what a socket delivers, until its end, with the help of a reactor.

    Args:
        sock: connected and non-blocking. It is left open; nobody may use or close it while the
            relay runs.
        reactor: must be running.
        tls: of the socket, after its handshake; `None` for plain TCP.
        tap: called with each piece as it arrives, before it is sent back.
        moved: called for each piece as it arrives. If a piece has to wait for room, also each time
            a part of it is sent.

    Attributes:
        sock: as given.
        descriptor: the socket's number.
        task: sleeps while the reactor echoes.
        failure: what went wrong.
        tls: as given.
        rest: what was received and could not be sent yet. `None` if the reactor waits for more to
            receive. If it is empty, the reactor waits for room and not for more: TLS has something
            to send or to return.
    """

    __slots__ = ("_early", "_reactor", "descriptor", "failure", "rest", "sock", "task", "tls")

    def __init__(
        self,
        sock: socket.socket,
        reactor: Watch,
        tap: Callable[[bytes], object] | None = None,
        moved: Callable[[], object] | None = None,
        *,
        tls: TlsSocket | None = None,
    ) -> None:
        super().__init__(tap, moved)
        self._reactor = reactor
        self.sock = sock
        self.tls = tls
        self.descriptor = sock.fileno()
        self.task: trio.lowlevel.Task
        self.failure: Exception | None = None
        self.rest = memoryview(b"") if tls is not None and tls.ready else None
        self._early: bytes | None = None

    def begin(self) -> None:
        """Receive what has come already, for `run`: many clients send at once.

        Raises:
            OSError: the peer has reset the connection.
        """
        with suppress(*NOT_NOW):
            self._early = self.sock.recv(PIECE)

    async def run(self) -> None:
        """Echo until the peer ends its side and everything it sent has been sent back.

        At most one piece of 256 KiB is held. A peer that sends without receiving is stopped by
        TCP's flow control.

        Raises:
            SocketCallError: `recv()` or `send()` failed: the connection broke. Or `epoll_ctl()`
                failed: the system does not watch any more sockets.
        """
        self.task = trio.lowlevel.current_task()
        if self._early is not None and not await self._echo_early():
            return
        self._reactor.add(self)
        try:
            await trio.lowlevel.wait_task_rescheduled(self._abort)
        finally:  # a tap may both cancel this task and fail
            self._raise_failure()

    async def _echo_early(self) -> bool:
        """Echo what `begin` received, and forget it; the reactor sends what has no room.

        Returns:
            Whether it was not the end of the stream.
        """
        data, self._early = self._early, None
        if not data:
            return False
        if self.counts_lines:
            self.lines += lines_in(data, len(data))
        if self.moved is not None:
            self.moved()
        if self.tap is not None:
            self.tap(data)
            await trio.lowlevel.checkpoint_if_cancelled()  # the tap may have cancelled this client
        sent = 0
        with naming("send()"), suppress(*NOT_NOW):
            sent = self.sock.send(data)
        self.echoed += sent
        if sent < len(data):
            self.rest = memoryview(data[sent:])
        return True

    def _raise_failure(self) -> None:
        failure, self.failure = self.failure, None
        if failure is not None:
            try:
                raise failure
            finally:
                del failure  # its traceback refers to this frame: no cycle

    def _abort(self, _raise_cancel: object) -> trio.lowlevel.Abort:
        self._reactor.remove(self)
        return trio.lowlevel.Abort.SUCCEEDED
