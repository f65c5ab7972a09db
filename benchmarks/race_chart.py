"""The picture of a race: each rival's rate and CPU a message, as ratios to the baseline."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rivals import OURS, RIVALS
from standings import cell, in_words

from trio_echo.pictures.canvas import BLACK, BLUE, GREY, Picture

if TYPE_CHECKING:
    from collections.abc import Sequence

    from matplotlib.axes import Axes
    from standings import Standing

    from trio_echo.measure.results.run import Run
    from trio_echo.measure.statistics import Estimate

# Light enough for black letters and whiskers on it, and lighter than ours also in grey.
_PALE = "#c9c9c9"

# Inches.
_WIDTH, _ROW, _BETWEEN, _TOP, _LINE = 9.5, 0.26, 0.62, 0.85, 0.17
_NAMES, _PANEL, _GAP = 1.75, 2.35, 1.45


def draw(run: Run, ranks: Sequence[Sequence[Standing]], conditions: Sequence[str]) -> Picture:
    """Draw a panel of rates and one of CPU times for each workload, the fastest on top.

    Args:
        run: for its workloads and its baseline.
        ranks: of each workload.
        conditions: lines to stand below.
    """
    baseline = RIVALS[run.targets[0].name]
    name = baseline.title.replace("`", "")
    heights = [_ROW * len(ranked) for ranked in ranks]
    below = _LINE * len(conditions)
    height = _TOP + sum(heights) + _BETWEEN * len(ranks) + below
    best = [f"{cell(w)}: {r[0].rival.title}" for w, r in zip(run.workloads, ranks, strict=True)]
    picture = Picture(_WIDTH, height, f"Echo servers against {name}. Fastest: {'; '.join(best)}")
    sheet = picture.sheet()
    left, right = _NAMES, _NAMES + _PANEL + _GAP
    heads = (
        (left, "messages a second", "more is better"),
        (right, "CPU a message", "less is better"),
    )
    for x, what, better in heads:
        sheet.text(x, 0.3, f"{what}, of {name}'s", size=10, weight="bold", va="center")
        sheet.text(
            x, 0.5, f"{better}; the whisker is a 95 % interval", size=8, va="center", color=GREY
        )
    y = _TOP
    for workload, ranked, tall in zip(run.workloads, ranks, heights, strict=True):
        sheet.text(0.15, y - 0.12, cell(workload), size=10, weight="bold", va="center")
        for i, (x, _, _) in enumerate(heads):
            box = (x / _WIDTH, 1 - (y + tall) / height, _PANEL / _WIDTH, tall / height)
            axes = picture.figure.add_axes(box)
            axes.set_xlim(0, max(1.0, *(_end(_values(one)[i]) for r in ranks for one in r)) * 1.03)
            for row, one in enumerate(ranked):
                _bar(axes, row, one, _values(one)[i], in_words(one, baseline)[i])
            if i == 0:
                _names(axes, ranked)
            _frame(axes, len(ranked))
        y += tall + _BETWEEN
    for number, line in enumerate(conditions):
        sheet.text(0.15, y + _LINE * number, line, size=7.5, va="center", color=GREY)
    return picture


def _values(one: Standing) -> tuple[Estimate | None, Estimate | None]:
    return one.rate, one.cpu


def _end(value: Estimate | None) -> float:
    if value is None:
        return 0
    return value.interval.high if value.interval else value.median


def _weight(one: Standing) -> str:
    return "bold" if one.rival.name in OURS else "normal"


def _bar(axes: Axes, y: int, one: Standing, value: Estimate | None, words: str) -> None:
    """Draw a bar with its interval, and write its numbers to the right of all bars."""
    if value is None:
        return
    axes.barh(y, value.median, height=0.68, color=BLUE if one.rival.name in OURS else _PALE)
    if value.interval:
        low, high = value.interval.low, value.interval.high
        axes.plot([low, high], [y, y], color=BLACK, linewidth=1.4, marker="|", markersize=5)
    x = 1.02 * axes.get_xlim()[1]
    axes.text(x, y, words, size=8, weight=_weight(one), va="center")


def _names(axes: Axes, ranked: Sequence[Standing]) -> None:
    x = -0.03 * axes.get_xlim()[1]
    for y, one in enumerate(ranked):
        name = one.rival.title.replace("`", "")
        axes.text(x, y, name, size=8.5, weight=_weight(one), ha="right", va="center")


def _frame(axes: Axes, rows: int) -> None:
    axes.axvline(1, color=BLACK, linewidth=0.9, linestyle=(0, (4, 3)))
    axes.set_ylim(rows - 0.5, -0.5)
    axes.set_yticks([])
    axes.locator_params(axis="x", nbins=6)
    axes.tick_params(labelsize=8, length=2)
    for side in ("top", "right"):
        axes.spines[side].set_visible(False)
