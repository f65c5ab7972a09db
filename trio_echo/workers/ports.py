"""A port that several processes of one server listen on, and no server started by mistake (Linux).

With SO_REUSEPORT (socket(7)), sockets of one user may all listen on an address, and the kernel
spreads the connections over them. It asks nobody: a second server that is started by mistake would
silently get half of the first one's clients. So a port is reserved without it first, and opened
to the workers then.
"""

from __future__ import annotations

import errno
import socket
import sys
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING

import trio

from trio_echo.addresses import Endpoint
from trio_echo.errors import SocketCallError
from trio_echo.listening import FREE_PORT_ATTEMPTS, family_is_missing

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence


@contextmanager
def reserved(
    wanted: Sequence[Endpoint],
) -> Iterator[tuple[list[Endpoint], list[SocketCallError]]]:
    """Keep ports for this process, and for those that use `SharedPorts`, during a `with` block.

    The sockets that keep them are bound and never listen: they get no connection, and the port
    stays reserved while a worker that died is replaced.

    Args:
        wanted: numeric addresses; port 0 takes a free one, the same for all of them.

    Returns:
        The endpoints, and the errors of those whose family this system lacks.

    Raises:
        SocketCallError: of `socket()` or `bind()`: one of them is not to be had.
    """
    with ExitStack() as stack:
        for attempt in range(FREE_PORT_ATTEMPTS):
            try:
                found = _bind_all(wanted, stack)
            except SocketCallError as exc:
                taken = wanted[0].port == 0 and exc.errno == errno.EADDRINUSE
                if not taken or attempt == FREE_PORT_ATTEMPTS - 1:
                    raise
                stack.close()
            else:
                break
        yield found


def _bind_all(
    wanted: Sequence[Endpoint], stack: ExitStack
) -> tuple[list[Endpoint], list[SocketCallError]]:
    bound: list[Endpoint] = []
    missing: list[SocketCallError] = []
    for host, port in wanted:
        endpoint = Endpoint(host, bound[0].port if bound else port)
        try:
            sock = stack.enter_context(_bind(endpoint))
        except OSError as exc:
            error = SocketCallError.opening("bind()", exc, str(endpoint))
            if not family_is_missing(error, host):
                raise error from exc
            missing.append(error)
        else:
            bound.append(Endpoint.from_sockaddr(sock.getsockname()))
    if not bound:
        raise missing[0]
    return bound, missing


def _bind(endpoint: Endpoint) -> socket.socket:
    info = socket.getaddrinfo(*endpoint, type=socket.SOCK_STREAM, flags=socket.AI_NUMERICHOST)
    family, _, _, _, address = info[0]
    sock = socket.socket(family, socket.SOCK_STREAM)
    try:
        if family == socket.AF_INET6:
            sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        # For the bind only, which may find connections in TIME_WAIT: afterwards it would let
        # others bind as long as nobody listens.
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        sock.bind(address)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 0)
        _share(sock)
    except BaseException:
        sock.close()
        raise
    return sock


class SharedPorts(trio.abc.SocketFactory):
    """Lets the sockets that Trio makes in a worker bind a reserved port.

    It is for `trio.socket.set_custom_socket_factory`, and for processes that listen only.
    """

    def socket(
        self,
        family: socket.AddressFamily | int = socket.AF_INET,
        type: socket.SocketKind | int = socket.SOCK_STREAM,  # noqa: A002  Trio's name
        proto: int = 0,
    ) -> trio.socket.SocketType:
        """Make a socket with SO_REUSEPORT."""
        sock = socket.socket(family, type, proto)
        _share(sock)
        return trio.socket.from_stdlib_socket(sock)


def _share(sock: socket.socket) -> None:
    if sys.platform == "linux":
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
