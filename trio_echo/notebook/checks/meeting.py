"""Checks for notebook 01, how a server and a client meet."""

from __future__ import annotations

import socket
import sys
from contextlib import ExitStack
from typing import TYPE_CHECKING

import trio

from . import Verdict, call, compare, failed, said, same, unusable

if TYPE_CHECKING:
    from collections.abc import Callable

    from trio.socket import SocketType


def count(answer: object) -> Verdict:
    """How many sockets a server has: 8 clients with one connection, 2 with three."""
    hints = {
        10: "Count connections, not clients. And one socket has no client.",
        11: "A client with three connections has three sockets at the server.",
        14: "One socket has no client.",
        29: "Those are the sockets of both sides. How many are at the server?",
    }
    return compare(answer, 15, "14 connections, and the socket that listens.", hints)


async def facts(answer: Callable[[SocketType], object]) -> Verdict:
    """A function that returns a socket's family, local address, and remote address or `None`."""
    if (verdict := unusable(answer, awaits=False)) is not None:
        return verdict
    with ExitStack() as made:
        new, bound, listener, client = (made.enter_context(trio.socket.socket()) for _ in range(4))
        await bound.bind(("127.0.0.1", 0))
        await listener.bind(("127.0.0.1", 0))
        listener.listen()
        await client.connect(listener.getsockname())
        accepted = made.enter_context((await listener.accept())[0])
        here, there = client.getsockname(), listener.getsockname()
        expected: dict[str, tuple[SocketType, object]] = {}
        if sys.platform != "win32":  # there, getsockname() fails until the socket is bound
            expected["a new socket"] = (new, (socket.AF_INET, new.getsockname(), None))
        expected |= {
            "a bound socket": (bound, (socket.AF_INET, bound.getsockname(), None)),
            "a listening socket": (listener, (socket.AF_INET, there, None)),
            "a connected client's socket": (client, (socket.AF_INET, here, there)),
            "what accept() returned": (accepted, (socket.AF_INET, there, here)),
        }
        for name, (sock, right) in expected.items():
            got = call(answer, sock)
            if (verdict := failed(f"For {name}", got)) is not None:
                return verdict
            if not same(got, right):
                return Verdict(False, f"For {name}, {said(got, right)}.")
    return Verdict(True, f"It is right for sockets in {len(expected)} states.")
