"""Latency against rate, up to where a limit is broken: what a search found."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, NamedTuple

from trio_echo.measure.results.json_text import ResultsError
from trio_echo.measure.results.names import labels
from trio_echo.measure.verdicts.judging import echo_time, percentile_over
from trio_echo.measure.verdicts.requirements import parse_requirement
from trio_echo.pictures import scales

from .frame import Panel, empty
from .style import Style, key, shown
from .times import FROM_INTENDED, time_axis

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from trio_echo.measure.results.found import Found
    from trio_echo.measure.results.run import Run
    from trio_echo.measure.statistics import Estimate
    from trio_echo.measure.verdicts.requirements import Requirement

    from .style import Theme

_LIMIT = (0, (4, 2))


class _Line(NamedTuple):
    """One target: the percentile at each rate that has one, from the lowest rate."""

    found: Found
    points: list[tuple[float, Estimate]]


def panel(run: Run, theme: Theme) -> Panel:
    """Make the panel. If too many messages had no echo, a point is at the upper edge.

    Raises:
        ResultsError: the searches have no valid requirement.
    """
    try:
        requirement = parse_requirement(run.searches[0].requirement)
    except ValueError as exc:
        raise ResultsError(f"wrong results: {exc}") from None
    lines = [_Line(one, _points(run, one.target, requirement)) for one in run.searches]

    def draw(axes: Axes, wide: float, tall: float) -> None:
        unit = run.workloads[0].unit
        axes.set(xlabel=f"{unit} per second", ylabel=f"{requirement.name}, {FROM_INTENDED}")
        points = [one for line in lines for one in line.points]
        if not points:
            empty(axes, "no rate had enough messages")
            return
        times = [one for _, value in points for one in _ends(value) if math.isfinite(one)]
        rates = [rate for rate, _ in points]
        scales.logarithmic(axes, "x", scales.padded(rates, least=2), scales.count, wide)
        time_axis(axes, "y", [*times, requirement.limit], tall)
        _, top = axes.get_ylim()
        axes.axhline(requirement.limit, color=theme.ink, linestyle=_LIMIT, linewidth=1.2)
        for line in lines:
            colour, marker, dash = theme.style(line.found.target)
            if (found := line.found.interval) is not None:
                axes.axvspan(found.low, found.high, color=colour, alpha=0.15, linewidth=0)
            at = [rate for rate, _ in line.points]
            low, high = zip(*(_ends(value) for _, value in line.points), strict=True)
            inside = [[min(one, top) for one in end] for end in (low, high)]
            axes.vlines(at, inside[0], inside[1], color=colour)
            medians = [min(value.median, top) for _, value in line.points]
            axes.plot(at, medians, color=colour, marker=marker, linestyle=dash, clip_on=False)

    title = f"{requirement.name} against rate: median and 95 % interval"
    if any(line.found.interval is not None for line in lines):
        title += "; shaded: the 95 % interval of the highest rate"
    return Panel(
        title=title,
        words=f"{requirement.name} against messages per second, limit {requirement}: "
        + "; ".join(_in_words(run, line) for line in lines),
        draw=draw,
        keys=[key(str(requirement), Style(theme.ink, "", _LIMIT))],
        height=3.4,
    )


def found_workloads(run: Run) -> list[int]:
    """Return the workloads with the rates that were found."""
    found = {one.holds for one in run.searches if one.holds is not None}
    return [number for number, one in enumerate(run.workloads) if one.rate in found]


def _points(run: Run, target: int, requirement: Requirement) -> list[tuple[float, Estimate]]:
    points = []
    for cell in run.cells:
        rate = run.workloads[cell.workload].rate
        if cell.target == target and rate is not None:
            value = percentile_over(requirement, run, cell)
            if value is not None:
                points.append((rate, value))
    return sorted(points, key=lambda one: one[0])


def _ends(value: Estimate) -> tuple[float, float]:
    if value.interval is None:
        return value.median, value.median
    return value.interval.low, value.interval.high


def _in_words(run: Run, line: _Line) -> str:
    name = shown(labels(run.targets)[line.found.target])
    points = ", ".join(f"{echo_time(one.median)} at {rate:,g}" for rate, one in line.points)
    holds = line.found.holds
    found = "at no rate" if holds is None else f"up to {holds:,g} messages per second"
    return f"{name} holds {found}: {points}"
