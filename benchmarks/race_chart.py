"""The picture of a race: each rival's rate and CPU a message, as ratios to the baseline.

    python benchmarks/race_chart.py RACE.json FILE [--dark]

draws what `race.py --output RACE.json` wrote.
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from rivals import OURS, RIVALS
from standings import cell, in_words, standings

from trio_echo.measure.plots.style import DARK, LIGHT
from trio_echo.measure.results import files
from trio_echo.measure.results.json_text import ResultsError
from trio_echo.pictures.canvas import FRAME, ON_DARK, Picture

if TYPE_CHECKING:
    from collections.abc import Sequence

    from matplotlib.axes import Axes
    from standings import Standing

    from trio_echo.measure.plots.style import Theme
    from trio_echo.measure.results.run import Run
    from trio_echo.measure.statistics import Estimate


# Inches.
_WIDTH, _ROW, _BETWEEN, _TOP, _LINE = 9.5, 0.26, 0.62, 0.85, 0.17
_NAMES, _PANEL, _GAP = 1.75, 2.35, 1.45


def draw(
    run: Run,
    ranks: Sequence[Sequence[Standing]],
    conditions: Sequence[str],
    *,
    dark: bool = False,
) -> Picture:
    """Draw a panel of rates and one of CPU times for each workload, the fastest on top.

    Args:
        run: for its workloads and its baseline.
        ranks: of each workload.
        conditions: lines to stand below.
        dark: for a dark page.
    """
    theme = DARK if dark else LIGHT
    baseline = RIVALS[run.targets[0].name]
    name = baseline.title.replace("`", "")
    heights = [_ROW * len(ranked) for ranked in ranks]
    below = _LINE * len(conditions)
    height = _TOP + sum(heights) + _BETWEEN * len(ranks) + below
    best = [f"{cell(w)}: {r[0].rival.title}" for w, r in zip(run.workloads, ranks, strict=True)]
    picture = Picture(_WIDTH, height, f"Echo servers against {name}. Fastest: {'; '.join(best)}")
    picture.figure.set_facecolor(theme.paper)
    sheet = picture.sheet()
    left, right = _NAMES, _NAMES + _PANEL + _GAP
    heads = (
        (left, "messages a second", "more is better"),
        (right, "CPU a message", "less is better"),
    )
    for x, what, better in heads:
        words = f"{what}, of {name}'s"
        sheet.text(x, 0.3, words, size=10, weight="bold", va="center", color=theme.ink)
        words = f"{better}; the whisker is a 95 % interval"
        sheet.text(x, 0.5, words, size=8, va="center", color=theme.muted)
    y = _TOP
    for workload, ranked, tall in zip(run.workloads, ranks, heights, strict=True):
        load = cell(workload)
        sheet.text(0.15, y - 0.12, load, size=10, weight="bold", va="center", color=theme.ink)
        for i, (x, _, _) in enumerate(heads):
            box = (x / _WIDTH, 1 - (y + tall) / height, _PANEL / _WIDTH, tall / height)
            axes = picture.figure.add_axes(box)
            axes.set_xlim(0, max(1.0, *(_end(_values(one)[i]) for r in ranks for one in r)) * 1.03)
            for row, one in enumerate(ranked):
                _bar(axes, row, one, _values(one)[i], in_words(one, baseline)[i], theme)
            if i == 0:
                _names(axes, ranked, theme)
            _frame(axes, len(ranked), theme)
        y += tall + _BETWEEN
    for number, line in enumerate(conditions):
        sheet.text(0.15, y + _LINE * number, line, size=7.5, va="center", color=theme.muted)
    return picture


def _values(one: Standing) -> tuple[Estimate | None, Estimate | None]:
    return one.rate, one.cpu


def _end(value: Estimate | None) -> float:
    if value is None:
        return 0
    return value.interval.high if value.interval else value.median


def _colour(one: Standing, theme: Theme) -> str:
    """Colour its bar. Letters and whiskers stand out on both, and they differ also in grey."""
    if one.rival.name in OURS:
        return theme.colours[0]
    return ON_DARK[FRAME] if theme is DARK else FRAME


def _weight(one: Standing) -> str:
    return "bold" if one.rival.name in OURS else "normal"


def _bar(
    axes: Axes, y: int, one: Standing, value: Estimate | None, words: str, theme: Theme
) -> None:
    """Draw a bar with its interval, and write its numbers to the right of all bars."""
    if value is None:
        return
    axes.barh(y, value.median, height=0.68, color=_colour(one, theme))
    if value.interval:
        low, high = value.interval.low, value.interval.high
        axes.plot([low, high], [y, y], color=theme.ink, linewidth=1.4, marker="|", markersize=5)
    x = 1.02 * axes.get_xlim()[1]
    axes.text(x, y, words, size=8, weight=_weight(one), va="center", color=theme.ink)


def _names(axes: Axes, ranked: Sequence[Standing], theme: Theme) -> None:
    x = -0.03 * axes.get_xlim()[1]
    for y, one in enumerate(ranked):
        name = one.rival.title.replace("`", "")
        weight = _weight(one)
        axes.text(x, y, name, size=8.5, weight=weight, ha="right", va="center", color=theme.ink)


def _frame(axes: Axes, rows: int, theme: Theme) -> None:
    axes.set_facecolor(theme.paper)
    axes.axvline(1, color=theme.ink, linewidth=0.9, linestyle=(0, (4, 3)))
    axes.set_ylim(rows - 0.5, -0.5)
    axes.set_yticks([])
    axes.locator_params(axis="x", nbins=6)
    axes.tick_params(labelsize=8, length=2, colors=theme.ink)
    for side in ("top", "right"):
        axes.spines[side].set_visible(False)
    for side in ("left", "bottom"):
        axes.spines[side].set_color(theme.ink)


def main(arguments: Sequence[str] | None = None) -> int:
    """Draw a race that was run before, and return the exit status."""
    parser = argparse.ArgumentParser(description="Draw the results of a race.")
    parser.add_argument("results", metavar="RACE.json", type=Path)
    parser.add_argument("picture", metavar="FILE", type=Path)
    parser.add_argument("--dark", action="store_true", help="for a dark page")
    options = parser.parse_args(arguments)
    try:
        run = files.read(options.results)
        beside = json.loads(options.results.with_suffix(".cpu.json").read_text("utf-8"))
        ranks = standings(run, beside["server_cpu_ns"])
        draw(run, ranks, beside["conditions"], dark=options.dark).save(options.picture)
    except (OSError, ResultsError) as exc:
        parser.error(str(exc))
    return 0


if __name__ == "__main__":
    sys.exit(main())
