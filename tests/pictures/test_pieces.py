"""The picture of a stream of bytes in pieces."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from layout import texts
from matplotlib.patches import Rectangle

from trio_echo.pictures.pieces import pieces

if TYPE_CHECKING:
    from trio_echo.pictures.canvas import Picture


def widths(picture: Picture) -> list[float]:
    boxes = [one for one in picture.figure.findobj(Rectangle) if one.get_linewidth() == 1]
    return [one.get_width() for one in boxes if one.get_height() == 0.5]


def test_the_width_of_a_box_is_the_number_of_its_bytes() -> None:
    picture = pieces({"sent": [b"nice to meet you"], "received": [b"nice to", b" meet you"]})
    whole, first, second = widths(picture)
    assert [first, second] == pytest.approx([whole * 7 / 16, whole * 9 / 16])
    assert texts(picture) == [
        "sent",
        "16 bytes, 1 piece",
        "nice to meet you",
        "received",
        "16 bytes, 2 pieces",
        "nice to",
        " meet you",
    ]
    assert picture.description == "sent: 16 bytes, 1 piece; received: 16 bytes, 2 pieces"


def test_characters_are_not_counted_as_calls() -> None:
    picture = pieces({"characters": [one.encode() for one in "한국"]})
    assert picture.description == "characters: 6 bytes, 2 pieces"


@pytest.mark.parametrize(
    ("row", "shown"),
    [
        ([bytes(1000)], "1000"),
        (["한".encode()], "ed 95 9c"),
        ([b"\x1b[2J"], "1b 5b 32 4a"),
        ([b"one\r\n"], r"one\r\n"),
        ([b"x"], "x"),
    ],
    ids=["too long", "no ASCII", "an escape sequence", "a line", "one byte"],
)
def test_pieces_without_room_show_their_size_and_binary_ones_hexadecimal(
    row: list[bytes], shown: str
) -> None:
    assert shown in texts(pieces({"sent": row}))


@pytest.mark.slow
def test_tiny_pieces_have_no_text_and_no_pieces_can_be_drawn() -> None:
    assert texts(pieces({"received": [b"x"] * 2000})) == ["received", "2000 bytes, 2000 pieces"]
    assert texts(pieces({"received": []})) == ["received", "0 bytes, 0 pieces"]
    assert texts(pieces({})) == []
