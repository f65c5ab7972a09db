"""Keepalive: how a connection notices that its peer's machine has vanished.

TCP sends nothing while neither side has anything to send. If the peer loses its network or its
power, this side stays ESTABLISHED forever, unless the kernel probes the peer (see tcp(7)).
"""

from __future__ import annotations

import math
import socket
import sys
from contextlib import suppress
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import trio

KEEPALIVE = 60.0
"""Seconds without an answer after which a peer counts as gone, by default."""

LONGEST = 32767
"""The longest time that Linux takes, in seconds (`MAX_TCP_KEEPIDLE`)."""

_PROBES = 3

# Since Linux 6.15 (include/uapi/linux/tcp.h); Python's socket module does not name it.
_TCP_RTO_MAX_MS = 44
_SHORTEST_PAUSE_MS, _LONGEST_PAUSE_MS = 1_000, 120_000
# Linux gives up on data after 15 retransmissions (`tcp_retries2`). The first ones follow
# quickly, so that all of them take about 13 times the longest pause.
_PAUSES = 13


def check_keepalive(seconds: float) -> None:
    """Refuse a time that systems do not accept.

    Raises:
        ValueError: not from 1 to `LONGEST`, and not `math.inf`.
    """
    if not (1 <= seconds <= LONGEST or seconds == math.inf):
        raise ValueError(f"keepalive must be 1 to {LONGEST} seconds, or inf, not {seconds}")


def keep_alive(sock: socket.socket | trio.socket.SocketType, seconds: float) -> None:
    """Break a connection once its peer's kernel has not answered for some time.

    The next call fails with ETIMEDOUT; or with EHOSTUNREACH if the peer, or the router to it, does
    not answer for its hardware address either.

    A silent connection is probed three times before it breaks. A system that cannot set these
    times for one socket uses its own (usually two hours). Linux 6.15 and newer also limit how long
    data may stay unacknowledged: to the same time, but at least 15 s.

    `TCP_USER_TIMEOUT` would do both, but it also breaks the connection to a peer that answers every
    probe and has no room to receive: with 3 s set, Linux 6.18 ended it after 3.5 s.

    Args:
        sock: TCP, connected or listening. On Linux, sockets that a listener accepts from then on
            inherit these options.
        seconds: about how long. `math.inf` leaves the socket as it is.

    Raises:
        OSError: the socket is closed, or not TCP.
    """
    if seconds == math.inf:
        return
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    probes = max(1, min(_PROBES, int(seconds) - 1))
    interval = max(1, int(seconds / (2 * probes)))
    idle = max(1, int(seconds) - probes * interval)
    times = {
        "TCP_KEEPALIVE" if sys.platform == "darwin" else "TCP_KEEPIDLE": idle,
        "TCP_KEEPINTVL": interval,
        "TCP_KEEPCNT": probes,
    }
    for name, value in times.items():
        option = getattr(socket, name, None)
        if option is not None:
            sock.setsockopt(socket.IPPROTO_TCP, option, value)
    if sys.platform == "linux":
        pause_ms = max(_SHORTEST_PAUSE_MS, int(seconds * 1000 / _PAUSES))
        with suppress(OSError):  # an older kernel: its own limit applies, some 15 minutes
            sock.setsockopt(socket.IPPROTO_TCP, _TCP_RTO_MAX_MS, min(pause_ms, _LONGEST_PAUSE_MS))
