"""Rules for every picture: its texts are inside it and do not overlap."""

from __future__ import annotations

from itertools import combinations
from typing import TYPE_CHECKING

from matplotlib.legend import Legend

if TYPE_CHECKING:
    from matplotlib.text import Text

    from trio_echo.pictures.canvas import Picture


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
    return [text for text, _ in boxes]


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
