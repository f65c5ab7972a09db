"""Times and numbers on the command line."""

from __future__ import annotations

import math

import click
import pytest
from hypothesis import given
from hypothesis import strategies as st

from trio_echo.cli.options import WholeNumber, positive_seconds, seconds
from trio_echo.quantities import A_YEAR


@given(st.floats().map(str) | st.text() | st.text("0123456789.dhms", max_size=8))
def test_a_time_is_at_most_a_year_or_forever_or_refused(text: str) -> None:
    try:
        value = seconds(text)
    except click.BadParameter as exc:
        assert len(exc.message.splitlines()) == 1  # noqa: PT017  most texts are not times
    else:
        assert 0 <= value <= A_YEAR or value == math.inf


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("0", 0),
        ("2.5", 2.5),
        ("1e3", 1000),
        ("inf", math.inf),
        ("90s", 90),
        ("500ms", 0.5),
        ("1.5m", 90),
        ("1h30m", 5400),
        ("1d2h3m4s5ms", 93784.005),
    ],
)
def test_a_time_is_a_number_or_has_units(text: str, value: float) -> None:
    assert seconds(text) == value


@pytest.mark.parametrize("text", ["", "s", "1h90", "30m1h", "1 h", "1H", "1.2.3s", "400d", "1m1m"])
def test_what_is_not_a_time_is_refused(text: str) -> None:
    with pytest.raises(click.BadParameter, match="is not a time: write seconds, or 500ms"):
        seconds(text)


@pytest.mark.parametrize("text", ["0", "-0.0", "1e-400", "0s", "0h0m"])
def test_zero_is_not_a_time_limit(text: str) -> None:
    with pytest.raises(click.BadParameter, match="more than 0"):
        positive_seconds(text)


@pytest.mark.parametrize(
    ("text", "kind", "words"),
    [
        ("x", WholeNumber(), "'x' is not a whole number"),
        ("1_000", WholeNumber(), "'1_000' is not a whole number"),
        ("1.5", WholeNumber(min=0), "'1.5' is not a whole number, 0 or more"),
        ("-1", WholeNumber(min=0), "'-1' is not a whole number, 0 or more"),
        ("11", WholeNumber(min=1, max=10), "'11' is not a whole number, 1 to 10"),
        ("1" * 5000, WholeNumber(), f"'{'1' * 5000}' is not a whole number"),
    ],
)
def test_what_is_not_a_whole_number_is_refused(text: str, kind: WholeNumber, words: str) -> None:
    with pytest.raises(click.BadParameter) as refused:
        kind.convert(text, None, None)
    assert refused.value.message == words


def test_a_whole_number_may_be_negative_or_large() -> None:
    assert WholeNumber().convert("-7", None, None) == -7
    assert WholeNumber(min=1).convert(str(10**30), None, None) == 10**30
