"""What all pictures share: colours for light and dark pages, and a figure that is shown and saved.

A notebook gets one SVG image, in an `<img>` element. Browsers let it follow the page's theme by
`prefers-color-scheme`. It brings its own background, so it is legible on any page. Unlike a bare
SVG output, an `<img>` is shown before a notebook is trusted, its description is read aloud, and
its styles cannot change the page. Texts stay texts: as outlines they would be five times as large.
"""

from __future__ import annotations

import base64
import html
import io
from pathlib import Path
from typing import TYPE_CHECKING, Any

import matplotlib as mpl
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from trio_echo.writing import followed, whole

from .lettering import FONT

if TYPE_CHECKING:
    from typing import TypeAlias

    from matplotlib.axes import Axes

    Tint: TypeAlias = tuple[str, float]

INK, PAPER, GREY, FAINT = "#000000", "#ffffff", "#6b6b6b", "#e6e6e6"
GRID, FRAME = "#b0b0b0", "#cccccc"  # matplotlib's own, for grids and around legends
# Okabe and Ito's hues, which people with any colour vision can distinguish. Some are darker than
# theirs, for a contrast of 3 to 1 on white; those of texts have 4.5 to 1.
ORANGE, SKY, GREEN, BLUE, VERMILION, PURPLE = (
    "#c58000",
    "#2f94d0",
    "#008a65",
    "#0072b2",
    "#b84a00",
    "#b8558c",
)

ON_DARK = {
    INK: "#eaeaea",
    PAPER: "#111111",
    GREY: "#a3a3a3",
    FAINT: "#34373d",
    GRID: "#7a7a7a",
    FRAME: "#4a4d52",
    ORANGE: "#e69f00",
    SKY: "#8ed1f5",
    GREEN: "#2fb58c",
    BLUE: "#4a9fe0",
    VERMILION: "#f0762e",
    PURPLE: "#dd8fbd",
}
"""Each colour on a dark page."""

_DPI = 96
# Two dots a point: a PNG is sharp on high-resolution screens.
_SHARPNESS = 2

_SETTINGS: Any = {  # only later versions of matplotlib have a type for their names
    "svg.fonttype": "none",
    "svg.hashsalt": "trio_echo",  # the same picture is the same bytes
    # Verdana has nearly the same widths as the font that the layout is made with.
    "font.sans-serif": [FONT, "Verdana"],
    "font.monospace": [f"{FONT} Mono", "Courier New"],
}
_METADATA = dict.fromkeys(("Creator", "Date", "Format", "Type"))
_END = "</style>"


def tint(colour: str, share: float = 0.25) -> Tint:
    """Return a colour as the background of a text in ink."""
    return colour, share


class Picture:
    """A matplotlib figure with a description in words.

    A notebook shows it as the last value of a cell, without pyplot's global state. It follows the
    theme of the page if it uses only the colours of this module.

    Args:
        width: inches.
        height: inches.

    Attributes:
        figure: the `matplotlib.figure.Figure` to draw on.
        description: what the picture shows, for readers who cannot see it.
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

    def svg(self) -> str:
        """Return it as an SVG document that follows the theme of the page around it."""
        drawn = io.StringIO()
        with mpl.rc_context(_SETTINGS):
            self.figure.savefig(drawn, format="svg", metadata=_METADATA)
        text = drawn.getvalue()
        return text.replace(_END, _style(text) + _END, 1)

    def save(self, path: str | Path) -> None:
        """Write it to a file, in the format of the name's ending (`.png`, `.svg`, `.pdf`).

        An existing file is replaced. If it is a symbolic link, the file that it leads to is.

        Raises:
            OSError: the file cannot be written.
            ValueError: the format is unknown.
        """
        form = Path(path).suffix.removeprefix(".").lower()
        with whole(followed(path)) as file:
            if form == "svg":
                file.write(self.svg().encode())
            else:
                self.figure.savefig(file, format=form, dpi=_DPI * _SHARPNESS)

    def __repr__(self) -> str:
        return f"<picture: {self.description}>"

    def _repr_html_(self) -> str:
        """Return the picture for a notebook, at its own size."""
        data = base64.b64encode(self.svg().encode()).decode()
        words = html.escape(self.description)
        return f'<img alt="{words}" src="data:image/svg+xml;base64,{data}">'


def _style(svg: str) -> str:
    """Return the rules for a dark page, and one that keeps several spaces in a text."""
    rules = [
        # Colours are in styles; that of what is below a hatching is an attribute.
        f'[style*="{what}: {light}"], [{what}="{light}"] {{{what}: {dark} !important}}'
        for light, dark in ON_DARK.items()
        for what in ("fill", "stroke")
        if light in svg
    ]
    # Matplotlib leaves out the colour of what it fills with black.
    rules.insert(0, f":root {{fill: {ON_DARK[INK]}}}")
    dark = "\n".join(rules)
    return f"\ntext {{white-space: pre}}\n@media (prefers-color-scheme: dark) {{\n{dark}\n}}"
