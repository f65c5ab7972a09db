"""Checks of notebook 15: right and wrong answers."""

from __future__ import annotations

import math

import pytest
import trio

from trio_echo import receive_exactly
from trio_echo.notebook.checks import distance


def exact(messages: int, depth: int, round_trip: float) -> float:
    return (1 + math.ceil(messages / depth)) * round_trip


def already_connected(messages: int, depth: int, round_trip: float) -> float:
    return math.ceil(messages / depth) * round_trip


def in_parts(messages: int, depth: int, round_trip: float) -> float:
    return (1 + messages / depth) * round_trip


def one_by_one_always(messages: int, depth: int, round_trip: float) -> float:
    return (1 + messages) * round_trip


def no_result(messages: int, depth: int, round_trip: float) -> None:
    exact(messages, depth, round_trip)


def inverted(messages: int, depth: int, round_trip: float) -> float:
    return depth / messages * round_trip


def milliseconds(messages: int, depth: int, round_trip: float) -> float:
    return 1000 * exact(messages, depth, round_trip)


def text(messages: int, depth: int, round_trip: float) -> str:
    return "0.1"


def empty(messages: int, depth: int, round_trip: float) -> None: ...


def test_the_time_for_messages() -> None:
    assert distance.seconds_for(exact).right
    assert distance.seconds_for(empty).right is None


@pytest.mark.parametrize(
    ("answer", "why"),
    [
        (already_connected, "a round trip of 0.05 s, it returned 2.5. It begins before it is conn"),
        (in_parts, "For 7 messages, 3 under way, and a round trip of 0.1 s, it returned 0.33"),
        (in_parts, "A single message takes a whole round trip too."),
        (one_by_one_always, "For 50 messages, 50 under way"),
        (no_result, "Is a `return` missing?"),
        (inverted, "Draw the ladder of this case"),
        (lambda *_: 1 / 0, "it raised ZeroDivisionError"),
        (milliseconds, "The answer is wanted in seconds."),
        (text, "it returned '0.1'. It must be a number of seconds."),
        (print, "is not a function"),
    ],
)
def test_other_times(answer: object, why: str) -> None:
    verdict = distance.seconds_for(answer)  # type: ignore[arg-type]  # as a learner may
    assert verdict.right is False
    assert why in verdict.why


@pytest.mark.parametrize(
    ("window", "wait", "right", "why"),
    [
        (1_000_000, 0.12112, True, "The window must cover the distance"),
        (100e6 / 8 * 0.08, 1000 * 1514 * 8 / 100e6, True, ""),
        (8_000_000, 0.12112, False, "A byte has 8"),
        (500_000, 0.12112, False, "both ways count"),
        (1e9, 0.12112, False, "80 ms are 0.08 s"),
        (1234, 0.12112, False, "Not 1234. window ="),
        (1_000_000, 0.12, True, ""),
        (1_000_000, 0.125, False, "Not 0.125. How long"),
        ("1000000", 0.12112, False, "window must be a number, not '1000000'"),
        (1_000_000, 0.01514, False, "8 times as many bits"),
        (1_000_000, 121.12, False, "in seconds"),
        (1_000_000, 0.20112, False, "without the way"),
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
