"""One connection of a load."""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import socket


class LoadConnection:
    """What is under way on it, and what waits to be sent.

    The queues have the oldest message first. `dues` is used only in an open loop, `offsets` only if
    messages differ.
    """

    __slots__ = (
        "blocked", "dues", "fd", "heard", "missing", "moved", "offsets", "sent", "sock", "unsent",
        "waiting",
    )  # fmt: skip

    def __init__(self, sock: socket.socket, size: int) -> None:
        self.sock = sock
        self.fd = sock.fileno()
        self.missing = size  # bytes of the oldest message's echo
        self.heard = 0  # when the latest bytes arrived
        self.moved = 0  # when the kernel last took a part of the oldest message
        self.sent: deque[int] = deque()
        self.dues: deque[int] = deque()
        self.offsets: deque[int] = deque()
        self.unsent = memoryview(b"")  # the rest of the newest message
        self.waiting: deque[int] = deque()  # dues of messages that the kernel has no room for yet
        self.blocked = False  # whether the kernel had no room

    @property
    def pending(self) -> int:
        """How many of its messages have no echo yet."""
        return len(self.sent) + len(self.waiting)

    def silent(self, now: int) -> int:
        """Return for how many nanoseconds it has waited for a byte of an echo.

        While a large message is on its way, the server may be waiting for the rest of it.
        """
        return now - max(self.sent[0], self.heard, self.moved) if self.sent else 0
