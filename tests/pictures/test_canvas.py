"""What all pictures share: colours that follow the page's theme, and files."""

from __future__ import annotations

import base64
from typing import TYPE_CHECKING

import pytest
from layout import PAGES, check_colours, contrast
from matplotlib.colors import to_hex, to_rgb
from PIL import Image

from trio_echo.pictures.canvas import (
    BLUE,
    FAINT,
    FRAME,
    GREY,
    GRID,
    INK,
    ON_DARK,
    PAPER,
    VERMILION,
    Picture,
    tint,
)

if TYPE_CHECKING:
    from pathlib import Path


def drawn() -> Picture:
    picture = Picture(3, 2, 'a "line" & <text>')
    axes = picture.sheet()
    for number, colour in enumerate(ON_DARK):
        axes.plot([0, 3], [number / 9, 1], color=colour)
        axes.fill_between([0, 1], [0, number], color=tint(colour))
    axes.text(1, 1, "two  spaces")
    return picture


def test_the_same_picture_is_the_same_bytes() -> None:
    assert drawn().svg() == drawn().svg()


def test_every_colour_has_another_one_on_a_dark_page() -> None:
    check_colours(drawn())
    assert not set(ON_DARK) & set(ON_DARK.values())  # so a picture for a dark page stays as it is


@pytest.mark.parametrize("page", PAGES, ids=["light", "dark"])
def test_texts_and_lines_have_contrast_on_both_pages(page: dict[str, str]) -> None:
    for colour in set(ON_DARK) - {PAPER, FAINT, GRID, FRAME}:
        assert contrast(page[colour], page[PAPER]) > 3
        one, share = tint(page[colour])
        under = zip(to_rgb(one), to_rgb(page[PAPER]), strict=True)
        red, green, blue = (share * over + (1 - share) * below for over, below in under)
        assert contrast(page[INK], to_hex((red, green, blue))) > 7
    for colour in (INK, GREY, BLUE, VERMILION):
        assert contrast(page[colour], page[PAPER]) > 4.5


def test_a_notebook_gets_an_image_with_its_description() -> None:
    before, data = drawn()._repr_html_().split("base64,")
    assert before == ('<img alt="a &quot;line&quot; &amp; &lt;text&gt;" src="data:image/svg+xml;')
    assert base64.b64decode(data.removesuffix('">')).decode() == drawn().svg()


def test_a_file_has_the_format_of_its_ending(tmp_path: Path) -> None:
    for name in ("one.svg", "one.SVG"):
        drawn().save(tmp_path / name)
        assert (tmp_path / name).read_text("utf-8") == drawn().svg()
    drawn().save(tmp_path / "one.png")
    with Image.open(tmp_path / "one.png") as image:
        assert image.size == (3 * 192, 2 * 192)
        colours = {colour for _, colour in image.convert("RGB").getcolors(1 << 24) or ()}
    assert tuple(bytes.fromhex(BLUE[1:])) in colours
