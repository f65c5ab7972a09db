"""In which orders the segments of a connection can have crossed a place on their way.

The place may be at either end or between them. Nothing is lost, nothing overtakes, so each side's
own segments keep their order. Then only two things bind the sides together: a segment acknowledges
only what its sender has received, and no side sends data before its own SYN is acknowledged (RFC
9293, section 3.10.2; TCP Fast Open does). Everything else can be on its way at the same time.
"""

from __future__ import annotations

from itertools import combinations
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from trio_echo.observe.packets import Segment


class Need(NamedTuple):
    """Why a segment can only come after another one.

    Attributes:
        first: the index of the other one.
        why: what is wrong if it comes later, as the end of a sentence about the segment.
    """

    first: int
    why: str


def needs(segments: Sequence[Segment]) -> dict[int, list[Need]]:
    """Return what must come before each segment, by its index.

    Only the contents of the segments count, not their order or times.

    Args:
        segments: of one connection, without repetitions.

    Raises:
        ValueError: some bytes are there twice.
    """
    found: dict[int, list[Need]] = {index: [] for index in range(len(segments))}
    for one, other in combinations(range(len(segments)), 2):
        for first, later in ((one, other), (other, one)):
            why = _why(segments[first], segments[later])
            if why:
                found[later].append(Need(first, why))
    for later, segment in enumerate(segments):
        if segment.payload:
            peers = (
                index
                for index, one in enumerate(segments)
                if one.source != segment.source and (one.acknowledgement or 0) > 0
            )
            acknowledging = sorted(peers, key=lambda index: _place(segments[index]))
            why = "carries data, but its sender's SYN is not acknowledged yet"
            found[later] += [Need(first, why) for first in acknowledging[:1]]
    return found


def impossible(segments: Sequence[Segment], order: Iterable[int]) -> tuple[int, Need] | None:
    """Return the first segment of an order that comes too early, and why; `None` if none does.

    Args:
        segments: of one connection, without repetitions.
        order: all their indexes.
    """
    known: Mapping[int, list[Need]] = needs(segments)
    seen: set[int] = set()
    for index in order:
        missing = next((need for need in known[index] if need.first not in seen), None)
        if missing is not None:
            return index, missing
        seen.add(index)
    return None


def _place(segment: Segment) -> tuple[int, bool, int]:
    """Return where a segment stands among those of its sender.

    One without data, SYN or FIN has the number that comes next, so it comes before the segment that
    takes this number.
    """
    return segment.sequence, segment.end > segment.sequence, segment.acknowledgement or 0


def _why(first: Segment, later: Segment) -> str:
    """Say what is wrong if a segment comes before another one; empty if nothing is."""
    if first.source != later.source:
        acknowledged = first.end > first.sequence and (later.acknowledgement or 0) >= first.end
        if not acknowledged:
            return ""
        return f"acknowledges everything before {later.acknowledgement}, but that was not sent yet"
    one, other = _place(first), _place(later)
    if one[:2] == other[:2] and one[1]:
        raise ValueError("some bytes are there twice")
    if one >= other:
        return ""
    if first.sequence < later.sequence or one[1] < other[1]:
        return f"has seq {later.sequence}, but its sender has not come to this number yet"
    return "has a larger ack than a segment that its sender sends later"
