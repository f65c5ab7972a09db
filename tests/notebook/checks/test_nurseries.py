"""Checks of notebook 08: right and wrong answers."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
import trio

from trio_echo.notebook.checks import nurseries

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    Function = Callable[[], Awaitable[object]]


@pytest.mark.parametrize(
    ("answer", "right"),
    [
        (9, True),
        (8, False),
        (10, False),
        (11, False),
        (13, False),
        ("nine", False),
        (None, False),
        (..., None),
    ],
)
def test_count(answer: object, right: bool | None) -> None:
    assert nurseries.count(answer).right is right


async def nothing(*_: object) -> None: ...


async def raises(*_: object) -> object:
    raise KeyError("mine")


async def hangs(*_: object) -> None:
    await trio.sleep_forever()


async def quickest(*functions: Function) -> object:
    results: list[object] = []

    async def run(function: Function) -> None:
        results.append(await function())
        nursery.cancel_scope.cancel()

    async with trio.open_nursery() as nursery:
        for function in functions:
            nursery.start_soon(run, function)
    return results[0]


async def by_a_channel(*functions: Function) -> object:
    """Another right one."""
    send, receive = trio.open_memory_channel[object](0)

    async def run(function: Function) -> None:
        await send.send(await function())

    async with trio.open_nursery() as nursery:
        for function in functions:
            nursery.start_soon(run, function)
        result = await receive.receive()
        nursery.cancel_scope.cancel()
    return result


@pytest.mark.parametrize("answer", [quickest, by_a_channel])
async def test_a_right_race(answer: nurseries.Race) -> None:
    assert (await nurseries.race(answer)).right is True


async def waits_for_all(*functions: Function) -> object:
    results: list[object] = []

    async def run(function: Function) -> None:
        results.append(await function())

    async with trio.open_nursery() as nursery:
        for function in functions:
            nursery.start_soon(run, function)
    return results[0]


async def the_first_in_the_list(*functions: Function) -> object:
    return await functions[0]()


async def one_after_the_other(*functions: Function) -> object:
    results = sorted([str(await function()) for function in functions])
    return results[0]


async def dawdles(*functions: Function) -> object:
    result = await quickest(*functions)
    await trio.sleep(1)
    return result


@pytest.mark.parametrize(
    ("answer", "why"),
    [
        (waits_for_all, "3 ran to their end"),
        (the_first_in_the_list, "it returned 'the result after 3 s'"),
        (one_after_the_other, "3 ran to their end"),
        (dawdles, "it took 2. Does it wait"),
        (raises, "it raised KeyError('mine')"),
        (hangs, "it did not return"),
    ],
)
async def test_wrong_races(answer: nurseries.Race, why: str) -> None:
    verdict = await nurseries.race(answer)
    assert verdict.right is False
    assert why in verdict.why


async def echo(stream: trio.abc.Stream, patience: float) -> None:
    while True:
        with trio.fail_after(patience):
            data = await stream.receive_some()
        if not data:
            break
        await stream.send_all(data)


def bounded(
    kept: type[BaseException], serve: Callable[[trio.abc.Stream, float], Awaitable[object]] = echo
) -> nurseries.Handler:
    async def handler(stream: trio.abc.Stream, patience: float) -> None:
        try:
            await serve(stream, patience)
        except kept as error:
            str(error)

    return handler


async def with_a_nursery(stream: trio.abc.Stream, patience: float) -> None:
    """Another right one: like this project's server, and with a small buffer."""
    try:
        async with trio.open_nursery() as nursery:
            nursery.cancel_scope.deadline = trio.current_time() + patience
            while data := await stream.receive_some(2):
                nursery.cancel_scope.deadline = trio.current_time() + patience
                await stream.send_all(data)
    except Exception as error:  # noqa: BLE001  the boundary
        str(error)


@pytest.mark.parametrize("answer", [bounded(Exception), with_a_nursery])
async def test_a_right_handler(answer: nurseries.Handler) -> None:
    assert (await nurseries.handler(answer)).right is True


async def one_limit_for_all(stream: trio.abc.Stream, patience: float) -> None:
    with trio.move_on_after(patience):
        await echo(stream, patience)


async def keeps_the_last_word(stream: trio.abc.Stream, patience: float) -> None:
    while True:
        with trio.move_on_after(patience):
            data = await stream.receive_some()
        if not data:
            break
        await stream.send_all(data)


async def limit_of_its_own(stream: trio.abc.Stream, _patience: float) -> None:
    await echo(stream, 10)


async def no_limit(stream: trio.abc.Stream, _patience: float) -> None:
    async for data in stream:
        await stream.send_all(data)


async def one_word(stream: trio.abc.Stream, _patience: float) -> None:
    await stream.send_all(await stream.receive_some())


async def overlooks_the_end(stream: trio.abc.Stream, _patience: float) -> None:
    while True:
        await stream.send_all(await stream.receive_some())


async def sends_outside_of_its_boundary(stream: trio.abc.Stream, patience: float) -> None:
    while True:
        try:
            with trio.fail_after(patience):
                data = await stream.receive_some()
        except Exception:  # noqa: BLE001  a boundary in the wrong place
            break
        if not data:
            break
        await stream.send_all(data)


@pytest.mark.parametrize(
    ("answer", "why"),
    [
        (echo, "a client was silent: it raised TooSlowError"),
        (bounded(trio.TooSlowError), "A client reset its connection: it raised BrokenResource"),
        (
            bounded((trio.TooSlowError, trio.BrokenResourceError)),  # type: ignore[arg-type]
            "A client hit a bug: it raised ZeroDivisionError",
        ),
        (sends_outside_of_its_boundary, "A client went away before its echo: it raised Broken"),
        (bounded(BaseException), "your handler swallowed trio.Cancelled"),
        (bounded(Exception, one_limit_for_all), "received b'a'. Does your limit start again"),
        (bounded(Exception, keeps_the_last_word), "then nothing, and received b'oneone"),
        (bounded(Exception, limit_of_its_own), "ended after 10 seconds of silence."),
        (bounded(Exception, no_limit), "a client stayed silent"),
        (bounded(Exception, one_word), "received b'one'"),
        (bounded(Exception, overlooks_the_end), "your handler did not end"),
        (raises, "it raised KeyError('mine')"),
        (hangs, "your handler did not end"),
    ],
)
async def test_wrong_handlers(answer: nurseries.Handler, why: str) -> None:
    verdict = await nurseries.handler(answer)
    assert verdict.right is False
    assert why in verdict.why


async def test_no_answer_yet() -> None:
    assert (await nurseries.race(nothing)).right is None
    assert (await nurseries.handler(nothing)).right is None
