"""A search for the highest rate: it finds what is there, and it ends whatever it is answered."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING

import pytest
from hypothesis import given, settings
from hypothesis import strategies as some

from trio_echo.measure.statistics import Interval
from trio_echo.measure.verdicts.bisection import MOST_RATES, PRECISION, ends, next_rate

if TYPE_CHECKING:
    from collections.abc import Callable

LOWEST = 1000.0
RATES = some.floats(1.0, 1e7)


def searched(
    holds: Callable[[float], bool], start: float = 20_000.0, rounds: int = 10
) -> dict[float, list[bool]]:
    """The answers of a whole search."""
    answers: dict[float, list[bool]] = {}
    while (rate := next_rate(answers, start, LOWEST, rounds)) is not None:
        answers.setdefault(rate, []).append(holds(rate))
    return answers


@settings(max_examples=30)
@given(threshold=some.floats(LOWEST, 1e7), start=RATES, rounds=some.integers(1, 12))
def test_it_finds_the_threshold_of_every_steady_server(
    threshold: float, start: float, rounds: int
) -> None:
    answers = searched(lambda rate: rate <= threshold, start, rounds)
    found = ends(answers, rounds)
    assert found.holds is not None
    assert found.fails is not None
    assert found.holds <= threshold < found.fails
    assert found.fails / found.holds < 1 + PRECISION + 0.01  # rates have three digits
    assert len(answers) < MOST_RATES
    if rounds >= 3:  # twice that at the ends
        assert found.interval == Interval(low=found.holds, high=found.fails)
    else:
        assert found.interval is None


@settings(max_examples=20)
@given(some.randoms(), RATES, some.integers(1, 12), some.floats(0, 1))
def test_it_ends_whatever_the_answers_are(
    draw: random.Random, start: float, rounds: int, share: float
) -> None:
    answers = searched(lambda _: draw.random() < share, start, rounds)
    assert len(answers) <= MOST_RATES
    assert max(map(len, answers.values())) <= 2 * rounds
    found = ends(answers, rounds)
    if found.holds is not None and found.fails is not None:
        assert found.holds < found.fails
    if found.interval is not None:
        assert found.interval.low < found.interval.high


def test_it_ends_even_if_each_second_look_contradicts_the_first() -> None:
    seen: dict[float, int] = {}

    def holds(rate: float) -> bool:
        seen[rate] = seen.get(rate, 0) + 1
        return (rate <= 500_000) == (seen[rate] <= 6)

    assert len(searched(holds, rounds=6)) == MOST_RATES


def test_what_holds_at_no_rate_is_tried_down_to_the_lowest() -> None:
    answers = searched(lambda _: False)
    assert min(answers) == LOWEST
    assert ends(answers, 10)[:2] == (None, LOWEST)


def test_what_holds_at_every_rate_ends_at_the_highest() -> None:
    found = ends(searched(lambda _: True), 10)
    assert found.fails is None
    assert found.holds is not None
    assert found.holds > 1e8


def test_the_first_six_rounds_are_enough_if_they_agree() -> None:
    answers = searched(lambda rate: rate <= 30_000)
    found = ends(answers, 10)
    twice = {found.holds, found.fails}
    assert {rate: len(each) for rate, each in answers.items()} == {
        rate: 12 if rate in twice else 6 for rate in answers
    }


def test_both_ends_are_measured_again_in_turns() -> None:
    asked: list[float] = []

    def holds(rate: float) -> bool:
        asked.append(rate)
        return rate <= 30_000

    found = ends(searched(holds), 10)
    assert asked[-12:] == [found.holds, found.fails] * 6


@pytest.mark.parametrize("spoiled", [range(6, 12), range(18, 24)])
def test_a_burst_that_spoiled_the_rounds_of_one_rate_is_found_out(spoiled: range) -> None:
    """The search goes on above that rate, after the second look."""
    count = 0

    def holds(rate: float) -> bool:
        nonlocal count
        count += 1
        return rate <= 50_000 and count - 1 not in spoiled

    found = ends(searched(holds), 10)
    assert found.fails is not None
    assert found.fails > 40_000 * (1 - PRECISION)


@pytest.mark.parametrize("seed", range(5))
def test_noise_near_the_threshold_widens_the_interval(seed: int) -> None:
    draw = random.Random(seed)

    def holds(rate: float) -> bool:
        """Half of the rounds hold at 30,000, three quarters at 27,000, a quarter at 33,000."""
        return draw.random() < 1 / (1 + (rate / 30_000) ** 10)

    found = ends(searched(holds), 10)
    assert found.interval is not None
    assert found.interval.low < 30_000 < found.interval.high
    assert found.interval.high / found.interval.low > 1 + PRECISION


def test_rounds_that_are_not_all_done_say_nothing_yet() -> None:
    answers = {1000.0: [True] * 6, 2000.0: [True, True, False, True, True, True, True]}
    assert ends(answers, 10)[:2] == (1000.0, None)
    assert next_rate(answers, 1000.0, LOWEST, 10) == 2000.0


def test_a_rate_at_which_half_of_the_rounds_hold_fails() -> None:
    answers = {1000.0: [True] * 6, 2000.0: [True, False] * 5}
    assert ends(answers, 10) == (1000.0, 2000.0, None)
