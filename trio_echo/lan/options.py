"""A cable's settings as a person writes them: `delay=20ms,loss=1%,rate=50mbit`. No I/O."""

from __future__ import annotations

import re
from dataclasses import asdict, dataclass, fields, replace
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from .cable import Cable
from .settings import SettingError, Settings

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

# Units and their powers of ten. The micro sign and the Greek letter look the same.
_TIMES = {"s": 0, "ms": -3, "us": -6, "µs": -6, "\N{GREEK SMALL LETTER MU}s": -6}
_RATES = {"gbit": 9, "mbit": 6, "kbit": 3, "bit": 0}
_SHARES = {"%": -2}
_NO_SETTINGS = Settings()
_NUMBER = re.compile(r"(\d+\.?\d*|\.\d+)(.*)", re.ASCII)
# Every host has IPv6, which needs the first (RFC 8200, section 5).
_LEAST_MTU, _MOST_MTU = 1280, 65_535
_HEADER = 14  # bytes of an Ethernet header

# Frames a second that `carry` surely moves in one direction, between two hosts that share two cores
# with it. It was measured (see carrying.py); a quiet machine carries two or three times as many.
FRAMES_PER_SECOND = 25_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Wire:
    """All that a line of options says. `str()` writes the shortest line that says the same.

    Attributes:
        settings: those of the cable, in both directions.
        seed: of the lots that the cable draws, or `None` for a new one.
        mtu: the largest packet of the link, in bytes.
    """

    settings: Settings = _NO_SETTINGS
    seed: int | None = None
    mtu: int = 1500

    def cable(self, left: str, right: str, **options: Any) -> Cable:
        """Return such a cable.

        Args:
            left: the name of one end.
            right: the name of the other end.
            options: further ones of `Cable`.
        """
        return Cable(left, right, seed=self.seed, **asdict(self.settings), **options)

    def seeded(self, cable: Cable) -> Wire:
        """Return the line that repeats what a cable did: with its seed, if it drew lots."""
        settings = self.settings
        drawn = (settings.jitter, settings.loss, settings.duplicate)
        draws = any((*drawn, settings.reorder, settings.corrupt))
        return replace(self, seed=cable.seed) if draws else self

    @property
    def longest_round_trip(self) -> float:
        """The seconds of a round trip if both queues are full and nothing is lost."""
        settings = self.settings
        one_way = settings.delay + settings.jitter
        if settings.rate is not None:
            one_way += (settings.queue + 1) * (self.mtu + _HEADER) * 8 / settings.rate
        return 2 * one_way

    def __str__(self) -> str:
        parts = [settings_text(self.settings)]
        if self.seed is not None:
            parts.append(f"seed={self.seed}")
        if self.mtu != Wire().mtu:
            parts.append(f"mtu={self.mtu}")
        return ",".join(filter(None, parts))

    @property
    def warning(self) -> str | None:
        """Say if the rate may be beyond what the cable can carry, in one line."""
        rate = self.settings.rate
        most = FRAMES_PER_SECOND * (self.mtu + _HEADER) * 8
        if rate is None or rate <= most:
            return None
        return (
            f"a rate of {rate_text(rate)} may be beyond this cable: it carries some "
            f"{FRAMES_PER_SECOND:,} frames a second, {most / 1e6:.0f}mbit at an MTU of {self.mtu}"
        )


def parse_wire(line: str) -> Wire:
    """Read a line of options; an empty one means a cable that does nothing to frames.

    Raises:
        SettingError: the line is wrong. The message says what, in one line.
    """
    texts: dict[str, str] = {}
    for part in filter(None, line.split(",")):
        key, equals, text = part.partition("=")
        key = key.strip()
        if key not in _READERS:
            raise SettingError(f"{key!r} is not a setting: choose from {', '.join(_READERS)}")
        if not equals:
            raise SettingError(f"{key} has no value: write {key}={_EXAMPLES[_READERS[key]]}")
        if key in texts:
            raise SettingError(f"{key} is given twice")
        texts[key] = text.strip()
    return read_wire(texts)


def read_wire(texts: Mapping[str, str]) -> Wire:
    """Read options by their names, as `parse_wire` reads a line.

    Raises:
        SettingError: a value is wrong. The message says what, in one line.
    """
    values: dict[str, Any] = {}
    for key, text in texts.items():
        try:
            values[key] = _READERS[key](text)
        except SettingError as exc:
            raise SettingError(f"{key}: {exc}") from None
    own = {key: values.pop(key) for key in ("seed", "mtu") if key in values}
    return Wire(settings=Settings(**values), **own)


def parse_time(text: str) -> float:
    """Read a time such as `20ms`; return seconds.

    Raises:
        SettingError: it is not a time. A number without a unit is one only if it is 0.
    """
    return _quantity(text, _TIMES, "a time", "s, ms or us", _EXAMPLES[parse_time])


def parse_rate(text: str) -> float:
    """Read a rate such as `50mbit`; return bits a second.

    Raises:
        SettingError: it is not a rate with its unit.
    """
    rate = _quantity(text, _RATES, "a rate", "bit, kbit, mbit or gbit", _EXAMPLES[parse_rate])
    if rate < 1:
        raise SettingError(f"{text!r} is less than 1bit a second")
    return rate


def parse_share(text: str) -> float:
    """Read a share such as `1%` or `0.01`; return a number from 0 to 1.

    Raises:
        SettingError: it is not a share.
    """
    match = _NUMBER.fullmatch(text)
    if match is None or match[2].strip() not in {"", "%"}:
        raise SettingError(f"{text!r} is not a share such as 1% or 0.01")
    value = _number(match, _SHARES)
    if value > 1:
        hint = "" if match[2] else f": did you mean {text}%?"
        raise SettingError(f"{text!r} is more than all frames{hint}")
    return value


def parse_count(text: str) -> int:
    """Read a whole number.

    Raises:
        SettingError: it is not one.
    """
    if not re.fullmatch("[0-9]{1,15}", text):
        raise SettingError(f"{text!r} is not a whole number")
    return int(text)


def parse_mtu(text: str) -> int:
    """Read a link's largest packet in bytes, 1280 to 65535.

    Raises:
        SettingError: it is not one.
    """
    value = parse_count(text)
    if not _LEAST_MTU <= value <= _MOST_MTU:
        raise SettingError(f"{text!r} is not {_LEAST_MTU} to {_MOST_MTU} bytes")
    return value


def _quantity(text: str, units: dict[str, int], what: str, names: str, example: str) -> float:
    match = _NUMBER.fullmatch(text)
    if match is None:
        raise SettingError(f"{text!r} is not {what} such as {example}")
    unit = match[2].strip().lower()
    if not unit and float(match[1]):
        raise SettingError(f"{text!r} has no unit ({names}): {what} is written as {example}")
    if unit and unit not in units:
        raise SettingError(f"{text!r} has the unit {unit!r}; {what} is in {names}")
    return _number(match, units)


def _number(match: re.Match[str], units: dict[str, int]) -> float:
    # Not a product, which would be rounded twice.
    return float(f"{match[1]}e{units.get(match[2].strip().lower(), 0)}")


_EXAMPLES: dict[Callable[[str], float], str] = {
    parse_time: "20ms",
    parse_rate: "50mbit",
    parse_share: "1%",
    parse_count: "100",
    parse_mtu: "1500",
}
_READERS: dict[str, Callable[[str], float]] = {
    "delay": parse_time,
    "jitter": parse_time,
    "rate": parse_rate,
    "queue": parse_count,
    "loss": parse_share,
    "duplicate": parse_share,
    "reorder": parse_share,
    "corrupt": parse_share,
    "seed": parse_count,
    "mtu": parse_mtu,
}


def settings_text(settings: Settings) -> str:
    """Write the settings that are not the default ones, as `parse_wire` reads them."""
    parts = []
    for field in fields(Settings):
        value = getattr(settings, field.name)
        if value != field.default:
            parts.append(f"{field.name}={_TEXTS[_READERS[field.name]](value)}")
    return ",".join(parts)


def time_text(seconds: float) -> str:
    """Write a time as `parse_time` reads it: `20ms`."""
    return _text(seconds, _TIMES)


def rate_text(rate: float) -> str:
    """Write a rate as `parse_rate` reads it: `50mbit`."""
    return _text(rate, _RATES)


def _text(value: float, units: dict[str, int]) -> str:
    smallest = min(units, key=units.__getitem__)
    unit = next((unit for unit, power in units.items() if value >= 10**power), smallest)
    return f"{_scaled(value, units[unit])}{unit}"


def _scaled(value: float, power: int) -> str:
    """Write a number, divided by a power of ten, with all its digits and without an exponent."""
    return format(Decimal(repr(float(value))).scaleb(-power).normalize(), "f")


_TEXTS: dict[Callable[[str], float], Callable[[Any], str]] = {
    parse_time: time_text,
    parse_rate: rate_text,
    parse_share: lambda share: _text(share, _SHARES),
    parse_count: str,
}
