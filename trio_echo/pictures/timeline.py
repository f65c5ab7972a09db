"""The picture of a recording: each task's life as a bar over time."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple, TypeAlias

from matplotlib.patches import Rectangle

from .canvas import BLUE, FAINT, GREY, INK, ORANGE, PAPER, SKY, VERMILION, Picture, tint
from .sheet import GAP, INDENT, MARGIN, ROW, SIZE, cut, left_out, text_width, write

if TYPE_CHECKING:
    from collections.abc import Sequence

    from matplotlib.axes import Axes

    from trio_echo.observe.tasks.recorder import Life, Recorder

# Inches.
_BARS = 4.2
_AXIS = 0.6
_KEY = 0.2  # for a mark in the key

# What marks on bars mean.
_MARKS = {
    "older": ("<", BLUE),
    "still alive": (">", BLUE),
    "cancelled": ("s", ORANGE),
    "failed": ("X", VERMILION),
}

_Children: TypeAlias = "dict[Life | None, list[Life]]"

_UNITS = ((1.0, "s"), (1e3, "ms"), (1e6, "µs"))


class _Line(NamedTuple):
    """One row of the timeline: a life, or the lives that are left out."""

    lives: Sequence[Life]
    label: str
    depth: int
    inside: int
    """How many rows below it belong to its children and their children."""


def timeline(recorder: Recorder) -> Picture:
    """Draw each task's life as a bar over time, with its children's below it, indented.

    The pale field around a bar and those below it is the task's lifetime: no child leaves it. An
    arrow marks a task that is older than the recording or outlives it, a square the moment when a
    cancellation reached it, a cross an end by an exception. If there are many siblings, those that
    failed or have a note and the longest lives are drawn, and the others counted.

    Drawing takes a moment in which no task runs: draw after the recording.

    Raises:
        ValueError: nothing was recorded.
    """
    lives, seconds = recorder.lives, recorder.seconds
    if not lives:
        raise ValueError("nothing was recorded")
    scale, unit = next((one for one in _UNITS if seconds * one[0] >= 1), _UNITS[-1])
    end = seconds * scale or 1.0
    below: _Children = {}
    for life in lives:
        below.setdefault(life.parent, []).append(life)
    lines = _lines(below.get(None, []), below, seconds, 0)

    left = MARGIN + max(INDENT * line.depth + text_width(line.label) for line in lines) + GAP
    ends = [_end(line) for line in lines]
    steps_at = left + _BARS + GAP + text_width("steps")
    ends_at = steps_at + GAP
    width = ends_at + max(map(text_width, [*ends, "end, note"])) + MARGIN
    height = MARGIN + ROW * (len(lines) + 1) + _AXIS

    picture = Picture(
        width,
        height,
        f"the lives of {len(lives)} tasks, in {unit} since the recording began: "
        + "; ".join(
            _words(line, how, seconds, scale) for line, how in zip(lines, ends, strict=True)
        ),
    )
    sheet = picture.sheet()
    top = MARGIN + ROW
    axes = picture.figure.add_axes(
        (left / width, _AXIS / height, _BARS / width, ROW * len(lines) / height)
    )
    axes.set(xlim=(0, end), ylim=(len(lines), 0), yticks=[])
    axes.set_xlabel(f"time since the recording began ({unit})", fontsize=SIZE)
    axes.tick_params(labelsize=SIZE - 1)
    axes.grid(axis="x", color=FAINT)
    axes.set_axisbelow(True)
    axes.spines[["top", "right", "left"]].set_visible(False)

    x = MARGIN
    used = {what for line in lines for what in _marks(line, seconds)}
    for what in [what for what in _MARKS if what in used]:
        _mark(sheet, x + _KEY / 2, MARGIN + ROW / 2, what)
        write(sheet, x + _KEY, MARGIN + ROW / 2, what, GREY)
        x += _KEY + text_width(what) + GAP
    write(sheet, steps_at - text_width("steps"), top - ROW / 2, "steps", GREY)
    write(sheet, ends_at, top - ROW / 2, "end, note", GREY)
    for number, (line, how) in enumerate(zip(lines, ends, strict=True)):
        y = top + ROW * (number + 0.5)
        write(sheet, MARGIN + INDENT * line.depth, y, line.label)
        steps = str(sum(life.steps for life in line.lives))
        write(sheet, steps_at - text_width(steps), y, steps, GREY)
        failed = any(life.failed for life in line.lives)
        write(sheet, ends_at, y, how, VERMILION if failed else INK)
        _bars(axes, line, number, seconds, scale)
    return picture


def _lines(siblings: Sequence[Life], below: _Children, seconds: float, depth: int) -> list[_Line]:
    """Return a line for each life, with its children's lines below it."""

    def rank(number: int) -> tuple[float, ...]:
        life = siblings[number]
        return bool(life.note or life.failed), _until(life, seconds) - (life.began or 0)

    hidden = left_out([life.name for life in siblings], rank)
    lines: list[_Line] = []
    for number, life in enumerate(siblings):
        if number not in hidden:
            inside = _lines(below.get(life, []), below, seconds, depth + 1)
            lines += [_Line([life], cut(life.name), depth, len(inside)), *inside]
    if hidden:
        others = [siblings[number] for number in sorted(hidden)]
        lines.append(_Line(others, f"… and {len(others)} more", depth, 0))
    return lines


def _until(life: Life, seconds: float) -> float:
    return seconds if life.ended is None else life.ended


def _end(line: _Line) -> str:
    """Describe what is known of the end."""
    if len(line.lives) > 1:
        counts = {
            "failed": sum(life.failed != "" for life in line.lives),
            "cancelled": sum(life.cancelled is not None for life in line.lives),
        }
        return ", ".join(f"{count} {what}" for what, count in counts.items() if count)
    (life,) = line.lives
    words = ["cancelled"] if life.cancelled is not None else []
    if life.failed:
        words.append(f"failed: {life.failed}")
    if life.ended is None:
        words.append("still alive")
    if life.note:
        words.append(life.note)
    return cut("; ".join(words))


def _words(line: _Line, how: str, seconds: float, scale: float) -> str:
    start = min(life.began or 0 for life in line.lives) * scale
    stop = max(_until(life, seconds) for life in line.lives) * scale
    return f"{line.label} {start:.3g} to {stop:.3g}" + (f" ({how})" if how else "")


def _bars(axes: Axes, line: _Line, number: int, seconds: float, scale: float) -> None:
    """Draw the bar of a life, or pale bars of many lives in one row."""
    spans = [
        ((life.began or 0) * scale, (_until(life, seconds) - (life.began or 0)) * scale)
        for life in line.lives
    ]
    alone = len(spans) == 1
    # The bar's edge shows a life that is too short for a bar.
    axes.broken_barh(
        spans,
        (number + 0.25, 0.5),
        facecolor=BLUE,
        edgecolor=BLUE,
        linewidth=1,
        alpha=1 if alone else max(1 / len(spans), 0.02),
    )
    if not alone:
        return
    ((start, length),) = spans
    if line.inside:
        field = Rectangle(
            (start, number), length, line.inside + 1, facecolor=tint(SKY, 0.12), zorder=0
        )
        axes.add_patch(field)
    for what, at in _marks(line, seconds).items():
        _mark(axes, at * scale, number + 0.5, what)


def _marks(line: _Line, seconds: float) -> dict[str, float]:
    """Return the marks on a bar, and their times; there are none on the bars of many lives."""
    if len(line.lives) > 1:
        return {}
    (life,) = line.lives
    marks = {
        "older": 0.0 if life.began is None else None,
        "still alive": seconds if life.ended is None else None,
        "cancelled": life.cancelled,
        "failed": life.ended if life.failed else None,
    }
    return {what: at for what, at in marks.items() if at is not None}


def _mark(axes: Axes, x: float, y: float, what: str) -> None:
    marker, colour = _MARKS[what]
    axes.plot(x, y, marker=marker, markersize=9, color=colour, markeredgecolor=PAPER, clip_on=False)
