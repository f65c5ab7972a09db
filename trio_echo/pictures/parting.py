"""The end of a connection as a picture: calls, what was sent, and the states."""

from __future__ import annotations

from typing import TYPE_CHECKING

from matplotlib.patches import FancyArrowPatch

from trio_echo.observe.experiments.parting import GONE, Step

from .badge import WIDTH, badge
from .canvas import BLUE, GREEN, GREY, INK, VERMILION, Picture

if TYPE_CHECKING:
    from collections.abc import Sequence

    from matplotlib.axes import Axes

    from trio_echo.observe.experiments.parting import Side

# Inches.
_WIDTH, _ROW, _HEAD, _MARGIN = 8.2, 0.72, 0.95, 0.15
_LINES = {"client": 2.85, "server": 5.35}
_ARROWS = {"data": GREEN, "FIN": BLUE, "RST": VERMILION}


def parting(steps: Sequence[Step]) -> Picture:
    """Draw the steps from top to bottom, the client on the left, the server on the right.

    Args:
        steps: of a `trio_echo.observe.experiments.Parting`.
    """
    height = _HEAD + len(steps) * _ROW + 2 * _MARGIN
    words = "; ".join(
        f"{one.side} {one.call} {one.outcome}".rstrip()
        + f": client {one.client}, server {one.server}"
        for one in steps
    )
    picture = Picture(_WIDTH, height, f"how a connection ended: {words or 'it did not'}")
    axes = picture.sheet()
    before = Step("client", "", "", "ESTABLISHED", "ESTABLISHED")
    for side, x in _LINES.items():
        axes.text(x, 0.28, side, ha="center", va="center", size=13, weight="bold")
        axes.plot([x, x], [0.45, height - _MARGIN], color=GREY, linewidth=1, zorder=0)
        badge(axes, x, 0.62, "ESTABLISHED")
    for index, step in enumerate(steps):
        y = _HEAD + index * _ROW
        _row(axes, y, step, before)
        before = step
    return picture


def _row(axes: Axes, y: float, step: Step, before: Step) -> None:
    """Draw a call beside its caller's line, what was sent, and the new states."""
    is_client = step.side == "client"
    x = _LINES[step.side]
    away = -1 if is_client else 1
    axes.plot([x], [y + 0.1], "o", color=INK, markersize=4)
    for text, down, colour in ((step.call, 0.1, INK), (step.outcome, 0.29, GREY)):
        axes.text(
            x + away * (WIDTH / 2 + 0.12),
            y + down,
            text,
            ha="right" if is_client else "left",
            va="center",
            size=9,
            family="monospace",
            color=colour,
            parse_math=False,
        )
    arrows = _arrows(before, step)
    for index, (what, side) in enumerate(arrows):
        # Of two, the first has its word above it, the second below.
        _arrow(axes, y + 0.1 + 0.15 * index, 0.09 if arrows[1:] else 0.24, what, side, below=index)
    for state, old, line in (
        (step.client, before.client, _LINES["client"]),
        (step.server, before.server, _LINES["server"]),
    ):
        if state != old:
            badge(axes, line, y + 0.5, state)


def _arrows(before: Step, after: Step) -> list[tuple[str, Side]]:
    """Return what was sent and by which side, from the change of states."""
    is_same = (before.client, before.server) == (after.client, after.server)
    is_reset = not is_same and after.client == after.server == GONE
    if after.call.startswith("send(") and after.outcome.startswith("returned"):
        other: Side = "server" if after.side == "client" else "client"
        # If no process can receive the data, that end's kernel answers with a reset.
        return [("data", after.side), *([("RST", other)] if is_reset else [])]
    if is_same:
        return []
    return [("RST" if is_reset else "FIN", after.side)]


def _arrow(axes: Axes, y: float, slant: float, what: str, side: Side, *, below: int) -> None:
    start, end = _LINES[side], _LINES["server" if side == "client" else "client"]
    ahead = 1 if start < end else -1
    axes.add_patch(
        FancyArrowPatch(
            (start + ahead * 0.06, y),
            (end - ahead * 0.03, y + slant),
            arrowstyle="-|>",
            mutation_scale=13,
            shrinkA=0,
            shrinkB=0,
            color=_ARROWS[what],
            linewidth=1.8,
            linestyle="--" if what == "RST" else "-",
        )
    )
    axes.text(
        (start + end) / 2,
        y + slant / 2 + (0.12 if below else -0.12),
        what,
        ha="center",
        va="center",
        size=9.5,
        weight="bold",
    )
