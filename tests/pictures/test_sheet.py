"""The choice of what to leave out of a picture."""

from __future__ import annotations

from trio_echo.pictures.sheet import left_out


def test_a_dozen_siblings_of_a_kind_all_stay() -> None:
    assert left_out([f"client {one}" for one in range(12)] + ["listener"] * 12) == set()


def test_the_first_ten_of_more_siblings_stay() -> None:
    assert left_out(["listener", *["client"] * 13]) == {11, 12, 13}


def test_the_highest_ranked_of_more_siblings_stay() -> None:
    assert left_out(["client"] * 13, lambda number: (number,)) == {0, 1, 2}
