"""Checks of notebook 13: right and wrong answers."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
import trio

from trio_echo.notebook.checks import eyeballs

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable


def empty(*_: object) -> None: ...


async def waits(*_: object) -> float:
    return 0.0


async def test_no_functions_yet() -> None:
    assert eyeballs.connected(empty).right is None
    assert eyeballs.connected(waits).why == "Your function must be a def."
    assert (await eyeballs.staggered(nothing)).right is None


async def nothing(*_: object) -> None: ...


def right_time(addresses: list[str], delay: float) -> float:
    return addresses[: addresses.index("answers")].count("silent") * delay


@pytest.mark.parametrize(
    ("answer", "right", "why"),
    [
        (right_time, True, "Silence costs a delay"),
        (lambda addresses, delay: addresses.index("answers") * delay, False, "['refuses'"),
        (lambda addresses, delay: addresses.count("silent") * delay, False, "['answers', 'silent'"),
        (lambda addresses, delay: 0.25 * (addresses[0] == "silent"), False, "a delay of 0.1 s"),
        (lambda addresses, delay: addresses[1], False, "it raised IndexError"),
        (lambda addresses, delay: "soon", False, "connecting takes 0 s, not 'soon'"),
        (
            lambda addresses, delay: addresses.clear(),
            False,
            "a delay of 0.25 s, it returned None. Is a",
        ),
    ],
)
def test_how_long_it_takes(
    answer: Callable[[list[str], float], object], right: bool, why: str
) -> None:
    verdict = eyeballs.connected(answer)
    assert verdict.right is right
    assert why in verdict.why


Functions = list["Callable[[], Awaitable[str]]"]


async def right_race(functions: Functions, delay: float) -> str:
    results: list[str] = []

    async def run(function: Callable[[], Awaitable[str]]) -> None:
        results.append(await function())
        nursery.cancel_scope.cancel()

    async with trio.open_nursery() as nursery:
        for function in functions:
            nursery.start_soon(run, function)
            await trio.sleep(delay)
    return results[0]


async def one_after_the_other(functions: Functions, delay: float) -> str | None:
    for function in functions:
        with trio.move_on_after(delay or 1000):
            return await function()
    return None


async def all_at_once(functions: Functions, delay: float) -> str:
    return await right_race(functions, 0)


async def cancels_nothing(functions: Functions, delay: float) -> str:
    results: list[str] = []

    async def run(function: Callable[[], Awaitable[str]]) -> None:
        results.append(await function())

    async with trio.open_nursery() as nursery:
        for function in functions:
            nursery.start_soon(run, function)
            await trio.sleep(delay)
    return results[0]


async def keeps_the_others(functions: Functions, delay: float) -> str:
    results: list[str] = []
    async with trio.open_nursery() as nursery:

        async def run(function: Callable[[], Awaitable[str]]) -> None:
            results.append(await function())
            clock.cancel()

        with trio.CancelScope() as clock:
            for function in functions:
                nursery.start_soon(run, function)
                await trio.sleep(delay)
            await trio.sleep_forever()
    return results[0]


async def waits_first(functions: Functions, delay: float) -> str:
    await trio.sleep(1)
    return await right_race(functions, delay)


async def lingers(functions: Functions, delay: float) -> str:
    result = await right_race(functions, delay)
    await trio.sleep(1)
    return result


async def never_ends(*_: object) -> None:
    await trio.sleep_forever()


async def test_a_right_race() -> None:
    assert (await eyeballs.staggered(right_race)).right


@pytest.mark.parametrize(
    ("answer", "why"),
    [
        (one_after_the_other, "With functions that take 6, 9 s and a delay of 5 s"),
        (all_at_once, "function 2 begins after 5 s, not after 0"),
        (cancels_nothing, "the first ended after 1 s; yours took 5"),
        (keeps_the_others, "2 ran to their end. Cancel all but the first"),
        (waits_first, "function 1 begins after 0 s, not after 1"),
        (lingers, "the first ended after 1 s; yours took 2"),
        (never_ends, "it did not return"),
    ],
)
async def test_wrong_races(answer: eyeballs.Staggered, why: str) -> None:
    verdict = await eyeballs.staggered(answer)
    assert verdict.right is False
    assert why in verdict.why
