"""What must be shown, as people write it."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as some

from trio_echo.measure.verdicts.requirements import POSSIBLE, parse_requirement


@pytest.mark.parametrize(
    ("text", "name", "sign", "limit", "words"),
    [
        ("p99 < 5 ms", "p99", "<", 5e6, "p99 < 5 ms"),
        ("p99<5ms", "p99", "<", 5e6, "p99 < 5 ms"),
        ("  p50<=300 µs ", "p50", "<=", 3e5, "p50 <= 300 µs"),
        ("p50 <= 300 us", "p50", "<=", 3e5, "p50 <= 300 us"),
        ("p50 <= 300 \u03bcs", "p50", "<=", 3e5, "p50 <= 300 \u03bcs"),  # the Greek letter
        ("p99.9 < 1 s", "p99.9", "<", 1e9, "p99.9 < 1 s"),
        ("p99.99 < 1.5 s", "p99.99", "<", 1.5e9, "p99.99 < 1.5 s"),
        ("p90 < 250 ns", "p90", "<", 250, "p90 < 250 ns"),
        ("rate > 10000", "rate", ">", 10_000, "rate > 10000"),
        ("rate>=0.5", "rate", ">=", 0.5, "rate >= 0.5"),
        ("failures == 0", "failures", "==", 0, "failures == 0"),
        ("failures<1", "failures", "<", 1, "failures < 1"),
    ],
)
def test_a_requirement_is_read_with_or_without_spaces(
    text: str, name: str, sign: str, limit: float, words: str
) -> None:
    read = parse_requirement(text)
    assert (read.name, read.sign, str(read)) == (name, sign, words)
    assert read.limit == pytest.approx(limit)
    assert read.percentile == (name if name.startswith("p") else None)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "p99",
        "p99 < 5",
        "p95 < 5 ms",
        "p99 > 5 ms",
        "p99 < -5 ms",
        "p99 < nan ms",
        "p99 < 5 m",
        "p99 < 5 ms and rate > 1",
        "rate < 10000",
        "rate > 10000 ms",
        "rate > 1e4",
        "failures > 0",
        "failures == 0.5",
        "p99 < \uff15 ms",
        "p99 < 5 ms\n\x1b[2J",
    ],
)
def test_what_is_not_a_requirement_is_refused_in_one_line_that_shows_what_is(text: str) -> None:
    with pytest.raises(ValueError, match="is not a requirement: ") as caught:
        parse_requirement(text)
    assert str(caught.value).endswith(POSSIBLE)
    assert "\n" not in str(caught.value)
    assert "\x1b" not in str(caught.value)


@given(some.text(max_size=30))
def test_no_text_breaks_the_parser(text: str) -> None:
    try:
        read = parse_requirement(text)
    except ValueError:
        return
    assert parse_requirement(str(read)) == read


@pytest.mark.parametrize(
    ("text", "within", "at", "beyond"),
    [
        ("p99 < 5 ms", 4e6, False, 6e6),
        ("p99 <= 5 ms", 4e6, True, 6e6),
        ("rate > 5000000", 6e6, False, 4e6),
        ("rate >= 5000000", 6e6, True, 4e6),
    ],
)
def test_a_limit_is_kept_or_broken(text: str, within: float, at: bool, beyond: float) -> None:
    read = parse_requirement(text)
    assert read.allows(within)
    assert read.allows(5e6) is at
    assert not read.allows(beyond)
