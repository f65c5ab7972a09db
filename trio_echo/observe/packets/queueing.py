"""The queue before a cable, worked out from what crossed it. No I/O."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from .passage import Fate

if TYPE_CHECKING:
    from collections.abc import Iterable

    from .passage import Passage

_SECOND = 1_000_000_000


class Queue(NamedTuple):
    """How many frames waited at one end of a cable, over time.

    Attributes:
        source: the name of the end.
        times: when the depth changed, in nanoseconds since the epoch.
        depths: how many frames waited from then on, with the one that was being sent.
        drops: when a frame found the queue full.
    """

    source: str
    times: tuple[int, ...]
    depths: tuple[int, ...]
    drops: tuple[int, ...]


def queues(passages: Iterable[Passage], *, delay: float = 0.0) -> list[Queue]:
    """Return the queue of each end that sent something, the first sender's first.

    Args:
        passages: what crossed the cable. Frames that it lost leave the queue unseen; they are left
            out.
        delay: the cable's delay in seconds, which a frame spends after the queue. With jitter, the
            depth is not exact.
    """
    way = round(delay * _SECOND)
    changes: dict[str, dict[int, int]] = {}
    drops: dict[str, list[int]] = {}
    for one in passages:
        own = changes.setdefault(one.source, {})
        if one.fate == Fate.QUEUE_FULL:
            drops.setdefault(one.source, []).append(one.time)
        if one.arrivals:
            leaves = max(one.time, min(one.arrivals) - way)
            own[one.time] = own.get(one.time, 0) + 1
            own[leaves] = own.get(leaves, 0) - 1
    found = []
    for source, own in changes.items():
        depth, times, depths = 0, [], []
        for time in sorted(own):
            depth += own[time]
            times.append(time)
            depths.append(depth)
        found.append(Queue(source, tuple(times), tuple(depths), tuple(drops.get(source, ()))))
    return found
