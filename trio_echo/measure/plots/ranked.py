"""The times of several rounds in order, from raw samples and from histograms."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from trio_echo.measure.load.workload import KINDS

if TYPE_CHECKING:
    from collections.abc import Iterable
    from typing import Self, TypeAlias

    from numpy.typing import NDArray

    from trio_echo.measure.load.workload import Samples

    Whole: TypeAlias = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Ranked:
    """Times in nanoseconds, and how many are at most as long.

    Attributes:
        values: the times, in ascending order.
        ranks: of the last message that took each; `None` if each value is one message.
    """

    values: Whole
    ranks: Whole | None = None

    @classmethod
    def of(cls, rounds: Iterable[Samples], kind: str) -> Self:
        """Put the times of rounds together.

        Args:
            rounds: what they brought back.
            kind: which times, as in `KINDS`.
        """
        values, counts, counted = [np.zeros(0, np.int64)], [np.zeros(0, np.int64)], False
        for one in rounds:
            if one.timelines:
                counted = True
                found, many = one.timelines[kind].whole().values()
                values.append(np.array(found, np.int64))
                counts.append(np.array(many, np.int64))
            else:
                values.append(times_of(one, kind))
                counts.append(np.ones(len(values[-1]), np.int64))
        every = np.concatenate(values)
        if not counted:
            every.sort()
            return cls(every)
        order = np.argsort(every)
        return cls(every[order], np.cumsum(np.concatenate(counts)[order]))

    def __len__(self) -> int:
        """Return how many messages there are."""
        if self.ranks is None:
            return len(self.values)
        return int(self.ranks[-1]) if len(self.ranks) else 0

    def at(self, ranks: Whole) -> Whole:
        """Return the times with these ranks, of which 1 is the shortest."""
        return self.values[ranks - 1 if self.ranks is None else np.searchsorted(self.ranks, ranks)]

    def within(self, times: Whole) -> NDArray[np.float64]:
        """Return which share of the messages took at most so long."""
        count = np.searchsorted(self.values, times, "right")
        return (count if self.ranks is None else self.ranks[count - 1]) / len(self)

    def nearest(self, share: float) -> int:
        """Return a percentile by nearest rank."""
        rank = max(math.ceil(len(self) * share - 1e-9), 1)
        return max(1, int(self.at(np.array([rank]))[0]))


def times_of(samples: Samples, kind: str) -> Whole:
    """Return how long each message of a round took, in nanoseconds."""
    since, until = (np.frombuffer(getattr(samples, name), np.int64) for name in KINDS[kind])
    return until - since
