"""What a capture on one of two hosts would have seen of a cable. No I/O."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .files import Frame

if TYPE_CHECKING:
    from collections.abc import Iterable

    from .passage import Passage


def seen_at(end: str, passages: Iterable[Passage]) -> list[Frame]:
    """Return the frames that a host sent and those that reached it, in this order of time.

    A frame that the cable lost is seen only by its sender, who does not know that it is lost.

    Args:
        end: the name of the cable's end at this host.
        passages: what crossed the cable.
    """
    frames = []
    for one in passages:
        if one.source == end:
            frames.append(Frame(one.time, one.data))
        else:
            frames += [Frame(time, one.received) for time in one.arrivals]
    return sorted(frames, key=lambda frame: frame.time)
