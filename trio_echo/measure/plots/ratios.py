"""The other targets against the first one: each pair of rounds, and their median."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from msgspec.structs import replace

from trio_echo.measure.results.run import pairs_of
from trio_echo.pictures import scales
from trio_echo.pictures.lettering import wrap

from .conditions import varied, workload_words
from .frame import Panel, room
from .style import SIZE, shown

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from trio_echo.measure.results.run import Compared, Run
    from trio_echo.measure.statistics import Quantity

    from .style import Theme

_TITLES: dict[Quantity, str] = {
    "messages_per_second": "{unit} per second",
    "round_trip_ns": "Median round trip",
    "connection_ns": "Median connection",
    "from_intended_ns": "Median from the intended send time",
}
# Inches: a line of the sentence, the dots below it, the gap between two comparisons.
_LINE, _DOTS, _BETWEEN = 0.17, 0.36, 0.12
_MOST = 24


class _Row(NamedTuple):
    """One comparison, with the ratio of each pair of rounds that has one."""

    compared: Compared
    ratios: list[float]
    sentence: list[str]

    @property
    def height(self) -> float:
        return _LINE * len(self.sentence) + _DOTS + _BETWEEN


def panels(run: Run, theme: Theme) -> list[Panel]:
    """Make a panel for each quantity by which targets were compared."""
    quantities = list(dict.fromkeys(one.comparison.quantity for one in run.comparisons))
    inches = room(2 if len(quantities) > 1 else 1)
    return [_panel(run, quantity, inches, theme) for quantity in quantities]


def _panel(run: Run, quantity: Quantity, inches: float, theme: Theme) -> Panel:
    compared = [one for one in run.comparisons if one.comparison.quantity == quantity]
    rows = [_row(run, one, inches) for one in compared[:_MOST]]
    what = _TITLES[quantity].format(unit=run.workloads[0].unit.capitalize())
    title = f"{what}: ratio in each pair of rounds"
    if len(compared) > _MOST:
        title += f" ({_MOST} of {len(compared)} comparisons)"
    height = sum(row.height for row in rows)

    def draw(axes: Axes, wide: float, tall: float) -> None:
        ends = [1.0, *(one for row in rows for one in row.ratios)]
        for row in rows:
            if (ratio := row.compared.comparison.ratio) and ratio.interval:
                ends += [ratio.interval.low, ratio.interval.high]
        axes.set(xlabel="ratio", ylim=(tall, 0), yticks=[])
        scales.logarithmic(
            axes, "x", scales.padded(ends, least=1.1), lambda value: f"{value:.4g}", wide
        )
        axes.spines["left"].set_visible(False)
        axes.axvline(1, color=theme.muted, linewidth=1.2, zorder=1)
        y = 0.0
        for row in rows:
            _draw(axes, row, y, theme)
            y += row.height

    said = "; ".join(" ".join(row.sentence) for row in rows)
    return Panel(title=title, words=said, draw=draw, height=height, bare=True)


def _row(run: Run, compared: Compared, inches: float) -> _Row:
    ratios = [one / other for one, other in pairs_of(run, compared) if one and other]
    one = compared.comparison
    brief = replace(one, name=shown(one.name), baseline=shown(one.baseline))
    sentence = brief.sentence()
    if which := workload_words(run.workloads[compared.workload], varied(run)):
        sentence = f"{which}: {sentence}"
    return _Row(compared, ratios, wrap(sentence, inches, SIZE))


def _draw(axes: Axes, row: _Row, y: float, theme: Theme) -> None:
    """Draw one comparison: its sentence, and below it the pairs in order, from top to bottom."""
    for number, line in enumerate(row.sentence):
        # On its own background, because the line at 1 runs through it.
        axes.text(
            0, y + _LINE * (number + 0.5), line, size=SIZE, va="center",
            transform=axes.get_yaxis_transform(),
            bbox={"facecolor": theme.paper, "edgecolor": "none", "pad": 1},
        )  # fmt: skip
    top = y + _LINE * len(row.sentence) + 0.06
    middle = top + (_DOTS - 0.06) / 2
    colour, marker, _ = theme.style(row.compared.target)
    count = len(row.ratios)
    places = [top + (_DOTS - 0.06) * (number + 0.5) / count for number in range(count)]
    axes.scatter(row.ratios, places, s=14, marker=marker, facecolor=colour, alpha=0.7, linewidth=0)
    ratio = row.compared.comparison.ratio
    if ratio is None:
        return
    if ratio.interval is not None:
        axes.hlines(middle, ratio.interval.low, ratio.interval.high, color=theme.ink, linewidth=2.2)
    axes.plot(
        ratio.median, middle, marker="d", markersize=8, color=theme.ink,
        markeredgecolor=theme.paper,
    )  # fmt: skip
