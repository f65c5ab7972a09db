"""The frame of every plot: the targets above, the panels, and the conditions below."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import matplotlib as mpl
from matplotlib.legend import Legend

from trio_echo.measure.results.names import labels
from trio_echo.pictures.canvas import Picture
from trio_echo.pictures.lettering import width, wrap

from .conditions import conditions, troubles
from .style import DARK, HEAD, LIGHT, SIZE, SMALL, TITLE, key, shown

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from matplotlib.axes import Axes
    from matplotlib.lines import Line2D

    from trio_echo.measure.results.run import Run

    from .style import Theme

# Inches.
_MARGIN = 0.2
_LEFT, _RIGHT, _BELOW = 0.92, 0.12, 0.62
_TITLE, _LINE, _SMALL_LINE, _GAP = 0.28, 0.2, 0.145, 0.18
_KEY = 0.62  # the width of a legend's entry, without its text

_WIDTH = 10.4
_NARROW = 7.4


class Panel(NamedTuple):
    """One set of axes.

    Attributes:
        title: what it shows.
        words: the same in numbers, for people who cannot see it.
        draw: draws it, given the axes and their width and height in inches.
        keys: what its lines mean, beside the targets.
        height: of the axes, in inches.
        bare: whether it has no y axis.
    """

    title: str
    words: str
    draw: Callable[[Axes, float, float], None]
    keys: Sequence[Line2D] = ()
    height: float = 2.7
    bare: bool = False


def theme_of(dark: bool) -> Theme:
    """Choose the colours."""
    return DARK if dark else LIGHT


def room(panels: int) -> float:
    """Return the least width of a bare panel's axes, with this many side by side, in inches."""
    return ((_NARROW if panels == 1 else _WIDTH) - 2 * _MARGIN) / panels - _GAP - _RIGHT


def framed(
    run: Run, title: str, rows: Sequence[Sequence[Panel]], theme: Theme, *, wide: bool = False
) -> Picture:
    """Draw panels in rows.

    Args:
        run: what was measured.
        title: above everything.
        rows: of panels side by side.
        theme: the colours.
        wide: whether a single column is as wide as two.
    """
    across = _WIDTH if wide or any(len(row) > 1 for row in rows) else _NARROW
    inside = across - 2 * _MARGIN
    names = [shown(name) for name in labels(run.targets)]
    who = [key(name, theme.style(number)) for number, name in enumerate(names)]
    if len(who) == 1:
        title, who = f"{title}: {names[0]}", []
    head = wrap(title, inside, TITLE, bold=True)
    notes = [line for one in troubles(run) for line in wrap(one, inside, SIZE)]
    foot = [line for one in conditions(run) for line in wrap(one, inside, SMALL)]
    columns = _columns(who, inside)
    above = _MARGIN + _TITLE * len(head) + _LINE * (len(notes) + _lines(who, columns)) + _GAP
    body = sum(sum(_row(row, inside / len(row))) + _BELOW for row in rows)
    high = above + body + _SMALL_LINE * len(foot) + _MARGIN
    words = "; ".join([title, *notes, *(panel.words for row in rows for panel in row)])
    with mpl.rc_context(theme.settings()):
        picture = Picture(across, high, words)
        picture.figure.set_facecolor(theme.paper)
        sheet = picture.sheet()
        y = _MARGIN
        for line in head:
            sheet.text(_MARGIN, y + 0.1, line, size=TITLE, weight="bold", va="center")
            y += _TITLE
        for line in notes:
            sheet.text(_MARGIN, y + 0.05, line, size=SIZE, color=theme.warning, va="center")
            y += _LINE
        if who:
            _legend(sheet, who, columns, _MARGIN, y)
        y = above
        for row in rows:
            each = inside / len(row)
            top, tall = _row(row, each)
            for column, panel in enumerate(row):
                _title(sheet, panel, (_MARGIN + column * each, y), each)
                box = (_MARGIN + column * each, y + top, each, tall)
                _draw(picture, panel, box, theme)
            y += top + tall + _BELOW
        for number, line in enumerate(foot):
            sheet.text(
                _MARGIN, y + _SMALL_LINE * (number + 0.5), line, size=SMALL, color=theme.muted,
                va="center",
            )  # fmt: skip
    return picture


def empty(axes: Axes, why: str = "nothing came back") -> None:
    """Say that there is nothing to draw."""
    axes.set(xticks=[], yticks=[])
    axes.text(0.5, 0.5, why, ha="center", va="center", transform=axes.transAxes)


def _row(row: Sequence[Panel], each: float) -> tuple[float, float]:
    """Return the height of a row's titles with their legends, and of its axes."""
    titles = [
        len(_title_lines(panel, each)) + _lines(panel.keys, _columns(panel.keys, each))
        for panel in row
    ]
    return _LINE * max(titles) + 0.1, max(panel.height for panel in row)


def _title_lines(panel: Panel, each: float) -> list[str]:
    return wrap(panel.title, each - _GAP, HEAD, bold=True)


def _title(sheet: Axes, panel: Panel, corner: tuple[float, float], each: float) -> None:
    """Write a panel's title, and its legend below."""
    x, y = corner
    for line in _title_lines(panel, each):
        sheet.text(x, y, line, size=HEAD, weight="bold", va="center")
        y += _LINE
    if panel.keys:
        _legend(sheet, panel.keys, _columns(panel.keys, each), x, y - 0.08)


def _draw(
    picture: Picture, panel: Panel, box: tuple[float, float, float, float], theme: Theme
) -> None:
    """Draw a panel into its place on the sheet: left, top, width and height in inches."""
    left, top, wide, tall = box
    beside, after = (_GAP / 2, _GAP / 2) if panel.bare else (_LEFT, 0)
    left, wide = left + beside, wide - beside - after - _RIGHT
    across, high = picture.figure.get_size_inches()
    axes = picture.figure.add_axes(
        (left / across, 1 - (top + tall) / high, wide / across, tall / high)
    )
    axes.set_axisbelow(True)
    axes.grid(color=theme.faint, linewidth=0.8)
    axes.tick_params(colors=theme.ink, labelsize=SIZE, color=theme.muted, which="both")
    panel.draw(axes, wide, tall)


def _columns(keys: Sequence[Line2D], across: float) -> int:
    """Return how many entries of a legend fit side by side."""
    widest = max((width(str(one.get_label()), SIZE) for one in keys), default=0.0) + _KEY
    return max(1, int(across / widest))


def _lines(keys: Sequence[Line2D], columns: int) -> int:
    return -(-len(keys) // columns)


def _legend(sheet: Axes, keys: Sequence[Line2D], columns: int, x: float, y: float) -> None:
    legend = Legend(
        sheet,
        keys,
        ["?"] * len(keys),
        loc="upper left",
        bbox_to_anchor=(x, y),
        bbox_transform=sheet.transData,
        ncols=columns,
        handlelength=3,
        columnspacing=1.2,
        labelspacing=0.35,
    )
    for text, one in zip(legend.get_texts(), keys, strict=True):
        text.set_text(str(one.get_label()))  # a legend passes over labels that begin with _
    sheet.add_artist(legend)
