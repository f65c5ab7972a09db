"""Checks of notebook 03: right and wrong answers."""

from __future__ import annotations

import socket
import sys
from typing import TYPE_CHECKING

import pytest
import trio

from trio_echo.notebook.checks import client_calls

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from trio.testing import MockClock


@pytest.mark.parametrize(
    ("answer", "right"),
    [(151, True), (150, False), (51, False), (152, False), ("many", False), ([], False)],
)
def test_last_ack(answer: object, right: bool) -> None:
    assert client_calls.last_ack(answer).right is right


def test_no_last_ack_yet() -> None:
    assert client_calls.last_ack(...).right is None


async def diagnose(host: str, port: int) -> str:
    with trio.socket.socket() as sock, trio.move_on_after(1):
        try:
            await sock.connect((host, port))
        except ConnectionRefusedError:
            return "refused"
        except OSError:
            return "unreachable"
        return "connected"
    return "timed out"


async def test_a_right_diagnosis(autojump_clock: MockClock) -> None:
    assert (await client_calls.doctor(diagnose)).right


KEPT: list[trio.SocketStream] = []


async def leaves_open(host: str, port: int) -> str:
    KEPT.append(await trio.open_tcp_stream(host, port))
    return "connected"


async def forgets_its_socket(host: str, port: int) -> str:
    await trio.socket.socket().connect((host, port))
    return "connected"


async def lets_errors_out(host: str, port: int) -> str:
    with trio.socket.socket() as sock:
        await sock.connect((host, port))
    return "connected"


async def never_gives_up(host: str, port: int) -> str:
    try:
        return await lets_errors_out(host, port)
    except ConnectionRefusedError:
        return "refused"


async def knows_one_word(*_: object) -> str:
    return "connected"


@pytest.mark.parametrize(
    ("answer", "why"),
    [
        (leaves_open, "It leaves its socket open when it returns 'connected'."),
        (forgets_its_socket, "It leaves its socket open when it returns 'connected'."),
        (
            lets_errors_out,
            "nobody listens, it should return 'refused', but it raised ConnectionRef",
        ),
        (knows_one_word, "it should return 'refused', but it returned 'connected'."),
    ],
)
async def test_wrong_diagnoses(answer: Callable[[str, int], Awaitable[str]], why: str) -> None:
    verdict = await client_calls.doctor(answer)
    for stream in KEPT:
        await stream.aclose()
    KEPT.clear()
    assert verdict.right is False
    assert why in verdict.why


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere a full queue may refuse")
async def test_a_diagnosis_that_does_not_return(autojump_clock: MockClock) -> None:
    verdict = await client_calls.doctor(never_gives_up)
    words = "it should return 'timed out', but it did not return."
    assert verdict.why == f"For a server that does not answer, {words}"


async def blocks(host: str, port: int) -> str:
    with socket.socket() as sock:
        sock.settimeout(0.1)
        try:
            sock.connect((host, port))
        except ConnectionRefusedError:
            return "refused"
        except TimeoutError:
            return "timed out"
        except OSError:
            return "unreachable"
        return "connected"


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere a full queue may refuse")
async def test_a_diagnosis_that_holds_up_all_other_tasks() -> None:
    verdict = await client_calls.doctor(blocks)
    assert verdict.right is False
    assert verdict.why == "No other task can run while it waits. Use Trio's sockets."


async def test_no_diagnosis_yet() -> None:
    async def empty(*_: object) -> None: ...

    assert (await client_calls.doctor(empty)).right is None
