"""The plot of a search: latency against rate, with the limit."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np
import pytest
import runs
from layout import texts
from msgspec.structs import replace

from trio_echo.measure import plots
from trio_echo.measure.load.workload import Workload
from trio_echo.measure.plots import knee
from trio_echo.measure.plots.style import DARK, LIGHT
from trio_echo.measure.results.found import Found
from trio_echo.measure.results.json_text import ResultsError
from trio_echo.measure.statistics import Interval

if TYPE_CHECKING:
    from trio_echo.measure.results.run import Run

RATES = (20_000.0, 25_000.0, 30_000.0, 40_000.0)


def found(**changes: object) -> Run:
    """A search of two targets, whose messages took some 55 µs at each rate."""
    closed = Workload(duration=1.0)
    loads = [closed, *(replace(closed, rate=rate) for rate in RATES)]
    run, _ = runs.run(6, messages=40, workloads=loads)
    one = Found(
        target=0,
        requirement="p50 < 5 ms",
        holds=25_000.0,
        fails=30_000.0,
        interval=Interval(low=25_000.0, high=30_000.0),
        load_limited=False,
        complete=True,
    )
    one = replace(one, **changes)
    return replace(run, comparisons=(), searches=(one, replace(one, target=1, interval=None)))


@pytest.mark.parametrize("dark", [False, True])
def test_the_page_shows_the_limit_and_what_was_found(dark: bool) -> None:
    picture = plots.page(found(), None, dark=dark)
    shown = texts(picture)
    assert "Echo: the highest rate with p50 < 5 ms" in shown
    assert "p50 < 5 ms" in shown
    assert any("open loop of 25,000 messages a second" in one for one in shown)
    assert not any("30,000 messages a second: percentiles" in one for one in shown)
    lines = picture.figure.axes[1].get_lines()
    (limit,) = [one for one in lines if set(np.ravel(one.get_ydata())) == {5e6}]
    assert limit.get_color() == (DARK if dark else LIGHT).ink


def test_each_rate_is_a_point_of_its_target() -> None:
    run = found()
    picture = plots.page(run, None)
    lines = picture.figure.axes[1].get_lines()
    drawn = [[float(x) for x in np.ravel(one.get_xdata())] for one in lines]
    assert drawn.count(list(RATES)) == 2


def test_what_has_no_echo_in_time_is_at_the_upper_edge() -> None:
    run = found()
    late = [
        replace(one, summary=replace(one.summary, unanswered=10_000))
        if run.workloads[one.workload].rate == RATES[-1]
        else one
        for one in run.rounds
    ]
    axes = plots.page(replace(run, rounds=tuple(late)), None).figure.axes[1]
    top = axes.get_ylim()[1]
    line = next(one for one in axes.get_lines() if len(np.ravel(one.get_xdata())) == len(RATES))
    heights = [float(one) for one in np.ravel(line.get_ydata())]
    assert heights[-1] == top
    assert all(math.isfinite(one) and one < top for one in heights[:-1])


def test_a_search_that_found_nothing_can_be_read() -> None:
    nothing = found(holds=None, fails=20_000.0, interval=None)
    assert knee.found_workloads(nothing) == []
    assert "p50 < 5 ms" in texts(plots.page(nothing, None))
    first = [one for one in nothing.rounds if one.workload == 0]
    cells = [one for one in nothing.cells if one.workload == 0]
    early = replace(
        nothing, rounds=tuple(first), cells=tuple(cells), workloads=nothing.workloads[:1]
    )
    assert "no rate had enough messages" in texts(plots.page(early, None))


def test_the_title_speaks_of_shading_only_if_there_is_some() -> None:
    for interval in (None, Interval(low=25_000.0, high=30_000.0)):
        shown = texts(plots.highest_rate(found(interval=interval)))
        assert any("shaded" in one for one in shown) == (interval is not None)


@pytest.mark.parametrize("dark", [False, True])
def test_the_panel_can_be_drawn_alone(dark: bool) -> None:
    picture = plots.highest_rate(found(), dark=dark)
    assert "The highest rate with p50 < 5 ms" in texts(picture)
    assert len(picture.figure.axes) == 2


def test_only_a_search_has_a_highest_rate() -> None:
    with pytest.raises(ValueError, match="this was not a search"):
        plots.highest_rate(replace(found(), searches=()))


def test_a_requirement_that_is_not_one_makes_the_results_wrong() -> None:
    with pytest.raises(ResultsError, match="wrong results: 'fast' is not a requirement"):
        plots.page(found(requirement="fast"), None)
