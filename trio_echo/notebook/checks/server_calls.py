"""Checks for notebook 02, the server's calls."""

from __future__ import annotations

import socket
from contextlib import ExitStack
from typing import TYPE_CHECKING

import trio

from trio_echo.observe import kernel

from . import Verdict, call_async, compare, failed, said, unusable

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

# Seconds. No right answer takes this long.
_PATIENCE = 5.0
_BACKLOG = 7


def outside(answer: object) -> Verdict:
    """How many stay in SYN_SENT: nine clients, `listen(3)`, two accepted."""
    hints = {
        4: "That is what a queue of three would leave. How many does Linux's queue hold?",
        5: "Each accept() makes room in the queue for the next SYN.",
        6: "Each accept() makes room in the queue. And how many does Linux's queue hold?",
        7: "Some wait in the queue: they are connected, although nobody has accepted them.",
    }
    return compare(answer, 3, "Two are accepted, and the queue holds four.", hints)


async def opens(answer: Callable[[str, int], Awaitable[object]]) -> Verdict:
    """A function that returns a socket that listens on a host, with a backlog."""
    if (verdict := unusable(answer)) is not None:
        return verdict
    hosts = ["127.0.0.1"]
    if _has_ipv6():
        hosts.append("::1")
    for host in hosts:
        if (verdict := await _opens_two(answer, host)) is not None:
            return verdict
    return Verdict(True, f"Clients can connect to {' and to '.join(hosts)}.")


async def _opens_two(answer: Callable[[str, int], Awaitable[object]], host: str) -> Verdict | None:
    """Try it twice with one host, so that the port must be a free one; return what is wrong."""
    with ExitStack() as opened:
        for again in ("", ", for a second door"):
            case = f"Given {host!r} and {_BACKLOG}{again}"
            made = await call_async(_PATIENCE, answer, host, _BACKLOG)
            if (verdict := failed(case, made)) is not None:
                return verdict
            if not isinstance(made, trio.socket.SocketType):
                return Verdict(False, f"{case}, {said(made)}, which is not a Trio socket.")
            if (verdict := _listens(opened.enter_context(made), host)) is not None:
                return verdict
    return None


def _listens(made: trio.socket.SocketType, host: str) -> Verdict | None:
    if made.fileno() == -1:
        return Verdict(False, "Your function returned a closed socket.")
    row = kernel.snapshot(made=made)["made"]
    if row.state != "LISTEN":
        return Verdict(False, "Your function returned a socket that does not listen.")
    bound_to = made.getsockname()[0]
    if bound_to != host:
        return Verdict(False, f"It should listen on {host}, but it listens on {bound_to}.")
    if row.backlog not in (None, _BACKLOG):
        return Verdict(False, f"The backlog should be {_BACKLOG}, but it is {row.backlog}.")
    return None


def _has_ipv6() -> bool:
    try:
        with socket.socket(socket.AF_INET6) as probe:
            probe.bind(("::1", 0))
    except OSError:
        return False
    return True
