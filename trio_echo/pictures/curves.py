"""Curves on logarithmic axes, and on linear ones beside them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from matplotlib.ticker import MaxNLocator

from . import scales
from .canvas import BLUE, FAINT, GREEN, GREY, ORANGE, PURPLE, Picture

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from typing import TypeAlias

    from matplotlib.axes import Axes

    Series: TypeAlias = Mapping[str, tuple[Sequence[float], Sequence[float]]]

# Colour, marker and line: any one alone distinguishes the curves.
_STYLES = ((BLUE, "o", "-"), (ORANGE, "s", "--"), (GREEN, "^", ":"), (PURPLE, "D", "-."))

# With more points than this, the markers would merge into a thick line.
_MARKED = 40

# Inches.
_WIDTH, _HEIGHT = 7.5, 3.5
_TITLE = 0.2
_AROUND = 1.2  # the most that numbers and names take beside the axes


def curves(
    series: Series,
    x: str,
    y: str,
    *,
    ticks: Mapping[str, float] | None = None,
    mark: tuple[str, float] | None = None,
    linear: Mapping[str, float] | None = None,
) -> Picture:
    """Draw curves.

    Args:
        series: each curve's name, and its x and y; all more than 0.
        x: the x axis, with the unit.
        y: the y axis, with the unit.
        ticks: the labels of a logarithmic x axis and their places, the first at the left end, the
            last at the right. Without them, the axis is linear with whole numbers.
        mark: a vertical line: its name and its place.
        linear: the labels and places of the x axis of linear axes, which begin at 0; they are drawn
            as well, and the logarithmic ones are at their right.

    Raises:
        ValueError: all curves are empty, or there are fewer than two ticks.
    """
    if not any(len(across) for across, _ in series.values()):
        raise ValueError("series: give at least one point")
    if ticks is not None and len(ticks) < 2:
        raise ValueError("ticks: give at least two, for both ends of the axis")
    height = _HEIGHT + _TITLE * (linear is not None)
    picture = Picture(_WIDTH, height, f"{y} against {x}: {', '.join(series)}")
    figure = picture.figure
    count = 1 if linear is None else 2
    panels = [figure.add_subplot(1, count, 1 + number) for number in range(count)]
    for axes in panels:
        _draw(axes, series, mark)
        axes.set_xlabel(x)
        axes.tick_params(labelsize=scales.SIZE)
        axes.grid(color=FAINT)
        axes.spines[["top", "right"]].set_visible(False)
    panels[0].set_ylabel(y)
    inches = _WIDTH / len(panels) - _AROUND, _HEIGHT - _AROUND
    if linear is not None:
        _linear(panels[0], linear)
        for axes, title in zip(panels, ("linear axes", "logarithmic axes"), strict=True):
            axes.set_title(title, fontsize=scales.SIZE)
    _logarithmic(panels[-1], series, ticks, inches)
    figure.tight_layout(rect=(0, 0, 1, 1 - 0.3 / height))
    names = panels[0].get_legend_handles_labels()
    figure.legend(*names, loc="upper center", ncols=4, frameon=False, columnspacing=1.2)
    return picture


def _draw(axes: Axes, series: Series, mark: tuple[str, float] | None) -> None:
    for index, (label, (across, up)) in enumerate(series.items()):
        colour, marker, line = _STYLES[index % len(_STYLES)]
        axes.plot(
            across,
            up,
            color=colour,
            linestyle=line,
            marker=marker if len(across) <= _MARKED else "",
            label=label,
        )
    if mark is not None:
        axes.axvline(mark[1], color=GREY, linewidth=1.2, linestyle=(0, (1, 2)), label=mark[0])


def _linear(axes: Axes, ticks: Mapping[str, float]) -> None:
    axes.set_xlim(left=0)
    axes.set_ylim(bottom=0)
    axes.set_xticks(list(ticks.values()), list(ticks))
    axes.yaxis.set_major_locator(MaxNLocator(4))
    axes.yaxis.set_major_formatter("{x:,.10g}")


def _logarithmic(
    axes: Axes, series: Series, ticks: Mapping[str, float] | None, inches: tuple[float, float]
) -> None:
    """Make the y axis logarithmic, and the x axis if it has ticks.

    Args:
        axes: the axes.
        series: what is drawn on them.
        ticks: of the x axis.
        inches: the least size of the axes.
    """
    wide, tall = inches
    ends = scales.padded([one for _, up in series.values() for one in up], least=1.5)
    scales.logarithmic(axes, "y", ends, lambda value: f"{value:,.10g}", tall)
    if ticks is None:
        axes.xaxis.set_major_locator(MaxNLocator(integer=True))
        return
    first, *_, last = ticks.values()
    marked = max(len(across) for across, _ in series.values()) <= _MARKED
    room = (last / first) ** 0.03 if marked else 1
    names = {place: name for name, place in ticks.items()}
    ends = first / room, last * room
    scales.logarithmic(axes, "x", ends, names.__getitem__, wide, at=list(names))
