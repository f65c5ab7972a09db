"""The histograms of a round as JSON, and back. No I/O.

    {"round_trip": {"length": 1000000, "slices": [{"total": 301, "shortest": 100, "longest": 201,
                                                   "buckets": [17096, 17225], "counts": [1, 1]}]}}

An open loop has `from_intended` as well. The first slice begins with the round; each has `length`
nanoseconds. `total` is the sum of its times in nanoseconds, and the shortest and the longest one
are exact. A bucket is a time as a 32-bit float (IEEE 754), without its lower 16 bits. numpy turns
them into times:

    (numpy.array(buckets, "<u4") << 16).view("<f4")
"""

from __future__ import annotations

import json
from collections import Counter
from typing import TYPE_CHECKING, Annotated, Any

import msgspec
from msgspec import Meta

from ..histogram import BUCKETS, Histogram
from ..load.workload import KINDS, ROUND_TRIP
from ..records import Count, Nanoseconds, Ordinal, Record, build
from ..timeline import MOST_SLICES, Timeline

if TYPE_CHECKING:
    from collections.abc import Mapping


class _Slice(Record, frozen=True, kw_only=True):
    total: Count
    shortest: Nanoseconds
    longest: Nanoseconds
    buckets: tuple[Annotated[int, Meta(ge=0, lt=BUCKETS)], ...]
    counts: tuple[Ordinal, ...]

    def __post_init__(self) -> None:
        if len(self.buckets) != len(self.counts):
            raise ValueError(f"{len(self.buckets)} buckets have {len(self.counts)} counts")


class _Timeline(Record, frozen=True, kw_only=True):
    length: Ordinal
    slices: Annotated[tuple[_Slice, ...], Meta(max_length=MOST_SLICES)]


def to_bytes(timelines: Mapping[str, Timeline]) -> bytes:
    """Write histograms."""
    return msgspec.json.encode({kind: _written(one) for kind, one in timelines.items()})


def from_bytes(text: bytes, began: int) -> dict[str, Timeline]:
    """Read what `to_bytes` wrote.

    Args:
        text: the JSON.
        began: when the round did.

    Raises:
        ValueError: it is not JSON, or a value is wrong.
    """
    value: Any = json.loads(text)
    kinds = value.keys() if isinstance(value, dict) else set()
    if not {ROUND_TRIP} <= kinds <= set(KINDS):
        raise ValueError("not the histograms of a round")
    return {kind: _read(build(_Timeline, one), began) for kind, one in value.items()}


def _written(timeline: Timeline) -> _Timeline:
    slices = []
    for one in timeline.slices:
        ordered = sorted(one.counts.items())
        slices.append(
            _Slice(
                total=one.total,
                shortest=one.shortest,
                longest=one.longest,
                buckets=tuple(number for number, _ in ordered),
                counts=tuple(count for _, count in ordered),
            )
        )
    return _Timeline(length=timeline.length, slices=tuple(slices))


def _read(timeline: _Timeline, began: int) -> Timeline:
    slices = [
        Histogram(
            Counter(dict(zip(one.buckets, one.counts, strict=True))),
            one.total,
            one.shortest,
            one.longest,
        )
        for one in timeline.slices
    ]
    return Timeline(began, timeline.length, slices)
