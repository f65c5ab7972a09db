"""Every check, given every odd answer: none raises, none takes it for right, all say why."""

from __future__ import annotations

import inspect
import math
import pkgutil
from fractions import Fraction
from functools import partial
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from trio_echo.notebook import checks
from trio_echo.notebook.checks import Verdict, traces
from trio_echo.observe.packets import Trace

if TYPE_CHECKING:
    from collections.abc import Callable

BASE = {"calls", "clock", "traces", "values", "verdict"}
"""The modules of that package that are for no notebook."""


def public_checks() -> list[Any]:
    found = []
    for module in pkgutil.iter_modules(checks.__path__, f"{checks.__name__}."):
        name = module.name.rpartition(".")[2]
        if name not in BASE:
            for check in vars(import_module(module.name)).values():
                ours = inspect.isfunction(check) and check.__module__ == module.name
                if ours and not check.__name__.startswith("_"):
                    found.append(pytest.param(check, id=f"{name}.{check.__name__}"))
    return found


CHECKS = public_checks()

RECORDINGS = Path(__file__).parents[3] / "notebooks" / "recordings"


def trace(name: str) -> Trace:
    return Trace.load(RECORDINGS / f"{name}.pcap")


# The checks of notebook 17, without their traces, and the keys of a dict of answers.
TRACES: dict[str, tuple[Callable[..., Any], Any]] = {
    "fields": (partial(traces.fields, trace=trace("nagle")), "abcdefghi"),
    "ordered": (partial(traces.ordered, trace=trace("both-talk")), ()),
    "ended": (traces.ended, (1, 2, 3, 4)),
    "lost": (partial(traces.lost, needless=5, stop=8), (5, 6, 7, 8)),
    "needless": (
        partial(traces.lost, {5: "ACK", 6: "nothing", 7: "data", 8: "SYN or its answer"}, stop=8),
        (),
    ),
    "measured": (
        partial(traces.measured, trace=trace("download")),
        ("round trip", "client's MSS", "server's MSS", "first flight", "bytes", "goodput"),
    ),
}


class Unfriendly:
    """Raises when it is compared or shown."""

    __hash__ = None  # type: ignore[assignment]

    def __eq__(self, other: object) -> bool:
        raise RuntimeError("do not compare me")

    def __repr__(self) -> str:
        raise RuntimeError("do not show me")


def itself() -> list[object]:
    endless: list[object] = []
    endless.append(endless)
    return endless


async def coroutine() -> int:
    return 15


async def async_generator() -> Any:
    yield 15


# Functions, because a coroutine is used up by one check.
ODD: dict[str, Callable[[], object]] = {
    "None": lambda: None,
    "bool": lambda: True,
    "float": lambda: 15.5,
    "nan": lambda: math.nan,
    "infinity": lambda: math.inf,
    "huge": lambda: 10**400,
    "longer than Python shows": lambda: 10**5000,
    "negative": lambda: -1,
    "complex": lambda: 1j,
    "fraction": lambda: Fraction(1, 3),
    "text": lambda: "15",
    "bytes": lambda: b"15",
    "list": list,
    "list of texts": lambda: ["CLOSED", "CLOSED"],
    "tuple": lambda: (1, "2"),
    "dictionary": dict,
    "set": lambda: {1},
    "a list in itself": itself,
    "array": lambda: np.array([4, 8]),
    "integer of numpy": lambda: np.int64(-3),
    "unfriendly": Unfriendly,
    "list of unfriendly": lambda: [Unfriendly()],
    "class": lambda: int,
    "function": lambda: print,
    "generator": lambda: (one for one in range(3)),
    "coroutine": coroutine,
    "list of coroutines": lambda: [coroutine(), coroutine()],
    "dictionary of coroutines": lambda: {"a": (1, coroutine())},
    "async generator": async_generator,
    "error": lambda: ValueError("told you"),
}


def returning(odd: Callable[[], object]) -> Callable[..., object]:
    return lambda *_: odd()


def returning_later(odd: Callable[[], object]) -> Callable[..., object]:
    async def answer(*_: object) -> object:
        return odd()

    return answer


async def verdict_of(check: Callable[..., Any], answer: Callable[[], object]) -> Verdict:
    """Give a check the same kind of answer for each of its parameters."""
    found = check(*(answer() for _ in inspect.signature(check).parameters))
    if inspect.isawaitable(found):
        found = await found
    return sound(found)


def sound(found: object) -> Verdict:
    """Return a verdict that says why an answer is not right."""
    assert isinstance(found, Verdict)
    assert found.right is False
    assert found.why.endswith((".", "?"))
    assert len(found.why) < 1000
    return found


@pytest.mark.parametrize("check", CHECKS)
async def test_no_odd_answer_is_right_or_makes_a_check_raise(check: Callable[..., Any]) -> None:
    for odd in ODD.values():
        await verdict_of(check, odd)


@pytest.mark.parametrize("check", CHECKS)
async def test_no_odd_result_of_a_function_is_right_or_makes_a_check_raise(
    check: Callable[..., Any],
) -> None:
    for odd in ODD.values():
        await verdict_of(check, lambda odd=odd: returning(odd))  # type: ignore[misc]
        await verdict_of(check, lambda odd=odd: returning_later(odd))  # type: ignore[misc]


@pytest.mark.parametrize(("check", "keys"), TRACES.values(), ids=TRACES)
def test_no_odd_answer_about_a_trace_is_right_or_makes_a_check_raise(
    check: Callable[..., Verdict], keys: Any
) -> None:
    for odd in ODD.values():
        # A dict without some of the keys has no answer yet.
        assert check(odd()).right is not True
        if keys:
            sound(check({key: odd() for key in keys}))
            sound(check({key: (odd(), odd()) for key in keys}))
