"""The rungs of a ladder: arrows between two life lines, from top to bottom."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import product
from typing import TYPE_CHECKING, Any, NamedTuple

from trio_echo.quantities import duration

from .beside import Arrow
from .canvas import GREY, INK, PAPER, VERMILION
from .lettering import fitting, width

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from matplotlib.axes import Axes

    from .beside import Labels, Point

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
_POINTS = 72  # in an inch

# Inches for the words beside an arrow: its length, and less if something crosses them.
_ROOMS = tuple(
    (RIGHT - LEFT - 3 * _BETWEEN) * share for share in (1, 0.9, 0.8, 0.7, 0.6, 0.5, 0.4, 0.3)
)

# If nothing happens for this long, and nothing is on its way, the ladder says how long that is.
_PAUSE = 100_000_000  # nanoseconds
_LONG = 10_000  # milliseconds; from here on, times are in seconds


class Kind(NamedTuple):
    """How an arrow is drawn. The words beside it say its kind as well."""

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


def arrows(
    rungs: Mapping[int, Rung], heights: Mapping[tuple[int, int | None], float]
) -> dict[int, list[Arrow]]:
    """Return the arrows of each rung, one for each copy; that of a lost frame ends halfway.

    Where it was lost is not known. It is parallel to the frame before it that is still on the way.

    Args:
        rungs: those that are drawn, by number.
        heights: where their steps are.
    """
    found: dict[int, list[Arrow]] = {}
    before: dict[bool, Arrow] = {}
    for number, rung in rungs.items():
        leaves = heights[number, None]
        start, end = (LEFT, RIGHT) if rung.to_right else (RIGHT, LEFT)
        found[number] = [
            Arrow((start, leaves), (end, heights[number, copy])) for copy in range(rung.copies)
        ]
        if not rung.copies:
            last = before.get(rung.to_right)
            parallel = last is not None and last.end[1] > leaves
            down = last.end[1] - last.start[1] if last is not None and parallel else _SLANT
            found[number] = [Arrow((start, leaves), (MIDDLE, leaves + down / 2))]
        else:
            before[rung.to_right] = found[number][0]
    return found


def crosses(rungs: Mapping[int, Rung], found: Mapping[int, Sequence[Arrow]]) -> list[Point]:
    """Return where the arrows of what no receiver gets end, with a cross."""
    return [
        arrow.end for number, rung in rungs.items() if not _arrives(rung) for arrow in found[number]
    ]


def draw(axes: Axes, rung: Rung, copies: Sequence[Arrow], labels: Labels) -> None:
    """Draw a rung: an arrow for each copy, the time when it left, and what it says."""
    milliseconds = rung.time / 1e6
    time = f"{milliseconds:.3f} ms" if milliseconds < _LONG else f"{milliseconds / 1e3:.3f} s"
    write(axes, _TIME, copies[0].start[1], time, horizontalalignment="right", color=GREY)
    for arrow in copies:
        _arrow(axes, rung.kind, arrow, head=_arrives(rung))
        if not _arrives(rung):
            _cross(axes, *arrow.end)
    _label(axes, rung, copies[0], labels)


def _label(axes: Axes, rung: Rung, arrow: Arrow, labels: Labels) -> None:
    """Write what a rung says above its arrow, or shorter, or below it: the first that is free."""
    for below, room in product((False, True), _ROOMS):
        words = fitting(rung.words, room, _SMALL)
        size = width(words, _SMALL), _SMALL / _POINTS
        place = labels.find(arrow, *size, lost=not rung.copies, below=below)
        if not place.crossed:
            break
    labels.take(place)
    write(
        axes,
        *place.middle,
        words,
        color=INK if _arrives(rung) else VERMILION,
        verticalalignment="bottom",
        rotation=-arrow.angle,
        rotation_mode="anchor",
        bbox={"facecolor": PAPER, "edgecolor": "none", "pad": 0.5} if place.crossed else None,
    )


def _arrives(rung: Rung) -> bool:
    return rung.copies > 0 and not rung.dropped


def _arrow(axes: Axes, kind: Kind, arrow: Arrow, *, head: bool) -> None:
    axes.annotate(
        "",
        xy=arrow.end,
        xytext=arrow.start,
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
