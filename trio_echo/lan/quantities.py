"""Times, rates and shares as a person writes them: `20ms`, `50mbit`, `1%`. No I/O."""

from __future__ import annotations

import re
from decimal import Decimal

from .errors import SettingError

# Units and their powers of ten. The micro sign and the Greek letter look the same.
_TIMES = {"s": 0, "ms": -3, "us": -6, "µs": -6, "\N{GREEK SMALL LETTER MU}s": -6}
_RATES = {"gbit": 9, "mbit": 6, "kbit": 3, "bit": 0}
_SHARES = {"%": -2}
_NUMBER = re.compile(r"(\d+\.?\d*|\.\d+)(.*)", re.ASCII)


def parse_time(text: str) -> float:
    """Read a time such as `20ms`; return seconds.

    Raises:
        SettingError: it is not a time. A number without a unit is one only if it is 0.
    """
    return _quantity(text, _TIMES, "a time", "s, ms or us", "20ms")


def parse_rate(text: str) -> float:
    """Read a rate such as `50mbit`; return bits a second.

    Raises:
        SettingError: it is not a rate with its unit.
    """
    rate = _quantity(text, _RATES, "a rate", "bit, kbit, mbit or gbit", "50mbit")
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


def share_text(share: float) -> str:
    """Write a share as `parse_share` reads it: `1%`."""
    return _text(share, _SHARES)
