"""How a load receives and sends: by system calls, or by the methods of its sockets.

A socket's method takes twice the time of Python that `os.readv` and `os.write` take. But on Windows
these do not know sockets, and with TLS there is more to do.
"""

from __future__ import annotations

import os
import ssl
import sys
from typing import TYPE_CHECKING, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from .connection import LoadConnection

    Receive: TypeAlias = Callable[[int, Sequence[memoryview]], int]
    """Called with a descriptor and one buffer, in a list; returns how many bytes came."""
    Send: TypeAlias = Callable[[int, bytes | memoryview], int]
    """Called with a descriptor and bytes; returns how many bytes went."""


def calls(connections: dict[int, LoadConnection]) -> tuple[Receive, Send]:
    """Return what receives and what sends on these connections, by their descriptors."""
    secure = any(isinstance(one.sock, ssl.SSLSocket) for one in connections.values())
    if sys.platform != "win32" and not secure:
        return os.readv, os.write
    return (
        lambda fd, buffers: connections[fd].sock.recv_into(buffers[0]),
        lambda fd, data: connections[fd].sock.send(data),
    )
