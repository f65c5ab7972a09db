"""Checks of notebook 11: right and wrong answers."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import pytest

from trio_echo.notebook.checks import measuring

if TYPE_CHECKING:
    from collections.abc import Callable


@pytest.mark.parametrize(
    ("answer", "right"),
    [
        (([45, 0, 0, 0, 0], [45, 35, 25, 15, 5]), True),
        (([45, 35, 25, 15, 5], [45, 0, 0, 0, 0]), False),
        (([45, 0, 0, 0, 0], [45, 45, 45, 45, 45]), False),
        (([45, 5, 5, 5, 5], [45, 35, 25, 15, 5]), False),
        ((45, None), False),
        ((..., ...), None),
    ],
)
def test_stalled(answer: tuple[object, object], right: bool | None) -> None:
    assert measuring.stalled(*answer).right is right


SLOWER, NONE, FASTER = "slower", "no difference seen", "faster"


@pytest.mark.parametrize(
    ("answers", "right", "why"),
    [
        ((SLOWER, NONE, SLOWER), True, "The interval decides"),
        ((FASTER, NONE, SLOWER), False, "messages a second"),
        ((SLOWER, SLOWER, SLOWER), False, "Is 1 inside"),
        ((SLOWER, NONE, FASTER), False, "of times"),
        ((None, 3, []), False, "None is not one of the three"),
        (("slower", "no difference", "slower"), False, "'no difference' is not one of the three"),
        ((SLOWER, ..., SLOWER), None, "Replace"),
    ],
)
def test_the_verdicts_of_intervals(
    answers: tuple[object, object, object], right: bool | None, why: str
) -> None:
    verdict = measuring.verdicts(*answers)
    assert verdict.right is right
    assert why in verdict.why


def right_percentile(times: list[float], share: float) -> float | None:
    rank = math.ceil(share * len(times))
    return sorted(times)[rank - 1] if len(times) - rank >= 10 else None


def unsorted(times: list[float], share: float) -> float | None:
    rank = math.ceil(share * len(times))
    return times[rank - 1] if len(times) - rank >= 10 else None


def one_too_far(times: list[float], share: float) -> float | None:
    rank = math.ceil(share * len(times))
    return sorted(times)[rank] if len(times) - rank >= 10 else None


def rounds_down(times: list[float], share: float) -> float | None:
    rank = math.floor(share * len(times))
    return sorted(times)[rank - 1] if len(times) - rank >= 10 else None


def always(times: list[float], share: float) -> float:
    return sorted(times)[math.ceil(share * len(times)) - 1]


def too_strict(times: list[float], share: float) -> float | None:
    rank = math.ceil(share * len(times))
    return sorted(times)[rank - 1] if len(times) - rank > 10 else None


def nothing(*_: object) -> None: ...


def test_a_right_percentile() -> None:
    assert measuring.percentile(right_percentile).right
    assert measuring.percentile(nothing).right is None


@pytest.mark.parametrize(
    ("answer", "why"),
    [
        (unsorted, "Given the 1000 times 0 to 999 in any order, and a share of 0.5, the answer is"),
        (one_too_far, "the answer is 499, but it returned 500.0"),
        (rounds_down, "Given the 1001 times 0 to 1000 in any order, and a share of 0.5, the"),
        (always, "fewer than ten lie beyond: None is expected, but it returned 989.0"),
        (too_strict, "a share of 0.99, ten or more lie beyond, but it returned None"),
        (lambda times, share: times[len(times)], "it raised IndexError"),
        (lambda times, share: "long", "it returned 'long'"),
        (lambda times, share: times.clear(), "it returned None"),
    ],
)
def test_wrong_percentiles(answer: Callable[[list[float], float], object], why: str) -> None:
    verdict = measuring.percentile(answer)
    assert verdict.right is False
    assert why in verdict.why
