"""What a call of a learner's function did: above all, whether an `await` is missing."""

from __future__ import annotations

import sys
import warnings
from typing import TYPE_CHECKING, Any

import pytest
import trio

from trio_echo.notebook.checks import Verdict, call, call_async, failed, said, unusable

if TYPE_CHECKING:
    from collections.abc import Callable


async def hello() -> bytes:
    await trio.lowlevel.checkpoint()
    return b"hello"


async def returns_a_coroutine() -> object:
    return hello()


async def returns_coroutines() -> object:
    return [hello(), hello()]


async def drops_a_coroutine() -> bytes:
    hello()  # type: ignore[unused-coroutine]
    return b"hello"


async def keeps_a_coroutine_and_fails() -> int:
    received = hello()
    return len(received)  # type: ignore[arg-type]


async def sends_nothing(stream: trio.abc.SendStream) -> None:
    stream.send_all(b"hello")  # type: ignore[unused-coroutine]


async def exits() -> None:
    sys.exit("bind()")


async def forgets_to_call() -> object:
    return b"hello".hex


async def awaits_too_much() -> None:
    await str(1)  # type: ignore[misc]


async def starts_a_coroutine() -> None:
    async with trio.open_nursery() as nursery:
        nursery.start_soon(hello())  # type: ignore[arg-type]


async def binds_two_arguments() -> None:
    with trio.socket.socket() as sock:
        await sock.bind("127.0.0.1", 0)  # type: ignore[call-arg]


async def fails_in_a_nursery() -> None:
    async with trio.open_nursery():
        raise KeyError("mine")


async def hangs() -> None:
    await trio.sleep_forever()


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (returns_a_coroutine, "it returned a coroutine: an `await` is missing"),
        (returns_coroutines, ", with a coroutine: an `await` is missing"),
        (drops_a_coroutine, "it never awaited hello(): an `await` is missing"),
        (keeps_a_coroutine_and_fails, "it never awaited hello(): an `await` is missing"),
        (exits, "it raised SystemExit('bind()')"),
        (forgets_to_call, "it returned the function hex: call it, with ()"),
        (awaits_too_much, ": leave out the `await`, for that call does not wait"),
        (starts_a_coroutine, ": pass the function itself, without ()"),
        (binds_two_arguments, "but 3 were given'): an address is one pair, in ()"),
        (
            fails_in_a_nursery,
            "it raised ExceptionGroup('Exceptions from Trio nursery', [KeyError('mine')])",
        ),
        (hangs, "it did not return"),
    ],
)
async def test_a_call_that_failed(
    answer: Callable[[], Any], words: str, autojump_clock: trio.testing.MockClock
) -> None:
    got = await call_async(1, answer)
    verdict = failed("When called", got)
    assert verdict is not None
    assert verdict.why.endswith(f"{words}.")


async def test_a_forgotten_await_of_a_method_is_named() -> None:
    stream, _ = trio.testing.memory_stream_pair()
    assert said(await call_async(1, sends_nothing, stream)).startswith(
        "it never awaited send_all()"
    )


def test_a_plain_function_can_forget_it_too() -> None:
    def answer() -> int:
        hello()  # type: ignore[unused-coroutine]
        return 1

    assert said(call(answer)) == "it never awaited hello(): an `await` is missing"


async def test_other_warnings_are_shown_as_usual() -> None:
    async def answer() -> int:
        warnings.warn("an old name", DeprecationWarning, stacklevel=1)
        return 1

    with pytest.warns(DeprecationWarning, match="an old name"):
        assert await call_async(1, answer) == 1


async def yields() -> Any:
    yield 1


def yields_at_once() -> Any:
    yield 1


@pytest.mark.parametrize(("answer", "awaits"), [(yields, True), (yields_at_once, False)])
def test_a_generator_function_cannot_be_tried(answer: object, awaits: bool) -> None:
    why = "Your function contains `yield`. It must `return` its result."
    assert unusable(answer, awaits=awaits) == Verdict(False, why)


def test_a_function_that_was_called_cannot_be_tried() -> None:
    verdict = unusable(hello())
    assert verdict is not None
    assert verdict.why == "You called your function. Give the function itself, without ()."
