"""A stream with faults: it sends in pieces, late, slowly, wrong, or not to the end."""

from __future__ import annotations

import errno
import socket
import struct
import sys
from contextlib import ExitStack, contextmanager, suppress
from typing import TYPE_CHECKING, TypeVar

import trio

from trio_echo.errors import strerror
from trio_echo.hangup import called_at_hangup
from trio_echo.tcp_info import holds_unacknowledged, was_reset

from .course import End
from .switch import FaultSwitch

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterator
    from typing import NoReturn, TypeAlias

    from trio.abc import HalfCloseableStream

    from .course import Course
    from .settings import Faults

    SSLStream: TypeAlias = trio.SSLStream[trio.SocketStream]

_T = TypeVar("_T")

# Seconds between two looks at whether the peer has acknowledged everything: the first and the
# longest pause. Each is twice the one before. There is no event to wait for, and a peer may never
# receive.
_FIRST_LOOK, _LONGEST_LOOK = 0.001, 5.0

# `struct linger`, on for 0 seconds: closing then drops unsent data and resets the connection
# (socket(7)).
_RESET_ON_CLOSE = struct.pack("hh" if sys.platform == "win32" else "ii", 1, 0)


class FaultyStream(trio.abc.HalfCloseableStream):
    """Wraps a stream and sends with faults. It receives without faults, until its lifetime is over.

    Each piece is one `send_all` of the wrapped stream, or several if the rate is limited. A
    `trio.SocketStream` sets `TCP_NODELAY`, so the kernel does not merge the pieces.

    The connection can end on purpose. Then the task that sends, or receives, and every later call
    until `aclose`, gets a `trio.BrokenResourceError` that says so, with a `ConnectionAbortedError`
    as its cause.

    A `trio.SocketStream`, also below TLS, is reset with an RST (RFC 9293, section 3.9.1: ABORT).
    Any other stream is closed forcefully.

    On Linux, an end after some bytes waits until the peer's kernel has acknowledged all of them.
    Elsewhere it does not wait, and after a reset, a slow peer may get fewer bytes. A peer on Linux
    can receive what has arrived before it sees ECONNRESET; Windows may discard it.

    Args:
        stream: any half-closeable Trio stream, or a `trio.SSLStream`, which cannot end only its
            sending side. It is closed with this one.
        faults: what goes wrong; with a `FaultSwitch`, it can change.
        moved: called whenever a piece was sent.

    Attributes:
        moved: as given.
        sent: how many bytes were sent, in whole pieces.
        was_reset: whether the connection was reset on purpose.
        was_closed: whether the connection was closed on purpose.
    """

    def __init__(
        self,
        stream: HalfCloseableStream | SSLStream,
        faults: Faults | FaultSwitch,
        *,
        moved: Callable[[], object] | None = None,
    ) -> None:
        self.sent = 0
        self.was_reset = False
        self.was_closed = False
        self.moved = moved
        self._stream = stream
        self._transport = stream.transport_stream if isinstance(stream, trio.SSLStream) else stream
        self._switch = faults if isinstance(faults, FaultSwitch) else FaultSwitch(faults)
        self._changes, self._course = self._switch.open()
        self._closed = False
        self._sent_eof = False
        self._sending = False
        # Unparked when it is closed or ended, when the faults change, and when the peer resets it.
        self._pauses = trio.lowlevel.ParkingLot()
        self._pausing = 0
        self._notices = ExitStack()
        self._ending = trio.Lock()

    async def send_all(self, data: bytes | bytearray | memoryview) -> None:
        """Send data piece by piece, as far as the faults allow.

        Raises:
            trio.BrokenResourceError: it was ended on purpose, or the connection broke.
            trio.BusyResourceError: another task is sending.
            trio.ClosedResourceError: this stream was closed, perhaps during a pause.
        """
        with self._alone(), memoryview(data) as rest:
            if not rest:
                await self._stream.send_all(rest)
                return
            start = 0
            self._course.begin()
            while start < len(rest) and (course := self._current()).end is None:
                if course.faults.black_hole:
                    await trio.lowlevel.checkpoint()
                    return
                due, size = course.next_step(len(rest) - start, trio.current_time())
                if not await self._sleep(min(due, course.ends_at), self._check):
                    continue  # the faults have changed
                with rest[start : start + size] as step:
                    await self._in_lifetime(self._stream.send_all, course.altered(step))
                course.went_out(size, due)
                self.sent += size
                start += size
                if self.moved is not None:
                    self.moved()
            if (end := self._current().end) is not None:
                await self._end(end)

    async def wait_send_all_might_not_block(self) -> None:
        """Wait as the wrapped stream does, without pauses."""
        with self._alone():
            await self._in_lifetime(self._stream.wait_send_all_might_not_block)

    async def send_eof(self) -> None:
        """End the sending side, perhaps slowly.

        Raises:
            TypeError: the wrapped stream is a `trio.SSLStream`.
        """
        with self._alone():
            if isinstance(self._stream, trio.SSLStream):
                raise TypeError("a trio.SSLStream cannot end only its sending side")
            await self.linger()
            await self._stream.send_eof()
            self._sent_eof = True

    async def receive_some(self, max_bytes: int | None = None) -> bytes | bytearray:
        """Receive what the wrapped stream delivers.

        Raises:
            trio.BrokenResourceError: it was ended on purpose, or the connection broke.
        """
        self._check()
        try:
            return await self._in_lifetime(self._stream.receive_some, max_bytes)
        except trio.ClosedResourceError:
            self._check()  # another task was sending, and the connection was ended
            raise

    async def aclose(self) -> None:
        """Close the wrapped stream, perhaps slowly, and wake a task that pauses before it sends."""
        ended = self._closed or self._sent_eof or self.was_reset or self.was_closed
        self._closed = True
        self._pauses.unpark_all()
        try:
            if not ended:
                with suppress(trio.BrokenResourceError):
                    await self._linger(lambda: None)
        finally:
            await self._stream.aclose()

    async def linger(self) -> None:
        """Wait before the end is sent, if closing is slow.

        Raises:
            trio.BrokenResourceError: the peer reset the connection.
            trio.ClosedResourceError: this stream was closed.
        """
        await self._linger(self._check)

    @property
    def faults(self) -> Faults:
        """What goes wrong with this connection now."""
        return self._current().faults

    def _current(self) -> Course:
        """Return what goes wrong now."""
        if self._changes != self._switch.changes:
            self._changes, self._course = self._switch.follow()
        return self._course

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
        if self.was_reset or self.was_closed:
            raise self._on_purpose()

    def _on_purpose(self) -> trio.BrokenResourceError:
        how = "reset" if self.was_reset else "closed"
        words = f"{how} on purpose after {self.sent} bytes"
        error = trio.BrokenResourceError(words)
        # ECONNABORTED fits: software on this side ended the connection.
        error.__cause__ = ConnectionAbortedError(errno.ECONNABORTED, words)
        return error

    def _check_peer(self) -> None:
        transport = self._transport
        if isinstance(transport, trio.SocketStream) and was_reset(transport.socket):
            number = transport.socket.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
            reason = OSError(number or errno.ECONNRESET, strerror(number or errno.ECONNRESET))
            raise trio.BrokenResourceError(reason.strerror) from reason

    async def _in_lifetime(  # noqa: RET503  it ends with an exception
        self, call: Callable[..., Awaitable[_T]], *arguments: object
    ) -> _T:
        """Call the wrapped stream; when the connection's lifetime is over, close it instead."""
        if trio.current_time() < self._current().ends_at:
            with trio.CancelScope() as scope:

                def set_deadline() -> None:
                    scope.deadline = self._current().ends_at

                with self._switch.watched(set_deadline):
                    set_deadline()
                    return await call(*arguments)
        await self._end(End.EXPIRE)

    async def _end(self, how: End) -> NoReturn:
        """End the connection on purpose."""
        transport = self._transport
        async with self._ending:
            self._check()  # another task may have ended it
            if how is not End.RESET:
                await self.linger()
            if how is not End.EXPIRE:
                await self._acknowledged()
            if how is End.RESET:
                if isinstance(transport, trio.SocketStream):
                    with suppress(OSError):  # macOS refuses if the peer has reset it meanwhile
                        transport.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET_ON_CLOSE)
                self.was_reset = True
                await trio.aclose_forcefully(self._stream)
            else:
                if not isinstance(self._stream, trio.SSLStream):  # that sends its end as it closes
                    with suppress(trio.BrokenResourceError, trio.BusyResourceError):
                        # If bytes were not received, closing alone would reset the connection.
                        await self._stream.send_eof()
                self.was_closed = True
                await self._stream.aclose()
        raise self._on_purpose()

    async def _acknowledged(self) -> None:
        """Wait until the peer's system has acknowledged every byte, or the lifetime is over."""
        if isinstance(self._transport, trio.SocketStream):
            pause = _FIRST_LOOK
            while holds_unacknowledged(self._transport.socket):
                now, ends_at = trio.current_time(), self._current().ends_at
                if now >= ends_at:
                    break
                await self._sleep(min(now + pause, ends_at), self._check)
                pause = min(2 * pause, _LONGEST_LOOK)
            self._check_peer()

    async def _linger(self, check: Callable[[], None]) -> None:
        """Wait before the end is sent."""
        start = trio.current_time()
        while not await self._sleep(start + (self._current().faults.slow_close or 0), check):
            pass

    async def _sleep(self, until: float, check: Callable[[], None]) -> bool:
        """Wait until a time; return `False` if the faults changed before.

        Args:
            until: that time.
            check: raises if the wait ends for another reason.
        """
        changes = self._changes  # another task of this stream may note the next change first
        if until > trio.current_time():
            with trio.move_on_at(until), self._noticing():
                while changes == self._switch.changes:
                    await self._pauses.park()
                    check()
                    self._check_peer()
            check()
            self._check_peer()
        return changes == self._switch.changes

    @contextmanager
    def _noticing(self) -> Iterator[None]:
        """Wake pauses when the faults change, and when the peer resets the connection.

        Nothing else would notice that. Two tasks may pause: one that sends, and one that closes.
        """
        try:
            self._pausing += 1
            if self._pausing == 1:
                self._notices.enter_context(self._switch.watched(self._pauses.unpark_all))
                if isinstance(self._transport, trio.SocketStream):
                    self._notices.enter_context(
                        called_at_hangup(self._transport.socket, self._pauses.unpark_all)
                    )
            yield
        finally:
            self._pausing -= 1
            if not self._pausing:
                self._notices.close()
