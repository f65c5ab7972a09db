"""Where a server listens: on which addresses, and what if the system lacks a family."""

from __future__ import annotations

import errno
import socket
from functools import partial
from typing import TYPE_CHECKING, Any

import trio

from .addresses import Endpoint, resolve
from .errors import SocketCallError

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Coroutine, Sequence

    Serve = Callable[..., Coroutine[Any, Any, None]]
    """`trio.serve_tcp` or `trio.serve_listeners`, but for the handler."""

LOOPBACK = ("127.0.0.1", "::1")
"""This machine only, on both families."""
ANY = ("0.0.0.0", "::")  # noqa: S104  it is what the lecture's INADDR_ANY means
"""Every interface, on both families: the lecture's `INADDR_ANY` and `in6addr_any`."""

# With port 0 the kernel picks a port that is free on the first address; on another address
# somebody may have it. More than a few such collisions in a row are no accident.
FREE_PORT_ATTEMPTS = 16
"""How often a free port is looked for."""


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


async def serve_endpoints(
    endpoints: Sequence[Endpoint],
    start: Callable[[Serve, str], Awaitable[list[trio.SocketListener]]],
) -> tuple[list[trio.SocketListener], list[SocketCallError]]:
    """Start a `trio.serve_tcp` for each endpoint whose family this system has.

    Args:
        endpoints: numeric addresses; a port 0 becomes the same free one for all of them.
        start: starts a task, given what to call and a name; returns the listeners.

    Returns:
        All listeners, and the errors of the families that are missing.

    Raises:
        SocketCallError: of `socket()` or `bind()`: one of them is not to be had, or none at all.
    """
    opened: list[trio.SocketListener] = []
    missing: list[SocketCallError] = []
    for host, wanted in endpoints:
        # The first listener settles the port for all: with port 0, the kernel picked it.
        port = opened[0].socket.getsockname()[1] if opened else wanted
        try:
            opened += await start(
                partial(trio.serve_tcp, port=port, host=host), f"trio.serve_tcp, {host}"
            )
        except OSError as exc:
            error = SocketCallError.opening("bind()", exc, str(Endpoint(host, port)))
            if not family_is_missing(error, host):
                raise error from exc
            missing.append(error)
    if not opened:
        raise missing[0]
    return opened, missing


def family_is_missing(error: SocketCallError, host: str) -> bool:
    """Tell a system without IPv4 or IPv6 from an address that is not this machine's."""
    if error.errno in (errno.EAFNOSUPPORT, errno.EPROTONOSUPPORT):
        return True
    return error.errno == errno.EADDRNOTAVAIL and host in LOOPBACK
