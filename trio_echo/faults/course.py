"""What faults do to one connection: when each piece is due, how long it is, how it ends. No I/O."""

from __future__ import annotations

import math
from enum import Enum, auto
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .settings import Faults

# Seconds between two fragments: enough for a receiver on this machine to wake up and receive the
# first one before the next one comes.
_PAUSE = 0.001
# With a limited rate, a piece is sent in steps, this many a second.
_STEPS = 10


class End(Enum):
    """How a connection ends on purpose."""

    RESET = auto()
    """With an RST, after the peer has got every byte."""
    CLOSE = auto()
    """With a FIN, after the peer has got every byte."""
    EXPIRE = auto()
    """With a FIN, at once."""


class Course:
    """What faults do to one connection, from when they hit it.

    Args:
        faults: what goes wrong.
        number: of the connection, for what is random.
        now: seconds, on any clock.

    Attributes:
        faults: as given.
        ends_at: when the connection's lifetime is over.
    """

    def __init__(self, faults: Faults, number: int, now: float) -> None:
        self.faults = faults
        self.ends_at = math.inf if faults.lifetime is None else now + faults.lifetime
        self._sent = 0
        self._piece_left = 0
        self._rate_allows_at = -math.inf
        self._jitter = None if faults.jitter is None else faults.lots(number, "jitter")
        self._noise = None if faults.corrupt is None else faults.lots(number, "corrupt")
        limits = [one for one in (faults.reset_after, faults.close_after) if one is not None]
        self._limit = None if faults.black_hole else min(limits, default=None)

    @property
    def end(self) -> End | None:
        """How the connection ends now, after the bytes that were sent; `None` if it continues."""
        if self._sent != self._limit:
            return None
        return End.RESET if self._limit == self.faults.reset_after else End.CLOSE

    def begin(self) -> None:
        """Note that new data is sent: it begins with a new piece."""
        self._piece_left = 0

    def next_step(self, available: int, now: float) -> tuple[float, int]:
        """Return when the next bytes are due, and how many these are.

        Args:
            available: how many there are, at least 1.
            now: seconds, on the same clock as before.
        """
        faults = self.faults
        due = now
        if not self._piece_left:
            self._piece_left = min(available, faults.fragment or available)
            if self._limit is not None:
                self._piece_left = min(self._piece_left, self._limit - self._sent)
            due += self._pause()
        size = self._piece_left
        if faults.rate is not None:
            size = min(size, max(1, int(faults.rate / _STEPS)))
            due = max(due, max(now, self._rate_allows_at) + size / faults.rate)
        return due, size

    def altered(self, step: memoryview) -> memoryview | bytearray:
        """Return the bytes of a step as they are sent."""
        every = self.faults.corrupt
        if every is None or self._noise is None:
            return step
        changed = bytearray(step)
        for place in range((every - 1 - self._sent) % every, len(changed), every):
            changed[place] ^= self._noise.randrange(1, 256)
        return changed

    def went_out(self, size: int, due: float) -> None:
        """Note that a step was sent."""
        self._sent += size
        self._piece_left -= size
        self._rate_allows_at = due

    def _pause(self) -> float:
        faults = self.faults
        pause = faults.delay
        if pause is None:
            pause = 0.0 if faults.fragment is None else _PAUSE
        if self._jitter is not None and faults.jitter is not None:
            pause += self._jitter.random() * faults.jitter
        return pause
