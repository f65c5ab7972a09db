"""How round trips are distributed: their percentiles, and the share within a time.

Ten million of them make the same picture as ten thousand: it shows some hundred ranks of the sorted
times, each exactly, so nothing depends on a random sample.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Literal, NamedTuple

import numpy as np

from trio_echo.measure.load import workload as kinds
from trio_echo.measure.results.names import labels
from trio_echo.measure.results.phases import WHOLE
from trio_echo.measure.results.summary import MINIMUM_BEYOND, PERCENTILES
from trio_echo.pictures import scales
from trio_echo.pictures.lettering import width
from trio_echo.quantities import duration

from .conditions import workload_words
from .frame import Panel, empty
from .ranked import Ranked
from .style import SIZE, Style, key, shown

if TYPE_CHECKING:
    from collections.abc import Sequence

    from matplotlib.axes import Axes
    from matplotlib.lines import Line2D
    from numpy.typing import NDArray

    from trio_echo.measure.load.workload import Samples
    from trio_echo.measure.results.run import Run
    from trio_echo.measure.results.summary import PercentileName
    from trio_echo.measure.statistics import Estimate

    from .style import Theme


FROM_SEND, FROM_INTENDED = "from the send", "from the intended send time"
_POINTS = 600


class Line(NamedTuple):
    """The times of one target.

    Attributes:
        target: its index.
        intended: whether they are from the intended send time.
        times: all rounds' together; `None` without raw samples.
        estimates: of percentiles over the rounds, from the results.
    """

    target: int
    intended: bool
    times: Ranked | None
    estimates: dict[PercentileName, Estimate]


def lines(run: Run, samples: Sequence[Samples] | None, workload: int) -> list[Line]:
    """Sort the times of one workload: for each target, in an open loop from both starts.

    Raises:
        ValueError: the numbers of samples and rounds differ.
        IndexError: there is no such workload.
    """
    open_loop = run.workloads[workload].rate is not None
    found = []
    for cell in run.cells:
        if cell.workload != workload:
            continue
        for intended in (False, True) if open_loop else (False,):
            times = None
            if samples is not None:
                each = [
                    one
                    for at, one in zip(run.rounds, samples, strict=True)
                    if (at.target, at.workload) == (cell.target, workload)
                ]
                times = Ranked.of(each, kinds.FROM_INTENDED if intended else kinds.ROUND_TRIP)
            estimates = cell.from_intended_ns if intended else cell.round_trip_ns
            found.append(Line(cell.target, intended, times, estimates))
    return found


def spectrum(run: Run, found: Sequence[Line], workload: int, theme: Theme) -> Panel:
    """Draw percentiles on an axis of nines; without raw samples, those in the results."""
    curves = [(line, *_spectrum_points(line)) for line in found]
    curves = [one for one in curves if one[1]]
    raw = any(line.times is not None for line, _, _ in curves)
    trip = trip_of(run, workload)

    def draw(axes: Axes, wide: float, tall: float) -> None:
        axes.set(xlabel="percentile", ylabel=trip)
        if not curves:
            some = any(line.times is not None and len(line.times) for line in found)
            empty(axes, "too few messages") if some else empty(axes)
            return
        last = max(max(places) for _, places, _ in curves)
        end = max(last * 1.03, 0.4)
        axes.set_xlim(0, end)
        names = _nines(end)
        ticks = scales.spaced(
            list(names), lambda place: place / end * wide, lambda place: width(names[place], SIZE)
        )
        axes.set_xticks(ticks, [names[place] for place in ticks])
        ends = [time for _, _, times in curves for time in times if time > 0]
        ends += [
            end
            for line, _, _ in curves
            if line.times is None
            for one in line.estimates.values()
            if one.interval is not None
            for end in (one.interval.low, one.interval.high)
        ]
        time_axis(axes, "y", ends, tall)
        for number, (line, places, times) in enumerate(curves):
            colour, marker, dash = _style(line, found, theme)
            if line.times is None:
                axes.plot(places, times, color=colour, marker=marker, linestyle=dash)
                for place, one in zip(places, line.estimates.values(), strict=True):
                    if one.interval is not None:
                        axes.vlines(place, one.interval.low, one.interval.high, color=colour)
                continue
            axes.plot(places, times, color=colour, linestyle=dash)
            at = _marks(number, len(curves)) * places[-1]
            marked = [line.times.nearest(1 - 10.0**-place) for place in at]
            axes.plot(at, marked, color=colour, marker=marker, linestyle="none")

    how = "all rounds together" if raw else "median and 95 % interval"
    return Panel(
        title=f"{which(run, workload)}: percentiles, {how}",
        words=f"percentiles of the {trip}, {which(run, workload)}: {_in_words(run, found)}",
        draw=draw,
        keys=_keys(found, theme),
    )


def ecdf(run: Run, found: Sequence[Line], workload: int, theme: Theme) -> Panel:
    """Draw the share of round trips within a time."""
    curves = [(line, line.times) for line in found if line.times is not None and len(line.times)]
    trip = trip_of(run, workload)

    def draw(axes: Axes, wide: float, tall: float) -> None:
        axes.set(xlabel=trip, ylabel=f"share of {trip}s")
        if not curves:
            empty(axes)
            return
        axes.set_ylim(0, 103)
        axes.set_yticks([0, 25, 50, 75, 100], ["0 %", "25 %", "50 %", "75 %", "100 %"])
        ends = [float(max(one, 1)) for _, times in curves for one in times.values[[0, -1]]]
        time_axis(axes, "x", ends, wide)
        for number, (line, times) in enumerate(curves):
            colour, marker, dash = _style(line, found, theme)
            ranks = np.unique(np.linspace(1, len(times), _POINTS).round().astype(np.int64))
            at = times.at(ranks)
            within = times.within(at) * 100
            axes.plot(
                np.maximum(at, 1), within, color=colour, linestyle=dash, drawstyle="steps-post"
            )
            shares = _marks(number, len(curves))
            marked = [times.nearest(share) for share in shares]
            axes.plot(marked, shares * 100, color=colour, marker=marker, linestyle="none")

    return Panel(
        title=f"{which(run, workload)}: share of {trip}s within a time",
        words=f"share of {trip}s within a time, {which(run, workload)}",
        draw=draw,
        keys=_keys(found, theme),
    )


def _place(share: float) -> float:
    """Return the place of a percentile on an axis of nines: 90 % at 1, 99 % at 2."""
    return -math.log10(1 - share)


def _nines(end: float) -> dict[float, str]:
    """Name the percentiles up to a place: 50 %, 90 %, 99 %, 99.9 % and so on."""
    ticks = {_place(0.5): "50 %", 1.0: "90 %"}
    ticks |= {float(k): f"99{'.' * (k > 2)}{'9' * (k - 2)} %" for k in range(2, 12)}
    return {place: name for place, name in ticks.items() if place <= end}


def _marks(number: int, lines: int) -> NDArray[np.float64]:
    """Spread the markers of a line over 0 to 1, differently for each line: lines may coincide."""
    return (np.arange(6) + (number + 1) / (lines + 1)) / 6


def _spectrum_points(line: Line) -> tuple[list[float], list[float]]:
    """Return places and times, as far as enough samples lie beyond."""
    if line.times is None:
        names = line.estimates
        return (
            [_place(float(PERCENTILES[name])) for name in names],
            [names[name].median for name in names],
        )
    count = len(line.times)
    last = count - MINIMUM_BEYOND
    if last < 1:
        return [], []
    shares = 1 - 10.0 ** -np.linspace(0, _place(last / count), _POINTS)
    ranks = np.unique(np.clip(np.ceil(shares * count), 1, last).astype(np.int64))
    # With infinitely many, the place of the first would be 0.
    places = -np.log10(1 - ranks / count)
    return places.tolist(), np.maximum(line.times.at(ranks), 1).tolist()


def time_axis(axes: Axes, name: Literal["x", "y"], values: Sequence[float], inches: float) -> None:
    """Make an axis of times that shows these values."""
    ends = scales.padded([max(one, 1.0) for one in values] or [1.0], least=1.5)
    scales.logarithmic(axes, name, ends, scales.time, inches)


def _style(line: Line, found: Sequence[Line], theme: Theme) -> Style:
    """Choose the style of a line; in an open loop, the dashes say from which start."""
    style = theme.style(line.target)
    if any(one.intended for one in found):
        style = style._replace(dash="--" if line.intended else "-")
    return style


def _keys(found: Sequence[Line], theme: Theme) -> list[Line2D]:
    if not any(line.intended for line in found):
        return []
    return [
        key(FROM_SEND, Style(theme.ink, "", "-")),
        key(FROM_INTENDED, Style(theme.ink, "", "--")),
    ]


def trip_of(run: Run, workload: int) -> str:
    """Name what took the time."""
    return WHOLE[1] if run.workloads[workload].reconnect else "round trip"


def which(run: Run, workload: int) -> str:
    """Name a workload in a title."""
    fields = ("connections", "size", "rate") if run.searches else ("connections", "size")
    return workload_words(run.workloads[workload], fields)


def _in_words(run: Run, found: Sequence[Line]) -> str:
    names = [shown(name) for name in labels(run.targets)]
    return "; ".join(
        f"{names[line.target]} {FROM_INTENDED if line.intended else FROM_SEND} "
        + (", ".join(f"{name} {duration(one.median)}" for name, one in line.estimates.items()))
        for line in found
    )
