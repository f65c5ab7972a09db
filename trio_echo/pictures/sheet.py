"""What the pictures of tasks share: text on a sheet in inches, and the choice of what to omit."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .canvas import INK
from .lettering import width

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from matplotlib.axes import Axes

# Inches.
MARGIN = 0.15
GAP = 0.3
ROW = 0.3
INDENT = 0.16

SIZE = 9.5
"""The size of the letters, in points."""
_LONGEST = 60
# If there are more siblings of a kind, a few are drawn and the others counted.
_MOST, _FEW = 12, 10


def write(
    axes: Axes, x: float, middle: float, text: str, colour: str = INK, *, bold: bool = False
) -> None:
    """Write a line of text; `x` is its left edge, `middle` the middle of its height."""
    axes.text(
        x,
        middle,
        text,
        color=colour,
        fontsize=SIZE,
        fontweight="bold" if bold else "normal",
        va="center_baseline",
        parse_math=False,
    )


def text_width(text: str, *, bold: bool = False) -> float:
    """Measure a line of text, in inches."""
    return width(text, SIZE, bold=bold)


def cut(text: str) -> str:
    """Shorten a text that is too long for a picture."""
    return text if len(text) <= _LONGEST else text[: _LONGEST - 1] + "…"


def left_out(
    names: Sequence[str], rank: Callable[[int], tuple[float, ...]] = lambda number: (-number,)
) -> set[int]:
    """Choose the siblings to leave out of a picture.

    Siblings are of a kind if their names begin with the same word. If a kind has too many, those of
    the lowest rank are left out.

    Args:
        names: the names of the siblings.
        rank: a sort key for a sibling's number; by default, the first ones stay.

    Returns:
        The numbers of those left out, from 0.
    """
    kinds: dict[str, list[int]] = {}
    for number, name in enumerate(names):
        kinds.setdefault(name.partition(" ")[0], []).append(number)
    many = [kind for kind in kinds.values() if len(kind) > _MOST]
    return {number for kind in many for number in sorted(kind, key=rank)[:-_FEW]}
