"""Curves on logarithmic axes."""

from __future__ import annotations

from typing import TYPE_CHECKING

from matplotlib.ticker import LogLocator, MaxNLocator, NullLocator

from .canvas import BLUE, GREEN, GREY, ORANGE, PURPLE, Picture

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

# Colour, marker and line: any one alone distinguishes the curves.
_STYLES = ((BLUE, "o", "-"), (ORANGE, "s", "--"), (GREEN, "^", ":"), (PURPLE, "D", "-."))

# With more points than this, the markers would merge into a thick line.
_MARKED = 40

_WIDTH, _HEIGHT = 7.5, 3.5  # inches


def curves(
    series: Mapping[str, tuple[Sequence[float], Sequence[float]]],
    x: str,
    y: str,
    *,
    ticks: Mapping[str, float] | None = None,
    mark: tuple[str, float] | None = None,
) -> Picture:
    """Draw curves.

    Args:
        series: each curve's name, and its x and y; all more than 0.
        x: the x axis, with the unit.
        y: the y axis, with the unit.
        ticks: the labels of the x axis and their places, the first at the left end, the last at the
            right. Without them, the axis is linear with whole numbers.
        mark: a vertical line: its name and its place.
    """
    picture = Picture(_WIDTH, _HEIGHT, f"{y} against {x}: {', '.join(series)}")
    axes = picture.figure.add_subplot()
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
    axes.set_yscale("log")
    axes.yaxis.set_major_locator(LogLocator(subs=(1, 3), numticks=12))
    axes.yaxis.set_minor_locator(NullLocator())
    axes.yaxis.set_major_formatter("{x:,.10g}")
    if ticks is None:
        axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    else:
        first, *_, last = ticks.values()
        axes.set_xscale("log")
        room = (last / first) ** 0.03 if len(_points(series)) <= _MARKED else 1
        axes.set_xlim(first / room, last * room)
        axes.set_xticks(list(ticks.values()), list(ticks))
        axes.xaxis.set_minor_locator(NullLocator())
    if mark is not None:
        axes.axvline(mark[1], color=GREY, linewidth=1.2, linestyle=(0, (1, 2)), label=mark[0])
    axes.set_xlabel(x)
    axes.set_ylabel(y)
    axes.legend(
        bbox_to_anchor=(0.5, 1), loc="lower center", ncols=4, frameon=False, columnspacing=1.2
    )
    axes.grid(alpha=0.3)
    axes.spines[["top", "right"]].set_visible(False)
    picture.figure.tight_layout()
    return picture


def _points(series: Mapping[str, tuple[Sequence[float], Sequence[float]]]) -> Sequence[float]:
    return max((across for across, _ in series.values()), key=len)
