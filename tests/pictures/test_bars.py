"""Bars are as long as their numbers, and show them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from layout import texts
from matplotlib.patches import Rectangle

from trio_echo.pictures import compared_bars, stacked_bars

if TYPE_CHECKING:
    from trio_echo.pictures.canvas import Picture

ROWS = {"64 B": {"calls": 14.0, "rest": 46.0}, "64 KiB": {"calls": 24.0}}


def bars(picture: Picture, panel: int = 0) -> list[Rectangle]:
    patches = picture.figure.axes[panel].patches
    return [one for one in patches if isinstance(one, Rectangle)]


def test_a_stacked_bar_is_its_parts_one_after_the_other() -> None:
    picture = stacked_bars(ROWS, "µs")
    drawn = [(one.get_x(), one.get_width()) for one in bars(picture)]
    assert drawn == [(0, 14), (0, 24), (14, 46), (24, 0)]
    assert {" 60", " 24"} <= set(texts(picture))
    assert picture.description == "64 B: calls 14, rest 46 µs; 64 KiB: calls 24 µs"


def test_parts_differ_by_more_than_their_colour() -> None:
    assert len({one.get_hatch() for one in bars(stacked_bars(ROWS, "µs"))}) == 2


def test_the_latest_trial_is_highlighted() -> None:
    trials = [("small", (16_000.0, 1.2)), ("large", (31_000.0, 2_031.0))]
    picture = compared_bars(trials, ["messages/s", "MB/s"])
    assert [one.get_width() for one in bars(picture, 1)] == [1.2, 2_031.0]
    colours = [tuple(one.get_facecolor()) for one in bars(picture)]
    assert len(set(colours)) == 2
    assert {" 16,000", " 1.2", "messages/s", "MB/s"} <= set(texts(picture))
    assert picture.description.endswith("large: 31,000 messages/s, 2,031 MB/s")


@pytest.mark.parametrize("count", [1, 12])
def test_the_text_is_legible_for_any_number_of_rows(count: int) -> None:
    texts(stacked_bars({f"row {index}": {"a": 1.0, "b": index} for index in range(count)}, "ms"))
    texts(
        compared_bars([(f"row {index}", [1e9 / (index + 1)]) for index in range(count)], ["MB/s"])
    )


def test_a_long_name_is_cut() -> None:
    shown = texts(compared_bars([("a name with so many words that it has no room", [1.0])], ["s"]))
    assert any(text.startswith("a name") and text.endswith("…") for text in shown)


def test_a_bar_of_length_zero_is_drawn() -> None:
    texts(compared_bars([("nothing came back", [0.0])], ["MB/s"]))
