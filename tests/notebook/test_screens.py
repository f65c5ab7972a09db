"""Screens of terminals, side by side."""

from __future__ import annotations

from trio_echo.notebook.screens import Screens


def test_screens_stand_side_by_side_and_what_they_show_is_escaped() -> None:
    screens = Screens({"서버": "<b>\n한국\x1b[2J", "client": "x" * 100 + "\n"})
    assert repr(screens).splitlines() == [
        "서버         client",
        "<b>          xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx… (60 more characters)",
        r"한국\x1b[2J",
        "(live)",
    ]
    assert "&lt;b&gt;\n한국\\x1b[2J" in screens._repr_html_()
