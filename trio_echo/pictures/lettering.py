"""Text in pictures: how wide it is, and where it breaks."""

from __future__ import annotations

import textwrap

from matplotlib.font_manager import FontProperties
from matplotlib.textpath import text_to_path

FONT = "DejaVu Sans"
"""The font of all pictures; matplotlib ships it."""

_POINTS_PER_INCH = 72


def width(text: str, size: float, *, bold: bool = False) -> float:
    """Measure a line of text, in inches.

    Args:
        text: one line.
        size: of the letters, in points.
        bold: whether they are bold.
    """
    font = FontProperties(family=FONT, size=size, weight="bold" if bold else "normal")
    points, _, _ = text_to_path.get_text_width_height_descent(text, font, ismath=False)
    return float(points) / _POINTS_PER_INCH


def fitting(text: str, room: float, size: float, *, bold: bool = False) -> str:
    """Shorten a line of text that is longer than `room` inches; it then ends in `…`."""
    short = text
    while width(short, size, bold=bold) > room and len(text) > 1:
        text = text[:-1]
        short = f"{text.rstrip()}…"
    return short


def wrap(text: str, room: float, size: float, *, bold: bool = False) -> list[str]:
    """Break a text into lines of at most `room` inches."""
    letters = max(len(text), 1)
    while True:
        lines = textwrap.wrap(text, letters, break_on_hyphens=False)
        widest = max((width(line, size, bold=bold) for line in lines), default=0.0)
        if widest <= room or letters <= 1:
            return lines
        letters = min(letters - 1, max(1, int(max(map(len, lines)) * room / widest) + 1))
