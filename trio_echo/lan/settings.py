"""What a cable does to frames by itself: its delay, its rate, and the shares of frames it harms."""

from __future__ import annotations

import math
import operator
from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Any, Generic, TypeVar, overload

from .errors import SettingError
from .quantities import rate_text, share_text, time_text

if TYPE_CHECKING:
    from collections.abc import Callable

_DAY = 86_400.0
_Value = TypeVar("_Value")

_SHARES = ("loss", "duplicate", "reorder", "corrupt")
_TEXTS: dict[str, Callable[[Any], str]] = {
    "delay": time_text,
    "jitter": time_text,
    "rate": rate_text,
    "queue": str,
    **dict.fromkeys(_SHARES, share_text),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """What one direction of a cable does to frames. By default they all pass at once.

    Attributes:
        delay: seconds that a frame travels.
        jitter: up to this many seconds more, with equal probability. Jitter alone never changes the
            order of frames.
        rate: bits a second, or `None` for no limit. Each byte from the Ethernet header to the end
            of the data counts; the preamble, the checksum and the gap between frames do not.
        queue: how many frames may wait for the rate, beside the one that is sent. A frame that
            finds the queue full is dropped.
        loss: the share of frames that never arrive, 0 to 1.
        duplicate: the share that arrive twice.
        reorder: the share that the next frame overtakes. If none comes within 10 ms, they leave.
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
            _check("rate", self.rate, 1, math.inf, "bit/s")
        if operator.index(self.queue) < 0:
            raise SettingError(f"queue must be 0 frames or more, not {self.queue}")
        for name in _SHARES:
            _check(name, getattr(self, name), 0, 1, "as a share of all frames")

    def __str__(self) -> str:
        """Return those that are not the default ones, as on the command line: `delay=20ms`."""
        return ",".join(
            f"{one.name}={_TEXTS[one.name](value)}"
            for one in fields(self)
            if (value := getattr(self, one.name)) != one.default
        )


def _check(name: str, value: object, least: float, most: float, unit: str) -> None:
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise TypeError(f"{name} must be a number ({unit}), not {value!r}")
    if not math.isfinite(value) or not least <= value <= most:
        limits = f"at least {least:g}" if most == math.inf else f"{least:g} to {most:g}"
        raise SettingError(f"{name} must be {limits} {unit}, not {value!r}")


class Setting(Generic[_Value]):
    """An attribute that reads and changes one of the settings."""

    def __set_name__(self, owner: type, name: str) -> None:
        self._name = name

    @overload
    def __get__(self, owner: None, kind: type) -> Setting[_Value]: ...
    @overload
    def __get__(self, owner: Adjustable, kind: type) -> _Value: ...
    def __get__(self, owner: Adjustable | None, kind: type) -> Setting[_Value] | _Value:
        if owner is None:
            return self
        value: _Value = getattr(owner.settings, self._name)
        return value

    def __set__(self, owner: Adjustable, value: _Value) -> None:
        owner.change(**{self._name: value})


class Adjustable:
    """Settings as attributes. `Settings` explains them."""

    __slots__ = ()  # with those of the subclasses: a name with a typo is an error

    delay = Setting[float]()
    jitter = Setting[float]()
    rate = Setting[float | None]()
    queue = Setting[int]()
    loss = Setting[float]()
    duplicate = Setting[float]()
    reorder = Setting[float]()
    corrupt = Setting[float]()

    @property
    def settings(self) -> Settings:
        """All of them."""
        raise NotImplementedError

    def change(self, **settings: Any) -> None:
        """Change several settings together.

        Raises:
            SettingError: a value is out of range. Nothing is changed then.
            TypeError: there is no setting of this name.
        """
        raise NotImplementedError
