"""What a load generator is asked for, and what it brings back: values, no I/O."""

from __future__ import annotations

import operator
from array import array
from dataclasses import dataclass, field
from typing import Annotated, Final

from msgspec import Meta

from trio_echo.quantities import A_YEAR

from ..records import Record
from ..timeline import Timeline
from .machine import MachineSamples
from .usage import Usage

LARGEST_SIZE = 1 << 30
MOST_CONNECTIONS = 1_000_000

RANGES: Final[dict[str, tuple[float, float]]] = {
    "connections": (1, MOST_CONNECTIONS),
    "size": (1, LARGEST_SIZE),
    "duration": (1e-6, A_YEAR),
    "messages": (1, 10**12),
    "warm_up": (0, A_YEAR),
    "pipeline": (1, 1 << 16),
    "rate": (1e-6, 1e9),
    "processes": (1, 1024),
}
"""The least and the most of each field of a `Workload`."""

_BOUNDS = {name: Meta(ge=least, le=most) for name, (least, most) in RANGES.items()}

_WHOLE = ("connections", "size", "messages", "pipeline", "processes")


ROUND_TRIP: Final = "round_trip"
FROM_INTENDED: Final = "from_intended"

KINDS: Final[dict[str, tuple[str, str]]] = {
    ROUND_TRIP: ("sent", "received"),
    FROM_INTENDED: ("intended", "received"),
}
"""How long a message took: the arrays of `Samples` with its beginning and its end."""


class Workload(Record, frozen=True, kw_only=True):
    """What each round sends.

    Attributes:
        connections: how many at once.
        size: bytes of each message.
        duration: seconds to measure for; `None` if `messages` ends the round.
        messages: how many to measure in all; `None` if `duration` ends the round.
        warm_up: seconds of load before that, which are not kept.
        pipeline: messages under way on each connection at once, in a closed loop.
        rate: messages a second in all, sent at their intended times whether or not echoes are
            back (an open loop); `None` for a closed loop: each echo lets the next message go.
        processes: how many processes share the connections.
        verify: whether each echo is compared with its message, byte for byte.
        payload: the name of the file whose bytes are sent; `None` for random ones.

    Raises:
        ValueError: the load cannot be made, or a field is out of its bounds in `RANGES`.
    """

    connections: Annotated[int, _BOUNDS["connections"]] = 1
    size: Annotated[int, _BOUNDS["size"]] = 64
    duration: Annotated[float, _BOUNDS["duration"]] | None = None
    messages: Annotated[int, _BOUNDS["messages"]] | None = None
    warm_up: Annotated[float, _BOUNDS["warm_up"]] = 0.0
    pipeline: Annotated[int, _BOUNDS["pipeline"]] = 1
    rate: Annotated[float, _BOUNDS["rate"]] | None = None
    processes: Annotated[int, _BOUNDS["processes"]] = 1
    verify: bool = False
    payload: str | None = None

    def __post_init__(self) -> None:
        for name, (least, most) in RANGES.items():
            value = getattr(self, name)
            if value is None:
                continue
            if name in _WHOLE:
                operator.index(value)
            if not least <= value <= most:
                raise ValueError(f"{name} must be {least:,.10g} to {most:,.10g}")
        if (self.duration is None) == (self.messages is None):
            raise ValueError("a round ends by its duration or by its messages: give one of them")
        if self.rate is not None and self.pipeline != 1:
            raise ValueError("an open loop sends by its rate: it has no pipelining depth")
        if self.processes > self.connections:
            raise ValueError(f"{self.processes} processes need at least as many connections")


@dataclass(slots=True)
class Samples:
    """What one round brought back. All times are nanoseconds of `time.perf_counter_ns`.

    The three arrays have an entry for each message that came back, in that order. A closed loop
    keeps what came back between `began` and `ended`; an open loop only what was also due then. If
    there are more messages than are to be kept, the arrays are empty, and histograms have how long
    the messages took.

    Attributes:
        began: when measuring began, after the warm-up.
        ended: when it ended.
        intended: when the message should have been sent; in a closed loop, when it was: there it
            may be the same array as `sent`.
        sent: when its first byte was handed to the kernel.
        received: when the last byte of its echo was there.
        timelines: the histograms, by the names in `KINDS`.
        failures: how many connections failed, by kind: `"connect(): Connection refused"`,
            `"recv(): Connection reset by peer"`, `"no echo for 10 s"`, `"echo differs"`,
            `"more than was sent"`, `"closed early"`, or `"load process: exit status -9"` if their
            process ended.
        unanswered: messages under way when the round ended or their connection failed; in an open
            loop also those that were due but could not be sent.
        cut: whether the round was stopped before its end.
        missing: how many parts of the load ended without their samples.
        machines: what each machine brought back; empty if this one made the whole load.
        usage: how busy the machine was meanwhile; `None` if that was not measured.
        tls: the version and the cipher of the first connection, such as `"TLSv1.3
            TLS_AES_256_GCM_SHA384"`; `None` without TLS.
    """

    began: int
    ended: int
    intended: array[int] = field(default_factory=lambda: array("q"))
    sent: array[int] = field(default_factory=lambda: array("q"))
    received: array[int] = field(default_factory=lambda: array("q"))
    timelines: dict[str, Timeline] = field(default_factory=dict)
    failures: dict[str, int] = field(default_factory=dict)
    unanswered: int = 0
    cut: bool = False
    missing: int = 0
    machines: list[MachineSamples] = field(default_factory=list)
    usage: Usage | None = None
    tls: str | None = None

    @property
    def messages(self) -> int:
        """How many messages came back."""
        return len(self.timelines[ROUND_TRIP] if self.timelines else self.received)
