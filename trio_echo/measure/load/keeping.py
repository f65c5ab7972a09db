"""What is kept of a round: every time as long as they are few, otherwise histograms. No I/O."""

from __future__ import annotations

from array import array
from bisect import bisect_right
from operator import sub
from typing import TYPE_CHECKING, Final

from ..histogram import Histogram
from ..timeline import Timeline
from .loader import Report
from .outgoing import ARRAYS
from .workload import (
    CLOSE,
    CONNECT,
    FIRST_BYTE,
    FROM_INTENDED,
    HANDSHAKE,
    KINDS,
    ROUND_TRIP,
    Samples,
)

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

SECOND: Final = 1_000_000_000

# Messages that go into histograms at once: numbers of Python take five times as much as an array's.
_FOLDED = 100_000


class Keeper:
    """Collects the messages of one part of a round.

    Args:
        began: when measuring began.
        most: of how many messages every time is kept. With one more, all go into histograms.
        open_loop: whether the load is one. In a closed loop messages are sent when intended.
        watched: whether somebody looks at the times in the reports.
    """

    def __init__(self, began: int, most: int, *, open_loop: bool, watched: bool) -> None:
        self._most = most
        self._watched = watched
        self.samples = Samples(began, began)
        if not open_loop:
            self.samples.intended = self.samples.sent

    def add(self, data: Mapping[str, bytes], until: int, failures: dict[str, int]) -> Report:
        """Add messages that have come back, after those that were added before.

        Args:
            data: arrays of `Samples`, in bytes.
            until: as in `Report`.
            failures: as in `Report`.
        """
        samples = self.samples
        first = len(samples.received)
        for name, times in data.items():
            getattr(samples, name).frombytes(times)
        seen = dict(self._times(first)) if self._watched else {}
        if samples.timelines or len(samples.received) > self._most:
            fold(samples)
        return Report(samples.messages, until, failures, seen)

    def _times(self, first: int) -> Iterator[tuple[int, dict[str, Histogram]]]:
        """Count the times from a message on, by the second of the round."""
        samples = self.samples
        received = samples.received
        while first < len(received):
            # A round ends with its last message, which belongs to the second that it ends.
            number = max(0, received[first] - samples.began - 1) // SECOND
            stop = bisect_right(received, samples.began + (number + 1) * SECOND, first)
            found = {}
            for kind in _kinds(samples):
                found[kind] = Histogram()
                found[kind].record(took(samples, kind, first, stop))
            yield number, found
            first = stop


def took(samples: Samples, kind: str, first: int = 0, stop: int | None = None) -> list[int]:
    """Return how long messages took, in the order in which they came back."""
    since, until = KINDS[kind]
    starts, ends = getattr(samples, since)[first:stop], getattr(samples, until)[first:stop]
    if len(starts) != len(ends):
        raise ValueError(f"{len(starts)} beginnings of {len(ends)} ends")
    return list(map(sub, ends, starts))


def fold(samples: Samples) -> None:
    """Move messages from the arrays into histograms."""
    for kind in _kinds(samples):
        timeline = samples.timelines.setdefault(kind, Timeline(samples.began))
        for first in range(0, len(samples.received), _FOLDED):
            received = samples.received[first : first + _FOLDED]
            timeline.record(received, took(samples, kind, first, first + _FOLDED))
    samples.resumptions += sum(samples.resumed)
    for name in ARRAYS:
        del getattr(samples, name)[:]


def merge(into: Samples, parts: Sequence[Samples], most: int) -> None:
    """Put the messages of the parts of a round together, in the order in which they came back.

    If they are more than `most`, or one of the parts has histograms, so has the result.
    """
    if any(one.timelines for one in parts) or sum(one.messages for one in parts) > most:
        for one in parts:
            fold(one)
            into.resumptions += one.resumptions
            for kind, timeline in one.timelines.items():
                into.timelines.setdefault(kind, Timeline(into.began)).merge(timeline)
        return
    closed = all(one.intended is one.sent for one in parts)
    names = tuple(name for name in ARRAYS if name != "intended") if closed else ARRAYS
    for name in names:
        for one in parts:
            getattr(into, name).extend(getattr(one, name))
    if len(parts) > 1:
        order = sorted(range(len(into.received)), key=into.received.__getitem__)
        for name in names:
            if times := getattr(into, name):
                setattr(into, name, array("q", map(times.__getitem__, order)))
    if closed:
        into.intended = into.sent


def _kinds(samples: Samples) -> tuple[str, ...]:
    """Name the times of a part of a round. In a closed loop, messages were sent when intended."""
    trips = (ROUND_TRIP,) if samples.intended is samples.sent else (ROUND_TRIP, FROM_INTENDED)
    phases = (CONNECT, FIRST_BYTE, CLOSE) if samples.connected else ()
    return trips + phases + ((HANDSHAKE,) if samples.secured else ())
