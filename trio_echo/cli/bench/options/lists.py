"""The values of a sweep, as people write them: `64`, `1K`, `1,64,1K..64K`."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from trio_echo.measure.load.workload import LARGEST_SIZE, MOST_CONNECTIONS

if TYPE_CHECKING:
    from collections.abc import Callable

_UNITS = {"": 1, "K": 1 << 10, "M": 1 << 20}


def parse_sizes(text: str) -> list[int]:
    """Read a list of sizes in bytes. A range doubles until it reaches its end, which is included.

    Args:
        text: numbers with `K` (1024) or `M` (1024 K), separated by commas; `1K..64K` is a range.

    Raises:
        ValueError: this is not a list of sizes.
    """
    return _parse(text, _size)


def parse_connections(text: str) -> list[int]:
    """Read a list of numbers of connections. A range doubles until its end, which is included.

    Args:
        text: numbers separated by commas; `1..64` is a range.

    Raises:
        ValueError: this is not a list of numbers.
    """
    return _parse(text, _connections)


def _parse(text: str, read: Callable[[str], int]) -> list[int]:
    values: list[int] = []
    for part in text.split(","):
        first, dots, last = part.partition("..")
        value, end = read(first), read(last if dots else first)
        if end < value:
            raise ValueError(f"{part!r} is not a range: it ends before it begins")
        while value < end:
            values.append(value)
            value *= 2
        values.append(end)
    return list(dict.fromkeys(values))


def _size(text: str) -> int:
    found = re.fullmatch("([0-9]{1,10})([KM]?)", text.strip().upper())
    size = int(found[1]) * _UNITS[found[2]] if found else 0
    if not 1 <= size <= LARGEST_SIZE:
        raise ValueError(f"{text!r} is not a message size: write bytes, such as 64, 16K or 1M")
    return size


def _connections(text: str) -> int:
    number = int(text) if re.fullmatch("[0-9]{1,7}", text := text.strip()) else 0
    if not 1 <= number <= MOST_CONNECTIONS:
        raise ValueError(f"{text!r} is not a number of connections")
    return number
