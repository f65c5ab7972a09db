"""What the system's TCP knows about a connection (tcp(7)).

Only Linux knows all of this. Each function says what it returns elsewhere.
"""

from __future__ import annotations

import select
import socket
import struct
import sys
from typing import TYPE_CHECKING, TypeAlias

if TYPE_CHECKING:
    import trio

    Socket: TypeAlias = socket.socket | trio.socket.SocketType


if sys.platform == "win32":

    def is_readable(sock: Socket) -> bool:
        """Return whether a receive would not block: there are bytes, the end, or an error."""
        return sock.fileno() == -1 or bool(select.select([sock.fileno()], [], [], 0)[0])

else:

    def is_readable(sock: Socket) -> bool:
        """Return whether a receive would not block: there are bytes, the end, or an error."""
        if sock.fileno() == -1:
            return True
        poll = select.poll()
        poll.register(sock.fileno(), select.POLLIN)
        return bool(poll.poll(0))


if sys.platform == "linux":
    import fcntl
    import termios

    # `struct tcp_info` in include/uapi/linux/tcp.h; newer kernels append to it. Its first byte is
    # the state. The last field needed here counts the unsent bytes (Linux 4.6).
    _TCP_CLOSE = 7
    _UNACKED, _ACKED_AND_RECEIVED, _NOT_SENT, _SIZE = 24, 120, 144, 148

    def was_reset(sock: Socket) -> bool:
        """Return whether a connection is over that this side has not closed."""
        return _info(sock, 1) == bytes([_TCP_CLOSE])

    def holds_unacknowledged(sock: Socket) -> bool:
        """Return whether the system holds bytes that the peer's has not acknowledged."""
        if _info(sock, 1) in (b"", bytes([_TCP_CLOSE])):
            return False
        (count,) = struct.unpack("i", fcntl.ioctl(sock.fileno(), termios.TIOCOUTQ, bytes(4)))
        return count > 0  # type: ignore[no-any-return]

    def progress(sock: Socket) -> object:
        """Return a value that changes when bytes move between the two systems.

        It holds how many bytes the peer has acknowledged and how many have arrived. An old kernel
        does not count them; then it is whether there is something to receive.
        """
        info = _info(sock, _SIZE)
        if len(info) < _SIZE:
            return is_readable(sock)
        return info[_ACKED_AND_RECEIVED : _ACKED_AND_RECEIVED + 16]

    def is_on_its_way(sock: Socket) -> bool:
        """Return whether bytes wait to be received, or are not acknowledged yet."""
        info = _info(sock, _SIZE)
        if len(info) == _SIZE:
            (unacked,) = struct.unpack_from("=I", info, _UNACKED)
            (not_sent,) = struct.unpack_from("=I", info, _NOT_SENT)
            if unacked or not_sent:
                return True
        return is_readable(sock)

    def _info(sock: Socket, size: int) -> bytes:
        try:
            return sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, size)
        except OSError:
            return b""  # not TCP, or already closed

else:

    def was_reset(_sock: Socket) -> bool:
        """Return `False`: there is no portable way to ask."""
        return False

    def holds_unacknowledged(_sock: Socket) -> bool:
        """Return `False`: there is no portable way to ask."""
        return False

    def progress(sock: Socket) -> object:
        """Return a value that changes when bytes have arrived."""
        return is_readable(sock)

    def is_on_its_way(sock: Socket) -> bool:
        """Return whether bytes wait to be received."""
        return is_readable(sock)
