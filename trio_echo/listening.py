"""Where a server listens: its addresses, a family that is missing, what its sockets are given."""

from __future__ import annotations

import errno
import math
import socket
import sys
from contextlib import ExitStack, suppress
from typing import TYPE_CHECKING

import trio

from .addresses import Endpoint, resolve
from .errors import SocketCallError
from .keepalive import keep_alive
from .tcp_info import waiting_to_be_accepted

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence

    from .tcp_info import Socket

LOOPBACK = ("127.0.0.1", "::1")
"""This machine only, on both families."""
ANY = ("0.0.0.0", "::")  # noqa: S104  it is what the lecture's INADDR_ANY means
"""Every interface, on both families: the lecture's `INADDR_ANY` and `in6addr_any`."""

# With port 0 the kernel picks a port that is free on the first address; on another address
# somebody may have it. More than a few such collisions in a row are no accident.
FREE_PORT_ATTEMPTS = 16
"""How often a free port is looked for."""

# More clients than can overtake one another between the system's queue and `Door.fit_out`.
_OUT_OF_ORDER = 256


async def endpoints_of(hosts: Sequence[str], port: int) -> list[Endpoint]:
    """List what `serve` listens on; it raises what `serve` raises for hosts and port."""
    if isinstance(hosts, str):
        raise TypeError(f"hosts must be several names, such as [{hosts!r}]")
    if not hosts:
        raise ValueError("hosts must name at least one address to listen on")
    return list(dict.fromkeys([one for host in hosts for one in await resolve(host, port)]))


def check_listeners(listeners: Sequence[trio.SocketListener]) -> None:
    """Refuse listeners that `serve` cannot serve.

    Raises:
        TypeError: one of them is no `trio.SocketListener`.
        ValueError: there is none, one twice, one that is closed, or one that is not of TCP.
    """
    if not listeners:
        raise ValueError("listeners must name at least one to serve")
    for number, one in enumerate(listeners):
        if not isinstance(one, trio.SocketListener):
            raise TypeError(f"listeners must be trio.SocketListener, not {type(one).__name__}")
        if one in listeners[:number]:
            raise ValueError("listeners must not name one twice")
        if one.socket.fileno() == -1:
            raise ValueError("listeners must be open")
        if one.socket.family not in (socket.AF_INET, socket.AF_INET6):
            raise ValueError("listeners must be of TCP, on IPv4 or IPv6")


async def open_listeners(
    endpoints: Sequence[Endpoint],
) -> tuple[list[trio.SocketListener], list[SocketCallError]]:
    """Listen on each endpoint whose family this system has.

    Args:
        endpoints: numeric addresses; a port 0 becomes the same free one for all of them.

    Returns:
        All listeners, and the errors of the families that are missing.

    Raises:
        SocketCallError: of `socket()` or `bind()`: one of them is not to be had.
    """
    for attempt in range(FREE_PORT_ATTEMPTS):
        with ExitStack() as opened:
            try:
                found, missing = await _open_all(endpoints, opened)
            except SocketCallError as exc:
                taken = endpoints[0].port == 0 and exc.errno == errno.EADDRINUSE
                if not taken or attempt == FREE_PORT_ATTEMPTS - 1:
                    raise
            else:
                opened.pop_all()
                break
    return found, missing


async def _open_all(
    endpoints: Sequence[Endpoint], opened: ExitStack
) -> tuple[list[trio.SocketListener], list[SocketCallError]]:
    found: list[trio.SocketListener] = []
    missing: list[SocketCallError] = []
    for host, wanted in endpoints:
        # The first listener settles the port for all: with port 0, the kernel picked it.
        port = found[0].socket.getsockname()[1] if found else wanted
        try:
            for listener in await trio.open_tcp_listeners(port, host=host):
                opened.callback(listener.socket.close)
                found.append(listener)
        except OSError as exc:
            error = SocketCallError.opening("bind()", exc, str(Endpoint(host, port)))
            if not family_is_missing(error, host):
                raise error from exc
            missing.append(error)
    if not found:
        raise missing[0]
    return found, missing


class Door(trio.abc.Listener[trio.SocketStream]):
    """A listener as `trio.serve_listeners` uses it: it fits out who comes, and may keep them out.

    Every client's socket has keepalive and receives urgent data as part of the stream
    (`SO_OOBINLINE`): an echo gives every byte back in its order. On Linux a socket has the
    options of its listener, so only those that had connected before need their own.

    Args:
        listener: is closed with this one.
        keepalive: as in `Limits`.
        room: is awaited before a client is accepted. Until then it waits in the system's queue.

    Raises:
        SocketCallError: of `setsockopt()`.
    """

    def __init__(
        self,
        listener: trio.SocketListener,
        keepalive: float,
        room: Callable[[], Awaitable[None]],
    ) -> None:
        self._listener = listener
        self._keepalive = keepalive
        self._room = room
        self._without_options = math.inf
        if sys.platform == "linux":
            try:
                self._set_options(listener.socket)
            except OSError as exc:
                where = str(Endpoint.from_sockaddr(listener.socket.getsockname()))
                raise SocketCallError("setsockopt()", exc, where) from exc
            early = waiting_to_be_accepted(listener.socket)
            self._without_options = early + _OUT_OF_ORDER if early else 0

    async def accept(self) -> trio.SocketStream:
        """Accept a client once there is room for it."""
        await self._room()
        return await self._listener.accept()

    async def aclose(self) -> None:
        """Close the listener."""
        await self._listener.aclose()

    def fit_out(self, sock: Socket) -> None:
        """Set the options of a socket that was accepted, if it may lack them."""
        if self._without_options:
            self._without_options -= 1
            with suppress(OSError):  # it is closed already
                self._set_options(sock)

    def _set_options(self, sock: Socket) -> None:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_OOBINLINE, 1)
        keep_alive(sock, self._keepalive)


def family_is_missing(error: SocketCallError, host: str) -> bool:
    """Tell a system without IPv4 or IPv6 from an address that is not this machine's."""
    if error.errno in (errno.EAFNOSUPPORT, errno.EPROTONOSUPPORT):
        return True
    return error.errno == errno.EADDRNOTAVAIL and host in LOOPBACK
