"""What a sweep goes through, as people write it."""

from __future__ import annotations

import pytest

from trio_echo.cli.bench.options.lists import parse_connections, parse_sizes


@pytest.mark.parametrize(
    ("text", "sizes"),
    [
        ("64", [64]),
        ("1,64,1K", [1, 64, 1024]),
        ("1k..8K", [1024, 2048, 4096, 8192]),
        ("1..5", [1, 2, 4, 5]),
        ("64, 64,32..64", [64, 32]),
        ("1M", [1 << 20]),
        ("5..5", [5]),
    ],
)
def test_lists_and_ranges(text: str, sizes: list[int]) -> None:
    assert parse_sizes(text) == sizes


@pytest.mark.parametrize(
    "text", ["", "0", "-1", "1,", "x", "1G", "2..1", "1..", "..2", "1..2..3", "1.5", "1e3", "9999M"]
)
def test_a_text_without_sizes_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="is not a"):
        parse_sizes(text)


@pytest.mark.parametrize(
    ("text", "numbers"),
    [("16", [16]), ("1,4,16", [1, 4, 16]), ("1..10", [1, 2, 4, 8, 10]), ("4, 1..4", [4, 1, 2])],
)
def test_connections_come_in_lists_and_ranges_too(text: str, numbers: list[int]) -> None:
    assert parse_connections(text) == numbers


@pytest.mark.parametrize("text", ["", "0", "-1", "1K", "1,", "4..2", "1..", "x", "9999999", "1.5"])
def test_a_text_without_numbers_of_connections_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="is not a"):
        parse_connections(text)
