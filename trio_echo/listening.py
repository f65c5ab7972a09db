"""Where a server listens: its addresses, a missing family, the options of its sockets."""

from __future__ import annotations

import errno
import socket
import sys
from contextlib import suppress
from typing import TYPE_CHECKING

import trio

from .addresses import Endpoint, resolve
from .errors import SocketCallError, naming
from .keepalive import keep_alive

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence

    from .tcp_info import Socket

LOOPBACK = ("127.0.0.1", "::1")
"""This machine only, on both families."""
ANY = ("0.0.0.0", "::")  # noqa: S104  it is what the lecture's INADDR_ANY means
"""Every interface, on both families: the lecture's `INADDR_ANY` and `in6addr_any`."""

# With port 0 the kernel picks a port that is free on the first address. It may be in use on
# another address. After a few such collisions in a row, something else is wrong.
FREE_PORT_ATTEMPTS = 16
"""How often to look for a free port."""

# How many bytes a socket may hold unsent before it counts as full, as in `trio.SocketStream`.
_UNSENT = 16 * 1024

# Whether a socket has the options of the listener that accepted it.
_INHERITED = sys.platform == "linux"


async def endpoints_of(hosts: Sequence[str], port: int) -> list[Endpoint]:
    """List what `serve` listens on. Raises what `serve` raises for hosts and port."""
    if isinstance(hosts, str):
        raise TypeError(f"hosts must be a list of names, such as [{hosts!r}]")
    if not hosts:
        raise ValueError("hosts must name at least one address to listen on")
    return list(dict.fromkeys([one for host in hosts for one in await resolve(host, port)]))


def check_listeners(listeners: Sequence[trio.SocketListener]) -> None:
    """Refuse listeners that `serve` cannot serve.

    Raises:
        TypeError: one of them is not a `trio.SocketListener`.
        ValueError: the list is empty or names one twice, or one is closed or not TCP.
    """
    if not listeners:
        raise ValueError("listeners must name at least one")
    for number, one in enumerate(listeners):
        if not isinstance(one, trio.SocketListener):
            raise TypeError(f"listeners must be trio.SocketListener, not {type(one).__name__}")
        if one in listeners[:number]:
            raise ValueError("listeners must not name one twice")
        if one.socket.fileno() == -1:
            raise ValueError("listeners must be open")
        if one.socket.family not in (socket.AF_INET, socket.AF_INET6):
            raise ValueError("listeners must be TCP, on IPv4 or IPv6")


async def listen_at(
    sources: Sequence[Endpoint | trio.SocketListener],
    start: Callable[[Endpoint | trio.SocketListener], Awaitable[trio.SocketListener]],
) -> tuple[list[trio.SocketListener], list[SocketCallError]]:
    """Start a listener for each source; leave out endpoints of a family this system lacks.

    Args:
        sources: numeric endpoints, or open listeners. A port 0 becomes the same free one for all.
        start: opens and starts one.

    Returns:
        All listeners, and the errors of the families that are missing.

    Raises:
        SocketCallError: `socket()` or `bind()` failed for an endpoint.
    """
    found: list[trio.SocketListener] = []
    missing: list[SocketCallError] = []
    for source in sources:
        if isinstance(source, trio.SocketListener):
            found.append(await start(source))
            continue
        # The first listener decides the port for all: with port 0, the kernel has picked it.
        endpoint = source._replace(port=endpoint_of(found[0]).port) if found else source
        try:
            with naming("bind()", str(endpoint)):
                found.append(await start(endpoint))
        except SocketCallError as error:
            if not family_is_missing(error, endpoint.host):
                raise
            missing.append(error)
    if not found:
        raise missing[0]
    return found, missing


def endpoint_of(listener: trio.SocketListener) -> Endpoint:
    """Return where a listener listens."""
    return Endpoint.from_sockaddr(listener.socket.getsockname())


class Door(trio.abc.Listener[trio.SocketStream]):
    """A listener that keeps clients waiting in the system's queue until there is room.

    Args:
        listener: is closed with this one.
        room: is awaited before each client is accepted.
    """

    def __init__(self, listener: trio.SocketListener, room: Callable[[], Awaitable[None]]) -> None:
        self._listener = listener
        self._room = room

    async def accept(self) -> trio.SocketStream:
        """Accept a client once there is room for it."""
        await self._room()
        return await self._listener.accept()

    async def aclose(self) -> None:
        """Close the listener."""
        await self._listener.aclose()


def fit_out_listener(listener: trio.SocketListener, keepalive: float) -> None:
    """On Linux, set the options that each client's socket inherits.

    Raises:
        SocketCallError: `setsockopt()` failed.
    """
    if _INHERITED:
        with naming("setsockopt()", str(endpoint_of(listener))):
            _set_options(listener.socket, keepalive)


def fit_out(sock: Socket, keepalive: float) -> bool:
    """Set the options of an accepted socket, unless it has inherited them.

    A client that connected before `fit_out_listener` has inherited nothing.

    Returns:
        Whether it has inherited them. Then those that are accepted later have, too.
    """
    with suppress(OSError):  # it is closed already
        if _INHERITED and sock.getsockopt(socket.SOL_SOCKET, socket.SO_OOBINLINE):
            return True
        _set_options(sock, keepalive)
    return False


def _set_options(sock: Socket, keepalive: float) -> None:
    keep_alive(sock, keepalive)
    if sys.platform == "linux":  # the options of a `trio.SocketStream`, for the reactor's sockets
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NOTSENT_LOWAT, _UNSENT)
    # Urgent data stays part of the stream, as an echo returns every byte in order. This option is
    # set last: a socket that has inherited it has the others too.
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_OOBINLINE, 1)


def family_is_missing(error: SocketCallError, host: str) -> bool:
    """Return whether an address failed because this system lacks IPv4 or IPv6."""
    if error.errno in (errno.EAFNOSUPPORT, errno.EPROTONOSUPPORT):
        return True
    return error.errno == errno.EADDRNOTAVAIL and host in LOOPBACK
