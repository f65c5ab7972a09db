"""Histograms of slices of a round's time: what is kept if not every time is. No I/O.

The number of slices is bounded, so memory is too: when there are too many, two neighbours become
one.
"""

from __future__ import annotations

from bisect import bisect_left
from dataclasses import dataclass, field
from itertools import zip_longest
from typing import TYPE_CHECKING, Final

from .histogram import Histogram, merged

if TYPE_CHECKING:
    from collections.abc import Sequence

MOST_SLICES: Final = 512
FIRST_LENGTH: Final = 1_000_000
"""Nanoseconds of a slice at first. The length doubles when there are too many slices."""


@dataclass(slots=True)
class Timeline:
    """How long messages took, by when they came back.

    Attributes:
        began: when the round did, in nanoseconds.
        length: nanoseconds of a slice.
        slices: the first one begins with the round.
    """

    began: int
    length: int = FIRST_LENGTH
    slices: list[Histogram] = field(default_factory=list)

    def __len__(self) -> int:
        """Return the number of durations counted."""
        return sum(map(len, self.slices))

    def record(self, received: Sequence[int], times: Sequence[int]) -> None:
        """Count the times of messages.

        Args:
            received: when each came back, in ascending order.
            times: how long each took.
        """
        if not received:
            return
        self._fit((received[-1] - self.began) // self.length + 1)
        at = 0
        while at < len(received):
            number = max(0, received[at] - self.began) // self.length
            stop = bisect_left(received, self.began + (number + 1) * self.length, at)
            self.slices[number].record(times[at:stop])
            at = stop

    def merge(self, other: Timeline) -> None:
        """Add another one. All times together are the same as if this one had counted them.

        If the two did not begin together, the slices of the other one go to where most of them is.
        """
        while other.length < self.length:
            other = other.coarser()
        while self.length < other.length:
            self.coarsen()
        first = max(0, round((other.began - self.began) / self.length))
        while first + len(other.slices) > MOST_SLICES:
            self.coarsen()
            other = other.coarser()
            first = max(0, round((other.began - self.began) / self.length))
        self._fit(first + len(other.slices))
        for number, one in enumerate(other.slices, first):
            self.slices[number].merge(one)

    def whole(self) -> Histogram:
        """Return all times together."""
        return merged(self.slices)

    def _fit(self, count: int) -> None:
        """Make room for so many slices."""
        while count > MOST_SLICES:
            self.coarsen()
            count = -(-count // 2)
        self.slices += [Histogram() for _ in range(count - len(self.slices))]

    def coarsen(self) -> None:
        """Double the length of the slices."""
        coarser = self.coarser()
        self.length, self.slices = coarser.length, coarser.slices

    def coarser(self) -> Timeline:
        """Return the same with slices of twice the length."""
        pairs = zip_longest(self.slices[::2], self.slices[1::2], fillvalue=Histogram())
        return Timeline(self.began, 2 * self.length, [merged(pair) for pair in pairs])
