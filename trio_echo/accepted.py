"""Accepts the clients that wait in a listener's queue."""

from __future__ import annotations

import socket
from contextlib import suppress
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterator

    import trio

    from .addresses import Endpoint, Sockaddr

BATCH = 64
"""How many clients to accept before other tasks get their turn."""


class Accepted(NamedTuple):
    """A client that was accepted.

    Attributes:
        sock: its socket.
        remote: its end; `None` if only the socket knows.
        local: the server's end; `None` if only the socket knows.
    """

    sock: Any  # a `socket.socket`, or Trio's
    remote: Endpoint | None = None
    local: Endpoint | None = None


class _Queue(socket.socket):
    """The socket of a listener.

    Python's own `accept` looks up the socket's family and type as enumerations for each client,
    which takes as long as the system call.
    """

    kind: tuple[int, int, int]

    def accept(self) -> tuple[socket.socket, Any]:
        descriptor, address = self._accept()  # type: ignore[attr-defined]
        return socket.socket(*self.kind, descriptor), address


def open_queue(listener: trio.SocketListener) -> socket.socket:
    """Duplicate a listener's socket, for `accept_waiting`."""
    original = listener.socket
    duplicate = socket.fromfd(original.fileno(), original.family, socket.SOCK_STREAM)
    queue = _Queue(original.family, socket.SOCK_STREAM, fileno=duplicate.detach())
    queue.kind = (original.family, socket.SOCK_STREAM, original.proto)
    queue.setblocking(False)
    return queue


def accept_waiting(listener: socket.socket) -> Iterator[tuple[socket.socket, Sockaddr]]:
    """Accept the clients in a listener's queue, at most a batch of them.

    Args:
        listener: must not block.
    """
    with suppress(OSError):  # nobody waits, or Trio's own accept meets the same error
        for _ in range(BATCH):
            sock, address = listener.accept()
            sock.setblocking(False)
            yield sock, address


def as_plain(stream: trio.SocketStream) -> socket.socket:
    """Take the socket out of a stream; it does not block."""
    family, kind = stream.socket.family, stream.socket.type
    sock = socket.socket(family, kind, fileno=stream.socket.detach())
    sock.setblocking(False)
    return sock
