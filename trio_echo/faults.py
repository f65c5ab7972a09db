"""Faults on purpose: a stream that sends in small pieces, late, or until it is reset.

A client that takes one `recv` for one message works on loopback and fails on a real network. With
these faults, it fails on loopback too.
"""

from __future__ import annotations

import errno
import operator
import socket
import struct
import sys
from contextlib import contextmanager, nullcontext, suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias

import trio

from .errors import strerror
from .hangup import set_at_hangup
from .relay import Relay
from .tcp_info import holds_unacknowledged, was_reset

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from trio.abc import HalfCloseableStream

    SSLStream: TypeAlias = trio.SSLStream[trio.SocketStream]

# Seconds between two fragments: enough for a receiver on this machine to wake up and receive the
# first one before the next one comes.
_PAUSE = 0.001

# Seconds between two looks at whether the peer has acknowledged everything: the first and the
# longest pause. Each is twice the one before. There is no event to wait for, and a peer may never
# receive.
_FIRST_LOOK, _LONGEST_LOOK = 0.001, 5.0

# `struct linger`, on for 0 seconds: closing then drops unsent data and resets the connection
# (socket(7)).
_RESET_ON_CLOSE = struct.pack("hh" if sys.platform == "win32" else "ii", 1, 0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Faults:
    """What a `FaultyStream` does wrong; by default nothing. True if there is a fault.

    Attributes:
        fragment: data is sent in pieces of at most this many bytes. `None` to send it whole.
        delay: seconds before each piece; `math.inf` for a peer that never answers. By default
            (`None`) only fragments are delayed, by one millisecond, so that a receiver can get
            each of them alone. With 0 they may merge.
        reset_after: the connection is reset once this many bytes were sent; with 0, before the
            first one. `None` for never.

    Raises:
        TypeError: a number of bytes is not an integer.
        ValueError: a number is out of range.
    """

    fragment: int | None = None
    delay: float | None = None
    reset_after: int | None = None

    def __post_init__(self) -> None:
        if self.fragment is not None and operator.index(self.fragment) < 1:
            raise ValueError(f"fragment must be at least 1 byte, not {self.fragment}")
        if self.delay is not None and not self.delay >= 0:
            raise ValueError(f"delay must be 0 seconds or more, not {self.delay}")
        if self.reset_after is not None and operator.index(self.reset_after) < 0:
            raise ValueError(f"reset_after must be 0 bytes or more, not {self.reset_after}")

    def __bool__(self) -> bool:
        return bool(self.fragment or self.delay) or self.reset_after is not None

    @property
    def pause(self) -> float:
        """Seconds to wait before each piece."""
        if self.delay is not None:
            return self.delay
        return 0.0 if self.fragment is None else _PAUSE


class FaultyStream(trio.abc.HalfCloseableStream):
    """Wraps a stream and sends with faults. It receives without faults.

    Each piece is one `send_all` of the wrapped stream. A `trio.SocketStream` sets `TCP_NODELAY`, so
    the kernel does not merge the pieces.

    A `trio.SocketStream`, also below TLS, is reset with an RST (RFC 9293, section 3.9.1: ABORT).
    Any other stream is closed forcefully. The task that sends, and every later call until `aclose`,
    gets a `trio.BrokenResourceError` that says it was on purpose, with a `ConnectionAbortedError`
    as its cause.

    A reset drops what the kernel has not sent yet. On Linux it waits until the peer's kernel has
    acknowledged every byte. Elsewhere it does not wait, and a slow peer may get fewer bytes. A peer
    on Linux can receive what has arrived before it sees ECONNRESET; Windows may discard it.

    Args:
        stream: any half-closeable Trio stream, or a `trio.SSLStream`, which cannot end only its
            sending side. It is closed with this one.
        faults: what goes wrong.
        moved: called whenever a piece was sent.

    Attributes:
        moved: as given.
        sent: how many bytes were sent, in whole pieces.
        was_reset: whether the connection was reset on purpose.
    """

    def __init__(
        self,
        stream: HalfCloseableStream | SSLStream,
        faults: Faults,
        *,
        moved: Callable[[], object] | None = None,
    ) -> None:
        self.sent = 0
        self.was_reset = False
        self._stream = stream
        self._transport = stream.transport_stream if isinstance(stream, trio.SSLStream) else stream
        self._faults = faults
        self.moved = moved
        self._closed = False
        # Set when it is closed, or when the peer resets the connection during a pause.
        self._ended = trio.Event()
        self._sending = False

    async def send_all(self, data: bytes | bytearray | memoryview) -> None:
        """Send data piece by piece, as far as the faults allow.

        Raises:
            trio.BrokenResourceError: it was reset on purpose, or the connection broke.
            trio.BusyResourceError: another task is sending.
            trio.ClosedResourceError: this stream was closed, perhaps during a pause.
        """
        with self._alone(), memoryview(data) as rest:
            if not rest:
                await self._stream.send_all(rest)
                return
            start = 0
            while start < len(rest) and self.sent != self._faults.reset_after:
                if self._faults.pause > 0:
                    await self._wait(self._faults.pause)
                size = self._piece_size(len(rest) - start)
                with rest[start : start + size] as piece:
                    await self._stream.send_all(piece)
                self.sent += size
                start += size
                if self.moved is not None:
                    self.moved()
            if self.sent == self._faults.reset_after:
                await self._reset()
                self._check()

    async def wait_send_all_might_not_block(self) -> None:
        """Wait as the wrapped stream does, without pauses."""
        with self._alone():
            await self._stream.wait_send_all_might_not_block()

    async def send_eof(self) -> None:
        """End the sending side.

        Raises:
            TypeError: the wrapped stream is a `trio.SSLStream`.
        """
        with self._alone():
            if isinstance(self._stream, trio.SSLStream):
                raise TypeError("a trio.SSLStream cannot end only its sending side")
            await self._stream.send_eof()

    async def receive_some(self, max_bytes: int | None = None) -> bytes | bytearray:
        """Receive what the wrapped stream delivers."""
        self._check()
        try:
            return await self._stream.receive_some(max_bytes)
        except trio.ClosedResourceError:
            self._check()  # another task was sending, and the connection was reset
            raise

    async def aclose(self) -> None:
        """Close the wrapped stream, and wake a task that pauses before it sends."""
        self._closed = True
        self._ended.set()
        await self._stream.aclose()

    def _piece_size(self, available: int) -> int:
        size = available if self._faults.fragment is None else self._faults.fragment
        if self._faults.reset_after is not None:
            size = min(size, self._faults.reset_after - self.sent)
        return min(size, available)

    @contextmanager
    def _alone(self) -> Iterator[None]:
        """Keep other tasks from sending, even during a pause."""
        self._check()
        if self._sending:
            raise trio.BusyResourceError("another task is sending on this FaultyStream")
        self._sending = True
        try:
            yield
        finally:
            self._sending = False

    def _check(self) -> None:
        if self._closed:
            raise trio.ClosedResourceError("this FaultyStream was already closed")
        if self.was_reset:
            # ECONNABORTED fits: software on this side ended the connection.
            reason = ConnectionAbortedError(
                errno.ECONNABORTED, f"reset on purpose after {self.sent} bytes"
            )
            raise trio.BrokenResourceError(reason.strerror) from reason

    async def _wait(self, seconds: float) -> None:
        """Wait, unless the peer resets the connection: nothing else would notice that."""
        transport = self._transport
        with (
            trio.move_on_after(seconds),
            set_at_hangup(transport.socket, self._ended)
            if isinstance(transport, trio.SocketStream)
            else nullcontext(),
        ):
            while True:
                await self._ended.wait()
                self._check()
                self._check_peer()
                self._ended = trio.Event()  # it was not a reset, and is not reported again
        self._check()
        self._check_peer()

    def _check_peer(self) -> None:
        transport = self._transport
        if isinstance(transport, trio.SocketStream) and was_reset(transport.socket):
            number = transport.socket.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
            reason = OSError(number or errno.ECONNRESET, strerror(number or errno.ECONNRESET))
            raise trio.BrokenResourceError(reason.strerror) from reason

    async def _reset(self) -> None:
        transport = self._transport
        if isinstance(transport, trio.SocketStream):
            pause = _FIRST_LOOK
            while holds_unacknowledged(transport.socket):
                await self._wait(pause)
                pause = min(2 * pause, _LONGEST_LOOK)
            self._check_peer()
            with suppress(OSError):  # macOS refuses if the peer has reset it meanwhile
                transport.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET_ON_CLOSE)
        self.was_reset = True
        await trio.aclose_forcefully(self._stream)


class FaultyRelay(Relay):
    """Sends back what a stream delivers, through a `FaultyStream`.

    Args:
        stream: as for `FaultyStream`. It is left open unless it is reset.
        faults: what goes wrong.
        tap: called with each piece as it arrives, before it is sent back.
    """

    __slots__ = ("_faulty",)

    def __init__(
        self,
        stream: HalfCloseableStream | SSLStream,
        faults: Faults,
        tap: Callable[[bytes], object] | None = None,
    ) -> None:
        self._faulty = FaultyStream(stream, faults)
        super().__init__(self._faulty, tap)

    async def run(self) -> None:
        """Echo as far as the faults allow, until the peer ends its side.

        Raises:
            SocketCallError: `recv()` or `send()` failed: the connection broke, or was reset on
                purpose.
        """
        self._faulty.moved = self._piece_went_out
        try:
            await super().run()
        finally:
            self._faulty.moved = None  # it refers to this relay: no cycle

    @property
    def was_reset(self) -> bool:
        """Whether the connection was reset on purpose."""
        return self._faulty.was_reset

    def _went_back(self, count: int) -> None:
        """Do nothing: the stream reports each piece, and an echo may end between two."""

    def _piece_went_out(self) -> None:
        super()._went_back(self._faulty.sent - self.echoed)
