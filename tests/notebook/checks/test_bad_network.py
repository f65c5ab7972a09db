"""Checks of notebook 14: right and wrong answers."""

from __future__ import annotations

import socket
import sys
from typing import TYPE_CHECKING, Any

import pytest
import trio

from trio_echo import lan
from trio_echo.notebook.checks import bad_network

if TYPE_CHECKING:
    from collections.abc import Callable


def fails() -> object:
    raise ValueError("oops")


def makes_one() -> None:
    lan.drop(lan.data, source="server", nth=3)


ONE = lan.drop(lan.data, source="server", nth=3)


def is_misspelled(header: Any) -> bool:
    return bool(header.paylod)


def of_length(length: int) -> Callable[[Any], bool]:
    return lambda header: len(header.payload) == length


@pytest.mark.parametrize(
    ("answer", "why"),
    [
        (lambda: lan.drop(lan.data, nth=3), "drops the second data segment from the client"),
        (lambda: lan.drop(lan.data, source="client", nth=3), "drops the third data segment from t"),
        (
            lambda: lan.drop(lan.tcp, source="server", nth=3),
            "drops the first data segment from the",
        ),
        (lambda: lan.drop(lan.data, source="server", first=3), "drops the first data segment from"),
        (lambda: lan.drop(of_length(5), source="server"), "drops the third segment again, when"),
        (lambda: lan.drop(lan.arp), "lets the third data segment from the server pass"),
        (lambda: lan.delay(lan.data, source="server", nth=3, by=1), "lets the third data segment"),
        (lambda: lan.duplicate(lan.syn), "the client's SYN is duplicated"),
        (lambda: lan.drop, "the function drop: call it, with ()"),
        (lambda: "drop", "which is not a rule"),
        (lambda: lan.drop(is_misspelled), "raised AttributeError("),
        (lambda: ONE, "the same rule each time"),
        (makes_one, "Is a `return` missing?"),
        (fails, "When called, it raised ValueError('oops')"),
        (lan.drop(lan.data, source="server", nth=3), "is not a function"),
    ],
)
def test_a_wrong_rule_is_met_with_the_segment_that_shows_it(answer: Any, why: str) -> None:
    verdict = bad_network.third(answer)
    assert verdict.right is False
    assert why in verdict.why


def test_a_right_rule() -> None:
    assert bad_network.third(lambda: lan.drop(lan.data, source="server", nth=3)).right


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


async def returns_half(stream: trio.SocketStream) -> bytes:
    return (await right(stream))[:2]


@pytest.mark.parametrize(
    ("answer", "verdict", "why"),
    [
        (right, True, "notices a vanished one after 5 s: 2 s of silence, then 3 probes"),
        (gives_up, False, "silent for 60 s, and you gave it up: a time limit"),
        (waits_for_ever, False, "nothing probes it"),
        (is_slow, False, "It would take 6 s"),
        (asks_only_for_probes, False, "It would take 7875 s"),
        (returns_nothing, False, "Is a `return` missing?"),
        (waits_for_nothing, False, "it returned a coroutine: an `await` is missing"),
        (returns_half, False, "it returned b'he'"),
        (fails, False, "must be an async def"),
    ],
)
async def test_waiting_for_a_peer(answer: Any, verdict: bool, why: str) -> None:
    found = await bad_network.patient(answer)
    assert found.right is verdict
    assert why in found.why
