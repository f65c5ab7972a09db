"""The local ports of a load that opens a connection for each message.

This side of such a connection closes first, so it stays in TIME_WAIT for a minute, with its port.
Linux has some 28,000 ports to choose from (ip_local_port_range). Once most of them are taken,
`connect()` has to search for a free one. That takes 1 to 2 ms of CPU time instead of 20 µs, and
would be measured as the server's. When no port is free, `connect()` fails.

So on Linux the load chooses the ports itself, one after the other. A port that a program has chosen
may be used again while its last connection is in TIME_WAIT, if both sides use timestamps
(RFC 6191): then no segment of the old connection is taken for one of the new. netperf does the
same. Other systems choose the ports themselves.

The load uses the upper half of the ports. A port in TIME_WAIT is not free for a program that
listens on any port (port 0), and with all of them taken, no program could do that for a minute.
Linux looks in the lower half first.
"""

from __future__ import annotations

import errno
import random
import socket
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from trio_echo.errors import strerror

if TYPE_CHECKING:
    from ..pace import Share

_RANGE = Path("/proc/sys/net/ipv4/ip_local_port_range")
# Ports below need a privilege.
_LOWEST = 1024


class Ports:
    """Chooses the port of each connection.

    Args:
        numbers: the ports to use; without any, the system chooses.
        but: the server's port. A socket that connects to its own port on its own address is
            connected to itself.
    """

    def __init__(self, numbers: range, *, but: int) -> None:
        self._numbers = numbers
        self._but = but
        # The ports that another process used last are not the first ones that this one uses.
        self._next = random.randrange(max(1, len(numbers)))  # noqa: S311  no secret

    @property
    def chosen(self) -> bool:
        """Whether they are chosen here, and not by the system."""
        return bool(self._numbers)

    def bind(self, sock: socket.socket) -> None:
        """Bind a socket to the next port, if ports are chosen here.

        Raises:
            OSError: all of them belong to other programs.
        """
        if not self._numbers:
            return
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        for _ in self._numbers:
            port = self._numbers[self._next]
            self._next = (self._next + 1) % len(self._numbers)
            if port == self._but:
                continue
            try:
                sock.bind(("", port))
            except OSError as exc:
                if exc.errno != errno.EADDRINUSE:
                    raise
            else:
                return
        raise OSError(errno.EADDRNOTAVAIL, strerror(errno.EADDRNOTAVAIL))


def own_ports(share: Share) -> range:
    """Return the ports of a process; empty if this system is not Linux."""
    with suppress(OSError, ValueError):
        low, high = map(int, _RANGE.read_text().split())
        every = range(max(low, _LOWEST), high + 1)
        upper = every[len(every) // 2 :]
        first, stop = (len(upper) * one // share.connections for one in (share.first, share.stop))
        return upper[first:stop]
    return range(0)
