"""Where a server listens: on which addresses, and what if the system lacks a family."""

from __future__ import annotations

import errno
from typing import TYPE_CHECKING

from .addresses import Endpoint, resolve

if TYPE_CHECKING:
    from collections.abc import Sequence

    from .errors import SocketCallError

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


def family_is_missing(error: SocketCallError, host: str) -> bool:
    """Tell a system without IPv4 or IPv6 from an address that is not this machine's."""
    if error.errno in (errno.EAFNOSUPPORT, errno.EPROTONOSUPPORT):
        return True
    return error.errno == errno.EADDRNOTAVAIL and host in LOOPBACK
