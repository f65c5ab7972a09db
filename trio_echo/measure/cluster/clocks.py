"""How far one machine's clock is ahead of another's: no I/O, no clock.

An exchange reads the near clock, then the far one, then the near one again. The far reading was
made between the two near ones. So the offset is that reading minus their middle, and it cannot be
wrong by more than half of the round trip, whatever part of it each way took. The exchange with the
least round trip has the least error.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterable


class Exchange(NamedTuple):
    """A question and its answer, in nanoseconds.

    Attributes:
        asked: when the question went, on the near clock.
        far: what the far clock showed.
        answered: when the answer came, on the near clock.
    """

    asked: int
    far: int
    answered: int

    @property
    def round_trip(self) -> int:
        """How long it took."""
        return self.answered - self.asked


class Offset(NamedTuple):
    """How far the far clock is ahead, in nanoseconds.

    Attributes:
        value: the estimate.
        error: the most by which it may be wrong.
    """

    value: int
    error: int


def offset_of(exchanges: Iterable[Exchange]) -> Offset:
    """Estimate the offset from the exchange with the least round trip."""
    best = min(exchanges, key=lambda one: one.round_trip)
    middle = (best.asked + best.answered) // 2
    return Offset(best.far - middle, -(-best.round_trip // 2))
