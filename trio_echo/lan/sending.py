"""Frames that wait to be sent at a cable's rate. No clock: whoever asks says what time it is."""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .record import Entry

_SECOND = 1_000_000_000


class SendQueue:
    """What was not sent as a whole when a frame last entered.

    The first frame was being sent, the others waited. Times are nanoseconds since the epoch.

    Args:
        rate: bits per second; `None` if every frame is sent at once, and none waits.

    Attributes:
        rate: for which the frames are planned.
    """

    __slots__ = ("_entries", "_free", "rate")

    def __init__(self, rate: float | None) -> None:
        self.rate = rate
        self._entries: deque[Entry] = deque()
        # When the last one is sent.
        self._free = 0

    def add(self, entry: Entry, most: int) -> bool:
        """Plan when a frame is sent; return false if the queue is full.

        Args:
            entry: the frame.
            most: how many frames may wait.
        """
        if self.rate is None:
            return True
        # Not when frames leave: one that came before that may enter after it.
        self._forget_sent(entry.time)
        if len(self._entries) > most:
            return False
        entry.begins = max(entry.time, self._free)
        entry.sent = self._free = entry.begins + self._nanoseconds(entry)
        self._entries.append(entry)
        return True

    def change_rate(self, rate: float | None, now: int) -> list[tuple[Entry, int]]:
        """Plan again what is not yet sent.

        Returns:
            These frames in their order, each with how much later it is sent than it was planned.
        """
        self.rate = rate
        self._forget_sent(now)
        if not self._entries:
            return []
        changes = []
        self._free = now
        for entry in self._entries:
            # Of the first one, a part is sent already.
            rest = (entry.sent - max(now, entry.begins)) / (entry.sent - entry.begins)
            sent = self._free + round(rest * self._nanoseconds(entry))
            changes.append((entry, sent - entry.sent))
            if entry.begins > now:
                entry.begins = self._free
            entry.sent = self._free = sent
        return changes

    def clear(self) -> None:
        """Send nothing of it."""
        self._entries.clear()
        self._free = 0

    def _forget_sent(self, now: int) -> None:
        while self._entries and self._entries[0].sent <= now:
            self._entries.popleft()

    def _nanoseconds(self, entry: Entry) -> int:
        """Return how long a frame takes to be sent."""
        return 0 if self.rate is None else max(1, round(len(entry.data) * 8 * _SECOND / self.rate))
