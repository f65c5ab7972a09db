"""Checks of notebook 10: right and wrong answers."""

from __future__ import annotations

import pytest
import trio

from trio_echo import receive_exactly
from trio_echo.notebook.checks import costs


@pytest.mark.parametrize(
    ("answer", "right"),
    [
        ((20, 160, 50), True),
        ((20.0, 160.0, 50.0), True),
        ((50, 160, 50), False),
        ((20, 20, 50), False),
        ((20, 160, 1000), False),
        (("20", None, []), False),
        ((20, ..., ...), None),
    ],
)
def test_far_away(answer: tuple[object, object, object], right: bool | None) -> None:
    assert costs.far_away(*answer).right is right


async def together(stream: trio.abc.SendStream, header: bytes, body: bytes) -> None:
    await stream.send_all(header + body)


async def in_two(stream: trio.abc.SendStream, header: bytes, body: bytes) -> None:
    await stream.send_all(header)
    await stream.send_all(body)


async def swapped(stream: trio.abc.SendStream, header: bytes, body: bytes) -> None:
    await stream.send_all(body + header)


async def silent(stream: trio.abc.SendStream, *_: bytes) -> None:
    await stream.wait_send_all_might_not_block()


async def raises(*_: object) -> None:
    raise ZeroDivisionError


async def hangs(*_: object) -> None:
    await trio.sleep_forever()


async def nothing(*_: object) -> None: ...


async def test_a_request_in_one_piece() -> None:
    assert (await costs.one_segment(together)).right
    assert (await costs.one_segment(nothing)).right is None


@pytest.mark.parametrize(
    ("answer", "why"),
    [
        (in_two, "You send 2 times"),
        (swapped, "The server should get b'length: 5;hello', not b'hellolength: 5;'"),
        (silent, "Nothing was sent"),
        (raises, "it raised ZeroDivisionError()"),
        (hangs, "it did not return"),
        (print, "is not a function"),
    ],
)
async def test_other_requests(
    answer: costs.Request, why: str, autojump_clock: trio.testing.MockClock
) -> None:
    verdict = await costs.one_segment(answer)
    assert verdict.right is False
    assert why in verdict.why


async def sliding(stream: trio.abc.Stream, messages: list[bytes], depth: int) -> list[bytes]:
    for message in messages[:depth]:
        await stream.send_all(message)
    echoes = []
    for index, message in enumerate(messages):
        echoes.append(await receive_exactly(stream, len(message)))
        if index + depth < len(messages):
            await stream.send_all(messages[index + depth])
    return echoes


async def two_tasks(stream: trio.abc.Stream, messages: list[bytes], depth: int) -> list[bytes]:
    places = trio.Semaphore(depth)
    echoes = []

    async def send() -> None:
        for message in messages:
            await places.acquire()
            await stream.send_all(message)

    async with trio.open_nursery() as nursery:
        nursery.start_soon(send)
        for message in messages:
            echoes.append(await receive_exactly(stream, len(message)))
            places.release()
    return echoes


async def one_by_one(stream: trio.abc.Stream, messages: list[bytes], depth: int) -> list[bytes]:
    return await sliding(stream, messages, 1)


async def all_at_once(stream: trio.abc.Stream, messages: list[bytes], depth: int) -> list[bytes]:
    return await sliding(stream, messages, len(messages))


async def in_batches(stream: trio.abc.Stream, messages: list[bytes], depth: int) -> list[bytes]:
    echoes: list[bytes] = []
    for start in range(0, len(messages), depth):
        echoes += await sliding(stream, messages[start : start + depth], depth)
    return echoes


async def too_many(stream: trio.abc.Stream, messages: list[bytes], depth: int) -> list[bytes]:
    return await sliding(stream, messages, depth + 1)


async def torn(stream: trio.abc.Stream, messages: list[bytes], depth: int) -> list[bytes]:
    await sliding(stream, messages, depth)
    return [one[:4] for one in messages]


async def no_return(stream: trio.abc.Stream, messages: list[bytes], depth: int) -> None:
    await sliding(stream, messages, depth)


@pytest.mark.parametrize("answer", [sliding, two_tasks])
async def test_right_pipelines(answer: costs.Pipelined) -> None:
    assert (await costs.pipelined(answer)).right


@pytest.mark.parametrize(
    ("answer", "why"),
    [
        (one_by_one, "With a depth of 3, you wait for an echo while only 1 of 3 are under way"),
        (all_at_once, "With a depth of 1, 2 messages were under way"),
        (in_batches, "you wait for an echo while only 2 of 3"),
        (too_many, "With a depth of 1, 2 messages were under way"),
        (torn, "the echoes are not the 12 messages"),
        (no_return, "Is a `return` missing?"),
        (raises, "it raised ZeroDivisionError()"),
        (hangs, "it did not return"),
    ],
)
async def test_other_pipelines(
    answer: costs.Pipelined, why: str, autojump_clock: trio.testing.MockClock
) -> None:
    verdict = await costs.pipelined(answer)
    assert verdict.right is False
    assert why in verdict.why


async def test_a_pipeline_that_is_not_there_yet() -> None:
    assert (await costs.pipelined(nothing)).right is None
