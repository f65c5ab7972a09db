"""The echo itself: bytes in, the same bytes out."""

from __future__ import annotations

from typing import TYPE_CHECKING

import trio

from .errors import SocketCallError

if TYPE_CHECKING:
    from collections.abc import Callable

    from trio.abc import Stream


# Where somebody wants to know of every move, a large piece goes back in steps of this size: it is
# how much Trio lets a socket hold unsent before it calls it full.
_STEP = 16 * 1024


class Relay:
    """Sends back what a stream delivers, until its end.

    At most one piece (64 KiB from a socket) is held: a peer that sends without receiving is
    received from no further than that, and TCP's flow control stops it.

    Args:
        stream: any Trio stream. It is not closed here: whoever opened it does that.
        tap: called with each piece as it arrives, before it is sent back.
        moved: called whenever bytes have moved, in either direction.

    Attributes:
        echoed: how many bytes went back so far.
    """

    def __init__(
        self,
        stream: Stream,
        tap: Callable[[bytes], object] | None = None,
        moved: Callable[[], object] | None = None,
    ) -> None:
        self.echoed = 0
        self._stream = stream
        self._tap = tap
        self._moved = moved

    async def run(self) -> None:
        """Echo until the peer ends its side; everything it sent has been sent back by then.

        Raises:
            SocketCallError: of `recv()` or `send()`: the connection broke.
        """
        while True:
            try:
                data = await self._stream.receive_some()
            except (OSError, trio.BrokenResourceError) as exc:
                raise SocketCallError.wrap("recv()", exc) from exc
            if not data:
                return
            if self._moved is not None:
                self._moved()
            if self._tap is not None:
                self._tap(bytes(data))
            await self._send(data)

    async def _send(self, data: bytes | bytearray) -> None:
        size = len(data) if self._moved is None else _STEP
        for start in range(0, len(data), size):
            step = data if len(data) <= size else memoryview(data)[start : start + size]
            try:
                await self._stream.send_all(step)
            except (OSError, trio.BrokenResourceError) as exc:
                raise SocketCallError.wrap("send()", exc) from exc
            self.echoed += len(step)
            if self._moved is not None:
                self._moved()
