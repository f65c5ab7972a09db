"""Checks for notebook 14, when the network is bad."""

from __future__ import annotations

import math
import socket
import sys
from functools import partial
from typing import TYPE_CHECKING, Any

import trio
from trio.testing import MockClock

from . import (
    Verdict,
    call_async,
    failed,
    is_integer,
    is_number,
    near,
    said,
    same,
    shown,
    unfinished,
    unusable,
)

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    Waits = Callable[[trio.SocketStream], Awaitable[object]]


def repeated(segments: object, seconds: object) -> Verdict:
    """Which of ten segments are repeated, and when the third repetition is sent."""
    if (verdict := unfinished(segments, seconds)) is not None:
        return verdict
    if not isinstance(segments, list | tuple | set):
        return Verdict(False, f"a must be a list of numbers, not {shown(segments)}.")
    for one in segments:
        if not is_integer(one) or one not in range(1, 11):
            return Verdict(False, f"a: {shown(one)} is not a number from 1 to 10.")
    if len(set(segments)) < len(segments):
        return Verdict(False, "a: each repetition arrives. Is a segment sent again twice?")
    for number in range(1, 11):
        if (number in segments) != (number in (4, 8)):
            if number in (4, 8):
                return Verdict(False, f"a: who repeats segment {number}, if not the sender?")
            return Verdict(
                False, f"a: segment {number} arrived, and the SACK says so. Is it sent again?"
            )
    if not is_number(seconds):
        return Verdict(False, f"b must be a number of seconds, not {shown(seconds)}.")
    hints = {
        0.2: "b: that is the first repetition, which is lost.",
        0.4: "b: that is the second repetition, which is lost too.",
        0.6: "b: three equal pauses? The pauses double.",
        1.4: "b: are 0.2, 0.4 and 0.8 s the pauses, or the times since the first attempt?",
        1.66: "b: that would be the fourth repetition.",
        800: "b: the answer is wanted in seconds.",
    }
    if near(seconds, 0.8, abs_tol=0.07):
        return Verdict(True, "Only what is missing is sent again, and each wait is twice as long.")
    hint = (text for wrong, text in hints.items() if near(seconds, wrong, abs_tol=0.07))
    return Verdict(False, next(hint, f"b is not {shown(seconds)} s."))


# Seconds on the answer's clock, which runs faster than a real one, and how much faster.
_LIMIT, _THOUGHT, _SPEED = 5, 60.0, 200.0
# Real seconds. No right answer takes this long.
_PATIENCE = 5.0
_KEEPIDLE = "TCP_KEEPALIVE" if sys.platform == "darwin" else "TCP_KEEPIDLE"


async def patient(answer: Waits) -> Verdict:
    """A function that waits for a silent peer, but not for a vanished one."""
    if (verdict := unusable(answer)) is not None:
        return verdict
    # Time limits of the program run on this clock; those of the kernel are read from the socket.
    return await trio.to_thread.run_sync(
        partial(trio.run, _patient, answer, clock=MockClock(rate=_SPEED))
    )


async def _patient(answer: Waits) -> Verdict:
    with trio.socket.socket() as listener:
        await listener.bind(("127.0.0.1", 0))
        listener.listen()
        stream = await trio.open_tcp_stream(*listener.getsockname())
        peer, _ = await listener.accept()
    options: dict[str, Any] = {}

    async def think() -> None:
        await trio.sleep(_THOUGHT)
        if stream.socket.fileno() != -1:
            options.update(_options(stream))
        await peer.send(b"hello")

    with peer:
        async with stream, trio.open_nursery() as nursery:
            nursery.start_soon(think)
            got = await call_async(_PATIENCE * _SPEED, answer, stream)
            nursery.cancel_scope.cancel()
    if not options:
        if isinstance(got, Exception) and not isinstance(got, OSError | trio.TooSlowError):
            return Verdict(False, f"With a peer that is only silent, {said(got)}.")
        how = "a time limit ended the wait" if isinstance(got, trio.TooSlowError) else said(got)
        silent = f"The peer was there, only silent for {_THOUGHT:.0f} s"
        return Verdict(False, f"{silent}, and you gave up on it: {how}.")
    if (verdict := failed("When the peer sent b'hello' after a while", got)) is not None:
        return verdict
    if not same(got, b"hello"):
        return Verdict(False, f"The peer sent b'hello' after a while; {said(got)}.")
    return _judge(options)


def _options(stream: trio.SocketStream) -> dict[str, Any]:
    """Return what ends a stream's wait; a system that hides a time has its default."""
    found = {"on": stream.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE)}
    defaults = {_KEEPIDLE: 7200, "TCP_KEEPINTVL": 75, "TCP_KEEPCNT": 9, "TCP_USER_TIMEOUT": 0}
    for name, value in defaults.items():
        option = getattr(socket, name, None)
        found[name] = value if option is None else stream.getsockopt(socket.IPPROTO_TCP, option)
    return found


def _judge(options: dict[str, Any]) -> Verdict:
    if not options["on"]:
        return Verdict(
            False, "It waits, but for a vanished peer it would wait for ever: nothing probes it."
        )
    idle, interval, count = (options[one] for one in (_KEEPIDLE, "TCP_KEEPINTVL", "TCP_KEEPCNT"))
    how = f"{idle} s of silence, then {count} probes, {interval} s each"
    if limit := options["TCP_USER_TIMEOUT"]:  # Linux then does not count the probes
        count = max(1, math.ceil((limit / 1000 - idle) / interval))
        how = f"probes after {idle} s of silence, until TCP_USER_TIMEOUT has passed"
    needed = idle + interval * count
    if needed > _LIMIT:
        return Verdict(False, f"It would take {needed} s to notice a vanished peer: {how}.")
    return Verdict(
        True, f"It waits for a silent peer, and notices a vanished one after {needed} s: {how}."
    )
