"""Receive an exact number of bytes from a stream that delivers what it likes.

`recv` returns what has arrived, be it one byte of the hundred that were sent. The lecture's
`recvn` calls it until the wanted number is there; this is `recvn` over any Trio stream, and unlike
it, it tells a short ending from a full one and can be cancelled without losing a byte.
"""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

import trio

if TYPE_CHECKING:
    from collections.abc import Iterator

    from trio.abc import ReceiveStream

# A socket allocates the whole of `max_bytes` before each recv, so a large count goes in pieces.
_PIECE = 256 * 1024


class IncompleteReceiveError(EOFError):
    """The stream ended before the expected number of bytes had arrived.

    Attributes:
        expected: how many bytes were asked for.
        partial: the bytes that did arrive; `len(partial)` is what the lecture's `recvn` returns.
    """

    def __init__(self, expected: int, partial: bytes) -> None:
        super().__init__(f"connection closed after {len(partial)} of {expected} bytes")
        self.expected = expected
        self.partial = partial

    def __reduce__(self) -> tuple[type[IncompleteReceiveError], tuple[int, bytes]]:
        return type(self), (self.expected, self.partial)


class ExactReceiver:
    """Receives exact numbers of bytes, and keeps what has arrived when it is cancelled midway.

    It never takes more from the stream than it was asked for, so that the stream can be read
    directly again whenever `buffered` is empty.

    Args:
        stream: any Trio receive stream: a socket's, TLS, or one in memory.
    """

    def __init__(self, stream: ReceiveStream) -> None:
        self._stream = stream
        self._buffer = bytearray()
        self._receiving = False

    @property
    def buffered(self) -> bytes:
        """What has arrived and was not returned yet."""
        return bytes(self._buffer)

    async def receive_exactly(self, count: int) -> bytes:
        """Receive exactly `count` bytes.

        Cancelled midway, or after a `trio.BrokenResourceError`, the bytes that had arrived stay
        in `buffered`, and the next call starts with them.

        Args:
            count: how many bytes; 0 is allowed.

        Raises:
            IncompleteReceiveError: the stream ended first. It carries the bytes that had
                arrived, and they leave the buffer.
            ValueError: `count` is negative.
            trio.BrokenResourceError: the connection broke.
            trio.BusyResourceError: another task is receiving with this object.
            trio.ClosedResourceError: the stream was closed on this side.
        """
        if count < 0:
            raise ValueError(f"count must not be negative, not {count}")
        await trio.lowlevel.checkpoint_if_cancelled()
        with self._alone():
            while (missing := count - len(self._buffer)) > 0:
                if not await self._receive(missing):
                    partial = self.buffered
                    self._buffer.clear()
                    raise IncompleteReceiveError(count, partial)
            await trio.lowlevel.cancel_shielded_checkpoint()
            received = bytes(memoryview(self._buffer)[:count])
            del self._buffer[:count]
        return received

    async def receive_more(self, max_bytes: int = _PIECE) -> bool:
        """Receive once, whatever is there, into `buffered`.

        Args:
            max_bytes: the most to take from the stream.

        Returns:
            False at the end of the stream.

        Raises:
            trio.BrokenResourceError: the connection broke.
            trio.BusyResourceError: another task is receiving with this object.
            trio.ClosedResourceError: the stream was closed on this side.
        """
        with self._alone():
            return await self._receive(max_bytes)

    async def _receive(self, max_bytes: int) -> bool:
        data = await self._stream.receive_some(min(max_bytes, _PIECE))
        self._buffer += data
        return bool(data)

    @contextmanager
    def _alone(self) -> Iterator[None]:
        """Refuse a second task: the two would share out the bytes as they come."""
        if self._receiving:
            raise trio.BusyResourceError("another task is receiving with this ExactReceiver")
        self._receiving = True
        try:
            yield
        finally:
            self._receiving = False


async def receive_exactly(stream: ReceiveStream, count: int) -> bytes:
    """Receive exactly `count` bytes from a stream.

    For a single receive that is not retried: a cancellation loses what had arrived. Where that
    matters, keep an `ExactReceiver` for the stream.

    Args:
        stream: any Trio receive stream.
        count: how many bytes; 0 is allowed.

    Raises:
        IncompleteReceiveError: the stream ended first.
        ValueError: `count` is negative.
        trio.BrokenResourceError: the connection broke.
        trio.ClosedResourceError: the stream was closed on this side.
    """
    return await ExactReceiver(stream).receive_exactly(count)
