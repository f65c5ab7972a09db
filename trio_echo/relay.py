"""The echo itself: bytes in, the same bytes out."""

from __future__ import annotations

from typing import TYPE_CHECKING

import trio

from .errors import SocketCallError

if TYPE_CHECKING:
    from collections.abc import Callable

    from trio.abc import Stream


class Relay:
    """Sends back what a stream delivers, until its end.

    At most one piece (64 KiB from a socket) is held: a peer that sends without receiving is
    received from no further than that, and TCP's flow control stops it.

    Args:
        stream: any Trio stream. It is not closed here: whoever opened it does that.
        tap: called with each piece as it arrives, before it is sent back.

    Attributes:
        echoed: how many bytes went back so far; a piece counts once the whole of it was sent.
    """

    def __init__(self, stream: Stream, tap: Callable[[bytes], object] | None = None) -> None:
        self.echoed = 0
        self._stream = stream
        self._tap = tap

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
            if self._tap is not None:
                self._tap(bytes(data))
            try:
                await self._stream.send_all(data)
            except (OSError, trio.BrokenResourceError) as exc:
                raise SocketCallError.wrap("send()", exc) from exc
            self.echoed += len(data)
