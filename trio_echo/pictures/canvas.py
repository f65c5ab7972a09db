"""What all pictures share: colours, and a figure that is shown and saved."""

from __future__ import annotations

import io
from pathlib import Path
from typing import TYPE_CHECKING

from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from PIL import Image

from trio_echo.writing import followed, whole

if TYPE_CHECKING:
    from collections.abc import Sequence

    from matplotlib.axes import Axes

# Okabe and Ito's colours, which people with any colour vision can distinguish.
BLACK, GREY, PAPER = "#000000", "#6b6b6b", "#ffffff"
ORANGE, SKY, GREEN, YELLOW, BLUE, VERMILION, PURPLE = (
    "#e69f00",
    "#56b4e9",
    "#009e73",
    "#f0e442",
    "#0072b2",
    "#d55e00",
    "#cc79a7",
)

_DPI = 96
# Two dots a point: sharp on high-resolution screens. Pages show the picture at its own size.
_SHARPNESS = 2
# Notebooks are committed with their pictures: with 64 colours they are a third of the size.
_COLOURS = 64
_ROUNDING = 2
_OWN = [
    list(bytes.fromhex(one[1:]))
    for one in (BLACK, GREY, PAPER, ORANGE, SKY, GREEN, YELLOW, BLUE, VERMILION, PURPLE)
]


class Picture:
    """A matplotlib figure with a description in words.

    A notebook shows it as the last value of a cell, without pyplot's global state. Its background
    is white on any page, unless the figure's colour is changed.

    Args:
        width: inches.
        height: inches.

    Attributes:
        figure: the `matplotlib.figure.Figure` to draw on.
        description: what the picture shows, for readers who cannot see it; a notebook stores it as
            the output's plain text.
    """

    def __init__(self, width: float, height: float, description: str) -> None:
        self.figure = Figure(figsize=(width, height), dpi=_DPI, facecolor=PAPER)
        FigureCanvasAgg(self.figure)
        self.description = description

    def sheet(self) -> Axes:
        """Return axes over the whole picture, in inches from its upper left corner."""
        width, height = self.figure.get_size_inches()
        axes = self.figure.add_axes((0, 0, 1, 1), xlim=(0, width), ylim=(height, 0))
        axes.set_axis_off()
        return axes

    def save(self, path: str | Path) -> None:
        """Write it to a file, in the format of the name's ending (`.png`, `.svg`, `.pdf`).

        An existing file is replaced. If it is a symbolic link, the file that it leads to is.

        Raises:
            OSError: the file cannot be written.
            ValueError: the format is unknown.
        """
        with whole(followed(path)) as file:
            form = Path(path).suffix.removeprefix(".")
            self.figure.savefig(file, format=form, dpi=_DPI * _SHARPNESS)

    def __repr__(self) -> str:
        return f"<picture: {self.description}>"

    def _repr_png_(self) -> tuple[bytes, dict[str, int]]:
        """Return the picture for a notebook, at its own size."""
        drawn, small = io.BytesIO(), io.BytesIO()
        self.figure.savefig(drawn, format="png", dpi=_DPI * _SHARPNESS)
        with Image.open(drawn) as image:
            # Octree: the default, median cut, spends the colours on the greys around letters.
            few_colours = image.convert("RGB").quantize(
                _COLOURS, Image.Quantize.FASTOCTREE, dither=Image.Dither.NONE
            )
            few_colours.putpalette(_exact(few_colours.getpalette() or []))
            few_colours.save(small, "png", optimize=True)
        width, height = self.figure.get_size_inches() * _DPI
        return small.getvalue(), {"width": round(width), "height": round(height)}


def _exact(palette: Sequence[int]) -> list[int]:
    """Undo the octree's rounding, so that white is white and colours match other pictures."""
    colours = [palette[at : at + 3] for at in range(0, len(palette), 3)]
    for number, colour in enumerate(colours):
        for one in _OWN:
            if all(abs(a - b) <= _ROUNDING for a, b in zip(colour, one, strict=True)):
                colours[number] = one
    return [value for colour in colours for value in colour]
