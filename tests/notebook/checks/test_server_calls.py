"""Checks of notebook 02: right and wrong answers."""

from __future__ import annotations

import socket
import sys

import pytest
import trio
from support import ipv6

from trio_echo.notebook.checks import NO_ANSWER, server_calls


async def right(host: str, backlog: int) -> trio.socket.SocketType:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listener = trio.socket.socket(family)
    await listener.bind((host, 0))
    listener.listen(backlog)
    return listener


def test_the_count() -> None:
    assert server_calls.outside(3).right is True
    assert server_calls.outside(...) is NO_ANSWER


@pytest.mark.parametrize("answer", [4, 5, 6, 7, 0, None, "3", [3], (3,)])
def test_a_wrong_count(answer: object) -> None:
    try:
        verdict = server_calls.outside(answer)
    except TypeError as exc:
        pytest.fail(f"{answer!r}: {exc}")
    assert verdict.right is False
    assert "3" not in verdict.why.replace(repr(answer), "")


async def test_a_door_that_opens() -> None:
    assert (await server_calls.opens(right)).right is True


async def test_no_door_yet() -> None:
    async def answer(host: str, backlog: int) -> None: ...

    assert await server_calls.opens(answer) is NO_ANSWER


async def wrong_host(host: str, backlog: int) -> object:
    return await right("127.0.0.2", backlog)


async def always_the_same_port(host: str, backlog: int) -> object:
    if host not in PORTS:
        listener = await right(host, backlog)
        PORTS[host] = listener.getsockname()[1]
        return listener
    with trio.socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET) as second:
        await second.bind((host, PORTS.pop(host)))
        raise AssertionError("two sockets have one port")


PORTS: dict[str, int] = {}


async def not_listening(host: str, backlog: int) -> object:
    sock = trio.socket.socket()
    await sock.bind((host, 0))
    return sock


async def closed(host: str, backlog: int) -> object:
    sock = await right(host, backlog)
    sock.close()
    return sock


async def raises(host: str, backlog: int) -> object:
    raise OSError("no")


async def waits(host: str, backlog: int) -> object:
    await trio.sleep_forever()


async def nonsense(host: str, backlog: int) -> object:
    return 42


def plain(host: str, backlog: int) -> object:
    return 42


@pytest.mark.parametrize(
    ("answer", "why"),
    [
        pytest.param(
            wrong_host,
            "it listens on 127.0.0.2",
            marks=pytest.mark.skipif(sys.platform == "darwin", reason="no such address"),
        ),
        (always_the_same_port, "for a second door, it raised OSError("),
        (not_listening, "does not listen"),
        (closed, "closed socket"),
        (raises, "raised OSError('no')"),
        (waits, "did not return"),
        (nonsense, "not a Trio socket"),
        (plain, "async def"),
    ],
)
async def test_a_door_that_does_not_open(answer: object, why: str, autojump_clock: object) -> None:
    verdict = await server_calls.opens(answer)  # type: ignore[arg-type]
    assert verdict.right is False
    assert why in verdict.why


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux reports the backlog")
async def test_a_wrong_backlog() -> None:
    async def answer(host: str, backlog: int) -> object:
        return await right(host, backlog + 1)

    verdict = await server_calls.opens(answer)
    assert verdict.right is False
    assert "backlog" in verdict.why


@ipv6
async def test_a_door_for_ipv4_only() -> None:
    async def answer(host: str, backlog: int) -> object:
        with trio.socket.socket() as sock:
            await sock.bind((host, 0))
            return await right("127.0.0.1", backlog)

    verdict = await server_calls.opens(answer)
    assert verdict.right is False
    assert "'::1'" in verdict.why
