"""The server behind a cable."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

import trio

from trio_echo import lan
from trio_echo.addresses import DEFAULT_PORT, Endpoint

from .server import EchoServer

if TYPE_CHECKING:
    from collections.abc import Iterator

    from trio_echo.lan.cable import Cable
    from trio_echo.lan.host import Host


class WiredEchoServer(EchoServer):
    """An `EchoServer` on a host of its own, at the other end of a cable.

    Args:
        network: two running hosts, `client` and `server`.

    Attributes:
        client: the host for the test's sockets: `client.blocking_socket()`.
        cable: from the client to the server; it can change while frames cross it.
    """

    def __init__(self, network: lan.BackgroundHosts) -> None:
        self.client: Host = network["client"]
        self.cable: Cable = network.cable
        server = network["server"]
        self._own = Endpoint(server.ipv4, DEFAULT_PORT), Endpoint(server.ipv6, DEFAULT_PORT)
        super().__init__(listeners=trio.run(server.open_tcp_listeners, DEFAULT_PORT))

    @property
    def addresses(self) -> tuple[Endpoint, ...]:
        """Where it listens, as the client's host sees it."""
        return self._own


@contextmanager
def wired_echo_server() -> Iterator[WiredEchoServer]:
    """Run a server on a host of its own, and close both at the end.

    Raises:
        LanError: hosts cannot be made here; `lan.why_not()` says why.
        SocketCallError: as for `lan.hosts`.
    """
    with lan.BackgroundHosts("client", "server") as network, WiredEchoServer(network) as server:
        yield server
