"""Checks for notebook 00, await in five minutes.

The functions that an answer gets keep their coroutines: one that never began was called without
`await`.
"""

from __future__ import annotations

import inspect
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any, NoReturn, TypeAlias

import trio

from . import DID_NOT_RETURN, Verdict, call_async, failed, said, same, unusable

if TYPE_CHECKING:
    from collections.abc import Coroutine

Answer: TypeAlias = Callable[..., Awaitable[object]]

# Seconds that an answer may take. A right one needs almost no time.
_PATIENCE = 2.0
# The limits for `in_time`, in seconds.
_SHORT = 0.02
_AMPLE = 1000.0


async def total(answer: Answer) -> Verdict:
    """A function that awaits two others, one after the other, and adds what they return."""
    if (verdict := unusable(answer)) is not None:
        return verdict
    order: list[str] = []

    async def first() -> int:
        await trio.lowlevel.checkpoint()
        order.append("first")
        return 3

    async def second() -> int:
        await trio.lowlevel.checkpoint()
        order.append("second")
        return 4

    functions = _AsyncFunction(first), _AsyncFunction(second)
    got = await call_async(_PATIENCE, answer, *functions)
    if (verdict := _forgotten(*functions)) is not None:
        return verdict
    case = "With functions that return 3 and 4"
    if (verdict := failed(case, got)) is not None:
        return verdict
    if not same(got, 7):
        return Verdict(False, f"{case}, it should have returned 7; {said(got, 7)}.")
    if order != ["first", "second"]:
        return Verdict(False, f"They ran in this order: {', '.join(order)}.")
    return Verdict(True, "Each call has its await, and the sum is right.")


async def both(answer: Answer) -> Verdict:
    """A function that runs two others at the same time and returns when both are done."""
    if (verdict := unusable(answer)) is not None:
        return verdict
    for late in ("first", "second"):
        if (verdict := await _waits_for_both(answer, late)) is not None:
            return verdict
    return Verdict(True, "Both ran at the same time, and your function waited for both.")


async def _waits_for_both(answer: Answer, late: str) -> Verdict | None:
    """Try the answer with two functions that wait for each other; one of them ends later."""
    begun = {"first": trio.Event(), "second": trio.Event()}
    done = {"first": trio.Event(), "second": trio.Event()}

    async def meet(own: str, other: str) -> None:
        begun[own].set()
        await (done if own == late else begun)[other].wait()
        await trio.lowlevel.checkpoint()
        done[own].set()

    functions = _AsyncFunction(meet, "first", "second"), _AsyncFunction(meet, "second", "first")
    got = await call_async(_PATIENCE, answer, *functions)
    if (verdict := _forgotten(*functions)) is not None:
        return verdict
    if isinstance(got, BaseExceptionGroup) and got.subgroup(_started_a_coroutine) is not None:
        return Verdict(False, "start_soon() takes a function: start_soon(f), not start_soon(f()).")
    if isinstance(got, BaseException):
        return Verdict(False, f"With two functions, {said(got)}.")
    missing = [name for name, event in begun.items() if not event.is_set()]
    if missing:
        when = "while the other one waited for it" if len(missing) == 1 else "yet"
        return Verdict(False, f"The {' and the '.join(missing)} function did not begin {when}.")
    if got is DID_NOT_RETURN:
        return Verdict(False, "Both functions ended, but yours did not.")
    if not all(event.is_set() for event in done.values()):
        return Verdict(False, "Your function returned before both were done.")
    return None


async def in_time(answer: Answer) -> Verdict:
    """A function that says whether another one ended before a time limit."""
    if (verdict := unusable(answer)) is not None:
        return verdict
    for body, seconds, right, case in (
        (trio.lowlevel.checkpoint, _AMPLE, True, "When a function ended at once"),
        (trio.sleep_forever, _SHORT, False, "When a function never ended by itself"),
    ):
        function = _AsyncFunction(body)
        got = await call_async(_PATIENCE, answer, function, seconds)
        if (verdict := _forgotten(function)) is not None:
            return verdict
        if got is not right:
            limit = f"{case} and the limit was {seconds:g} seconds"
            if (verdict := failed(limit, got)) is not None:
                return verdict
            return Verdict(False, f"{limit}, {right} was expected; {said(got)}.")
    return Verdict(True, "It lets a quick function finish, and cancels one that is late.")


class _AsyncFunction:
    """An async function that keeps its coroutines."""

    def __init__(self, body: Callable[..., Coroutine[Any, Any, object]], *args: object) -> None:
        self._body = body
        self._args = args
        self._made: list[Coroutine[Any, Any, object]] = []

    def __call__(self) -> Coroutine[Any, Any, object]:
        made = self._body(*self._args)
        self._made.append(made)
        return made

    def __await__(self) -> NoReturn:
        raise TypeError("await a call, with (): function(), not function")

    def forgotten(self) -> bool:
        """Return whether one of the coroutines never began; close those, or Python would warn."""
        never = [
            one for one in self._made if inspect.getcoroutinestate(one) == inspect.CORO_CREATED
        ]
        for one in never:
            one.close()
        return bool(never)


def _started_a_coroutine(error: BaseException) -> bool:
    """Return whether Trio refused a coroutine in place of an async function."""
    return isinstance(error, TypeError) and "expecting an async function" in str(error)


def _forgotten(*functions: _AsyncFunction) -> Verdict | None:
    # Not `any`: each one must close its coroutines.
    if True in [function.forgotten() for function in functions]:
        return Verdict(
            False, "Your function made a coroutine that was never awaited: an `await` is missing."
        )
    return None
