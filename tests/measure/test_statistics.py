"""Medians and intervals of rounds, against hand-worked values, laws, and simulated truth."""

from __future__ import annotations

import math
import random
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trio_echo.measure.statistics import (
    MINIMUM_ROUNDS,
    Comparison,
    Estimate,
    Interval,
    compare,
    estimate,
    independent_ratio,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from trio_echo.measure.statistics import Quantity

positive = st.floats(1e-3, 1e9)
rounds = st.lists(positive, min_size=MINIMUM_ROUNDS, max_size=20)
pairs = st.lists(st.tuples(positive, positive), min_size=MINIMUM_ROUNDS, max_size=20)


def interval_of(values: list[float]) -> tuple[float, float, float]:
    found = estimate(values)
    assert found is not None
    assert found.interval is not None
    return found.interval.low, found.median, found.interval.high


def ratio(pairs: list[tuple[float, float]]) -> tuple[float, float, float]:
    found = compare("A", "B", "messages_per_second", list(pairs)).ratio
    assert found is not None
    assert found.interval is not None
    return found.interval.low, found.median, found.interval.high


def test_the_median_is_the_middle_or_half_way_between_two() -> None:
    assert estimate([3, 1, 2]) == Estimate(median=2, interval=None, rounds=3)
    assert estimate([4, 1, 2, 3]) == Estimate(median=2.5, interval=None, rounds=4)
    assert estimate([]) is None


def test_fewer_than_six_rounds_have_no_interval() -> None:
    # All of n rounds on one side of the median: 2 / 2**n.
    assert 2 / 2**5 > 0.05 > 2 / 2**6
    five, six = estimate(range(5)), estimate(range(6))
    assert five is not None
    assert six is not None
    assert five.interval is None
    assert six.interval is not None


@pytest.mark.parametrize(
    ("count", "rank"),
    [(6, 1), (8, 1), (9, 2), (11, 2), (12, 3), (15, 4), (20, 6), (25, 8), (30, 10), (50, 18)],
)
def test_the_interval_ends_at_the_ranks_that_tables_have(count: int, rank: int) -> None:
    # Conover, Practical Nonparametric Statistics, 3rd edition, table A3 (binomial, p = 1/2).
    assert interval_of(list(range(1, count + 1))) == (rank, (count + 1) / 2, count + 1 - rank)


@pytest.mark.parametrize("count", range(MINIMUM_ROUNDS, 60))
def test_no_shorter_interval_has_the_confidence(count: int) -> None:
    low, _median, _high = interval_of(list(range(count)))

    def confidence(rank: int) -> float:
        ways = sum(math.comb(count, number) for number in range(rank + 1))
        return 1 - ways / 2.0 ** (count - 1)

    assert confidence(int(low)) >= 0.95 > confidence(int(low) + 1)


@given(rounds, st.randoms(use_true_random=False))
def test_the_interval_holds_the_median_and_knows_no_order(
    values: list[float], draw: random.Random
) -> None:
    low, median, high = interval_of(values)
    assert min(values) <= low <= median <= high <= max(values)
    shuffled = draw.sample(values, len(values))
    assert interval_of(shuffled) == (low, median, high)


@given(rounds, st.integers(-20, 20))
def test_another_unit_gives_the_same_interval_in_that_unit(values: list[float], power: int) -> None:
    unit = 2.0**power  # exact in floats
    assert interval_of([one * unit for one in values]) == tuple(
        one * unit for one in interval_of(values)
    )


@pytest.mark.parametrize("count", [6, 7, 10, 15, 20])
@pytest.mark.parametrize("draw", [random.Random.gauss, random.Random.lognormvariate])
def test_the_interval_covers_the_truth_95_times_in_100(
    count: int, draw: Callable[[random.Random, float, float], float]
) -> None:
    source = random.Random(count)
    truth = 0.0 if draw is random.Random.gauss else 1.0
    trials = 2_000
    covered = 0
    for _ in range(trials):
        low, _median, high = interval_of([draw(source, 0.0, 1.0) for _ in range(count)])
        covered += low <= truth <= high
    # At least 95 %, and with so few ranks up to 98.5 %; three standard errors for the trials.
    assert 0.935 <= covered / trials <= 0.995


def test_one_round_gone_wrong_does_not_move_the_verdict() -> None:
    pairs = [(99.0 + i % 3, 100.0) for i in range(9)]
    wrong = [*pairs, (1.0, 100.0)]
    assert ratio(wrong)[1] == pytest.approx(ratio(pairs)[1], abs=0.01)
    assert compare("A", "B", "messages_per_second", wrong).verdict == "no difference seen"


@given(rounds)
def test_a_target_is_1_of_itself(values: list[float]) -> None:
    comparison = compare("A", "B", "messages_per_second", zip(values, values, strict=True))
    assert comparison.ratio == Estimate(
        median=1.0, interval=Interval(low=1.0, high=1.0), rounds=len(values)
    )
    assert comparison.sentence() == "A is 1.00 of B (1.00 to 1.00): no difference seen"


@given(pairs)
def test_turned_round_the_ratio_is_its_inverse(pairs: list[tuple[float, float]]) -> None:
    low, middle, high = ratio(pairs)
    assert low <= middle <= high
    turned = ratio([(b, a) for a, b in pairs])
    assert turned == pytest.approx((1 / high, 1 / middle, 1 / low))


@given(pairs, positive)
def test_a_ratio_does_not_know_the_unit(pairs: list[tuple[float, float]], unit: float) -> None:
    scaled = [(a * unit, b * unit) for a, b in pairs]
    assert ratio(scaled) == pytest.approx(ratio(pairs))


def test_a_drift_of_both_cancels_out() -> None:
    drift = [100.0 * 1.5**i for i in range(8)]
    assert ratio([(0.9 * one, one) for one in drift]) == pytest.approx((0.9, 0.9, 0.9))


def made(
    median: float, low: float, high: float, quantity: Quantity = "messages_per_second"
) -> Comparison:
    interval = Interval(low=low, high=high)
    estimated = Estimate(median=median, interval=interval, rounds=9)
    return Comparison(name="IPv6", baseline="IPv4", quantity=quantity, ratio=estimated, left_out=0)


@pytest.mark.parametrize(
    ("comparison", "sentence"),
    [
        (made(0.99, 0.97, 1.01), "IPv6 is 0.99 of IPv4 (0.97 to 1.01): no difference seen"),
        (made(0.9, 0.8, 0.95), "IPv6 is 0.90 of IPv4 (0.80 to 0.95): slower"),
        (made(2, 1.5, 2.5), "IPv6 is 2.00 of IPv4 (1.50 to 2.50): faster"),
        (made(1.002, 0.998, 1.004), "IPv6 is 1.00 of IPv4 (1.00 to 1.00): no difference seen"),
        # An end that is not 1 does not look like it.
        (made(1.01, 1.004, 1.02), "IPv6 is 1.010 of IPv4 (1.004 to 1.020): faster"),
        (made(0.99, 0.98, 0.9996), "IPv6 is 0.9900 of IPv4 (0.9800 to 0.9996): slower"),
        (made(0.0004, 0.0002, 0.05), "IPv6 is 0.0004 of IPv4 (0.0002 to 0.0500): slower"),
        (
            made(1.2, 1.1, 1.3, "round_trip_ns"),
            "IPv6's median round trip is 1.20 of IPv4's (1.10 to 1.30): slower",
        ),
        (
            made(0.8, 0.7, 0.9, "from_intended_ns"),
            "IPv6's median from the intended send time is 0.80 of IPv4's (0.70 to 0.90): faster",
        ),
    ],
)
def test_a_comparison_is_a_sentence(comparison: Comparison, sentence: str) -> None:
    assert comparison.sentence() == sentence


def test_too_few_rounds_are_reported() -> None:
    few = compare("IPv6", "IPv4", "messages_per_second", [(99, 100)] * 5)
    assert few.sentence() == "IPv6 is 0.99 of IPv4: too few rounds"
    none = compare("IPv6", "IPv4", "messages_per_second", [])
    assert none.sentence() == "IPv6 against IPv4: too few rounds"
    times = compare("IPv6", "IPv4", "round_trip_ns", [])
    assert times.sentence() == "IPv6 against IPv4, median round trip: too few rounds"


def test_rounds_without_a_value_are_left_out_and_counted() -> None:
    pairs = [(99.0, 100.0)] * 6 + [(0.0, 100.0), (99.0, None), (None, None)]
    comparison = compare("A", "B", "messages_per_second", pairs)
    assert comparison.ratio is not None
    assert comparison.ratio.rounds == 6
    assert comparison.sentence() == (
        "A is 0.99 of B (0.99 to 0.99): slower (3 of 9 pairs of rounds left out)"
    )
    nothing = compare("A", "B", "messages_per_second", [(0.0, 1.0)])
    assert nothing.sentence() == ("A against B: too few rounds (1 of 1 pairs of rounds left out)")


def test_the_ratio_of_independent_medians_is_that_of_a_published_example() -> None:
    """Of the R package statpsych, by one of the method's authors: `ci.ratio.median2`."""
    others = [32, 39, 26, 35, 43, 27, 40, 37, 34, 29, 49, 42, 40]
    values = [36, 44, 47, 42, 49, 39, 46, 31, 33, 48]
    found = independent_ratio(values, others)
    assert found is not None
    assert found.interval is not None
    assert found.median == pytest.approx(1.162162, abs=1e-6)
    assert found.interval.low == pytest.approx(0.927667, abs=1e-6)
    assert found.interval.high == pytest.approx(1.455933, abs=1e-6)
    assert found.rounds == 10


@given(rounds, rounds)
def test_a_ratio_of_independent_medians_has_an_exact_inverse(
    values: list[float], others: list[float]
) -> None:
    there, back = independent_ratio(values, others), independent_ratio(others, values)
    assert there is not None
    assert back is not None
    assert there.interval is not None
    assert back.interval is not None
    assert there.interval.low * back.interval.high == pytest.approx(1)
    assert there.interval.low <= there.median <= there.interval.high


def test_few_rounds_have_a_ratio_without_an_interval_and_zeros_are_left_out() -> None:
    assert independent_ratio([2.0] * 5 + [0.0], [1.0] * 9) == Estimate(
        median=2, interval=None, rounds=5
    )
    assert independent_ratio([0.0] * 9, [1.0] * 9) is None


def test_the_interval_of_independent_medians_covers_the_truth() -> None:
    draw = random.Random(15)
    missed = 0
    for _ in range(400):
        values = [math.exp(draw.gauss(0, 0.1)) for _ in range(10)]
        others = [math.exp(draw.gauss(0, 0.3)) for _ in range(10)]
        found = independent_ratio(values, others)
        assert found is not None
        assert found.interval is not None
        missed += not found.interval.low <= 1 <= found.interval.high
    assert missed / 400 < 0.07
