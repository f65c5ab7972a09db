"""The echo itself: bytes in, the same bytes out, over any Trio stream.

`socket_relay.SocketRelay` does the same for a plain socket on Linux, at a third of the cost.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, TypeAlias

from .errors import naming

if TYPE_CHECKING:
    from collections.abc import Callable

    from trio.abc import Stream

    Tap: TypeAlias = Callable[[bytes], object]
    """Called with each piece as it arrives, before it is sent back."""


# If `moved` is given, large pieces are sent in steps of this size, with a call after each. It is
# how much Trio lets a socket hold unsent before it counts as full.
_STEP = 16 * 1024


def lines_in(buffer: bytes | bytearray, count: int) -> int:
    """Count the lines that the first bytes of a buffer begin. There is one at least."""
    last = count - 1
    # Python 3.11 finds a byte in a fraction of the time in which it counts it.
    if buffer.find(b"\n", 0, last) < 0:
        return 1
    return 1 + buffer.count(b"\n", 0, last)


class BaseRelay(ABC):
    """A relay, whatever its bytes come from.

    Attributes:
        echoed: how many bytes have been sent back.
        tap: called with each piece as it arrives, before it is sent back.
        moved: called whenever bytes have moved, in either direction.
        counts_lines: whether the lines of each piece are added to `lines`. That takes less time
            than a tap.
        lines: how many lines were counted.
    """

    __slots__ = ("counts_lines", "echoed", "lines", "moved", "tap")

    def __init__(
        self,
        tap: Callable[[bytes], object] | None = None,
        moved: Callable[[], object] | None = None,
    ) -> None:
        self.echoed = 0
        self.tap = tap
        self.moved = moved
        self.counts_lines = False
        self.lines = 0

    def begin(self) -> None:  # noqa: B027  nothing, unless there is a socket
        """Prepare for `run`, before anybody knows of the client.

        Raises:
            OSError: the peer has reset the connection.
        """

    @property
    def was_reset(self) -> bool:
        """Whether the connection was reset on purpose."""
        return False

    @property
    def was_closed(self) -> bool:
        """Whether the connection was closed on purpose, before the peer ended its side."""
        return False

    @abstractmethod
    async def run(self) -> None:
        """Echo until the peer ends its side and everything it sent has been sent back.

        At most one piece is held: 64 KiB from a stream, 256 KiB by a reactor. A peer that sends
        without receiving is stopped by TCP's flow control.

        Raises:
            SocketCallError: `recv()` or `send()` failed: the connection broke.
        """


class Relay(BaseRelay):
    """Sends back what a stream delivers, until its end.

    Args:
        stream: any Trio stream. It is left open.
        tap: called with each piece as it arrives, before it is sent back.
        moved: called whenever bytes have moved, in either direction.

    Attributes:
        echoed: how many bytes have been sent back.
    """

    __slots__ = ("_stream",)

    def __init__(
        self,
        stream: Stream,
        tap: Callable[[bytes], object] | None = None,
        moved: Callable[[], object] | None = None,
    ) -> None:
        super().__init__(tap, moved)
        self._stream = stream

    async def run(self) -> None:
        """Echo until the peer ends its side and everything it sent has been sent back.

        At most one piece of 64 KiB is held. A peer that sends without receiving is stopped by TCP's
        flow control.

        Raises:
            SocketCallError: `recv()` or `send()` failed: the connection broke.
        """
        while True:
            with naming("recv()"):
                data = await self._stream.receive_some()
            if not data:
                return
            if self.moved is not None:
                self.moved()
            if self.counts_lines:
                self.lines += lines_in(data, len(data))
            if self.tap is not None:
                self.tap(bytes(data))
            await self._send(data)

    async def _send(self, data: bytes | bytearray) -> None:
        size = len(data) if self.moved is None else _STEP
        for start in range(0, len(data), size):
            step = data if len(data) <= size else memoryview(data)[start : start + size]
            with naming("send()"):
                await self._stream.send_all(step)
            self._went_back(len(step))

    def _went_back(self, count: int) -> None:
        self.echoed += count
        if self.moved is not None:
            self.moved()
