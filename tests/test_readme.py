"""The README is short, and its links lead somewhere."""

from __future__ import annotations

import re

import pytest
from pages import PAGES, ROOT

README = PAGES["README"]
TEXTS = ("README.md", "CONTRIBUTING.md", "CHANGELOG.md", "SECURITY.md")
HEADINGS = {
    heading.lower().replace(" ", "-") for heading in re.findall(r"^#+ (.*)$", README, re.MULTILINE)
}


@pytest.mark.parametrize("name", TEXTS)
def test_each_link_leads_to_a_file(name: str) -> None:
    text = (ROOT / name).read_text("utf-8")
    for link in re.findall(r"\]\(([^)#:]+)[)#]", text):
        assert (ROOT / link).is_file(), link


def test_each_link_within_it_leads_to_a_heading() -> None:
    assert {*re.findall(r"\]\(#(.*?)\)", README)} <= HEADINGS


def test_it_has_the_two_commands_that_ci_runs() -> None:
    lines = [line.strip() for line in README.splitlines()]
    assert "python -m pip install -e . && python -m trio_echo serve" in lines
    assert 'python -m pip install -e ".[test]" && python -m pytest -n logical' in lines


def test_it_fits_on_a_screen_and_a_half() -> None:
    assert len(README.splitlines()) <= 90
