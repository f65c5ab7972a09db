"""How long the phases of connections took, if each message had one of its own."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from trio_echo.measure.results.names import labels
from trio_echo.measure.results.phases import PHASES, WHOLE
from trio_echo.quantities import duration

from .frame import Panel, empty
from .style import SIZE, SMALL, Style, key, shown
from .times import time_axis, which

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from trio_echo.measure.results.run import Cell, Run
    from trio_echo.measure.results.summary import PercentileName
    from trio_echo.measure.statistics import Estimate

    from .style import Theme

# Inches: the name of a phase, a target's line below it, the gap between two phases.
_NAME, _TARGET, _BETWEEN = 0.19, 0.15, 0.1
# Targets of a panel. It would be as high as a page.
_MOST = 8


class _Line(NamedTuple):
    """The percentiles of one target."""

    target: int
    estimates: dict[PercentileName, Estimate]


def phases(run: Run, workload: int, theme: Theme) -> Panel:
    """Draw percentiles of each phase: the median of the rounds, from p50 to the largest."""
    cells = [one for one in run.cells if one.workload == workload][:_MOST]
    rows = {name: _lines(cells, field) for field, name in (*PHASES.items(), WHOLE)}
    rows = {name: lines for name, lines in rows.items() if lines}
    tall_row = _NAME + _TARGET * max((len(lines) for lines in rows.values()), default=1) + _BETWEEN

    def draw(axes: Axes, wide: float, tall: float) -> None:
        axes.set(xlabel="time")
        if not rows:
            empty(axes, "too few messages")
            return
        axes.set(ylim=(tall, 0), yticks=[])
        axes.spines["left"].set_visible(False)
        every = [
            one for lines in rows.values() for line in lines for one in line.estimates.values()
        ]
        time_axis(axes, "x", [one.median for one in every], wide)
        y = 0.0
        for name, lines in rows.items():
            _name(axes, name, y + _NAME / 2, theme)
            for number, line in enumerate(lines):
                _draw(axes, line, y + _NAME + _TARGET * (number + 0.5), theme)
            y += tall_row

    names = [shown(name) for name in labels(run.targets)]
    words = "; ".join(
        f"{name}: "
        + ", ".join(
            f"{names[line.target]} {percentile} {duration(one.median)}"
            for line in lines
            for percentile, one in line.estimates.items()
        )
        for name, lines in rows.items()
    )
    shown_percentiles = dict.fromkeys(
        name for lines in rows.values() for line in lines for name in line.estimates
    )
    first, *others = shown_percentiles or ["p50"]
    return Panel(
        title=f"{which(run, workload)}: phases of a connection, median of the rounds",
        words=f"phases of a connection, {which(run, workload)}: {words or 'too few messages'}",
        draw=draw,
        keys=[
            key(first, Style(theme.ink, "o", "none"), line=False),
            *([key(", ".join(others), Style(theme.ink, "|", "-"))] if others else []),
        ],
        height=max(len(rows), 1) * tall_row,
        bare=True,
    )


def _lines(cells: list[Cell], field: str) -> list[_Line]:
    found = []
    for cell in cells:
        where = cell if field == WHOLE[0] else cell.phases
        if estimates := getattr(where, field, None):
            found.append(_Line(cell.target, estimates))
    return found


def _name(axes: Axes, name: str, y: float, theme: Theme) -> None:
    # On its own background, because lines of the grid run through it.
    axes.text(
        0, y, name, size=SIZE, va="center", transform=axes.get_yaxis_transform(),
        bbox={"facecolor": theme.paper, "edgecolor": "none", "pad": 1},
    )  # fmt: skip


def _draw(axes: Axes, line: _Line, y: float, theme: Theme) -> None:
    colour, marker, _ = theme.style(line.target)
    times = [max(one.median, 1) for one in line.estimates.values()]
    axes.plot(times, [y] * len(times), color=colour, linewidth=1.6)
    axes.plot(times[1:], [y] * (len(times) - 1), color=colour, marker="|", markersize=8,
              markeredgewidth=1.6, linestyle="none")  # fmt: skip
    axes.plot(times[0], y, color=colour, marker=marker)
    axes.annotate(
        duration(times[0]), (times[0], y), xytext=(-6, 0), textcoords="offset points",
        size=SMALL, color=theme.muted, ha="right", va="center",
    )  # fmt: skip
