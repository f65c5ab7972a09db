"""Checks of notebook 14: right and wrong answers."""

from __future__ import annotations

import socket
import sys
from typing import Any

import pytest
import trio

from trio_echo.notebook.checks import bad_network


def fails() -> object:
    raise ValueError("oops")


@pytest.mark.parametrize(
    ("segments", "seconds", "right", "why"),
    [
        ([4, 8], 0.8, True, "twice as long"),
        ({8, 4}, 0.85, True, "twice as long"),
        ([4, 5, 6, 7, 8, 9, 10], 0.8, False, "segment 5 arrived"),
        ([4], 0.8, False, "who repeats segment 8"),
        (4, 0.8, False, "a must be a list"),
        (["4", "8"], 0.8, False, "a: '4' is not a number from 1 to 10"),
        ([4, 8, 11], 0.8, False, "a: 11 is not a number"),
        ([4, 8], 0.6, False, "three equal pauses"),
        ([4, 8], 1.4, False, "the pauses, or the times"),
        ([4, 8], 1.7, False, "the fourth repetition"),
        ([4, 8], 5, False, "b is not 5 s"),
        ([4, 8], "0.8", False, "b must be a number"),
        ([4, 4, 8], 0.8, False, "a: each repetition arrives."),
        ([4, 8], 800, False, "wanted in seconds"),
        ([4, 8], ..., None, "Replace"),
    ],
)
def test_who_repeats_what(segments: object, seconds: object, right: bool | None, why: str) -> None:
    verdict = bad_network.repeated(segments, seconds)
    assert verdict.right is right
    assert why in verdict.why


def probe(stream: trio.SocketStream, idle: int, interval: int, count: int) -> None:
    times = {
        "TCP_KEEPALIVE" if sys.platform == "darwin" else "TCP_KEEPIDLE": idle,
        "TCP_KEEPINTVL": interval,
        "TCP_KEEPCNT": count,
    }
    stream.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    for name, value in times.items():
        stream.setsockopt(socket.IPPROTO_TCP, getattr(socket, name), value)


async def right(stream: trio.SocketStream) -> bytes:
    probe(stream, 2, 1, 3)
    return bytes(await stream.receive_some())


async def gives_up(stream: trio.SocketStream) -> bytes:
    probe(stream, 2, 1, 3)
    with trio.fail_after(5):
        return bytes(await stream.receive_some())


async def waits_for_ever(stream: trio.SocketStream) -> bytes:
    return bytes(await stream.receive_some())


async def is_slow(stream: trio.SocketStream) -> bytes:
    probe(stream, 4, 1, 2)
    return bytes(await stream.receive_some())


async def asks_only_for_probes(stream: trio.SocketStream) -> bytes:
    stream.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    return bytes(await stream.receive_some())


async def returns_nothing(stream: trio.SocketStream) -> None:
    probe(stream, 2, 1, 3)
    await stream.receive_some()


async def waits_for_nothing(stream: trio.SocketStream) -> object:
    probe(stream, 2, 1, 3)
    return stream.receive_some()


async def misspells(stream: trio.SocketStream) -> object:
    return await stream.recieve_some()  # type: ignore[attr-defined]


async def has_two_limits(stream: trio.SocketStream) -> bytes:
    if sys.platform == "linux":
        stream.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, 20_000)
    return await right(stream)


async def returns_half(stream: trio.SocketStream) -> bytes:
    return (await right(stream))[:2]


@pytest.mark.parametrize(
    ("answer", "verdict", "why"),
    [
        (right, True, "notices a vanished one after 5 s: 2 s of silence, then 3 probes"),
        (gives_up, False, "silent for 60 s, and you gave up on it: a time limit"),
        (waits_for_ever, False, "nothing probes it"),
        (is_slow, False, "It would take 6 s"),
        (asks_only_for_probes, False, "It would take 7875 s"),
        (returns_nothing, False, "Is a `return` missing?"),
        (waits_for_nothing, False, "only silent, it returned a coroutine: an `await` is missing"),
        (misspells, False, "With a peer that is only silent, it raised AttributeError("),
        (returns_half, False, "it returned b'he'"),
        (fails, False, "must be an async def"),
    ],
)
async def test_waiting_for_a_peer(answer: Any, verdict: bool, why: str) -> None:
    found = await bad_network.patient(answer)
    assert found.right is verdict
    assert why in found.why


@pytest.mark.skipif(sys.platform != "linux", reason="TCP_USER_TIMEOUT is an option of Linux")
async def test_another_limit_keeps_linux_from_counting_the_probes() -> None:
    found = await bad_network.patient(has_two_limits)
    assert found.right is False
    assert "It would take 20 s to notice a vanished peer: probes after 2 s" in found.why
