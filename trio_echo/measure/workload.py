"""What is asked of a load generator, and what it brings back: values, no I/O."""

from __future__ import annotations

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
        pipeline: messages under way on each connection at once.
        rate: messages a second in all, sent at their intended times whether or not echoes are
            back (an open loop); `None` for a closed loop, in which each echo lets the next one go.
        processes: how many processes share the load.
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


@dataclass(slots=True)
class Samples:
    """What one round brought back. All times are nanoseconds of the monotonic clock.

    The three arrays have an entry for each message that came back, in the order of coming back.

    Attributes:
        began: when measuring began, after the warm-up.
        ended: when it ended.
        intended: when the message should have been sent; in a closed loop, when it was.
        sent: when it was handed to the kernel.
        received: when the last byte of its echo was there.
        failures: how many connections failed, by kind: `"connect(): Connection refused"`,
            `"recv(): Connection reset by peer"`, `"echo differs"`, `"closed early"`.
        unanswered: messages that were under way when the round ended.
    """

    began: int
    ended: int
    intended: array[int] = field(default_factory=lambda: array("q"))
    sent: array[int] = field(default_factory=lambda: array("q"))
    received: array[int] = field(default_factory=lambda: array("q"))
    failures: dict[str, int] = field(default_factory=dict)
    unanswered: int = 0
