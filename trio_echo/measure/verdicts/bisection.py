"""A search for the highest rate at which something holds, given noisy answers. No I/O.

Each round at a rate gives an answer: it held, or it did not. The rates are those of a bisection:
doubled or halved until one holds and a higher one does not, then between the two, until they are
close. A short burst of other work may have spoiled one of these two ends. So both are measured
again at the end, in turns. If all answers together then say otherwise, the search goes on.

The next rate depends only on the answers. So a search that is ended early keeps what it has found.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Final, NamedTuple, TypeAlias

from ..load.workload import RANGES
from ..statistics import MINIMUM_ROUNDS, Interval, estimate

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from ..statistics import Estimate

    Answers: TypeAlias = Mapping[float, Sequence[bool]]
    """For each rate tried, whether it held in each round."""

PRECISION: Final = 0.05
"""A search ends when the lowest rate that fails is at most this share above one that holds."""

MOST_RATES: Final = 40
"""A search ends after so many rates. If the answers do not contradict each other, 8 to 15 do."""

_HIGHEST = RANGES["rate"][1]


class Ends(NamedTuple):
    """What the answers say together.

    Attributes:
        holds: the highest rate at which more than half of the rounds held, as at all lower rates.
        fails: the lowest rate at which half of the rounds or more did not hold.
        interval: from the highest rate that holds to the lowest that does not, each with 95 %
            confidence: the interval of its median round excludes the opposite.
    """

    holds: float | None
    fails: float | None
    interval: Interval | None


def next_rate(answers: Answers, start: float, lowest: float, rounds: int) -> float | None:
    """Return the rate of the next round, or `None` at the end of the search.

    Args:
        answers: those of the rounds so far.
        start: the first rate.
        lowest: no lower rate is tried.
        rounds: how many at each rate. The first six are enough if they agree.
    """
    for rate, each in answers.items():
        if _batches(each, rounds) == (0, 0):
            return rate
    found = ends(answers, rounds)
    untried = _untried(found, start, lowest)
    if untried is not None:
        return untried if len(answers) < MOST_RATES else None
    both = [one for one in (found.holds, found.fails) if one is not None]
    again = [one for one in both if _batches(answers[one], rounds)[0] < _AT_ENDS]
    return min(again, key=lambda one: len(answers[one]), default=None)


def rounds_left(answers: Answers, start: float, lowest: float, rounds: int) -> int:
    """Return how many rounds a search still takes if the answers will agree from now on.

    Args:
        answers: those of the rounds so far.
        start: the first rate.
        lowest: no lower rate is tried.
        rounds: how many at each rate.
    """
    found = ends(answers, rounds)
    holds = start / 2 if found.holds is None else found.holds
    fails = 2 * holds if found.fails is None else found.fails
    supposed = {rate: list(each) for rate, each in answers.items()}
    count = 0
    while (rate := next_rate(supposed, start, lowest, rounds)) is not None:
        supposed.setdefault(rate, []).append(rate <= math.sqrt(holds * fails))
        count += 1
    return count


def ends(answers: Answers, rounds: int) -> Ends:
    """Return what the answers say. Rates whose rounds are not all done yet are left out.

    Args:
        answers: those of the rounds so far.
        rounds: how many at each rate.
    """
    said: dict[float, Estimate] = {}
    for rate, each in answers.items():
        done = estimate([float(one) for one in each[: _batches(each, rounds)[1]]])
        if done is not None:
            said[rate] = done
    fails = min((rate for rate, one in said.items() if one.median <= _HALF), default=math.inf)
    holds = max((rate for rate in said if rate < fails), default=None)
    sure = {rate: one.interval for rate, one in said.items() if one.interval is not None}
    holding = [rate for rate, one in sure.items() if one.low > _HALF and rate < fails]
    failing = [rate for rate, one in sure.items() if one.high < _HALF and rate >= fails]
    low, high = max(holding, default=None), min(failing, default=None)
    interval = None if low is None or high is None else Interval(low=low, high=high)
    return Ends(holds, None if math.isinf(fails) else fails, interval)


def rounded(rate: float) -> float:
    """Round a rate to three digits, as people write it."""
    return float(f"{rate:.3g}")


# Half of the rounds held: the answers are counted as 1 and 0.
_HALF = 0.5
# How often all rounds of a rate are run at the two ends.
_AT_ENDS = 2


def _untried(found: Ends, start: float, lowest: float) -> float | None:
    """Return the next rate that bisection would try, or `None` if the ends are close."""
    holds, fails = found.holds, found.fails
    if holds is None and fails is None:
        return max(rounded(start), lowest)
    if fails is None:
        assert holds is not None  # noqa: S101  one of the two is known
        return rounded(holds * 2) if holds < _HIGHEST / 2 else None
    if holds is None:
        return max(rounded(fails / 2), lowest) if fails > lowest else None
    middle = rounded(math.sqrt(holds * fails))
    close = fails <= holds * (1 + PRECISION)
    return middle if holds < middle < fails and not close else None


def _batches(each: Sequence[bool], rounds: int) -> tuple[int, int]:
    """Count how often all rounds of a rate have run, and how many rounds these were.

    Six rounds are all if they agree: no other number of them makes the answer surer so early.
    """
    few = min(MINIMUM_ROUNDS, rounds)
    count = used = 0
    while len(each) - used >= few:
        first = each[used : used + few]
        size = few if len(set(first)) == 1 else rounds
        if len(each) - used < size:
            break
        count, used = count + 1, used + size
    return count, used
