"""Ports shared by the processes of one server, but not with a second server started by mistake.

On Linux each worker has its own listeners. With SO_REUSEPORT (socket(7)), several sockets of one
user can listen on the same address, and the kernel spreads the connections over them. It does so
without a check: a second server, started by mistake, would silently get half of the clients. So
the port is first reserved without SO_REUSEPORT, and then opened to the workers.

Other systems do not spread connections. There all workers use the parent's listeners, and the
first worker that accepts a client serves it.
"""

from __future__ import annotations

import errno
import socket
import sys
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING, Any

import trio

from trio_echo.addresses import Endpoint
from trio_echo.errors import SocketCallError
from trio_echo.listening import FREE_PORT_ATTEMPTS, family_is_missing

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

SPREADS = sys.platform == "linux"
"""Whether this system's kernel spreads the connections of one port over several listeners."""

# The same backlog as Trio's: as many waiting connections as the system allows.
_BACKLOG = 0xFFFF


class Ports:
    """Reserved ports.

    Attributes:
        endpoints: numeric addresses, all with the same port.
        missing: the errors of addresses whose family this system lacks.
        listeners: for all workers, if they do not open their own.
    """

    def __init__(self, sockets: list[socket.socket], missing: list[SocketCallError]) -> None:
        self._sockets = sockets
        self.endpoints = [Endpoint.from_sockaddr(one.getsockname()) for one in sockets]
        self.missing = missing
        self.listeners = [] if SPREADS else sockets

    def close(self) -> None:
        """Release the ports; workers that listen continue."""
        for one in self._sockets:
            one.close()


@contextmanager
def reserved(wanted: Sequence[Endpoint]) -> Iterator[Ports]:
    """Reserve ports for this process and its workers during a `with` block.

    If workers open their own listeners, the sockets that reserve the ports are bound but never
    listen. They get no connections and keep the port reserved while a worker is replaced.

    Args:
        wanted: numeric addresses; port 0 takes a free one, the same for all of them.

    Raises:
        SocketCallError: of `socket()` or `bind()`: an address is not available.
    """
    with ExitStack() as stack:
        for attempt in range(FREE_PORT_ATTEMPTS):
            try:
                ports = _bind_all(wanted, stack)
            except SocketCallError as exc:
                taken = wanted[0].port == 0 and exc.errno == errno.EADDRINUSE
                if not taken or attempt == FREE_PORT_ATTEMPTS - 1:
                    raise
                stack.close()
            else:
                break
        yield ports


def _bind_all(wanted: Sequence[Endpoint], stack: ExitStack) -> Ports:
    bound: list[socket.socket] = []
    missing: list[SocketCallError] = []
    for host, port in wanted:
        endpoint = Endpoint(host, bound[0].getsockname()[1] if bound else port)
        try:
            bound.append(stack.enter_context(_reserve(endpoint)))
        except OSError as exc:
            error = SocketCallError.wrap("bind()", exc, str(endpoint))
            if not family_is_missing(error, host):
                raise error from exc
            missing.append(error)
    if not bound:
        raise missing[0]
    return Ports(bound, missing)


def _reserve(endpoint: Endpoint) -> socket.socket:
    with _opening(endpoint) as (sock, address):
        if sys.platform == "win32":  # SO_REUSEADDR would let any program take the port
            sock.bind(address)
        else:
            # Only for the bind, which may find connections in TIME_WAIT. If it stayed on, others
            # could bind too as long as nobody listens.
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            sock.bind(address)
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 0)
        if SPREADS:
            _share(sock)
        else:
            sock.listen(_BACKLOG)
        return sock


def open_listener(endpoint: Endpoint) -> trio.SocketListener:
    """Listen on a reserved port, on a system that spreads connections.

    Raises:
        SocketCallError: of `socket()` or `bind()`: the port is not reserved, or another user
            reserved it.
    """
    try:
        with _opening(endpoint) as (sock, address):
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            _share(sock)
            sock.bind(address)
            sock.listen(_BACKLOG)
            return trio.SocketListener(trio.socket.from_stdlib_socket(sock))
    except OSError as exc:
        raise SocketCallError.wrap("bind()", exc, str(endpoint)) from exc


@contextmanager
def _opening(endpoint: Endpoint) -> Iterator[tuple[socket.socket, Any]]:
    """Yield a socket and its address for `bind`; the socket is closed if the block fails."""
    info = socket.getaddrinfo(*endpoint, type=socket.SOCK_STREAM, flags=socket.AI_NUMERICHOST)
    family, _, _, _, address = info[0]
    with ExitStack() as stack:
        sock = stack.enter_context(socket.socket(family, socket.SOCK_STREAM))
        if family == socket.AF_INET6:
            sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        yield sock, address
        stack.pop_all()


def _share(sock: socket.socket) -> None:
    if sys.platform == "linux":
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
