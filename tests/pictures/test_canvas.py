"""What all pictures share."""

from __future__ import annotations

import io

from PIL import Image

from trio_echo.pictures.canvas import (
    BLACK,
    BLUE,
    GREEN,
    ORANGE,
    PAPER,
    PURPLE,
    SKY,
    VERMILION,
    Picture,
)

COLOURS = (PAPER, BLACK, BLUE, GREEN, ORANGE, PURPLE, SKY, VERMILION)


def test_a_few_coloured_dots_in_much_text_keep_their_colours() -> None:
    picture = Picture(8, 4, "letters and dots")
    sheet = picture.sheet()
    for line in range(20):
        sheet.text(0.1, 0.2 * line + 0.1, "the quick brown fox " * 5, size=9)
    for number, colour in enumerate(COLOURS):
        sheet.plot(7.5, 0.5 + 0.4 * number, "o", color=colour)
    with Image.open(io.BytesIO(picture._repr_png_()[0])) as image:
        palette = image.getpalette()
    assert palette is not None
    kept = [palette[at : at + 3] for at in range(0, len(palette), 3)]
    for colour in COLOURS:
        assert list(bytes.fromhex(colour[1:])) in kept
