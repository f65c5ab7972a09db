"""Curves show each point, and differ by more than their colour."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from layout import texts

from trio_echo.pictures.curves import curves

if TYPE_CHECKING:
    from trio_echo.pictures.curves import Series

SIZES = [64, 1024, 16384]
SERIES = {"measured": (SIZES, [30.0, 31.0, 40.0]), "a + b n": (SIZES, [30.0, 30.5, 38.0])}


def test_each_series_has_its_own_style() -> None:
    picture = curves(SERIES, "size (bytes)", "round trip (µs)")
    lines = picture.figure.axes[0].lines
    drawn = [np.asarray(one.get_ydata()).tolist() for one in lines]
    assert drawn == [up for _, up in SERIES.values()]
    assert len({(one.get_linestyle(), one.get_marker()) for one in lines}) == 2
    assert picture.description == "round trip (µs) against size (bytes): measured, a + b n"
    (legend,) = picture.figure.legends
    assert [one.get_text() for one in legend.get_texts()] == list(SERIES)


@pytest.mark.parametrize(
    ("series", "ticks", "words"),
    [
        ({}, None, "series: give at least one point"),
        ({"empty": ([], [])}, None, "series: give at least one point"),
        (SERIES, {"64 B": 64}, "ticks: give at least two"),
    ],
)
def test_what_cannot_be_drawn_is_refused(series: Series, ticks: Any, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        curves(series, "size", "µs", ticks=ticks)


def test_ticks_are_in_their_places_and_legible() -> None:
    ticks = {"64 B": 64, "1 KiB": 1024, "16 KiB": 16384}
    picture = curves(SERIES, "size", "µs", ticks=ticks, mark=("the knee", 2000))
    assert {*ticks, "size"} <= set(texts(picture))
    axes = picture.figure.axes[0]
    assert axes.lines[-1].get_label() == "the knee"
    assert axes.get_xlim()[0] < 64
    assert axes.get_xlim()[1] > 16384


def test_an_axis_may_run_to_smaller_numbers() -> None:
    shares = [1 - index / 1000 for index in range(1000)]
    picture = curves({"closed": (shares, shares)}, "share", "ms", ticks={"0 %": 1, "99.9 %": 0.001})
    assert picture.figure.axes[0].get_xlim() == (1, 0.001)
    assert picture.figure.axes[0].lines[0].get_marker() in ("", "None")  # they would be one line


@pytest.mark.parametrize("up", [[0.04, 44.0, 1e6], [50.0, 50.1, 50.2], [30.0, 31.0, 340.0]])
def test_tall_and_flat_curves_have_numbers_at_the_side(up: list[float]) -> None:
    picture = curves({"one": ([1, 2, 3], up)}, "n", "ms")
    texts(picture)
    (axes,) = picture.figure.axes
    low, high = axes.get_ylim()
    assert sum(low <= tick <= high for tick in axes.get_yticks()) >= 3


def test_linear_axes_are_beside_the_logarithmic_ones() -> None:
    ticks = {"64 B": 64, "1 KiB": 1024, "16 KiB": 16384}
    sizes = {"0": 0.0, "10 kB": 10_000.0}
    picture = curves(SERIES, "size (bytes)", "µs", ticks=ticks, mark=("knee", 2000), linear=sizes)
    assert {"linear axes", "logarithmic axes", "10 kB", "1 KiB"} <= set(texts(picture))
    linear, logarithmic = picture.figure.axes
    assert (linear.get_xscale(), linear.get_yscale()) == ("linear", "linear")
    assert (logarithmic.get_xscale(), logarithmic.get_yscale()) == ("log", "log")
    assert linear.get_xlim()[0] == linear.get_ylim()[0] == 0
    assert len(linear.lines) == len(logarithmic.lines) == 3
    assert len(picture.figure.legends) == 1
