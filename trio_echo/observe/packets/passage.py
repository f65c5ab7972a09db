"""A frame's passage through a cable: when it entered, what became of it, and when it left."""

from __future__ import annotations

import enum
from dataclasses import dataclass


class Fate(enum.StrEnum):
    """What a cable did with a frame."""

    CARRIED = "carried"
    LOST = "lost"
    QUEUE_FULL = "queue full"
    CUT = "cut"  # the cable was cut when it came
    DUPLICATED = "duplicated"
    REORDERED = "reordered"  # it left before or after its turn
    CORRUPTED = "corrupted"


@dataclass(frozen=True, slots=True)
class Passage:
    """One frame that entered a cable.

    Attributes:
        time: when it entered, in nanoseconds since the epoch.
        source: the name of the end where it entered.
        data: the frame as it entered, from its Ethernet header on.
        fate: what became of it.
        arrivals: when each of its copies leaves at the other end, in nanoseconds since the epoch;
            empty if it never does.
        received: the frame as it leaves; the same as `data` unless it was corrupted.
    """

    time: int
    source: str
    data: bytes
    fate: Fate
    arrivals: tuple[int, ...]
    received: bytes

    @property
    def lost(self) -> bool:
        """Whether no copy of it leaves the cable."""
        return not self.arrivals
