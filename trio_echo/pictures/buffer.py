"""A buffer of a C program: its bytes as cells, and pointers into it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from matplotlib.patches import FancyArrowPatch, Rectangle

from .canvas import BLUE, GREY, INK, PAPER, SKY, VERMILION, Picture, tint

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from matplotlib.axes import Axes

# Inches.
_WIDTH, _MARGIN = 8.2, 0.2
_LARGEST, _LEGIBLE = 0.42, 0.22  # the width of a cell; in narrower ones there are no letters
_TOP, _CELL, _ARROW, _NOTE = 0.42, 0.36, 0.5, 0.3


def buffer(
    cells: Sequence[int | None],
    pointers: Mapping[str, int] | None = None,
    *,
    size: int | None = None,
    note: str = "",
    characters: bool = True,
) -> Picture:
    """Draw a buffer, one cell a byte.

    Args:
        cells: the bytes; `None` for one that was never written.
        pointers: names, and the cell that each one points at; the one after the last is allowed.
        size: of the buffer, if it has fewer cells: those after it are drawn as not its own.
        note: a line below it.
        characters: whether bytes are written as characters, or in hexadecimal.
    """
    pointers = pointers or {}
    size = len(cells) if size is None else size
    bottom = _TOP + _CELL + (_ARROW if pointers else _MARGIN / 2)
    height = bottom + (_NOTE if note else 0) + _MARGIN / 2
    written = [_written(one) if characters or one is None else f"{one:02x}" for one in cells]
    arrows = "".join(f"; {name} at {index}" for name, index in pointers.items())
    words = f"buffer of {size} bytes: {' '.join(one or '.' for one in written)}{arrows}"
    picture = Picture(_WIDTH, height, f"{words}; {note}" if note else words)
    axes = picture.sheet()
    width = min(_LARGEST, (_WIDTH - 2 * _MARGIN) / (len(cells) + 1))
    for index, text in enumerate(written):
        _cell(axes, _MARGIN + index * width, width, text, index, is_own=index < size)
    by_cell: dict[int, list[str]] = {}
    for name, index in pointers.items():
        by_cell.setdefault(index, []).append(name)
    for index, names in by_cell.items():
        _pointer(axes, _MARGIN + (index + 0.5) * width, ", ".join(names))
    if note:
        axes.text(
            _MARGIN, bottom + _NOTE / 2, note, va="center", size=10, color=INK, parse_math=False
        )
    return picture


def _cell(axes: Axes, x: float, width: float, text: str, index: int, *, is_own: bool) -> None:
    axes.add_patch(
        Rectangle(
            (x, _TOP),
            width,
            _CELL,
            facecolor=tint(SKY) if text else PAPER,
            edgecolor=BLUE if is_own else VERMILION,
            linestyle="-" if is_own else "--",
            linewidth=1.2,
            zorder=1 if is_own else 2,
        )
    )
    if width < _LEGIBLE:
        return
    middle = x + width / 2
    axes.text(middle, _TOP - 0.12, str(index), ha="center", va="center", size=7, color=GREY)
    axes.text(
        middle,
        _TOP + _CELL / 2,
        text,
        ha="center",
        va="center_baseline",
        size=9,
        family="monospace",
        color=INK,
        parse_math=False,
    )


def _pointer(axes: Axes, x: float, names: str) -> None:
    bottom = _TOP + _CELL
    axes.add_patch(
        FancyArrowPatch(
            (x, bottom + 0.3),
            (x, bottom),
            arrowstyle="-|>",
            mutation_scale=11,
            shrinkA=0,
            shrinkB=1,
            color=VERMILION,
            linewidth=1.6,
        )
    )
    axes.text(
        x, bottom + 0.4, names, ha="center", va="center", size=9.5, weight="bold", color=VERMILION
    )


def _written(value: int | None) -> str:
    """Write a byte as C does."""
    if value is None:
        return ""
    known = {0: r"\0", 10: r"\n", 32: "␣"}
    if value in known:
        return known[value]
    return chr(value) if 32 < value < 127 else f"{value:02x}"
