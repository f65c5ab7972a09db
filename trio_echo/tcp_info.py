"""What the system's TCP knows of a connection beyond what a program receives (tcp(7)).

Linux answers all of this, other systems almost nothing: there, each function says what it returns.
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
        """Tell whether a receive would not block: there are bytes, the end, or an error."""
        return sock.fileno() == -1 or bool(select.select([sock.fileno()], [], [], 0)[0])

else:

    def is_readable(sock: Socket) -> bool:
        """Tell whether a receive would not block: there are bytes, the end, or an error."""
        if sock.fileno() == -1:
            return True
        poll = select.poll()
        poll.register(sock.fileno(), select.POLLIN)
        return bool(poll.poll(0))


if sys.platform == "linux":
    import fcntl
    import termios

    # `struct tcp_info` in include/uapi/linux/tcp.h; newer kernels append to it. The state is its
    # first byte, and the count of notsent bytes (Linux 4.6) the last that is needed here.
    _TCP_CLOSE = 7
    _UNACKED, _ACKED_AND_RECEIVED, _NOT_SENT, _SIZE = 24, 120, 144, 148

    def was_reset(sock: Socket) -> bool:
        """Tell whether a connection that this side has not closed is over for the system."""
        return _info(sock, 1) == bytes([_TCP_CLOSE])

    def holds_unacknowledged(sock: Socket) -> bool:
        """Tell whether the system holds bytes that the peer's has yet to acknowledge."""
        if _info(sock, 1) in (b"", bytes([_TCP_CLOSE])):
            return False
        (count,) = struct.unpack("i", fcntl.ioctl(sock.fileno(), termios.TIOCOUTQ, bytes(4)))
        return count > 0  # type: ignore[no-any-return]

    def progress(sock: Socket) -> object:
        """Return something that differs from before once bytes have moved between the systems.

        That is how many bytes the peer has acknowledged and how many have arrived; where the
        system does not count them, whether there is something to be received.
        """
        info = _info(sock, _SIZE)
        if len(info) < _SIZE:
            return is_readable(sock)
        return info[_ACKED_AND_RECEIVED : _ACKED_AND_RECEIVED + 16]

    def is_on_its_way(sock: Socket) -> bool:
        """Tell whether bytes are to be received, or are not acknowledged, as far as is known."""
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
            return b""  # not TCP, or closed by somebody else

else:

    def was_reset(_sock: Socket) -> bool:
        """There is no portable way to ask: `False`."""
        return False

    def holds_unacknowledged(_sock: Socket) -> bool:
        """There is no portable way to ask: `False`."""
        return False

    def progress(sock: Socket) -> object:
        """Return something that differs from before once bytes have arrived."""
        return is_readable(sock)

    def is_on_its_way(sock: Socket) -> bool:
        """Tell whether bytes are to be received."""
        return is_readable(sock)
