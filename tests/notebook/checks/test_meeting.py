"""Checks of notebook 01: right and wrong answers."""

from __future__ import annotations

import sys
from contextlib import suppress
from typing import TYPE_CHECKING

import pytest

from trio_echo.notebook.checks import meeting

if TYPE_CHECKING:
    from collections.abc import Callable

    from trio.socket import SocketType


@pytest.mark.parametrize(
    ("answer", "right"),
    [(15, True), (10, False), (11, False), (14, False), (29, False), ("?", False), ([], False)],
)
def test_count(answer: object, right: bool) -> None:
    assert meeting.count(answer).right is right


def test_a_wrong_count_is_named() -> None:
    assert meeting.count(16).why == "16 is too large."
    assert meeting.count("15").why == "Not '15': an integer is expected, not a str."


def test_no_count_yet() -> None:
    assert meeting.count(...).right is None


def three_facts(sock: SocketType) -> tuple[object, object, object]:
    remote: object = None
    with suppress(OSError):
        remote = sock.getpeername()
    return sock.family, sock.getsockname(), remote


def without_remote(sock: SocketType) -> object:
    return sock.family, sock.getsockname(), None


def swapped(sock: SocketType) -> object:
    family, local, remote = three_facts(sock)
    return family, remote, local


def two_of_them(sock: SocketType) -> object:
    return three_facts(sock)[1:]


def not_called(sock: SocketType) -> object:
    family, _, remote = three_facts(sock)
    return family, sock.getsockname, remote


def connected_only(sock: SocketType) -> object:
    return sock.family, sock.getsockname(), sock.getpeername()


# On Windows, a new socket has no address.
FIRST = "a bound" if sys.platform == "win32" else "a new"


async def test_right_facts() -> None:
    assert (await meeting.facts(three_facts)).right


@pytest.mark.parametrize(
    ("answer", "why"),
    [
        (without_remote, "For a connected client's socket, it returned"),
        (swapped, ": the values are right, but their order is not."),
        (two_of_them, ": 3 values are expected, not 2."),
        (not_called, ": call getsockname, with ()."),
        (connected_only, f"For {FIRST} socket, it raised OSError"),
    ],
)
async def test_wrong_facts(answer: Callable[[SocketType], object], why: str) -> None:
    verdict = await meeting.facts(answer)
    assert verdict.right is False
    assert why in verdict.why


async def test_no_facts_yet() -> None:
    assert (await meeting.facts(lambda _: None)).right is None
