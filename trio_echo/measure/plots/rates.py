"""Throughput against a quantity that a sweep varies."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, NamedTuple, TypeAlias

from matplotlib.transforms import ScaledTranslation

from trio_echo.measure.results.names import labels
from trio_echo.pictures import scales
from trio_echo.quantities import size

from .conditions import varied, workload_words
from .frame import Panel, empty
from .style import DASHES, Style, key, shown

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from matplotlib.axes import Axes
    from matplotlib.lines import Line2D

    from trio_echo.measure.results.run import Run
    from trio_echo.measure.statistics import Estimate

    from .style import Theme

Against: TypeAlias = Literal["size", "connections", "pipeline"]
"""What a sweep varies."""

Quantity: TypeAlias = Literal["messages_per_second", "bytes_per_second"]

_AXES: dict[Against, tuple[str, Callable[[float], str]]] = {
    "size": ("size of a message", size),
    "connections": ("connections", scales.whole),
    "pipeline": ("messages under way on each connection", scales.whole),
}
_QUANTITIES: dict[Quantity, tuple[str, Callable[[float], str]]] = {
    "messages_per_second": ("{unit} per second", scales.count),
    "bytes_per_second": ("bytes per second", scales.volume),
}
# Inches between two targets at one place, and at most between the first and the last.
_STEP, _MOST_SHIFT = 0.06, 0.3
# With one target, this many lines have their own colours.
_MOST_LINES = 8


class _Line(NamedTuple):
    """One target, with one value of the other quantities that vary."""

    label: str
    style: Style
    shift: float
    estimates: dict[Quantity, list[tuple[int, Estimate]]]


def panels(run: Run, against: Against, theme: Theme) -> list[Panel]:
    """Make the two panels: messages, and bytes."""
    others = tuple(name for name in varied(run) if name != against)
    texts = [workload_words(one, others) for one in run.workloads]
    every = list(dict.fromkeys(texts))
    names = [shown(name) for name in labels(run.targets)]
    alone = len(names) == 1
    # With several targets, colours are for targets, and dashes for the other quantities.
    kept = _spread(every, _MOST_LINES if alone else len(DASHES))
    step = min(_STEP, _MOST_SHIFT / len(names))
    lines: list[_Line] = []
    keys: list[Line2D] = []
    for number, text in enumerate(kept):
        for target, name in enumerate(names):
            style = theme.style(number if alone else target)
            if not alone and len(kept) > 1:
                style = style._replace(dash=DASHES[number])
            label = f"{name}, {text}" if text else name
            shift = (target - (len(names) - 1) / 2) * step
            lines.append(_Line(label, style, shift, _estimates(run, target, texts, text, against)))
        if len(kept) > 1:
            keys.append(key(text, style if alone else Style(theme.ink, "", DASHES[number])))
    if len(kept) < len(every):
        keys.append(key(f"({len(kept)} of {len(every)})", Style("none", "", "none")))
    unit = run.workloads[0].unit
    return [_panel(lines, keys, against, quantity, unit) for quantity in _QUANTITIES]


def _estimates(
    run: Run, target: int, texts: Sequence[str], text: str, against: Against
) -> dict[Quantity, list[tuple[int, Estimate]]]:
    """Collect the points of one line. Without an echo there is no point."""
    found: dict[Quantity, list[tuple[int, Estimate]]] = {one: [] for one in _QUANTITIES}
    for cell in run.cells:
        if cell.target == target and texts[cell.workload] == text:
            at = getattr(run.workloads[cell.workload], against)
            for quantity, points in found.items():
                estimate: Estimate | None = getattr(cell, quantity)
                if estimate is not None and estimate.median > 0:
                    points.append((at, estimate))
    return {quantity: sorted(points, key=lambda one: one[0]) for quantity, points in found.items()}


def _spread(values: Sequence[str], most: int) -> list[str]:
    """Choose this many evenly, with the first and the last."""
    if len(values) <= most:
        return list(values)
    return [values[round(i * (len(values) - 1) / (most - 1))] for i in range(most)]


def _panel(
    lines: Sequence[_Line],
    keys: Sequence[Line2D],
    against: Against,
    quantity: Quantity,
    unit: str,
) -> Panel:
    what, write = _QUANTITIES[quantity]
    what = what.format(unit=unit)
    where, write_x = _AXES[against]
    drawn = [(line, line.estimates[quantity]) for line in lines if line.estimates[quantity]]

    def draw(axes: Axes, wide: float, tall: float) -> None:
        axes.set(xlabel=where)
        if not drawn:
            empty(axes)
            return
        places = sorted({x for _, points in drawn for x, _ in points})
        ends = [end for _, points in drawn for _, one in points for end in _ends(one)]
        figure = axes.get_figure(root=True)
        assert figure is not None  # noqa: S101  these axes are in one
        scales.logarithmic(
            axes, "x", scales.padded(places, least=2, pad=0.08), write_x, wide, at=places
        )
        scales.logarithmic(axes, "y", scales.padded(ends, least=1.5), write, tall)
        for line, points in drawn:
            colour, marker, dash = line.style
            moved = axes.transData + ScaledTranslation(line.shift, 0, figure.dpi_scale_trans)
            medians = [one.median for _, one in points]
            low, high = zip(*(_ends(one) for _, one in points), strict=True)
            xs = [x for x, _ in points]
            axes.vlines(xs, low, high, color=colour, linewidth=1.4, transform=moved)
            axes.plot(xs, medians, color=colour, marker=marker, linestyle=dash, transform=moved)

    numbers = ", ".join(
        f"{line.label} {write(one.median)} at {write_x(x)}"
        for line, points in drawn
        for x, one in points
    )
    return Panel(
        title=f"{what[0].upper()}{what[1:]}: median and 95 % interval",
        words=f"{what} against {where}: {numbers or 'nothing came back'}",
        draw=draw,
        keys=keys,
    )


def _ends(estimate: Estimate) -> tuple[float, float]:
    """Return ends of an interval that can be drawn on a logarithmic axis."""
    if estimate.interval is None:
        return estimate.median, estimate.median
    # Half of the rounds may have been without a message.
    return max(estimate.interval.low, estimate.median / 1000), estimate.interval.high


def name(against: Against) -> str:
    """Name the x axis."""
    return _AXES[against][0]


def axes_of(run: Run) -> list[Against]:
    """List the axes of what a run varies; the size if it varies nothing."""
    fields = varied(run)
    return [one for one in _AXES if one in fields] or ["size"]
