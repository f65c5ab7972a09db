"""Checks of notebook 00: right and wrong answers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
import trio

from trio_echo.notebook.checks import awaiting

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from trio.testing import MockClock

    Function = Callable[[], Awaitable[Any]]


async def nothing(*_: object) -> None: ...


async def raises(*_: object) -> object:
    raise KeyError("mine")


async def right_total(first: Function, second: Function) -> object:
    return await first() + await second()


async def half_awaited(first: Function, second: Function) -> object:
    return await first() + second()


async def not_awaited(first: Function, second: Function) -> object:
    return first() + second()  # type: ignore[operator]


async def dropped(first: Function, second: Function) -> object:
    second()
    return await first() + 4


async def returned(first: Function, _second: Function) -> object:
    return first()


async def the_other_order(first: Function, second: Function) -> object:
    return await second() + await first()


async def the_product(first: Function, second: Function) -> object:
    return await first() * await second()


async def no_return(first: Function, second: Function) -> None:
    await first() + await second()


async def test_a_right_total() -> None:
    assert (await awaiting.total(right_total)).right


@pytest.mark.parametrize(
    ("answer", "why"),
    [
        (half_awaited, "an `await` is missing"),
        (not_awaited, "an `await` is missing"),
        (dropped, "an `await` is missing"),
        (returned, "it returned a coroutine: an `await` is missing"),
        (the_other_order, "in this order: second, first"),
        (the_product, "it should have returned 7; it returned 12"),
        (no_return, "Is a `return` missing?"),
        (raises, "it raised KeyError('mine')"),
    ],
)
async def test_wrong_totals(answer: awaiting.Answer, why: str) -> None:
    verdict = await awaiting.total(answer)
    assert verdict.right is False
    assert why in verdict.why


async def right_both(first: Function, second: Function) -> None:
    async with trio.open_nursery() as nursery:
        nursery.start_soon(first)
        nursery.start_soon(second)


async def one_in_the_nursery(first: Function, second: Function) -> None:
    """Another right one."""
    async with trio.open_nursery() as nursery:
        nursery.start_soon(first)
        await second()


async def one_after_the_other(first: Function, second: Function) -> None:
    await first()
    await second()


async def only_starts(first: Function, second: Function) -> None:
    async with trio.open_nursery() as nursery:
        nursery.start_soon(first)
        nursery.start_soon(second)
        nursery.cancel_scope.cancel()


async def calls_in_start_soon(first: Function, second: Function) -> None:
    async with trio.open_nursery() as nursery:
        nursery.start_soon(first())  # type: ignore[arg-type]
        nursery.start_soon(second())  # type: ignore[arg-type]


async def stays(first: Function, second: Function) -> None:
    await right_both(first, second)
    await trio.sleep_forever()


async def awaits_a_function(first: Any, second: Function) -> None:
    await first


async def cancels_the_other_one(first: Function, second: Function) -> None:
    async with trio.open_nursery() as nursery:
        nursery.start_soon(first)
        await second()
        nursery.cancel_scope.cancel()


async def forgets(first: Function, second: Function) -> None:
    first()
    await trio.lowlevel.checkpoint()


@pytest.mark.parametrize("answer", [right_both, one_in_the_nursery])
async def test_a_right_both(answer: awaiting.Answer) -> None:
    assert (await awaiting.both(answer)).right


@pytest.mark.parametrize(
    ("answer", "why"),
    [
        (one_after_the_other, "The second function did not begin while the other one waited"),
        (only_starts, "returned before both were done"),
        (cancels_the_other_one, "returned before both were done"),
        (awaits_a_function, "await a call, with ()"),
        (calls_in_start_soon, "start_soon(f), not start_soon(f())"),
        (stays, "Both functions ended, but yours did not."),
        (forgets, "an `await` is missing"),
        (raises, "KeyError('mine')"),
    ],
)
async def test_wrong_boths(answer: awaiting.Answer, why: str, autojump_clock: MockClock) -> None:
    verdict = await awaiting.both(answer)
    assert verdict.right is False
    assert why in verdict.why


async def right_in_time(function: Function, seconds: float) -> bool:
    with trio.move_on_after(seconds) as limit:
        await function()
    return not limit.cancelled_caught


async def by_an_error(function: Function, seconds: float) -> bool:
    """Another right one."""
    try:
        with trio.fail_after(seconds):
            await function()
    except trio.TooSlowError:
        return False
    return True


async def the_reverse(function: Function, seconds: float) -> bool:
    return not await right_in_time(function, seconds)


async def no_limit(function: Function, _seconds: float) -> bool:
    await function()
    return True


async def lets_the_error_out(function: Function, seconds: float) -> bool:
    with trio.fail_after(seconds):
        await function()
    return True


async def limits_nothing(function: Function, seconds: float) -> bool:
    with trio.move_on_after(seconds) as limit:  # noqa: ASYNC100  the mistake
        function()
    return not limit.cancelled_caught


@pytest.mark.parametrize("answer", [right_in_time, by_an_error])
async def test_a_right_limit(answer: awaiting.Answer) -> None:
    assert (await awaiting.in_time(answer)).right


@pytest.mark.parametrize(
    ("answer", "why"),
    [
        (the_reverse, "True was expected; it returned False"),
        (no_limit, "it did not return"),
        (lets_the_error_out, "it raised TooSlowError"),
        (limits_nothing, "an `await` is missing"),
        (raises, "KeyError('mine')"),
    ],
)
async def test_wrong_limits(answer: awaiting.Answer, why: str, autojump_clock: MockClock) -> None:
    verdict = await awaiting.in_time(answer)
    assert verdict.right is False
    assert why in verdict.why


async def test_no_answer_yet() -> None:
    assert (await awaiting.total(nothing)).right is None
    assert (await awaiting.both(nothing)).right is None
    assert (await awaiting.in_time(nothing)).right is None
