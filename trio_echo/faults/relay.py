"""The echo with faults."""

from __future__ import annotations

from typing import TYPE_CHECKING

from trio_echo.errors import naming
from trio_echo.relay import Relay

from .stream import FaultyStream

if TYPE_CHECKING:
    from collections.abc import Callable

    from trio.abc import HalfCloseableStream

    from .settings import Faults
    from .stream import SSLStream
    from .switch import FaultSwitch


class FaultyRelay(Relay):
    """Sends back what a stream delivers, through a `FaultyStream`.

    Args:
        stream: as for `FaultyStream`. It is left open unless it is ended on purpose.
        faults: what goes wrong; with a `FaultSwitch`, it can change.
        tap: called with each piece as it arrives, before it is sent back.
    """

    __slots__ = ("_faulty",)

    def __init__(
        self,
        stream: HalfCloseableStream | SSLStream,
        faults: Faults | FaultSwitch,
        tap: Callable[[bytes], object] | None = None,
    ) -> None:
        self._faulty = FaultyStream(stream, faults)
        super().__init__(self._faulty, tap)

    async def run(self) -> None:
        """Echo as far as the faults allow, until the peer ends its side.

        Raises:
            SocketCallError: `recv()`, `send()` or `shutdown()` failed: the connection broke, or
                was ended on purpose.
        """
        self._faulty.moved = self._piece_went_out
        try:
            await super().run()
            with naming("shutdown()"):
                await self._faulty.linger()
        finally:
            self._faulty.moved = None  # it refers to this relay: no cycle

    @property
    def was_reset(self) -> bool:
        """Whether the connection was reset on purpose."""
        return self._faulty.was_reset

    @property
    def was_closed(self) -> bool:
        """Whether the connection was closed on purpose."""
        return self._faulty.was_closed

    def _went_back(self, count: int) -> None:
        """Do nothing: the stream reports each piece, and an echo may end between two."""

    def _piece_went_out(self) -> None:
        super()._went_back(self._faulty.sent - self.echoed)
