"""The rungs of a ladder: arrows between two life lines, from top to bottom."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

from trio_echo.quantities import duration

from .canvas import GREY, INK, PAPER, VERMILION
from .lettering import width

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from matplotlib.axes import Axes

# Inches.
WIDTH = 9.0
LEFT, RIGHT = 2.25, 7.6  # where the two life lines stand
MIDDLE = (LEFT + RIGHT) / 2
_TIME = 0.85  # where the times end
_BETWEEN = 0.1  # between a life line and the words beside it
TOP, BOTTOM = 0.95, 0.3
_SLANT, _STEP = 0.22, 0.26  # down to where a segment arrives, and from there to the next one
_BREAK = 0.05  # half of what a life line lacks where time is left out

_LARGE, _SMALL = 10, 8.5  # points

# If nothing happens for this long, and nothing is on its way, the ladder says how long that is.
_PAUSE = 100_000_000  # nanoseconds
_LONG = 10_000  # milliseconds; from here on, times are in seconds


class Kind(NamedTuple):
    """How an arrow is drawn. The words above it say its kind as well."""

    colour: str
    style: str
    width: float


@dataclass(frozen=True, slots=True)
class Rung:
    """A frame between two life lines.

    Attributes:
        time: when it leaves, in nanoseconds.
        to_right: whether it leaves the left line.
        kind: how its arrow is drawn.
        words: what it says.
        copies: how many of it arrive; 0 if it is lost on the way.
        dropped: whether its receiver drops it.
    """

    time: int
    to_right: bool
    kind: Kind
    words: str
    copies: int = 1
    dropped: bool = False


class Step(NamedTuple):
    """A frame leaves or arrives.

    Attributes:
        rung: its number.
        copy: which of its copies arrives, from 0; `None` if it leaves.
        time: when, in nanoseconds; `None` if that is not known.
    """

    rung: int
    copy: int | None
    time: int | None


class Break(NamedTuple):
    """Where something is left out: the height, what is written there, and whether it is time."""

    height: float
    words: str
    pause: bool


class Places(NamedTuple):
    """Where the steps are, in inches from the top.

    Attributes:
        heights: of each step, by rung and copy.
        breaks: where time or frames are left out.
        bottom: of the life lines.
    """

    heights: Mapping[tuple[int, int | None], float]
    breaks: Sequence[Break]
    bottom: float


def places(rungs: Sequence[Rung], steps: Sequence[Step], gap: range, left_out: str) -> Places:
    """Find a height for each step.

    Args:
        rungs: all of them.
        steps: in order, without those of the rungs left out.
        gap: the numbers of the rungs left out.
        left_out: what is written in their place.
    """
    heights: dict[tuple[int, int | None], float] = {}
    breaks = []
    height, last, on_the_way = TOP, None, 0
    for step in steps:
        pause = 0 if step.time is None or last is None else step.time - last
        if gap and step.rung == gap.stop and step.copy is None:
            breaks.append(Break(height + 2 * _STEP, left_out, pause=False))
            height += 3 * _STEP
        elif pause >= _PAUSE and not on_the_way:
            breaks.append(Break(height + _STEP, f"… {duration(pause)} …", pause=True))
            height += 1.5 * _STEP
        on_the_way += rungs[step.rung].copies if step.copy is None else -1
        height += _STEP if step.copy is None else _SLANT
        heights[step.rung, step.copy] = height
        if not rungs[step.rung].copies:
            height += _SLANT / 2  # down to where it ends
        last = step.time
    return Places(heights, breaks, height + _STEP)


def frame(
    axes: Axes, heads: Sequence[tuple[str, str]], found: Places, recording: str | None
) -> None:
    """Draw the life lines, their heads, and where something is left out.

    Args:
        axes: of a sheet.
        heads: the name of each end and its address, the left one first.
        found: where the steps are.
        recording: the name of the file that the frames were loaded from.
    """
    for x, (name, address) in zip((LEFT, RIGHT), heads, strict=True):
        axes.plot([x, x], [TOP - 0.15, found.bottom], color=INK, linewidth=1.2)
        write(axes, x, 0.5, name, fontsize=_LARGE, fontweight="bold")
        write(axes, x, 0.68, address, fontsize=_LARGE)
    write(axes, _TIME, 0.68, "time", horizontalalignment="right", color=GREY)
    if recording is not None:
        words = f"recorded capture: {recording}"
        write(axes, MIDDLE, 0.2, words, fontsize=_LARGE, fontweight="bold", color=VERMILION)
    for height, words, pause in found.breaks:
        write(axes, MIDDLE, height, words, color=GREY)
        if pause:
            _cut_lines(axes, height)


def _cut_lines(axes: Axes, height: float) -> None:
    """Break both life lines: time is left out here."""
    for x in (LEFT, RIGHT):
        axes.plot([x, x], [height - _BREAK, height + _BREAK], color=PAPER, linewidth=3)
        for y in (height - _BREAK, height + _BREAK):
            axes.plot([x - 0.08, x + 0.08], [y + 0.03, y - 0.03], color=INK, linewidth=1.2)


def beside(axes: Axes, height: float, words: str, *, left: bool) -> None:
    """Write something in bold outside a life line."""
    x, side = (LEFT - _BETWEEN, "right") if left else (RIGHT + _BETWEEN, "left")
    write(axes, x, height, words, horizontalalignment=side, fontweight="bold")


def draw(
    axes: Axes, number: int, rung: Rung, heights: Mapping[tuple[int, int | None], float]
) -> None:
    """Draw a rung: an arrow for each copy, the time when it left, and what it says."""
    leaves = heights[number, None]
    start, end = (LEFT, RIGHT) if rung.to_right else (RIGHT, LEFT)
    milliseconds = rung.time / 1e6
    time = f"{milliseconds:.3f} ms" if milliseconds < _LONG else f"{milliseconds / 1e3:.3f} s"
    write(axes, _TIME, leaves, time, horizontalalignment="right", color=GREY)
    arrivals = [heights[number, copy] for copy in range(rung.copies)]
    for arrives in arrivals:
        _arrow(axes, rung.kind, (start, leaves), (end, arrives), head=not rung.dropped)
        if rung.dropped:
            _cross(axes, end, arrives)
    if not arrivals:
        half = leaves + _SLANT / 2
        _arrow(axes, rung.kind, (start, leaves), (MIDDLE, half), head=False)
        _cross(axes, MIDDLE, half)
    _label(axes, rung, leaves, arrivals[0] if arrivals else None)


def _label(axes: Axes, rung: Rung, leaves: float, arrives: float | None) -> None:
    """Write what a rung says, above its arrow."""
    start, end = (LEFT, RIGHT) if rung.to_right else (RIGHT, LEFT)
    words, colour = _fitting(rung.words), VERMILION if rung.dropped or arrives is None else INK
    if arrives is None or arrives - leaves > 1.5 * _SLANT:
        # It crosses others, or ends halfway: write the words level at its beginning, in front of
        # the arrows.
        write(
            axes,
            start + (_BETWEEN if rung.to_right else -_BETWEEN),
            leaves - 0.05,
            words,
            color=colour,
            horizontalalignment="left" if rung.to_right else "right",
            verticalalignment="bottom",
            bbox={"facecolor": PAPER, "edgecolor": "none", "pad": 0.5},
        )
        return
    angle = math.degrees(math.atan2(arrives - leaves, RIGHT - LEFT))
    write(
        axes,
        (start + end) / 2,
        (leaves + arrives) / 2 - 0.04,
        words,
        color=colour,
        verticalalignment="bottom",
        rotation=-angle if rung.to_right else angle,
        rotation_mode="anchor",
    )


def _arrow(
    axes: Axes, kind: Kind, start: tuple[float, float], end: tuple[float, float], *, head: bool
) -> None:
    axes.annotate(
        "",
        xy=end,
        xytext=start,
        arrowprops={
            "arrowstyle": "-|>,head_width=0.22,head_length=0.5" if head else "-",
            "color": kind.colour,
            "linestyle": kind.style,
            "linewidth": kind.width,
            "shrinkA": 0,
            "shrinkB": 0,
        },
    )


def _cross(axes: Axes, x: float, y: float) -> None:
    axes.plot([x], [y], "x", color=VERMILION, markersize=9, markeredgewidth=2.4, zorder=5)


def _fitting(words: str) -> str:
    """Shorten words that are longer than an arrow."""
    room = RIGHT - LEFT - 3 * _BETWEEN
    short = words
    while width(short, _SMALL) > room:
        words = words[:-2]
        short = f"{words}..."
    return short


def write(axes: Axes, x: float, y: float, text: str, **style: Any) -> None:
    """Write a line of text, centred unless `style` says otherwise."""
    defaults: dict[str, Any] = {
        "color": INK,
        "fontsize": _SMALL,
        "horizontalalignment": "center",
        "verticalalignment": "center",
        "parse_math": False,  # a peer may send a dollar sign
    }
    axes.text(x, y, text, **(defaults | style))
