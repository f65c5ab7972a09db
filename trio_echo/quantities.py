"""Times and sizes as a person reads them: `1.41 s`, `37.3 ms`, `10 MiB`. No I/O."""

from __future__ import annotations

A_YEAR = 31_536_000
"""Seconds. Nobody means a longer time, and nanoseconds of several years fit into 64 bits."""

_TIMES = (("s", 1e9), ("ms", 1e6), ("µs", 1e3), ("ns", 1.0))
_SIZES = (("GiB", 1 << 30), ("MiB", 1 << 20), ("KiB", 1 << 10))


def duration(nanoseconds: float, *, brief: bool = False) -> str:
    """Write a time with three significant figures, in the unit that suits it.

    Args:
        nanoseconds: the time.
        brief: leave out zeros at the end of a fraction, for a tick of an axis: `1.5 ms`, not
            `1.50 ms`.
    """
    # 999.5 µs would be written as 1,000 µs, so a unit begins a little below 1.
    unit, factor = next((one for one in _TIMES if nanoseconds >= one[1] * 0.9995), _TIMES[-1])
    number = nanoseconds / factor
    decimals = 2 if number < 9.995 else 1 if number < 99.95 else 0
    text = f"{number:,.{decimals}f}"
    if brief and decimals:
        text = text.rstrip("0").rstrip(".")
    return f"{text} {unit}"


def size(count: float) -> str:
    """Write a whole number of bytes exactly, in the largest unit of which it is a multiple."""
    for unit, factor in _SIZES:
        if count and count % factor == 0:
            return f"{count // factor:,.0f} {unit}"
    return f"{count:,.0f} B"
