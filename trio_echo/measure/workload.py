"""What is asked of a load generator, and what it brings back: values, no I/O."""

from __future__ import annotations

import math
import operator
from array import array
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True, kw_only=True)
class Workload:
    """What one round sends.

    Attributes:
        connections: how many at once.
        size: bytes of each message.
        duration: seconds to measure for; `None` if `messages` ends the round.
        messages: how many to measure in all; `None` if `duration` ends the round.
        warm_up: seconds of load before that, which are not kept.
        pipeline: messages under way on each connection at once, in a closed loop.
        rate: messages a second in all, sent at their intended times whether or not echoes are
            back (an open loop); `None` for a closed loop, in which each echo lets the next one go.
        processes: how many processes share the connections.
        verify: whether each echo is compared with its message, byte for byte.

    Raises:
        ValueError: a load that cannot be made.
    """

    connections: int = 1
    size: int = 64
    duration: float | None = None
    messages: int | None = None
    warm_up: float = 0.0
    pipeline: int = 1
    rate: float | None = None
    processes: int = 1
    verify: bool = False

    def __post_init__(self) -> None:
        for name in ("connections", "size", "pipeline", "processes"):
            _at_least_one(name, getattr(self, name))
        if (self.duration is None) == (self.messages is None):
            raise ValueError("a round ends by its duration or by its messages: give one of them")
        if self.messages is not None:
            _at_least_one("messages", self.messages)
        if self.duration is not None and not 0 < self.duration < math.inf:
            raise ValueError(f"duration must be more than 0 seconds, not {self.duration}")
        if not 0 <= self.warm_up < math.inf:
            raise ValueError(f"warm_up must be 0 seconds or more, not {self.warm_up}")
        if self.rate is not None and not 0 < self.rate < math.inf:
            raise ValueError(f"rate must be more than 0 messages a second, not {self.rate}")
        if self.rate is not None and self.pipeline != 1:
            raise ValueError("an open loop sends by its rate: it has no pipelining depth")
        if self.processes > self.connections:
            raise ValueError(f"{self.processes} processes need as many connections at least")


def _at_least_one(name: str, value: int) -> None:
    if operator.index(value) < 1:
        raise ValueError(f"{name} must be at least 1, not {value}")


@dataclass(slots=True)
class Samples:
    """What one round brought back. All times are nanoseconds of `time.perf_counter_ns`.

    The three arrays have an entry for each message that came back, in the order of coming back. A
    closed loop keeps what came back between `began` and `ended`; an open loop what was due in that
    time as well.

    Attributes:
        began: when measuring began, after the warm-up.
        ended: when it ended.
        intended: when the message should have been sent; in a closed loop, when it was.
        sent: when its first byte was handed to the kernel.
        received: when the last byte of its echo was there.
        failures: how many connections failed, by kind: `"connect(): Connection refused"`,
            `"recv(): Connection reset by peer"`, `"echo differs"`, `"more than was sent"`,
            `"closed early"`; or with the process that had them: `"worker: exit status -9"`.
        unanswered: messages that were under way when the round ended or their connection failed;
            in an open loop also those that were due and could not be sent.
        partial: whether it was cancelled before its end.
    """

    began: int
    ended: int
    intended: array[int] = field(default_factory=lambda: array("q"))
    sent: array[int] = field(default_factory=lambda: array("q"))
    received: array[int] = field(default_factory=lambda: array("q"))
    failures: dict[str, int] = field(default_factory=dict)
    unanswered: int = 0
    partial: bool = False
