"""What a load generator is asked for, and what it brings back: values, no I/O."""

from __future__ import annotations

import operator
from array import array
from dataclasses import dataclass, field
from typing import Annotated, Final, Literal, TypeAlias, get_args

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
CONNECT: Final = "connect"
HANDSHAKE: Final = "handshake"
FIRST_BYTE: Final = "first_byte"
CLOSE: Final = "close"

KINDS: Final[dict[str, tuple[str, str]]] = {
    ROUND_TRIP: ("sent", "received"),
    FROM_INTENDED: ("intended", "received"),
    CONNECT: ("sent", "connected"),
    HANDSHAKE: ("connected", "secured"),
    FIRST_BYTE: ("sent", "answered"),
    CLOSE: ("echoed", "received"),
}
"""How long something took: the arrays of `Samples` with its beginning and its end."""

StageName: TypeAlias = Literal["connected", "secured", "answered", "echoed", "resumed"]

STAGES: Final[tuple[StageName, ...]] = get_args(StageName)
"""The arrays of `Samples` for messages that have a connection of their own each."""


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
        reconnect: whether each message has a connection of its own: connect, one message and its
            echo, and the end of both sides. `connections` are then open at once, `messages` and
            `rate` count connections, and a round trip is that of a whole connection.
        resume: whether each TLS handshake resumes the session of the connection before it.
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
    reconnect: bool = False
    resume: bool = False
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
        if self.reconnect and self.pipeline != 1:
            raise ValueError("a connection for each message has no pipelining depth")
        if self.resume and not self.reconnect:
            raise ValueError("only a connection for each message resumes TLS sessions")
        if self.processes > self.connections:
            raise ValueError(f"{self.processes} processes need at least as many connections")

    @property
    def unit(self) -> Literal["messages", "connections"]:
        """What is counted, and has a rate."""
        return "connections" if self.reconnect else "messages"


@dataclass(slots=True)
class Samples:
    """What one round brought back. All times are nanoseconds of `time.perf_counter_ns`.

    Three arrays have an entry for each message that came back, in that order. A closed loop
    keeps what came back between `began` and `ended`; an open loop only what was also due then. If
    there are more messages than are to be kept, the arrays are empty, and histograms have how long
    the messages took.

    If each message has a connection of its own, they have an entry for each connection: `sent` is
    when `connect()` was called, and `received` when the server had ended. Five more arrays then
    have the stages between, of the same connections; otherwise those are empty.

    Attributes:
        began: when measuring began, after the warm-up.
        ended: when it ended.
        intended: when the message should have been sent; in a closed loop, when it was: there it
            may be the same array as `sent`.
        sent: when its first byte was handed to the kernel.
        received: when the last byte of its echo was there.
        connected: when the connection was established.
        secured: when its TLS handshake was complete; empty without TLS.
        answered: when the first byte of the echo was there.
        echoed: when the last one was there; then this side ended.
        resumed: 1 if the handshake resumed an earlier session, otherwise 0; empty without TLS.
        timelines: the histograms, by the names in `KINDS`.
        resumptions: how many handshakes of the messages in them resumed a session.
        failures: how many connections failed, by kind: `"connect(): Connection refused"`,
            `"recv(): Connection reset by peer"`, `"no echo for 10 s"`, `"echo differs"`,
            `"more than was sent"`, `"closed early"`, `"no end of the connection for 10 s"`, or
            `"load process: exit status -9"` if their process ended.
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
    connected: array[int] = field(default_factory=lambda: array("q"))
    secured: array[int] = field(default_factory=lambda: array("q"))
    answered: array[int] = field(default_factory=lambda: array("q"))
    echoed: array[int] = field(default_factory=lambda: array("q"))
    resumed: array[int] = field(default_factory=lambda: array("q"))
    timelines: dict[str, Timeline] = field(default_factory=dict)
    resumptions: int = 0
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
