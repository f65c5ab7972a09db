"""Checks for notebook 11, measuring without fooling yourself."""

from __future__ import annotations

from typing import TYPE_CHECKING

from . import (
    Verdict,
    call,
    failed,
    is_number,
    near,
    said,
    same,
    shown,
    unfinished,
    unusable,
    wanted,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

# How many times there are, a share of them, and the rank of the time that they do not exceed:
# `None` if fewer than ten lie beyond. No product is a whole number only almost.
_PERCENTILES: Sequence[tuple[int, float, int | None]] = (
    (1000, 0.5, 500),
    (1001, 0.5, 501),
    (1000, 0.99, 990),
    (1010, 0.99, 1000),
    (999, 0.99, None),
    (20, 0.5, 10),
    (19, 0.5, None),
    (5, 0.5, None),
)


def stalled(from_the_send: object, from_the_intended_start: object) -> Verdict:
    """Round trips in milliseconds of five messages, one due every 10 ms, in a stall of 45 ms."""
    if (verdict := unfinished(from_the_send, from_the_intended_start)) is not None:
        return verdict
    for one in (from_the_send, from_the_intended_start):
        if found := wanted(one, [0]):
            return Verdict(False, f"Give two lists of five numbers, in milliseconds{found}.")
    if same(from_the_send, [45, 5, 5, 5, 5]):
        return Verdict(False, "After the stall the server answers at once, in 0 ms.")
    if not same(from_the_send, [45, 0, 0, 0, 0]):
        return Verdict(
            False, "In a closed loop only the first message meets the stall. Give five numbers."
        )
    if not same(from_the_intended_start, [45, 35, 25, 15, 5]):
        return Verdict(
            False, "All are answered at 45 ms. Each takes 45 ms minus the time when it was due."
        )
    return Verdict(True, "The same stall makes one message of five slow, or all five.")


def verdicts(rate: object, wide: object, round_trip: object) -> Verdict:
    """What follows from three ratios with their intervals."""
    if (verdict := unfinished(rate, wide, round_trip)) is not None:
        return verdict
    choices = ("slower", "faster", "no difference seen")
    for one in (rate, wide, round_trip):
        if not isinstance(one, str) or one not in choices:
            return Verdict(False, f"{shown(one)} is not one of the three: {', '.join(choices)}.")
    if not same(wide, "no difference seen"):
        return Verdict(False, "Is 1 inside the second interval? What does that say?")
    if not same(rate, "slower"):
        return Verdict(False, "The first ratio is of messages a second. Fewer of them means …?")
    if not same(round_trip, "slower"):
        return Verdict(False, "The third ratio is of times. More time means …?")
    return Verdict(
        True, "The interval decides whether they differ; the quantity, which one is better."
    )


def percentile(answer: Callable[[list[float], float], object]) -> Verdict:
    """A function that returns a percentile by nearest rank, if ten times lie beyond it."""
    if (verdict := unusable(answer, awaits=False)) is not None:
        return verdict
    for count, share, rank in _PERCENTILES:
        # Not in order, and none twice: 7919 is prime.
        times = [float(number * 7919 % count) for number in range(count)]
        case = f"Given the {count} times 0 to {count - 1} in any order, and a share of {share:g}"
        got = call(answer, times, share)
        if rank is None:
            if got is not None:
                why = f"{case}, fewer than ten lie beyond: None is expected, but {said(got)}."
                return Verdict(False, why)
            continue
        if got is None:
            return Verdict(False, f"{case}, ten or more lie beyond, but it returned None.")
        if (verdict := failed(case, got)) is not None:
            return verdict
        if not is_number(got) or not near(got, rank - 1):
            return Verdict(False, f"{case}, the answer is {rank - 1}, but {said(got, rank - 1.0)}.")
    return Verdict(True, "A percentile without messages beyond it would be chance.")
