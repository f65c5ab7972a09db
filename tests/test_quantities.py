"""Times and sizes as a person reads them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trio_echo.quantities import duration, size


@pytest.mark.parametrize(
    ("nanoseconds", "text"),
    [
        (0, "0.00 ns"),
        (1, "1.00 ns"),
        (999, "999 ns"),
        (999.6, "1.00 µs"),
        (65_000, "65.0 µs"),
        (195_300, "195 µs"),
        (999_499, "999 µs"),
        (999_500, "1.00 ms"),
        (9_996_000, "10.0 ms"),
        (37_300_000, "37.3 ms"),
        (99_960_000, "100 ms"),
        (1_411_085_600, "1.41 s"),
        (3_600e9, "3,600 s"),
    ],
)
def test_a_time_has_three_figures_and_the_unit_that_suits(nanoseconds: float, text: str) -> None:
    assert duration(nanoseconds) == text


@given(st.floats(1, 999e9))
def test_no_time_below_a_thousand_seconds_is_written_with_more_or_fewer_figures(
    nanoseconds: float,
) -> None:
    number, _ = duration(nanoseconds).split()
    assert len(number.replace(".", "")) == 3
    assert float(number) >= 1


@pytest.mark.parametrize(
    ("nanoseconds", "text"),
    [(250_000, "250 µs"), (1_500_000, "1.5 ms"), (2e9, "2 s"), (10e9, "10 s"), (100e9, "100 s")],
)
def test_a_brief_time_has_no_zeros_at_its_end(nanoseconds: float, text: str) -> None:
    assert duration(nanoseconds, brief=True) == text


@pytest.mark.parametrize(
    ("count", "text"),
    [
        (0, "0 B"),
        (64, "64 B"),
        (1024, "1 KiB"),
        (1500, "1,500 B"),
        (10_485_760, "10 MiB"),
        (1 << 30, "1 GiB"),
    ],
)
def test_a_size_is_exact(count: int, text: str) -> None:
    assert size(count) == text
