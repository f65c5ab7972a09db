"""What a command line takes for a time."""

from __future__ import annotations

import math

import click
import pytest
from hypothesis import given
from hypothesis import strategies as st

from trio_echo.cli.options import positive_seconds, seconds
from trio_echo.measure.load.workload import A_YEAR


@given(st.floats().map(str) | st.text())
def test_a_time_is_within_a_year_or_for_ever_or_refused(text: str) -> None:
    try:
        value = seconds(text)
    except click.BadParameter as exc:
        assert len(exc.message.splitlines()) == 1  # noqa: PT017  most texts are none
    else:
        assert 0 <= value <= A_YEAR or value == math.inf


@pytest.mark.parametrize(
    ("text", "value"), [("0", 0), ("2.5", 2.5), ("1e3", 1000), ("inf", math.inf)]
)
def test_a_time_is_written_as_a_number(text: str, value: float) -> None:
    assert seconds(text) == value


@pytest.mark.parametrize("text", ["0", "-0.0", "1e-400"])
def test_no_time_at_all_is_no_limit(text: str) -> None:
    with pytest.raises(click.BadParameter, match="more than 0"):
        positive_seconds(text)
