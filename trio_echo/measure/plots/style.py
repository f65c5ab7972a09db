"""How the plots look: light or dark, the targets' styles, and text that is safe to draw."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Literal, NamedTuple, TypeAlias

from matplotlib.font_manager import FontProperties, findfont, get_font
from matplotlib.lines import Line2D

from trio_echo.pictures.canvas import (
    BLUE,
    FAINT,
    GREEN,
    GREY,
    INK,
    ON_DARK,
    ORANGE,
    PAPER,
    PURPLE,
    SKY,
    VERMILION,
)
from trio_echo.pictures.lettering import FONT
from trio_echo.screen.text import safe

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

Dash: TypeAlias = Literal["-", "--", ":", "none"] | tuple[float, tuple[float, ...]]

TITLE, HEAD, SIZE, SMALL = 12.0, 10.0, 9.0, 7.5
"""Of letters, in points."""

DASHES: Sequence[Dash] = ("-", (0, (5, 2)), (0, (1, 1.3)), (0, (6, 1.5, 1, 1.5)))
_MARKERS = "os^DvPX*"
_TARGETS = (BLUE, VERMILION, GREEN, ORANGE, PURPLE, SKY, INK, GREY)
_LONGEST = 48


class Style(NamedTuple):
    """What identifies a line. Any one of the three is enough, also without colours."""

    colour: str
    marker: str
    dash: Dash


@dataclass(frozen=True, slots=True)
class Theme:
    """The colours of a plot.

    Attributes:
        ink: of text and axes.
        muted: of less important text.
        faint: of grid lines and bands.
        paper: the background.
        warning: of text about failures.
        colours: of the targets, in this order.
    """

    ink: str
    muted: str
    faint: str
    paper: str
    warning: str
    colours: tuple[str, ...]

    def style(self, number: int) -> Style:
        """Return the style of line n, from 0. Colours repeat with other markers."""
        turn = number // len(self.colours)
        return Style(
            self.colours[number % len(self.colours)],
            _MARKERS[(number + turn) % len(_MARKERS)],
            DASHES[number % len(DASHES)],
        )

    def settings(self) -> Any:  # only later versions of matplotlib have a type for their names
        """Return matplotlib's settings, independent of the user's."""
        return {
            "axes.edgecolor": self.muted,
            "axes.facecolor": self.paper,
            "axes.labelcolor": self.ink,
            "axes.labelsize": SIZE,
            "axes.spines.right": False,
            "axes.spines.top": False,
            "font.family": "sans-serif",
            "font.sans-serif": [FONT],
            "legend.borderaxespad": 0,
            "legend.borderpad": 0,
            "legend.fontsize": SIZE,
            "legend.frameon": False,
            "lines.linewidth": 1.6,
            "lines.markersize": 5,
            "text.color": self.ink,
            "text.parse_math": False,  # a target's name may have dollar signs
            "text.usetex": False,
        }


def _theme(page: Mapping[str, str]) -> Theme:
    """Make a theme of the pictures' colours, given what each one is on the page."""
    return Theme(
        ink=page[INK],
        muted=page[GREY],
        faint=page[FAINT],
        paper=page[PAPER],
        warning=page[VERMILION],
        colours=tuple(page[one] for one in _TARGETS),
    )


LIGHT, DARK = _theme({one: one for one in ON_DARK}), _theme(ON_DARK)


def key(label: str, style: Style, *, line: bool = True) -> Line2D:
    """Make an entry of a legend."""
    colour, marker, dash = style
    return Line2D(
        [], [], color=colour, marker=marker, linestyle=dash if line else "none", label=label
    )


def shown(text: str) -> str:
    """Escape control characters and those that the font lacks; shorten the rest."""
    text = drawable(text)
    if len(text) > _LONGEST:
        text = f"{text[: _LONGEST * 2 // 3]}…{text[-_LONGEST // 3 :]}"
    return text


def drawable(text: str) -> str:
    """Escape control characters and those that the font lacks."""
    return "".join(map(_sign, safe(text)))


@lru_cache(maxsize=4096)
def _sign(character: str) -> str:
    font = get_font(findfont(FontProperties(family=FONT)))
    if font.get_char_index(ord(character)):
        return character
    return character.encode("unicode_escape").decode("ascii")
