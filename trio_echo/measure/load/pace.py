"""When each message of a round is due, and on which connection it travels: no I/O, no clock.

The messages of a round are numbered from 0; those of the warm-up before it from -1 downwards.
Message `n` is due `n / rate` seconds after the beginning, however late the messages before it were,
and belongs to connection `n % connections`. A process has a range of neighbouring connections.
"""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING

import msgspec

if TYPE_CHECKING:
    from collections.abc import Iterator

_SECOND = 1_000_000_000


class Pacer:
    """When messages are due at a rate. All times are exact: integers, rounded down once.

    Args:
        rate: messages a second.
    """

    def __init__(self, rate: float) -> None:
        # A message a time of `numerator / denominator` nanoseconds.
        self._denominator, seconds = rate.as_integer_ratio()
        self._numerator = seconds * _SECOND

    def due(self, number: int) -> int:
        """Return when a message is due, in nanoseconds after the beginning of the round.

        Args:
            number: of the message. It is negative in the warm-up, before the beginning.
        """
        return number * self._numerator // self._denominator

    def due_before(self, elapsed: int) -> int:
        """Count the messages of a round that are due in its first `elapsed` nanoseconds."""
        return max(0, -(-elapsed * self._denominator // self._numerator))


class Share(msgspec.Struct, frozen=True):
    """The part of a round that one process does.

    Attributes:
        first: its first connection.
        stop: the one after its last.
        connections: how many the round has.
    """

    first: int
    stop: int
    connections: int

    def __len__(self) -> int:
        return self.stop - self.first

    def numbers(self, first: int = 0) -> Iterator[int]:
        """Yield the numbers of its messages, from `first` on, without end."""
        turn = first // self.connections * self.connections
        while True:
            for number in range(turn + self.first, turn + self.stop):
                if number >= first:
                    yield number
            turn += self.connections

    def count(self, messages: int) -> int:
        """Count its messages with the numbers 0 to `messages - 1`."""
        turns, rest = divmod(messages, self.connections)
        return turns * len(self) + min(max(rest - self.first, 0), len(self))


def shares(connections: int, processes: int) -> list[Share]:
    """Spread connections over processes as evenly as possible, the larger parts first."""
    size, larger = divmod(connections, processes)
    starts = [number * size + min(number, larger) for number in range(processes + 1)]
    return [Share(first, stop, connections) for first, stop in pairwise(starts)]
