"""Round trips over the time of a run."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from trio_echo.measure.histogram import merged
from trio_echo.measure.load import workload as kinds

from .frame import Panel, empty
from .ranked import times_of
from .style import Style, key
from .times import FROM_INTENDED, time_axis, trip_of, which

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from matplotlib.axes import Axes

    from trio_echo.measure.load.workload import Samples
    from trio_echo.measure.results.run import Round, Run
    from trio_echo.measure.timeline import Timeline

    from .style import Theme

# Slices of time in the whole.
_SLICES = 240


def over_time(run: Run, samples: Sequence[Samples], workload: int, theme: Theme) -> Panel:
    """Draw the median and the longest of each slice of time, all targets on one clock."""
    mine = [
        (at, one) for at, one in zip(run.rounds, samples, strict=True) if at.workload == workload
    ]
    open_loop = run.workloads[workload].rate is not None
    start = min((one.began for one in samples), default=0)
    span = max(1, max((one.ended for _, one in mine), default=start) - start)
    slices = [
        (at, list(_sliced(one, max(span / _SLICES, 1.0), start, open_loop))) for at, one in mine
    ]

    def draw(axes: Axes, wide: float, tall: float) -> None:
        axes.set(xlabel="seconds since the run began", ylabel=trip_of(run, workload))
        ends = [time for _, one in slices for part in one for time in part[1:] if time > 0]
        if not ends:
            empty(axes)
            return
        seconds = span / 1e9
        axes.set_xlim(-0.01 * seconds, 1.01 * seconds)
        axes.grid(visible=False, axis="x")
        time_axis(axes, "y", ends, tall)
        _bands(axes, mine, start, theme)
        for at, parts in slices:
            colour, marker, _ = theme.style(at.target)
            if not parts:
                continue
            middles, medians, longest = zip(*parts, strict=True)
            axes.plot(middles, longest, color=colour, linewidth=0.9, linestyle=":", marker="_",
                      markersize=3)  # fmt: skip
            axes.plot(middles, medians, color=colour, linewidth=1.4)
            # One marker a round is enough to identify the line.
            half = len(parts) // 2
            axes.plot(middles[half], medians[half], color=colour, marker=marker)

    since = f"{FROM_INTENDED}, " if open_loop else ""
    return Panel(
        title=f"{which(run, workload)}: {since}over the time of the run",
        words=f"{trip_of(run, workload)}s over time, {which(run, workload)}",
        draw=draw,
        keys=[
            key("median of a slice of time", Style(theme.ink, "", "-")),
            key("the longest in it", Style(theme.ink, "", ":")),
            key("every second round of all targets", Style(theme.faint, "s", "none")),
        ],
    )


def _sliced(
    samples: Samples, length: float, start: int, open_loop: bool
) -> Iterator[tuple[float, float, float]]:
    """Yield the middle of each slice of a round in seconds, its median and its longest time."""
    kind = kinds.FROM_INTENDED if open_loop else kinds.ROUND_TRIP
    if samples.timelines:
        yield from _counted(samples.timelines[kind], length, start)
        return
    received = np.frombuffer(samples.received, np.int64)
    times = times_of(samples, kind)
    parts = max(1, round((samples.ended - samples.began) / length))
    edges = np.linspace(samples.began, samples.ended, parts + 1)
    at = np.searchsorted(received, edges[1:-1]).tolist()
    for number, part in enumerate(np.split(times, at)):
        if len(part):
            middle = (edges[number] + edges[number + 1]) / 2 - start
            rank = (len(part) + 1) // 2 - 1
            yield middle / 1e9, float(np.partition(part, rank)[rank]), float(part.max())


def _counted(timeline: Timeline, length: float, start: int) -> Iterator[tuple[float, float, float]]:
    """Yield the same of histograms: some of their slices together are one here."""
    several = max(1, round(length / timeline.length))
    for first in range(0, len(timeline.slices), several):
        whole = merged(timeline.slices[first : first + several])
        if len(whole):
            middle = timeline.began + (first + several / 2) * timeline.length - start
            (median,) = whole.at([(len(whole) + 1) // 2])
            yield middle / 1e9, float(median), float(whole.longest)


def _bands(axes: Axes, mine: Sequence[tuple[Round, Samples]], start: int, theme: Theme) -> None:
    """Shade every second round."""
    turns: dict[int, list[Samples]] = {}
    for at, one in mine:
        turns.setdefault(at.number, []).append(one)
    for number, turn in turns.items():
        if number % 2 == 0:
            began, ended = min(one.began for one in turn), max(one.ended for one in turn)
            axes.axvspan(
                (began - start) / 1e9, (ended - start) / 1e9, color=theme.faint, zorder=0.1
            )
