"""The server of the fixtures."""

from __future__ import annotations

from typing import TYPE_CHECKING

from trio_echo.background import BackgroundServer
from trio_echo.faults import Faults, FaultSwitch
from trio_echo.limits import Limits

from .event_list import EventList

if TYPE_CHECKING:
    from collections.abc import Sequence
    from ssl import SSLContext

    import trio

    from trio_echo.addresses import Endpoint


class EchoServer(BackgroundServer):
    """A `BackgroundServer` that keeps its events, and whose faults can change while it runs.

    Args:
        faults: what goes wrong at first.
        limits: as for `BackgroundServer`.
        listeners: as for `BackgroundServer`.
        ssl_context: as for `BackgroundServer`.

    Attributes:
        events: what has happened so far.
    """

    def __init__(
        self,
        *,
        faults: Faults = Faults(),
        limits: Limits = Limits(grace=0),
        listeners: Sequence[trio.SocketListener] | None = None,
        ssl_context: SSLContext | None = None,
    ) -> None:
        self.events = EventList()
        self._switch = FaultSwitch(faults)
        super().__init__(
            limits=limits,
            listeners=listeners,
            faults=self._switch,
            observer=self.events.append,
            ssl_context=ssl_context,
        )

    @property
    def faults(self) -> Faults:
        """What goes wrong; can be set at any time, in any thread, as in `FaultSwitch`."""
        return self._switch.faults

    @faults.setter
    def faults(self, faults: Faults) -> None:
        self._switch.faults = faults

    @property
    def ipv4(self) -> Endpoint | None:
        """Its IPv4 address and port; `None` if the system has no IPv4."""
        return next((one for one in self.addresses if ":" not in one.host), None)

    @property
    def ipv6(self) -> Endpoint | None:
        """Its IPv6 address and port; `None` if the system has no IPv6."""
        return next((one for one in self.addresses if ":" in one.host), None)

    @property
    def port(self) -> int:
        """Its port, the same for all addresses."""
        return self.addresses[0].port
