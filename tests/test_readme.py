"""The README is short, and what it points to is there."""

from __future__ import annotations

import re

import pytest
from pages import PAGES, ROOT

README = PAGES["README"]
LINKS = re.findall(r"\]\(([^)#:]+)\)", README)


@pytest.mark.parametrize("link", LINKS)
def test_each_link_leads_to_a_file(link: str) -> None:
    assert (ROOT / link).is_file()


def test_it_has_the_two_commands_that_ci_runs() -> None:
    lines = [line.strip() for line in README.splitlines()]
    assert "python -m pip install -e . && python -m trio_echo serve" in lines
    assert 'python -m pip install -e ".[test]" && python -m pytest -n logical' in lines


def test_it_fits_on_a_screen_and_a_half() -> None:
    assert len(README.splitlines()) <= 150
