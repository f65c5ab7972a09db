"""Rules for every picture: its texts are legible, and its colours follow the page's theme."""

from __future__ import annotations

import re
from itertools import combinations
from typing import TYPE_CHECKING

from matplotlib.colors import to_hex, to_rgb
from matplotlib.legend import Legend
from matplotlib.path import Path
from matplotlib.transforms import Affine2D

from trio_echo.pictures.canvas import ON_DARK, PAPER

if TYPE_CHECKING:
    from matplotlib.text import Text

    from trio_echo.pictures.canvas import Picture

PAGES = ({one: one for one in ON_DARK}, ON_DARK)
"""What each colour is on a light page and on a dark one."""


def texts(picture: Picture) -> list[str]:
    """Return the texts of a picture, after checking that each one is legible."""
    figure = picture.figure
    figure.draw_without_rendering()
    shown = [one for one in _text_artists(picture) if one.get_visible() and one.get_text()]
    boxes = [one.get_window_extent() for one in shown]
    for one, box in zip(shown, boxes, strict=True):
        inside = figure.bbox.contains(box.x0, box.y0) and figure.bbox.contains(box.x1, box.y1)
        assert inside, f"{one.get_text()!r} leaves the picture"
    for (one, box), (other, its_box) in combinations(zip(shown, boxes, strict=True), 2):
        overlap = box.overlaps(its_box) and shape(one).intersects_path(shape(other))
        assert not overlap, f"{one.get_text()!r} and {other.get_text()!r} overlap"
    if to_hex(figure.get_facecolor()) == PAPER:
        check_colours(picture)
        for one in shown:
            colour = to_hex(one.get_color())
            for page in PAGES:
                assert contrast(page[colour], page[PAPER]) > 4.5, f"{one.get_text()!r} is pale"
    return [one.get_text() for one in shown]


def check_colours(picture: Picture) -> None:
    """Check that every colour of a picture has another one on a dark page."""
    svg = picture.svg()
    style, drawn = svg.split("</style>")
    for what, colour in set(re.findall(r"(\w+)(?:: |=\")(#[0-9a-f]{6})", drawn)):
        assert f"{{{what}: {ON_DARK[colour]} !important}}" in style


def contrast(one: str, other: str) -> float:
    """Return the contrast of two colours, as WCAG 2 defines it."""
    low, high = sorted((_luminance(one), _luminance(other)))
    return (high + 0.05) / (low + 0.05)


def _luminance(colour: str) -> float:
    parts = [
        part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4
        for part in to_rgb(colour)
    ]
    return float(0.2126 * parts[0] + 0.7152 * parts[1] + 0.0722 * parts[2])


def shape(text: Text) -> Path:
    """Return the outline of a text in dots; it may be turned."""
    angle = text.get_rotation()
    if text.get_rotation_mode() != "anchor":
        return Path(text.get_window_extent().corners()[[0, 1, 3, 2, 0]], closed=True)
    text.set_rotation(0)
    corners = text.get_window_extent().corners()[[0, 1, 3, 2, 0]]
    text.set_rotation(angle)
    x, y = text.get_transform().transform(text.get_position())
    return Path(Affine2D().rotate_deg_around(x, y, angle).transform(corners), closed=True)


def _text_artists(picture: Picture) -> list[Text]:
    artists: list[Text] = []
    for legend in picture.figure.findobj(Legend):
        artists += legend.get_texts()
    for axes in picture.figure.axes:
        artists += [*axes.texts, axes.title]
        if axes.axison:
            for axis, (start, end) in (
                (axes.xaxis, axes.get_xlim()),
                (axes.yaxis, axes.get_ylim()),
            ):
                low, high = sorted((start, end))
                ticks = [*axis.get_major_ticks(), *axis.get_minor_ticks()]
                artists += [tick.label1 for tick in ticks if low <= tick.get_loc() <= high]
                artists.append(axis.label)
    return artists
