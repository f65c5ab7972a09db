"""Bars: the parts of a whole, and one trial compared with others."""

from __future__ import annotations

from typing import TYPE_CHECKING

from matplotlib.ticker import MaxNLocator

from .canvas import BLUE, GREEN, GREY, INK, ORANGE, PAPER, PURPLE, SKY, Picture
from .lettering import fitting

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from matplotlib.axes import Axes

# Inches.
_WIDTH, _ROW, _TOP, _BOTTOM, _LABELS, _MARGIN = 8.2, 0.36, 0.12, 0.55, 2.2, 0.25
_LEGEND = 0.3
_BESIDE = 0.15  # between a label and its bar, and before it
_SIZE = 10  # points

# Colour and hatching: either one alone distinguishes the parts.
_PARTS = ((BLUE, ""), (ORANGE, "///"), (GREEN, "..."), (SKY, "\\\\\\"), (PURPLE, "xxx"))


def stacked_bars(rows: Mapping[str, Mapping[str, float]], unit: str) -> Picture:
    """Draw a bar for each row, made of its parts.

    Args:
        rows: each row's name, and its parts by name. A row may lack parts that others have.
        unit: the unit of all numbers.
    """
    names = list(dict.fromkeys(name for row in rows.values() for name in row))
    totals = [sum(row.values()) for row in rows.values()]
    picture, (axes,) = _frame(
        list(rows), [unit], room_above=_LEGEND, description=_words(rows, unit)
    )
    for index, name in enumerate(names):
        colour, hatch = _PARTS[index % len(_PARTS)]
        axes.barh(
            range(len(rows)),
            [row.get(name, 0.0) for row in rows.values()],
            left=[_before(row, names[:index]) for row in rows.values()],
            height=0.65,
            color=colour,
            edgecolor=PAPER,
            hatch=hatch,
            label=name,
        )
    _write(axes, totals)
    axes.legend(
        loc="lower left", bbox_to_anchor=(0, 1), ncols=len(names), frameon=False, fontsize=9
    )
    return picture


def compared_bars(rows: Sequence[tuple[str, Sequence[float]]], units: Sequence[str]) -> Picture:
    """Draw a bar for each trial, in a panel for each unit; the last trial is highlighted.

    Args:
        rows: each trial's name, and its numbers, one for each unit.
        units: the units of the numbers.
    """
    labels = [label for label, _ in rows]
    words = "; ".join(
        f"{label}: "
        + ", ".join(f"{_number(one)} {unit}" for one, unit in zip(values, units, strict=True))
        for label, values in rows
    )
    picture, panels = _frame(labels, units, room_above=0, description=words)
    colours = [GREY] * (len(rows) - 1) + [BLUE]
    for index, axes in enumerate(panels):
        values = [row[index] for _, row in rows]
        axes.barh(range(len(rows)), values, height=0.65, color=colours)
        _write(axes, values)
    return picture


def _frame(
    labels: Sequence[str], units: Sequence[str], *, room_above: float, description: str
) -> tuple[Picture, list[Axes]]:
    height = _ROW * max(len(labels), 1) + _TOP + _BOTTOM + room_above
    picture = Picture(_WIDTH, height, description)
    panels: list[Axes] = []
    names = [fitting(one, _LABELS - _BESIDE, _SIZE) for one in labels]
    width = (_WIDTH - _LABELS) / len(units)
    for index, unit in enumerate(units):
        axes = picture.figure.add_axes(
            (
                (_LABELS + index * width) / _WIDTH,
                _BOTTOM / height,
                (width - _MARGIN) / _WIDTH,
                _ROW * max(len(labels), 1) / height,
            )
        )
        axes.set_ylim(len(labels) - 0.5, -0.5)
        axes.set_yticks(
            range(len(labels)), names if index == 0 else [""] * len(names), fontsize=_SIZE
        )
        axes.tick_params(axis="y", length=0)
        axes.set_xlabel(unit)
        axes.spines[["top", "right"]].set_visible(False)
        axes.xaxis.set_major_locator(MaxNLocator(4))
        axes.xaxis.set_major_formatter("{x:,.10g}")
        panels.append(axes)
    return picture, panels


def _write(axes: Axes, values: Sequence[float]) -> None:
    """Write each bar's length beside it."""
    most = max(values, default=0.0)
    axes.set_xlim(0, (most or 1) * 1.3)  # room for the number
    for index, value in enumerate(values):
        axes.text(value, index, f" {_number(value)}", va="center", size=9, color=INK)


def _before(row: Mapping[str, float], names: Sequence[str]) -> float:
    return sum(row.get(name, 0.0) for name in names)


def _words(rows: Mapping[str, Mapping[str, float]], unit: str) -> str:
    return "; ".join(
        f"{label}: " + ", ".join(f"{name} {_number(one)}" for name, one in row.items()) + f" {unit}"
        for label, row in rows.items()
    )


def _number(value: float) -> str:
    return f"{value:,.0f}" if value >= 100 else f"{value:.3g}"
