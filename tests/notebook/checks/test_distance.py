"""Checks of notebook 15: right and wrong answers."""

from __future__ import annotations

import pytest
import trio

from trio_echo import receive_exactly
from trio_echo.notebook.checks import distance


@pytest.mark.parametrize(
    ("window", "wait", "right", "why"),
    [
        (1_000_000, 0.12112, True, "The window must cover the distance"),
        (100e6 / 8 * 0.08, 1000 * 1514 * 8 / 100e6, True, ""),
        (8_000_000, 0.12112, False, "A byte has 8"),
        (500_000, 0.12112, False, "both ways count"),
        (1e9, 0.12112, False, "80 ms are 0.08 s"),
        (1234, 0.12112, False, "window is not 1234. window ="),
        (0.12112, 1_000_000, False, "First the window, then the wait"),
        (12.5e6, 0.12112, False, "cross the line in a second"),
        (1_000_000, 0.12, True, ""),
        (1_000_000, 0.125, False, "wait is not 0.125. How long"),
        (1_000_000, 0.00012112, False, "for one frame, not for 1000"),
        (1_000_000, 1_514_000, False, "That many bytes wait"),
        ("1000000", 0.12112, False, "window must be a number, not '1000000'"),
        (1_000_000, 0.01514, False, "8 times as many bits"),
        (1_000_000, 121.12, False, "in seconds"),
        (1_000_000, 0.20112, False, "not the way"),
        (1_000_000, None, False, "wait must be a number, not None"),
        (1_000_000, ..., None, ""),
        (..., 0.12112, None, ""),
    ],
)
def test_a_full_line(window: object, wait: object, right: bool | None, why: str) -> None:
    verdict = distance.full_line(window, wait)
    assert verdict.right is right
    assert why in verdict.why


async def at_once(stream: trio.abc.Stream, messages: list[bytes]) -> list[bytes]:
    async with trio.open_nursery() as nursery:
        nursery.start_soon(stream.send_all, b"".join(messages))
        return [await receive_exactly(stream, len(one)) for one in messages]


async def each_alone(stream: trio.abc.Stream, messages: list[bytes]) -> list[bytes]:
    async def send() -> None:
        for one in messages:
            await stream.send_all(one)

    async with trio.open_nursery() as nursery:
        nursery.start_soon(send)
        return [await receive_exactly(stream, len(one)) for one in messages]


async def one_by_one(stream: trio.abc.Stream, messages: list[bytes]) -> list[bytes]:
    echoes = []
    for one in messages:
        await stream.send_all(one)
        echoes.append(await receive_exactly(stream, len(one)))
    return echoes


async def send_first(stream: trio.abc.Stream, messages: list[bytes]) -> list[bytes]:
    for one in messages:
        await stream.send_all(one)
    return [await receive_exactly(stream, len(one)) for one in messages]


async def whole_pieces(stream: trio.abc.Stream, messages: list[bytes]) -> list[bytes]:
    await stream.send_all(b"".join(messages))
    return [bytes(await stream.receive_some(len(one))) for one in messages]


async def needs_one(stream: trio.abc.Stream, messages: list[bytes]) -> list[bytes]:
    echoes = await at_once(stream, messages)
    return echoes or [bytes(await stream.receive_some())]


async def no_return(stream: trio.abc.Stream, messages: list[bytes]) -> None:
    await at_once(stream, messages)


async def sends_nothing(stream: trio.abc.Stream, messages: list[bytes]) -> list[bytes]:
    return messages


async def forgets_to_wait(stream: trio.abc.Stream, messages: list[bytes]) -> object:
    return at_once(stream, messages)


async def no_echo(stream: trio.abc.Stream, messages: list[bytes]) -> list[bytes]:
    return messages[1:]


async def joined(stream: trio.abc.Stream, messages: list[bytes]) -> bytes:
    return b"".join(await at_once(stream, messages))


async def decoded(stream: trio.abc.Stream, messages: list[bytes]) -> list[str]:
    return [one.decode() for one in await at_once(stream, messages)]


async def starts_what_it_called(stream: trio.abc.Stream, messages: list[bytes]) -> None:
    async with trio.open_nursery() as nursery:
        nursery.start_soon(stream.send_all(b"".join(messages)))  # type: ignore[arg-type]


async def raises(*_: object) -> None:
    raise ZeroDivisionError


async def nothing(*_: object) -> None: ...


@pytest.mark.parametrize("answer", [at_once, each_alone])
async def test_one_round_trip(
    answer: distance.EchoAll, autojump_clock: trio.testing.MockClock
) -> None:
    verdict = await distance.echo_all(answer)
    assert verdict.right, verdict.why


@pytest.mark.parametrize(
    ("answer", "why"),
    [
        (
            one_by_one,
            "With 20 messages, you waited for 20 round trips."
            " The first time, you had sent 9 of 190 bytes.",
        ),
        (send_first, "With 20 messages of 50,000 bytes, `send_all` waits: 65,536 bytes are under"),
        (whole_pieces, "If the echoes come in pieces of 4 bytes, the echoes are not the messages"),
        (needs_one, "Without messages, it did not return"),
        (no_return, "Is a `return` missing?"),
        (sends_nothing, "With 20 messages, you received only 0 bytes"),
        (forgets_to_wait, "it returned a coroutine: an `await` is missing"),
        (no_echo, "the echoes are not the messages: [b'message 1'"),
        (joined, "message 2message 3"),
        (joined, ": a list is expected, not bytes."),
        (decoded, "one echo is 'message 0': bytes are expected, not a str."),
        (starts_what_it_called, "it raised TypeError('Trio was expecting an async function"),
        (raises, "it raised ZeroDivisionError()"),
        (print, "is not a function"),
    ],
)
async def test_more_round_trips(
    answer: distance.EchoAll, why: str, autojump_clock: trio.testing.MockClock
) -> None:
    verdict = await distance.echo_all(answer)
    assert verdict.right is False
    assert why in verdict.why


async def test_no_client_yet() -> None:
    assert (await distance.echo_all(nothing)).right is None
