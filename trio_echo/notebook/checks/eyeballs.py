"""Checks for notebook 13, happy eyeballs and a fair comparison."""

from __future__ import annotations

import math
from collections.abc import Awaitable, Callable
from functools import partial
from typing import TYPE_CHECKING, TypeAlias

import trio

from . import (
    Verdict,
    call,
    call_async,
    failed,
    is_number,
    near,
    said,
    same,
    shown,
    unusable,
    wanted,
)
from .clock import with_own_clock

if TYPE_CHECKING:
    from collections.abc import Sequence

Staggered: TypeAlias = Callable[[list[Callable[[], Awaitable[str]]], float], Awaitable[object]]

# What the addresses of a name do, in the order of trying, and how many delays it takes.
_RACES: Sequence[tuple[Sequence[str], int]] = (
    (("answers",), 0),
    (("silent", "answers"), 1),
    (("refuses", "answers"), 0),
    (("silent", "refuses", "answers"), 1),
    (("refuses", "silent", "silent", "refuses", "answers"), 2),
    (("answers", "silent", "silent"), 0),
    (("silent", "answers", "silent", "answers"), 1),
)

# How long each function takes, the delay between them, which one ends first, and after how long.
_STARTS: Sequence[tuple[Sequence[float], float, int, float]] = (
    ((1,), 5, 0, 1),
    ((1, 1), 5, 0, 1),
    ((6, 9), 5, 0, 6),
    ((9, 1), 5, 1, 6),
    ((30, 30, 2), 5, 2, 12),
    ((30, 4, 30), 5, 1, 9),
    ((20, 30, 40), 5, 0, 20),
    ((3, 1), 0, 1, 1),
)
_ENDLESS = 1000.0  # seconds on the clock of the answers


def connected(answer: Callable[[list[str], float], object]) -> Verdict:
    """A function that returns how long connecting takes if some addresses do not answer."""
    if (verdict := unusable(answer, awaits=False)) is not None:
        return verdict
    for addresses, delays in _RACES:
        for delay in (0.25, 0.1):
            case = f"With {list(addresses)} and a delay of {delay} s"
            got = call(answer, list(addresses), delay)
            if (verdict := failed(case, got)) is not None:
                return verdict
            right = delays * delay
            if not is_number(got) or not near(got, right, abs_tol=1e-9):
                found = f"{shown(got)}{wanted(got, right)}"
                return Verdict(False, f"{case}, connecting takes {right:g} s, not {found}.")
    return Verdict(True, "Silence costs a delay; a refusal costs nothing.")


async def staggered(answer: Staggered) -> Verdict:
    """A function that starts others one after the other, and returns what the first to end does."""
    if (verdict := unusable(answer)) is not None:
        return verdict
    for takes, delay, first, after in _STARTS:
        verdict = await with_own_clock(partial(_staggered, answer, takes, delay, first, after))
        if verdict is not None:
            return verdict
    return Verdict(True, "Silence costs one delay, and the late ones are cancelled.")


async def _staggered(
    answer: Staggered, takes: Sequence[float], delay: float, first: int, after: float
) -> Verdict | None:
    case = f"With functions that take {', '.join(map(str, takes))} s and a delay of {delay:g} s"
    start = trio.current_time()
    begun: dict[int, float] = {}
    ended: list[int] = []

    async def run(number: int, seconds: float) -> str:
        begun[number] = trio.current_time() - start
        await trio.sleep(seconds)
        ended.append(number)
        return f"the result of function {number + 1}"

    functions = [partial(run, number, seconds) for number, seconds in enumerate(takes)]
    got = await call_async(_ENDLESS, answer, list(functions), delay)
    took = trio.current_time() - start
    for number, began in begun.items():
        if not math.isclose(began, number * delay, abs_tol=1e-9):
            due = f"begins after {number * delay:g} s, not after {began:g}"
            return Verdict(False, f"{case}, function {number + 1} {due}.")
    if not same(got, right := f"the result of function {first + 1}"):
        return Verdict(False, f"{case}, it should have returned {right!r}; {said(got, right)}.")
    if ended != [first]:
        return Verdict(False, f"{case}, {len(ended)} ran to their end. Cancel all but the first.")
    if not math.isclose(took, after, abs_tol=1e-9):
        return Verdict(False, f"{case}, the first ended after {after:g} s; yours took {took:g}.")
    return None
