"""Receives an exact number of bytes from a stream that may split them anywhere.

`recv` returns what has arrived, perhaps one byte of the hundred that were sent. The lecture's
`recvn` calls it until all bytes are there. This is `recvn` over any Trio stream. Unlike `recvn`, it
raises if the stream ends early, and can be cancelled without losing a byte.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import trio

if TYPE_CHECKING:
    from trio.abc import ReceiveStream

# A socket allocates all of `max_bytes` before each recv, so a large count is received in pieces.
_PIECE = 256 * 1024


class IncompleteReceiveError(EOFError):
    """The stream ended before the expected number of bytes had arrived.

    Attributes:
        expected: how many bytes were asked for.
        partial: the bytes that arrived; `len(partial)` is what the lecture's `recvn` returns.
    """

    def __init__(self, expected: int, partial: bytes) -> None:
        super().__init__(f"connection closed after {len(partial)} of {expected} bytes")
        self.expected = expected
        self.partial = partial

    def __reduce__(self) -> tuple[type[IncompleteReceiveError], tuple[int, bytes]]:
        return type(self), (self.expected, self.partial)


class ExactReceiver:
    """Receives exact numbers of bytes, and keeps what has arrived when it is cancelled.

    It never receives more than it was asked for. While `buffered` is empty, the stream can also be
    used directly.

    Args:
        stream: any Trio receive stream: a socket's, TLS, or one in memory.
    """

    def __init__(self, stream: ReceiveStream) -> None:
        self._stream = stream
        self._buffer = bytearray()
        self._receiving = False

    @property
    def buffered(self) -> bytes:
        """What has arrived and has not been returned yet."""
        return bytes(self._buffer)

    async def receive_exactly(self, count: int) -> bytes:
        """Receive exactly `count` bytes.

        After a cancellation or a `trio.BrokenResourceError`, the bytes that had arrived stay in
        `buffered`, and the next call starts with them.

        Args:
            count: how many bytes; may be 0.

        Raises:
            IncompleteReceiveError: the stream ended first. The exception has the bytes that had
                arrived; the buffer is empty.
            ValueError: `count` is negative.
            trio.BrokenResourceError: the connection broke.
            trio.BusyResourceError: another task is receiving with this object.
            trio.ClosedResourceError: the stream was closed on this side.
        """
        if count < 0:
            raise ValueError(f"count must not be negative, not {count}")
        if self._receiving:
            # Each of the two would get some of the bytes.
            raise trio.BusyResourceError("another task is receiving with this ExactReceiver")
        await trio.lowlevel.checkpoint_if_cancelled()
        self._receiving = True
        try:
            while (missing := count - len(self._buffer)) > 0:
                data = await self._stream.receive_some(min(missing, _PIECE))
                if not data:
                    partial = self.buffered
                    self._buffer.clear()
                    raise IncompleteReceiveError(count, partial)
                self._buffer += data
            await trio.lowlevel.cancel_shielded_checkpoint()
        finally:
            self._receiving = False
        received = bytes(memoryview(self._buffer)[:count])
        del self._buffer[:count]
        return received


async def receive_exactly(stream: ReceiveStream, count: int) -> bytes:
    """Receive exactly `count` bytes from a stream.

    A cancellation loses the bytes that had arrived. If that matters, keep an `ExactReceiver` for
    the stream.

    Args:
        stream: any Trio receive stream.
        count: how many bytes; may be 0.

    Raises:
        IncompleteReceiveError: the stream ended first.
        ValueError: `count` is negative.
        trio.BrokenResourceError: the connection broke.
        trio.ClosedResourceError: the stream was closed on this side.
    """
    return await ExactReceiver(stream).receive_exactly(count)
