"""What the system's TCP knows about a connection (tcp(7)).

Only Linux knows all of this. Each function says what it returns elsewhere.
"""

from __future__ import annotations

import select
import socket
import struct
import sys
from typing import TYPE_CHECKING, NamedTuple, TypeAlias

if TYPE_CHECKING:
    import trio

    Socket: TypeAlias = socket.socket | trio.socket.SocketType


class Congestion(NamedTuple):
    """How a connection's sender sees the network between the two systems.

    Attributes:
        phase: `open`; `disorder` after a duplicate ACK; `CWR` after a mark by a router; `recovery`
            during fast retransmit; `loss` after a time-out.
        window: the congestion window: how many segments may be on their way.
        threshold: the window, in segments, at which slow start ends; `None` if there is none yet.
        in_flight: how many segments are not acknowledged yet.
        retransmissions: how many segments it has sent again, in all.
        segment_size: the largest data of a segment, in bytes.
        round_trip: the smoothed round trip, in seconds; 0 if it is not known yet.
        variation: of the round trip, in seconds.
        timeout: after how many seconds without an acknowledgement it sends a segment again (RTO).
    """

    phase: str
    window: int
    threshold: int | None
    in_flight: int
    retransmissions: int
    segment_size: int
    round_trip: float
    variation: float
    timeout: float


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
    # Its beginning, to the count of all retransmissions: 8 bytes, then 24 numbers.
    _BEGINNING = struct.Struct("=8B24I")
    _PHASES = ("open", "disorder", "CWR", "recovery", "loss")
    _NO_THRESHOLD = 0x7FFFFFFF

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

    def congestion(sock: Socket) -> Congestion | None:
        """Return what the system knows of the network; `None` for what is not an open connection.

        Other systems than Linux return `None` always.
        """
        info = _info(sock, _BEGINNING.size)
        if len(info) < _BEGINNING.size or info[0] == _TCP_CLOSE:
            return None
        numbers = _BEGINNING.unpack(info)
        timeout, _, size, _, in_flight = numbers[8:13]
        round_trip, variation, threshold, window = numbers[23:27]
        return Congestion(
            _PHASES[numbers[1]] if numbers[1] < len(_PHASES) else f"phase {numbers[1]}",
            window,
            None if threshold >= _NO_THRESHOLD else threshold,
            in_flight,
            numbers[31],
            size,
            round_trip / 1e6,
            variation / 1e6,
            timeout / 1e6,
        )

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

    def congestion(_sock: Socket) -> Congestion | None:
        """Return `None`: only Linux knows."""
        return None
