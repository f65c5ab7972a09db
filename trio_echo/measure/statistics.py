"""What several rounds say: a median with its interval, and one target against another. No I/O.

A round is the unit. The messages of one round share its luck, so their number does not say how well
a median is known. Rounds are assumed to be independent of each other. For ratios, a random order
within each turn is enough: a drift is then as likely to help one target as the other.
"""

from __future__ import annotations

import math
from itertools import accumulate, takewhile
from statistics import NormalDist, median
from typing import TYPE_CHECKING, Literal, TypeAlias

from .records import Amount, Count, Ordinal, Record

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

Quantity: TypeAlias = Literal[
    "messages_per_second", "round_trip_ns", "connection_ns", "from_intended_ns"
]
"""What two targets are compared by; of the times, each round's p50.

If each message has a connection of its own, `connection_ns` takes the place of the round trip: it
is the time of the whole connection, from `connect()` until the server closes its side.
"""

CONFIDENCE = 0.95

MINIMUM_ROUNDS = 6
"""Fewer rounds have no interval.

Whatever the distribution, the median lies between the smallest and the largest of n rounds with
probability 1 - 2 / 2**n: 0.94 for five rounds, which is less than 95 %; 0.97 for six.
"""

_SENTENCES: dict[Quantity, str] = {
    "messages_per_second": "{name} is {ratio} of {baseline}",
    "round_trip_ns": "{name}'s median round trip is {ratio} of {baseline}'s",
    "connection_ns": "{name}'s median connection takes {ratio} of {baseline}'s",
    "from_intended_ns": "{name}'s median from the intended send time is {ratio} of {baseline}'s",
}

_OF: dict[Quantity, str] = {
    "messages_per_second": "",
    "round_trip_ns": ", median round trip",
    "connection_ns": ", median connection",
    "from_intended_ns": ", median from the intended send time",
}


class Interval(Record, frozen=True, kw_only=True):
    """A 95 % confidence interval of a median, from order statistics of the rounds.

    Attributes:
        low: its lower end.
        high: its upper end.
    """

    low: Amount
    high: Amount


class Estimate(Record, frozen=True, kw_only=True):
    """A quantity over several rounds.

    Attributes:
        median: of the rounds.
        interval: of that median; `None` with fewer than 6 rounds.
        rounds: how many rounds.
    """

    median: Amount
    interval: Interval | None
    rounds: Ordinal


class Comparison(Record, frozen=True, kw_only=True):
    """One target against another, whose rounds were interleaved.

    Attributes:
        name: the target.
        baseline: what it is compared with.
        quantity: what the two are compared by; of the times, each round's p50.
        ratio: target by baseline, over the pairs of rounds; `None` without a pair.
        left_out: pairs in which a round does not have the quantity: too few messages came back.
    """

    name: str
    baseline: str
    quantity: Quantity
    ratio: Estimate | None
    left_out: Count

    @property
    def verdict(self) -> Literal["no difference seen", "slower", "faster"] | None:
        """What the interval says, if there is one.

        If there is no difference, one comparison in twenty still reports one by chance.
        """
        if self.ratio is None or self.ratio.interval is None:
            return None
        if self.ratio.interval.low <= 1 <= self.ratio.interval.high:
            return "no difference seen"
        more = self.ratio.interval.low > 1
        return "faster" if more == (self.quantity == "messages_per_second") else "slower"

    def sentence(self) -> str:
        """Write the comparison for a person."""
        if self.ratio is None:
            text = f"{self.name} against {self.baseline}{_OF[self.quantity]}: too few rounds"
        else:
            middle, interval = self.ratio.median, self.ratio.interval
            ends = (middle, middle) if interval is None else (interval.low, interval.high)
            places = _decimals(*ends)
            text = _SENTENCES[self.quantity].format(
                name=self.name, ratio=f"{middle:.{places}f}", baseline=self.baseline
            )
            if interval is not None:
                text += f" ({interval.low:.{places}f} to {interval.high:.{places}f})"
            text += f": {self.verdict or 'too few rounds'}"
        if self.left_out:
            counted = 0 if self.ratio is None else self.ratio.rounds
            text += f" ({self.left_out} of {counted + self.left_out} pairs of rounds left out)"
        return text


def estimate(values: Sequence[float]) -> Estimate | None:
    """Return the median of rounds and its interval; `None` without a round.

    The interval is exact and assumes no distribution. Each round is below the true median with
    probability 1/2, so the number of rounds below it is binomial. The ends are two of the sorted
    values, as close together as a confidence of 95 % allows (David and Nagaraja, Order Statistics,
    3rd edition, section 7.1). The true confidence is a little more: 96.9 % for 6 rounds, 97.9 % for
    10, 95.9 % for 20.
    """
    if not values:
        return None
    ordered = sorted(values)
    count = len(ordered)
    interval = None
    if count >= MINIMUM_ROUNDS:
        skipped = _skipped(count)
        interval = Interval(low=ordered[skipped], high=ordered[-1 - skipped])
    return Estimate(median=median(ordered), interval=interval, rounds=count)


def compare(
    name: str,
    baseline: str,
    quantity: Quantity,
    pairs: Iterable[tuple[float | None, float | None]],
) -> Comparison:
    """Compare two targets by the ratio within each pair of rounds.

    Args:
        name: the target.
        baseline: what it is compared with.
        quantity: what the values are.
        pairs: of rounds next to each other: the target's value and the baseline's; `None` or 0
            if a round has none.
    """
    all_pairs = list(pairs)
    ratio = paired_ratio(all_pairs)
    return Comparison(
        name=name,
        baseline=baseline,
        quantity=quantity,
        ratio=ratio,
        left_out=len(all_pairs) - (0 if ratio is None else ratio.rounds),
    )


def paired_ratio(pairs: Iterable[tuple[float | None, float | None]]) -> Estimate | None:
    """Return the ratio of the first to the second over pairs of rounds; `None` without a pair.

    A drift of the machine affects both rounds of a pair and cancels out. The median is taken of the
    logarithms. A few bad rounds do not move it, unlike a geometric mean; and the ratio of A to B is
    exactly as far from 1 as that of B to A, unlike with plain ratios.

    Args:
        pairs: a pair with `None` or 0 is left out.
    """
    logarithm = estimate([math.log(one / other) for one, other in pairs if one and other])
    if logarithm is None:
        return None
    interval = logarithm.interval
    if interval is not None:
        interval = Interval(low=math.exp(interval.low), high=math.exp(interval.high))
    return Estimate(median=math.exp(logarithm.median), interval=interval, rounds=logarithm.rounds)


def independent_ratio(values: Iterable[float], others: Iterable[float]) -> Estimate | None:
    """Return the ratio of the medians of two runs whose rounds are not pairs; `None` without both.

    The interval is that of Bonett and Price, Confidence Intervals for Ratios of Means and Medians
    (Journal of Educational and Behavioral Statistics 45(6), 2020). It assumes no distribution, nor
    that both runs varied equally. It covers the rounds' luck, and not what else changed between
    the runs.

    Args:
        values: a value of each round; a 0 is left out.
        others: the same of the other run.
    """
    both = [sorted(one for one in each if one) for each in (values, others)]
    if not all(both):
        return None
    middle = math.log(median(both[0]) / median(both[1]))
    rounds = min(map(len, both))
    interval = None
    if rounds >= MINIMUM_ROUNDS:
        margin = NormalDist().inv_cdf((1 + CONFIDENCE) / 2) * math.hypot(*map(_error, both))
        interval = Interval(low=math.exp(middle - margin), high=math.exp(middle + margin))
    return Estimate(median=math.exp(middle), interval=interval, rounds=rounds)


def _error(ordered: Sequence[float]) -> float:
    """Return the standard error of the logarithm of the median of sorted values."""
    count = len(ordered)
    place = max(round(count / 2 - math.sqrt(count)), 1)
    outside = sum(math.comb(count, number) for number in range(place)) / 2**count
    spread = math.log(ordered[-place] / ordered[place - 1])
    return spread / (2 * NormalDist().inv_cdf(1 - outside))


def _skipped(count: int) -> int:
    """Return how many values lie outside the interval on each side."""
    most = (1 - CONFIDENCE) / 2 * 2**count
    below = accumulate(math.comb(count, number) for number in range(count))
    return sum(1 for _ in takewhile(lambda ways: ways <= most, below)) - 1


def _decimals(low: float, high: float) -> int:
    """Return with how many decimals, at least two, an interval that excludes 1 or 0 shows it."""

    def blurred(decimals: int) -> bool:
        first, last = round(low, decimals), round(high, decimals)
        return first == 0 or first == 1 < low or last == 1 > high

    return next((decimals for decimals in range(2, 9) if not blurred(decimals)), 9)
