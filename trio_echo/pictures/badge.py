"""A TCP state as a badge: its name in its colour, the same in every picture."""

from __future__ import annotations

from typing import TYPE_CHECKING

from matplotlib.patches import FancyBboxPatch

from .canvas import BLUE, GREEN, GREY, INK, ORANGE, PAPER, PURPLE, VERMILION, tint

if TYPE_CHECKING:
    from matplotlib.axes import Axes

WIDTH, HEIGHT = 1.15, 0.25
"""The size of a badge, in inches."""

_COLOURS = {
    "CLOSE": GREY,
    "LISTEN": BLUE,
    "SYN_SENT": ORANGE,
    "SYN_RECV": ORANGE,
    "ESTABLISHED": GREEN,
    "TIME_WAIT": PURPLE,
}
_CLOSING = VERMILION


def colour_of(state: str) -> str:
    """Return a state's colour. All states of closing share one."""
    return _COLOURS.get(state, _CLOSING)


def badge(axes: Axes, x: float, y: float, state: str) -> None:
    """Draw a state centred at this point, on axes in inches."""
    for face in (PAPER, tint(colour_of(state))):  # a tint is not opaque
        axes.add_patch(
            FancyBboxPatch(
                (x - WIDTH / 2, y - HEIGHT / 2),
                WIDTH,
                HEIGHT,
                boxstyle="round,pad=0,rounding_size=0.06",
                facecolor=face,
                edgecolor=colour_of(state),
                zorder=3,
            )
        )
    axes.text(
        x,
        y + 0.01,
        state,
        ha="center",
        va="center",
        size=8.5,
        weight="bold",
        color=INK,
        zorder=4,
    )
