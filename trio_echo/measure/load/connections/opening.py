"""Opens the connections of a load."""

from __future__ import annotations

import errno
import selectors
import socket
import ssl
import sys
from collections import Counter
from collections.abc import Callable, Generator, Iterator
from functools import partial
from typing import Any, NamedTuple, TypeAlias

from trio_echo.errors import HANDSHAKE, SocketCallError, naming, strerror
from trio_echo.keepalive import KEEPALIVE, keep_alive

Secure: TypeAlias = Callable[..., ssl.SSLSocket]
"""Puts TLS on a connected socket; takes the `session` to resume as well."""
Wait: TypeAlias = tuple[socket.socket, int]
"""A socket, and which of `selectors`' events it waits for."""
Steps: TypeAlias = Generator[Wait, None, socket.socket]


class Failure(NamedTuple):
    """Why a connection could not be opened.

    Attributes:
        call: that failed, such as `"connect()"`.
        number: of the error.
        words: the reason.
    """

    call: str
    number: int
    words: str

    def __str__(self) -> str:
        return f"{self.call}: {self.words}"


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
    host: str,
    port: int,
    count: int,
    wake: socket.socket,
    *,
    patience: float,
    secure: Secure | None = None,
) -> tuple[list[socket.socket], Counter[Failure]]:
    """Open connections, many at a time.

    Args:
        host: a numeric address, with a zone if it needs one.
        port: of the server.
        count: how many connections.
        wake: a socket that ends this when something arrives on it.
        patience: seconds. If the server answers nothing for so long, the rest has failed.
        secure: puts TLS on a connection, whose handshake is then made.

    Returns:
        The open connections, and how many failed in each way. Both are incomplete if something
        arrived on `wake`.
    """
    info = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_NUMERICHOST)
    family, _, _, _, address = info[0]
    return opened_by(partial(_steps, family, address, secure), count, wake, patience=patience)


def opened_by(
    steps: Callable[[], Steps], count: int, wake: socket.socket, *, patience: float
) -> tuple[list[socket.socket], Counter[Failure]]:
    """Open connections as `connect` does, each by steps of its own.

    Args:
        steps: makes them. They yield what they must wait for, and return an open connection.
        count: how many connections.
        wake: as for `connect`.
        patience: as for `connect`.
    """
    opened: list[socket.socket] = []
    failures: Counter[Failure] = Counter()
    to_open = count
    with selectors.DefaultSelector() as selector:

        def go_on(one: Steps, error: OSError | None = None) -> None:
            try:
                sock, event = next(one) if error is None else one.throw(error)
            except StopIteration as done:
                opened.append(done.value)
            except SocketCallError as exc:
                failures[Failure(exc.call, exc.errno or 0, exc.strerror or "")] += 1
            else:
                selector.register(sock, event, one)

        selector.register(wake, selectors.EVENT_READ)
        while to_open or len(selector.get_map()) > 1:
            while to_open and len(selector.get_map()) <= _CONNECTING:
                to_open -= 1
                go_on(steps())
            # Without one under way there is only `wake`, which may never come.
            wait = min(patience, _LONGEST_WAIT) if len(selector.get_map()) > 1 else 0
            settled = selector.select(wait)
            if wait and not settled:
                words = strerror(errno.ETIMEDOUT)
                for key in list(selector.get_map().values()):
                    if key.fileobj is not wake:
                        selector.unregister(key.fileobj)
                        go_on(key.data, TimeoutError(errno.ETIMEDOUT, words))
                if to_open:
                    failures[Failure("connect()", errno.ETIMEDOUT, words)] += to_open
                break
            for key, _ in settled:
                if key.fileobj is wake:
                    return opened, failures
                selector.unregister(key.fileobj)
                go_on(key.data)
    return opened, failures


def _steps(family: int, address: Any, secure: Secure | None) -> Steps:
    """Open a connection; yields what it must wait for.

    Raises:
        SocketCallError: it failed.
    """
    with naming("socket()"):
        sock = socket.socket(family, socket.SOCK_STREAM)
    try:
        sock.setblocking(False)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        keep_alive(sock, KEEPALIVE)
        with naming("connect()"):
            yield from connecting(sock, address)
        if secure is not None:
            with naming(HANDSHAKE):
                sock = secured = secure(sock)
                yield from shaking_hands(secured)
    except BaseException:
        sock.close()
        raise
    return sock


def connecting(sock: socket.socket, address: Any) -> Iterator[Wait]:
    """Connect a socket that does not block; yields what it must wait for.

    Raises:
        OSError: it failed.
    """
    error = sock.connect_ex(address)
    if error in _UNDER_WAY:
        yield sock, selectors.EVENT_WRITE
        error = sock.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
    if not error and _is_its_own_peer(sock):
        error = errno.ECONNREFUSED
    if error:
        raise OSError(error, strerror(error))


def shaking_hands(sock: ssl.SSLSocket) -> Iterator[Wait]:
    """Make the TLS handshake; yields what it must wait for.

    Raises:
        OSError: it failed.
    """
    while True:
        try:
            sock.do_handshake()
        except ssl.SSLWantReadError:
            yield sock, selectors.EVENT_READ
        except ssl.SSLWantWriteError:
            yield sock, selectors.EVENT_WRITE
        else:
            return


def _is_its_own_peer(sock: socket.socket) -> bool:
    """Return whether a socket has connected to itself.

    For a connection to a free port of this machine, the system may choose that very port as the
    source. This is a simultaneous open (RFC 9293, section 3.5).
    """
    try:
        return bool(sock.getsockname() == sock.getpeername())
    except OSError:  # the peer has reset it by now; the load will see that
        return False
