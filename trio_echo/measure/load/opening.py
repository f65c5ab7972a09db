"""Opens the connections of a load."""

from __future__ import annotations

import errno
import selectors
import socket
import sys
from collections import Counter
from typing import TypeAlias, cast

from trio_echo.keepalive import KEEPALIVE, keep_alive

Failures: TypeAlias = "Counter[tuple[str, int]]"
"""How many connections could not be opened, by call and error number."""

# connect() goes on in the background: on Windows the second.
_UNDER_WAY = {errno.EINPROGRESS, errno.EWOULDBLOCK}
# Connections opened at once. A server's backlog has room for more.
_CONNECTING = 100
# Seconds. No system tries to connect for that long, and some cannot wait longer.
_LONGEST_WAIT = 3600.0


def allow_files(count: int) -> None:
    """Raise the limit of open files (setrlimit(2)) as far as needed and allowed."""
    if sys.platform != "win32":
        import resource

        soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        if soft != resource.RLIM_INFINITY and soft < count:
            most = count if hard == resource.RLIM_INFINITY else min(count, hard)
            resource.setrlimit(resource.RLIMIT_NOFILE, (most, hard))


def connect(
    host: str, port: int, count: int, wake: socket.socket, *, patience: float
) -> tuple[list[socket.socket], Failures]:
    """Open connections, many at a time.

    Args:
        host: a numeric address, with a zone if it needs one.
        port: of the server.
        count: how many connections.
        wake: a socket that ends this when something arrives on it.
        patience: seconds. If no connection is answered for so long, the rest has failed.

    Returns:
        The open connections, and the number of failed ones by call and error number. Both are
        incomplete if something arrived on `wake`.
    """
    info = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_NUMERICHOST)
    family, _, _, _, address = info[0]
    connected: list[socket.socket] = []
    failures: Failures = Counter()
    to_open = count
    with selectors.DefaultSelector() as selector:
        selector.register(wake, selectors.EVENT_READ)
        while to_open or len(selector.get_map()) > 1:
            while to_open and len(selector.get_map()) <= _CONNECTING:
                to_open -= 1
                try:
                    sock = socket.socket(family, socket.SOCK_STREAM)
                except OSError as exc:
                    failures["socket()", exc.errno or 0] += 1
                    continue
                sock.setblocking(False)
                sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                keep_alive(sock, KEEPALIVE)
                error = sock.connect_ex(address)
                if error in _UNDER_WAY:
                    selector.register(sock, selectors.EVENT_WRITE)
                else:
                    _settle(sock, error, connected, failures)
            # Without one under way there is only `wake`, which may never come.
            wait = min(patience, _LONGEST_WAIT) if len(selector.get_map()) > 1 else 0
            settled = selector.select(wait)
            if wait and not settled:
                to_open += _give_up(selector, wake)
                failures["connect()", errno.ETIMEDOUT] += to_open
                break
            for key, _ in settled:
                one = cast("socket.socket", key.fileobj)
                if one is wake:
                    return connected, failures
                selector.unregister(one)
                error = one.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
                _settle(one, error, connected, failures)
    return connected, failures


def _give_up(selector: selectors.BaseSelector, wake: socket.socket) -> int:
    """Close the sockets that are still connecting; returns how many."""
    socks = [key.fileobj for key in selector.get_map().values() if key.fileobj is not wake]
    for sock in socks:
        cast("socket.socket", sock).close()
    return len(socks)


def _settle(
    sock: socket.socket, error: int, connected: list[socket.socket], failures: Failures
) -> None:
    if not error and _is_its_own_peer(sock):
        error = errno.ECONNREFUSED
    if error:
        sock.close()
        failures["connect()", error] += 1
    else:
        connected.append(sock)


def _is_its_own_peer(sock: socket.socket) -> bool:
    """Return whether a socket has connected to itself.

    For a connection to a free port of this machine, the system may choose that very port as the
    source. This is a simultaneous open (RFC 9293, section 3.5).
    """
    try:
        return bool(sock.getsockname() == sock.getpeername())
    except OSError:  # the peer has reset it by now; the load will see that
        return False
