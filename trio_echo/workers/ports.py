"""Ports that several processes of one server listen on, and no server started by mistake.

On Linux each worker has listeners of its own: with SO_REUSEPORT (socket(7)), sockets of one user
may all listen on an address, and the kernel spreads the connections over them. It asks nobody: a
second server that is started by mistake would silently get half of the first one's clients. So a
port is reserved without it first, and opened to the workers then.

Other systems spread nothing. There all workers have the parent's listeners, and a client is
served by the first that accepts it.
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

# What Trio asks for: as many waiting connections as the system allows.
_QUEUED = 0xFFFF


class Ports:
    """Ports that are reserved.

    Attributes:
        endpoints: numeric addresses, with one port for all.
        missing: the errors of those whose family this system lacks.
        listeners: for all workers, where they do not open their own.
    """

    def __init__(self, sockets: list[socket.socket], missing: list[SocketCallError]) -> None:
        self._sockets = sockets
        self.endpoints = [Endpoint.from_sockaddr(one.getsockname()) for one in sockets]
        self.missing = missing
        self.listeners = [] if SPREADS else sockets

    def close(self) -> None:
        """Let go of the ports; a worker that listens goes on."""
        for one in self._sockets:
            one.close()


@contextmanager
def reserved(wanted: Sequence[Endpoint]) -> Iterator[Ports]:
    """Keep ports for this process and its workers, during a `with` block.

    Where workers open listeners of their own, the sockets that keep the ports are bound and never
    listen: they get no connection, and the port stays reserved while a worker is replaced.

    Args:
        wanted: numeric addresses; port 0 takes a free one, the same for all of them.

    Raises:
        SocketCallError: of `socket()` or `bind()`: one of them is not to be had.
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
        if sys.platform == "win32":  # where SO_REUSEADDR lets anybody have the port
            sock.bind(address)
        else:
            # For the bind only, which may find connections in TIME_WAIT: afterwards it would let
            # others bind as long as nobody listens.
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            sock.bind(address)
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 0)
        if SPREADS:
            _share(sock)
        else:
            sock.listen(_QUEUED)
        return sock


def open_listener(endpoint: Endpoint) -> trio.SocketListener:
    """Listen on a reserved port, where the system spreads its connections.

    Raises:
        SocketCallError: of `socket()` or `bind()`: it is not reserved, or by another user.
    """
    try:
        with _opening(endpoint) as (sock, address):
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            _share(sock)
            sock.bind(address)
            sock.listen(_QUEUED)
            return trio.SocketListener(trio.socket.from_stdlib_socket(sock))
    except OSError as exc:
        raise SocketCallError.wrap("bind()", exc, str(endpoint)) from exc


@contextmanager
def _opening(endpoint: Endpoint) -> Iterator[tuple[socket.socket, Any]]:
    """Make a socket for an address, and close it if the block fails; yields what `bind` takes."""
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
