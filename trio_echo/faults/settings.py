"""What goes wrong, as values. No I/O."""

from __future__ import annotations

import math
import operator
import random
from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Faults:
    """What goes wrong with a connection; by default nothing. True if there is a fault.

    All of them can be combined. The order is: data is cut into pieces, each piece waits, is sent at
    the limited rate, and is corrupted on its way. Counts of bytes are those of a connection's sent
    bytes. With a `FaultSwitch`, bytes and seconds count from the change for the connections that
    were open then.

    Attributes:
        fragment: data is sent in pieces of at most this many bytes. `None` to send it whole.
        delay: seconds before each piece; `math.inf` for a peer that never answers. By default
            (`None`) only fragments are delayed, by one millisecond, so that a receiver can get
            each of them alone. With 0 they may merge.
        jitter: up to this many seconds more before each piece, with equal probability.
        rate: at most this many bytes a second are sent. Of `rate` and `delay`, the longer wait
            counts.
        corrupt: every byte whose count is a multiple of this is changed to another value, so of
            this many bytes in a row exactly one is wrong. 1 for every byte.
        black_hole: what comes is received, and nothing is ever sent. Faults of sent bytes then have
            no effect.
        reset_after: the connection is reset once this many bytes were sent; with 0, before the
            first one. `None` for never.
        close_after: the connection is closed, without a reset, once this many bytes were sent; with
            0, before the first one. If `reset_after` comes first or is equal, it counts.
        lifetime: the connection is closed, without a reset, after this many seconds, even in the
            middle of a piece.
        slow_close: seconds to wait before the end of the connection (FIN) is sent, for whatever
            reason except a reset.
        only_first: the faults hit only this many connections, the first ones.
        only_share: the faults hit only this share of the connections, more than 0 and at most 1.
            With `only_first`, it is a share of those.
        seed: of what is random: the jitter, the corrupt values, and which connections are in
            `only_share`. Each depends on the seed and the connection's number alone.

    Raises:
        TypeError: a number of bytes or connections, or the seed, is not an integer.
        ValueError: a number is out of range.
    """

    fragment: int | None = None
    delay: float | None = None
    jitter: float | None = None
    rate: float | None = None
    corrupt: int | None = None
    black_hole: bool = False
    reset_after: int | None = None
    close_after: int | None = None
    lifetime: float | None = None
    slow_close: float | None = None
    only_first: int | None = None
    only_share: float | None = None
    seed: int = 0

    def __post_init__(self) -> None:
        operator.index(self.seed)
        for name, least, unit in (
            ("fragment", 1, "byte"),
            ("corrupt", 1, "byte"),
            ("reset_after", 0, "bytes"),
            ("close_after", 0, "bytes"),
            ("only_first", 1, "connection"),
        ):
            value = getattr(self, name)
            if value is not None and operator.index(value) < least:
                words = f"at least {least} {unit}" if least else f"0 {unit} or more"
                raise ValueError(f"{name} must be {words}, not {value}")
        for name in ("delay", "jitter", "lifetime", "slow_close"):
            value = getattr(self, name)
            if value is not None and not value >= 0:
                raise ValueError(f"{name} must be 0 seconds or more, not {value}")
        if self.jitter == math.inf:
            raise ValueError("jitter must be finite: a delay can be infinite")
        if self.rate is not None and not 0 < self.rate < math.inf:
            raise ValueError(
                f"rate must be more than 0 bytes a second, and finite, not {self.rate}"
            )
        if self.only_share is not None and not 0 < self.only_share <= 1:
            raise ValueError(f"only_share must be more than 0 and at most 1, not {self.only_share}")

    def __bool__(self) -> bool:
        return bool(
            self.fragment
            or self.delay
            or self.jitter
            or self.rate
            or self.corrupt
            or self.black_hole
            or self.slow_close
        ) or any(one is not None for one in (self.reset_after, self.close_after, self.lifetime))

    @property
    def selective(self) -> bool:
        """Whether the faults hit only some connections."""
        return not (self.only_first is None and self.only_share is None)

    def hit(self, number: int) -> bool:
        """Return whether the faults hit a connection.

        Args:
            number: 1 for the first connection.
        """
        if self.only_first is not None and number > self.only_first:
            return False
        return self.only_share is None or self.lots(number, "share").random() < self.only_share

    def lots(self, number: int, purpose: str) -> random.Random:
        """Return the random numbers of a connection for one purpose."""
        return random.Random(f"{self.seed} {number} {purpose}")  # noqa: S311  no secrets
