"""What a cable does to frames by itself: its delay, its rate, and the shares of frames it harms."""

from __future__ import annotations

import math
import operator
from dataclasses import dataclass

_DAY = 86_400.0
_SHARES = ("loss", "duplicate", "reorder", "corrupt")


class SettingError(ValueError):
    """A setting of a cable is out of range."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """What one direction of a cable does to frames. By default they all pass at once.

    Attributes:
        delay: seconds that a frame travels.
        jitter: up to so many seconds more, with equal probability. Jitter alone never changes the
            order of frames.
        rate: bits a second, or `None` for no limit. Each byte from the Ethernet header to the end
            of the data counts; the preamble, the checksum and the gap between frames do not.
        queue: how many frames may wait for the rate, beside the one that is sent. A frame that
            finds the queue full is dropped.
        loss: the share of frames that never arrive, 0 to 1.
        duplicate: the share that arrive twice.
        reorder: the share that the next frame overtakes.
        corrupt: the share that arrive with one bit flipped, where a checksum of TCP, UDP or ICMP
            covers it.

    Raises:
        SettingError: a value is out of range.
        TypeError: it is not a number.
    """

    delay: float = 0.0
    jitter: float = 0.0
    rate: float | None = None
    queue: int = 1000
    loss: float = 0.0
    duplicate: float = 0.0
    reorder: float = 0.0
    corrupt: float = 0.0

    def __post_init__(self) -> None:
        _check("delay", self.delay, 0, _DAY, "seconds")
        _check("jitter", self.jitter, 0, _DAY, "seconds")
        if self.rate is not None:
            _check("rate", self.rate, 1, math.inf, "bits a second")
        if operator.index(self.queue) < 0:
            raise SettingError(f"queue must be 0 frames or more, not {self.queue}")
        for name in _SHARES:
            _check(name, getattr(self, name), 0, 1, "as a share of all frames")


def _check(name: str, value: object, least: float, most: float, unit: str) -> None:
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise TypeError(f"{name} must be a number {unit}, not {value!r}")
    if not math.isfinite(value) or not least <= value <= most:
        limits = f"at least {least:g}" if most == math.inf else f"{least:g} to {most:g}"
        raise SettingError(f"{name} must be {limits} {unit}, not {value!r}")
