"""Which relay a client gets: Trio's or the reactor's, plain or with TLS, perhaps with faults."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from .faults import FaultyRelay
from .relay import Relay
from .securing import SecureSocket, SecureStream
from .socket_relay import SocketRelay

if TYPE_CHECKING:
    import socket

    import trio

    from .faults import FaultSwitch
    from .handler import MakeRelay
    from .reactor import Reactor
    from .securing import CurrentContext


class Relays:
    """Makes the relays of one server.

    Args:
        reactor: echoes for all clients; `None` for Trio's streams.
        faults: how the echo goes wrong, with Trio's streams; `None` for never.
        context: returns the one for the next client; `None` for plain TCP.

    Attributes:
        reactor: as given.
    """

    def __init__(
        self, reactor: Reactor | None, faults: FaultSwitch | None, context: CurrentContext | None
    ) -> None:
        self.reactor = reactor
        self._faults = faults
        self._context = context

    def of_stream(self, stream: trio.SocketStream) -> MakeRelay:
        """Return what makes the relay for a stream."""
        if self._context is not None:
            return SecureStream(stream, self._context, self._faults)
        if self._faults is not None:
            return partial(FaultyRelay, stream, self._faults)
        return partial(Relay, stream)

    def of_socket(self, sock: socket.socket, reactor: Reactor) -> MakeRelay:
        """Return what makes the reactor's relay for a socket."""
        if self._context is not None:
            return SecureSocket(sock, reactor, self._context)
        return partial(SocketRelay, sock, reactor)
