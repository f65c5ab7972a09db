"""Axes: where the ticks are, and numbers with their units."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Literal

from matplotlib.ticker import FixedFormatter, FixedLocator, MaxNLocator, NullLocator

from trio_echo.quantities import duration

from .lettering import width

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from matplotlib.axes import Axes

SIZE = 9.0
"""Of the numbers, in points."""

# Nothing measured is beyond these, so there are no decades to mark.
_LEAST, _MOST = 1e-30, 1e30
# Inches between two numbers.
_APART = 0.12
_STEPS = ((1.0,), (1.0, 3.0), (1.0, 2.0, 5.0), (1.0, 2.0, 3.0, 5.0), (1.0, 1.5, 2.0, 3.0, 5.0, 7.0))


def time(nanoseconds: float) -> str:
    """Write a tick of a time axis: `250 µs`, `1.5 ms`."""
    return duration(nanoseconds, brief=True)


def count(number: float) -> str:
    """Write a number briefly: `250`, `62.5k`, `1M`."""
    for unit, factor in (("G", 1e9), ("M", 1e6), ("k", 1e3)):
        if number >= factor * 0.9999:
            return f"{number / factor:.4g}{unit}"
    return f"{number:.4g}"


def whole(number: float) -> str:
    """Write a whole number: `1,024`."""
    return f"{round(number):,}"


def volume(number: float) -> str:
    """Write bytes per second: `10 MB`, with M for a million."""
    text = count(number)
    return f"{text[:-1]} {text[-1]}B" if text[-1].isalpha() else f"{text} B"


def padded(values: Sequence[float], *, least: float, pad: float = 0.06) -> tuple[float, float]:
    """Choose the ends of a logarithmic axis.

    Args:
        values: to be shown on it; all are more than 0.
        least: the least ratio of its ends, so that a tiny difference looks tiny.
        pad: the margin at each end, as a share of its length.
    """
    low, high = (math.log(min(max(one, _LEAST), _MOST)) for one in (min(values), max(values)))
    missing = max(0.0, math.log(least) - (high - low)) / 2
    low, high = low - missing, high + missing
    more = (high - low) * pad
    return math.exp(low - more), math.exp(high + more)


def logarithmic(
    axes: Axes,
    name: Literal["x", "y"],
    ends: tuple[float, float],
    text: Callable[[float], str],
    inches: float,
    *,
    at: Sequence[float] | None = None,
) -> None:
    """Make an axis logarithmic, with ticks that fit.

    Args:
        axes: the axes.
        name: which axis.
        ends: its first and last value; the first may be the larger one.
        text: writes a value.
        inches: its length.
        at: the values that have a tick, though not all may have a number; by default round ones.
    """
    low, high = ends
    if name == "x":
        axes.set(xscale="log", xlim=ends)
    else:
        axes.set(yscale="log", ylim=ends)

    def place(value: float) -> float:
        return math.log(value / low) / math.log(high / low) * inches

    def room(value: float) -> float:
        return width(text(value), SIZE) if name == "x" else 0.15

    ticks = _round_ticks(min(ends), max(ends), place, room) if at is None else at
    named = spaced(ticks, place, room)
    axis = axes.xaxis if name == "x" else axes.yaxis
    axis.set_major_locator(FixedLocator(list(ticks)))
    axis.set_major_formatter(FixedFormatter([text(one) if one in named else "" for one in ticks]))
    axis.set_minor_locator(NullLocator())


def _round_ticks(
    low: float, high: float, place: Callable[[float], float], room: Callable[[float], float]
) -> list[float]:
    decades = range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1)
    tried = [[step * 10.0**decade for decade in decades for step in steps] for steps in _STEPS]
    tried += [[10.0**decade for decade in decades if decade % every == 0] for every in (2, 3)]
    # If values are close, the axis looks linear.
    tried += [list(MaxNLocator(most, steps=[1, 2, 5]).tick_values(low, high)) for most in (5, 4, 3)]
    best: list[float] = []
    for ticks in tried:
        inside = [one for one in ticks if low <= one <= high and one > 0]
        if len(inside) > len(best) and len(spaced(inside, place, room)) == len(inside):
            best = inside
    return best


def spaced(
    values: Sequence[float], place: Callable[[float], float], room: Callable[[float], float]
) -> list[float]:
    """Leave out ticks that do not fit beside the one before, or the last one.

    Args:
        values: of all ticks.
        place: returns where on the axis a value is, in inches.
        room: returns the space that its text needs.
    """

    def fit(one: float, other: float) -> bool:
        return place(one) + (room(one) + room(other)) / 2 + _APART <= place(other)

    ordered = sorted(values, key=place)
    kept: list[float] = []
    for value in ordered[:-1]:
        if fit(value, ordered[-1]) and (not kept or fit(kept[-1], value)):
            kept.append(value)
    return kept + ordered[-1:]
