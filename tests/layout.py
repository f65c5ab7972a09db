"""Rules for every picture: its texts are legible, and its colours follow the page's theme."""

from __future__ import annotations

import re
from itertools import combinations
from typing import TYPE_CHECKING

from matplotlib.colors import to_hex, to_rgb
from matplotlib.legend import Legend

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
    boxes = [(one.get_text(), one.get_window_extent()) for one in shown]
    for text, box in boxes:
        inside = figure.bbox.contains(box.x0, box.y0) and figure.bbox.contains(box.x1, box.y1)
        assert inside, f"{text!r} leaves the picture"
    for (one, box), (other, its_box) in combinations(boxes, 2):
        assert not box.overlaps(its_box), f"{one!r} and {other!r} overlap"
    if to_hex(figure.get_facecolor()) == PAPER:
        check_colours(picture)
        for artist in shown:
            colour = to_hex(artist.get_color())
            for page in PAGES:
                assert contrast(page[colour], page[PAPER]) > 4.5, f"{artist.get_text()!r} is pale"
    return [text for text, _ in boxes]


def check_colours(picture: Picture) -> None:
    """Check that every colour of a picture has another one on a dark page."""
    svg = picture.svg()
    drawn = set(re.findall(r"(?:fill|stroke): (#\w+)[;\"]", svg))
    assert drawn <= set(ON_DARK)
    for colour in drawn:
        assert re.search(f': {colour}"] {{(fill|stroke): {ON_DARK[colour]} !important}}', svg)


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
