"""What each side of a connection has sent so far: which segments repeat something. No I/O."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from .wire import Flags

if TYPE_CHECKING:
    from trio_echo.addresses import Endpoint

    from .segment import Segment

_BARE = Flags.ACK  # of a segment that only acknowledges


class Ranges:
    """Sequence numbers that are covered, as ranges that do not touch."""

    def __init__(self) -> None:
        self._ranges: list[tuple[int, int]] = []

    def add(self, first: int, after: int) -> bool:
        """Cover these numbers; return whether some of them were covered before."""
        known = any(start < after and first < end for start, end in self._ranges)
        apart = [one for one in self._ranges if one[1] < first or after < one[0]]
        touching = [one for one in self._ranges if not (one[1] < first or after < one[0])]
        start = min([first, *(one[0] for one in touching)])
        end = max([after, *(one[1] for one in touching)])
        self._ranges = sorted([*apart, (start, end)])
        return known

    @property
    def first_gap(self) -> int:
        """Return the first number from 0 on that is not covered."""
        return self._ranges[0][1] if self._ranges and self._ranges[0][0] == 0 else 0

    @property
    def end(self) -> int:
        """Return the number after the last one that is covered."""
        return self._ranges[-1][1] if self._ranges else 0


class Repetition(NamedTuple):
    """What a segment repeats; `Segment` has the same fields."""

    retransmission: bool
    waited: int | None
    duplicate_ack: bool


class History:
    """The segments of one connection so far."""

    def __init__(self) -> None:
        self._sent: dict[Endpoint, Ranges] = {}
        self._times: dict[tuple[Endpoint, int], int] = {}
        self._acknowledged: dict[Endpoint, tuple[int | None, int]] = {}

    def add(self, segment: Segment) -> Repetition:
        """Add the next one; return what it repeats."""
        source, end = segment.source, segment.end
        repeated, waited = False, None
        if end > segment.sequence:
            repeated = self._sent.setdefault(source, Ranges()).add(segment.sequence, end)
            before = self._times.get((source, segment.sequence))
            waited = None if before is None else segment.time - before
            self._times[source, segment.sequence] = segment.time
        last, self._acknowledged[source] = (
            self._acknowledged.get(source),
            (segment.acknowledgement, segment.window),
        )
        if last is None or segment.flags != _BARE or segment.payload:
            return Repetition(repeated, waited, duplicate_ack=False)
        acknowledgement, window = last
        peer = self._sent.get(segment.destination)
        outstanding = peer is not None and peer.end > (segment.acknowledgement or 0)
        same = acknowledgement == segment.acknowledgement
        # With SACK, the window may change as well (RFC 6675, section 2).
        alike = same and (window == segment.window or bool(segment.sacks))
        return Repetition(repeated, waited, duplicate_ack=outstanding and alike)
