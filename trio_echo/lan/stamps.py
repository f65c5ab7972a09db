"""When a frame arrived at a socket, which may be long before a task receives it."""

from __future__ import annotations

import struct
import sys
import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import socket

# asm-generic/sockios.h, which Python lacks.
_SIOCGSTAMPNS = 0x8907
_SECOND = 1_000_000_000


class Stamps:
    """The kernel's time stamps of what a socket receives. It needs Linux.

    Args:
        sock: any socket for packets. It is left open.
    """

    def __init__(self, sock: socket.socket) -> None:
        self._socket = sock
        self.waited()  # the kernel begins to stamp what arrives after this

    def waited(self) -> int:
        """Return for how many nanoseconds the packet that was received last had waited.

        It is 0 if the kernel did not stamp the packet, or the system's time was set meanwhile.
        """
        if sys.platform != "linux":
            raise NotImplementedError
        import fcntl

        stamp = bytearray(struct.calcsize("ll"))
        try:
            fcntl.ioctl(self._socket, _SIOCGSTAMPNS, stamp)
        except OSError:  # nothing was received yet
            return 0
        seconds, nanoseconds = struct.unpack("ll", stamp)
        waited = time.time_ns() - seconds * _SECOND - nanoseconds
        return waited if 0 <= waited < _SECOND else 0
