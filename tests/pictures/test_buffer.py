"""The picture of a C buffer."""

from __future__ import annotations

from layout import texts
from matplotlib.patches import FancyArrowPatch, Rectangle
from matplotlib.text import Text

from trio_echo.pictures import buffer


def test_a_cell_is_a_byte_and_a_pointer_is_below_its_cell() -> None:
    picture = buffer([*b"nice", None, None], {"buf": 0, "ptr": 4}, note="left = 2")
    shown = texts(picture)
    assert {*"nice", "buf", "ptr", "left = 2"} <= set(shown)
    places = {one.get_text(): one.get_position()[0] for one in picture.figure.findobj(Text)}
    assert [places["buf"], places["ptr"]] == [places["0"], places["4"]]
    assert picture.description == "buffer of 6 bytes: n i c e . .; buf at 0; ptr at 4; left = 2"


def test_bytes_are_written_as_in_c() -> None:
    shown = texts(buffer([0, 10, 32, 0xED, ord("$")]))
    assert [one for one in shown if not one.isdigit()] == [r"\0", r"\n", "␣", "ed", "$"]
    port = buffer([0x23, 0x28, None], characters=False)
    assert port.description == "buffer of 3 bytes: 23 28 ."


def test_a_cell_after_the_end_is_marked_and_may_be_pointed_at() -> None:
    picture = buffer([*b"1234", 0], {"buf[4]": 4}, size=4)
    outside = [one for one in picture.figure.findobj(Rectangle) if one.get_linestyle() == "--"]
    assert len(outside) == 1
    assert "buf[4]" in texts(picture)


def test_two_pointers_to_one_cell_share_an_arrow() -> None:
    picture = buffer([None] * 3, {"buf": 0, "ptr": 0})
    assert "buf, ptr" in texts(picture)
    assert len(picture.figure.findobj(FancyArrowPatch)) == 1


def test_a_long_buffer_has_cells_without_letters() -> None:
    assert texts(buffer([*range(64)], {"ptr": 64})) == ["ptr"]
