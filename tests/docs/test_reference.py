"""The reference leaves nothing out."""

from __future__ import annotations

import inspect
import re

from pages import ROOT

import trio_echo
from trio_echo import events

PAGE = (ROOT / "docs" / "reference" / "library.md").read_text("utf-8")


def test_the_library_page_has_every_public_name() -> None:
    values = {name: getattr(trio_echo, name) for name in trio_echo.__all__}
    elsewhere = {
        name
        for name, value in values.items()
        if inspect.ismodule(value) or inspect.getmodule(value) is events
    }
    assert set(re.findall(r"^\.\. auto\w+:: (\w+)$", PAGE, re.MULTILINE)) == set(values) - elsewhere
