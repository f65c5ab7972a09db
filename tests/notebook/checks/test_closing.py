"""Checks of notebook 05: right and wrong answers."""

from __future__ import annotations

import socket
import struct
import sys
from typing import TYPE_CHECKING

import pytest
import trio

from trio_echo.notebook.checks import NO_ANSWER, closing

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from trio.testing import MockClock

A, B, C = ("FIN_WAIT2", "CLOSE_WAIT"), ("CLOSE", "TIME_WAIT"), ("CLOSE", "CLOSE")


def test_the_states() -> None:
    assert closing.states(A, B, C).right is True
    assert closing.states(A, ..., C) is NO_ANSWER


@pytest.mark.parametrize(
    ("answers", "why"),
    [
        ((A[::-1], B, C), "a: the states are right"),
        ((A, B[::-1], C), "b: the states are right"),
        ((A, B, B), "c is not"),
        ((("FIN_WAIT1", "CLOSE_WAIT"), B, C), "a is not"),
        ((A, "TIME_WAIT", C), "b is not"),
        ((A, None, 7), "b is not"),
        ((A, B, ("CLOSE",)), "c is not ('CLOSE',): 2 values are expected, not 1."),
        ((("FIN_WAIT2", "CLOSE_WAIT2"), B, C), "a: 'CLOSE_WAIT2' is not the name of a state."),
    ],
)
def test_wrong_states(answers: tuple[object, ...], why: str) -> None:
    verdict = closing.states(*answers)
    assert verdict.right is False
    assert verdict.why.startswith(why)


async def ask(stream: trio.SocketStream, data: bytes) -> bytes:
    await stream.send_all(data)
    await stream.send_eof()
    return b"".join([chunk async for chunk in stream])


async def test_a_question_with_its_answer() -> None:
    assert (await closing.asks(ask)).right is True


async def test_no_question_yet() -> None:
    async def answer(stream: trio.SocketStream, data: bytes) -> None: ...

    assert await closing.asks(answer) is NO_ANSWER


async def without_end(stream: trio.SocketStream, data: bytes) -> object:
    await stream.send_all(data)
    return b"".join([chunk async for chunk in stream])


async def closes(stream: trio.SocketStream, data: bytes) -> object:
    await stream.send_all(data)
    await stream.aclose()
    return await stream.receive_some()


async def receives_once(stream: trio.SocketStream, data: bytes) -> object:
    await stream.send_all(data)
    await stream.send_eof()
    return await stream.receive_some(1000)


async def forgets_to_return(stream: trio.SocketStream, data: bytes) -> object:
    await ask(stream, data)
    return None


async def nonsense(stream: trio.SocketStream, data: bytes) -> object:
    return "hello" * 100


async def waits(stream: trio.SocketStream, data: bytes) -> object:
    await trio.sleep_forever()


def plain(stream: trio.SocketStream, data: bytes) -> object:
    return data


async def keeps_a_byte(stream: trio.SocketStream, data: bytes) -> object:
    return await ask(stream, data[1:])


async def returns_pieces(stream: trio.SocketStream, data: bytes) -> object:
    return [await ask(stream, data)]


async def receives_for_ever(stream: trio.SocketStream, data: bytes) -> object:
    await ask(stream, data)
    await trio.sleep_forever()


async def receives_nothing(stream: trio.SocketStream, data: bytes) -> object:
    await ask(stream, data)
    return b""


@pytest.mark.parametrize(
    ("answer", "why"),
    [
        (keeps_a_byte, "The server received 262143 of the question's 262144 bytes."),
        (returns_pieces, ": bytes are expected, not a list."),
        (receives_for_ever, "The server has sent its whole answer and has closed."),
        (receives_nothing, "This is not the answer: b''."),
        (without_end, "does not know that this was all"),
        (closes, "ClosedResourceError"),
        (receives_once, "the first 1000 of"),
        (forgets_to_return, "returned None. Is a `return` missing?"),
        (nonsense, "This is not the answer"),
        (waits, "did not return"),
        (plain, "async def"),
    ],
)
async def test_a_question_without_its_answer(
    answer: Callable[[trio.SocketStream, bytes], Awaitable[object]],
    why: str,
    autojump_clock: MockClock,
) -> None:
    verdict = await closing.asks(answer)
    assert verdict.right is False
    assert why in verdict.why


async def again(port: int, reuse: bool = True) -> trio.socket.SocketType:
    listener = trio.socket.socket()
    if reuse:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        await listener.bind(("127.0.0.1", port))
        listener.listen()
    except OSError:
        listener.close()
        raise
    return listener


@pytest.mark.slow
async def test_a_server_that_starts_again() -> None:
    assert (await closing.restarts(again)).right is True


async def test_no_server_yet() -> None:
    async def answer(port: int) -> None: ...

    assert await closing.restarts(answer) is NO_ANSWER


async def too_late(port: int) -> object:
    listener = await again(port, reuse=False)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    return listener


async def never(port: int) -> object:
    return await again(port, reuse=False)


@pytest.mark.skipif(sys.platform == "win32", reason="there, TIME_WAIT is in nobody's way")
@pytest.mark.parametrize("answer", [never, too_late])
async def test_a_server_that_does_not_start_again(
    answer: Callable[[int], Awaitable[object]],
) -> None:
    verdict = await closing.restarts(answer)
    assert verdict.right is False
    assert "again, with a connection of the last server in TIME_WAIT" in verdict.why


async def any_port(port: int) -> object:
    return await again(0)


async def closed(port: int) -> object:
    listener = await again(port)
    listener.close()
    return listener


async def bound(port: int) -> object:
    listener = trio.socket.socket()
    await listener.bind(("127.0.0.1", port))
    return listener


async def raises(port: int) -> object:
    raise ValueError("no")


async def resets(port: int) -> object:
    listener = await again(port)
    linger = struct.pack("hh" if sys.platform == "win32" else "ii", 1, 0)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
    return listener


async def elsewhere(port: int) -> object:
    listener = trio.socket.socket()
    await listener.bind(("0.0.0.0", port))  # noqa: S104  it is the wrong answer
    listener.listen()
    return listener


async def number(port: int) -> object:
    return port


def plain_server(port: int) -> object:
    return port


@pytest.mark.parametrize(
    ("answer", "why"),
    [
        (any_port, "not on 127.0.0.1, port"),
        (elsewhere, "not on 127.0.0.1."),
        (closed, "closed socket"),
        (bound, "does not listen"),
        (raises, "raised ValueError('no')"),
        (number, "not a Trio socket"),
        (plain_server, "async def"),
    ],
)
async def test_answers_that_are_not_a_server(
    answer: Callable[[int], Awaitable[object]], why: str
) -> None:
    verdict = await closing.restarts(answer)
    assert verdict.right is False
    assert why in verdict.why


@pytest.mark.skipif(sys.platform != "linux", reason="only there an accepted socket inherits it")
async def test_a_server_that_resets_its_clients(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(closing, "_PATIENCE", 1)  # the test waits for this limit
    # A connection in TIME_WAIT that the port has from another server proves nothing.
    with await again(0) as other:
        port = other.getsockname()[1]
        await closing._serve_one(other)

    async def resets_there(given: int) -> object:
        return await resets(given or port)

    verdict = await closing.restarts(resets_there)
    assert verdict.right is False
    assert "Was it reset?" in verdict.why
