"""Axes: numbers with their units, and enough ticks."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from trio_echo.pictures import scales
from trio_echo.pictures.canvas import Picture

if TYPE_CHECKING:
    from collections.abc import Callable


@pytest.mark.parametrize(
    ("write", "number", "text"),
    [
        (scales.time, 250_000, "250 µs"),
        (scales.time, 1_500_000, "1.5 ms"),
        (scales.count, 250, "250"),
        (scales.count, 62_500, "62.5k"),
        (scales.count, 1e6, "1M"),
        (scales.volume, 1e7, "10 MB"),
        (scales.volume, 12, "12 B"),
        (scales.whole, 1024, "1,024"),
    ],
)
def test_numbers_have_units(write: Callable[[float], str], number: float, text: str) -> None:
    assert write(number) == text


@pytest.mark.parametrize(
    "ends", [(1, 1.05), (48, 53), (30, 400), (0.9, 1.1e4), (2e-3, 3e3), (1, 1e9), (8e3, 2e2)]
)
def test_an_axis_has_at_least_three_numbers(ends: tuple[float, float]) -> None:
    axes = Picture(4, 3, "an axis").sheet()
    scales.logarithmic(axes, "y", ends, "{:g}".format, 2.3)
    assert sum(min(ends) <= tick <= max(ends) for tick in axes.get_yticks()) >= 3


@pytest.mark.parametrize(
    ("ends", "named"),
    [((1, 1000), ["1", "", "30", "", "1000"]), ((1000, 1), ["1", "", "", "31", "1000"])],
)
def test_numbers_do_not_touch_and_both_ends_have_one(
    ends: tuple[float, float], named: list[str]
) -> None:
    axes = Picture(4, 3, "an axis").sheet()
    scales.logarithmic(axes, "x", ends, "{:g}".format, 3, at=[1, 1.1, 30, 31, 1000])
    assert list(axes.get_xticks()) == [1, 1.1, 30, 31, 1000]
    assert [one.get_text() for one in axes.get_xticklabels()] == named
