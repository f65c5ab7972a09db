"""Checks for notebook 14, when the network is bad."""

from __future__ import annotations

import socket
import struct
import sys
from functools import partial
from typing import TYPE_CHECKING, Any, NamedTuple

import trio
from trio.testing import MockClock

from trio_echo import lan

from . import (
    Verdict,
    call,
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


class _Sent(NamedTuple):
    """A segment that crosses the cable."""

    source: str
    flags: int
    sequence: int
    data: bytes
    words: str


_SYN, _ACK = 0x02, 0x10
_CONVERSATION = [
    _Sent("client", _SYN, 0, b"", "the client's SYN"),
    _Sent("server", _SYN | _ACK, 0, b"", "the server's SYN+ACK"),
    _Sent("client", _ACK, 1, b"", "the client's first ACK"),
    _Sent("client", _ACK, 1, b"one", "the first data segment from the client"),
    _Sent("server", _ACK, 1, b"", "an ACK without data from the server"),
    _Sent("server", _ACK, 1, b"one", "the first data segment from the server"),
    _Sent("client", _ACK, 4, b"two", "the second data segment from the client"),
    _Sent("client", _ACK, 7, b"three", "the third data segment from the client"),
    _Sent("server", _ACK, 4, b"two", "the second data segment from the server"),
    _Sent("server", _ACK, 7, b"three", "the third data segment from the server"),
    _Sent("server", _ACK, 12, b"four", "the fourth data segment from the server"),
    _Sent("server", _ACK, 7, b"three", "the third segment again, when the server repeats it"),
]
_THIRD = 9


def third(answer: Callable[[], object]) -> Verdict:
    """A function that returns a rule: drop the third data segment from the server."""
    if (verdict := unusable(answer, awaits=False)) is not None:
        return verdict
    rule = call(answer)
    if (verdict := failed("When called", rule)) is not None:
        return verdict
    if not isinstance(rule, lan.Rule):
        what = f"{shown(rule)}, which is not a rule, such as lan.drop(…)"
        return Verdict(False, f"It returned {what}.")
    if call(answer) is rule:
        return Verdict(False, "It returns the same rule each time. A rule counts: make a new one.")
    cable = lan.Cable("client", "server")
    cable.rules.append(rule)
    for number, sent in enumerate(_CONVERSATION):
        end = "server" if sent.source == "client" else "client"
        got = call(cable.toward(end).take, _frame(sent), number)
        if isinstance(got, BaseException):
            return Verdict(False, f"Your rule raised {shown(got)} for {sent.words}.")
    for number, (sent, passage) in enumerate(zip(_CONVERSATION, cable.passages, strict=True)):
        if passage.lost and number != _THIRD:
            return Verdict(False, f"Your rule drops {sent.words}.")
        if not passage.lost and number == _THIRD:
            return Verdict(False, f"Your rule lets {sent.words} pass.")
        if passage.fate not in ("carried", "lost"):
            return Verdict(False, f"With your rule, {sent.words} is {passage.fate}.")
    return Verdict(True, "It drops the third data segment, once. The repetition arrives.")


def _frame(sent: _Sent) -> bytes:
    """Return an Ethernet frame with an IPv4 packet; nobody looks at its checksums."""
    ends = (bytes([10, 0, 0, 1]), 40000), (bytes([10, 0, 0, 2]), 9000)
    (source, near), (target, far) = ends if sent.source == "client" else ends[::-1]
    offset = 5 << 4
    tcp = struct.pack("!HHIIBBHHH", near, far, sent.sequence, 1, offset, sent.flags, 4096, 0, 0)
    size = 20 + len(tcp) + len(sent.data)
    ip = struct.pack("!BBHHHBBH", 0x45, 0, size, 0, 0, 64, socket.IPPROTO_TCP, 0) + source + target
    return bytes(12) + b"\x08\x00" + ip + tcp + sent.data


def repeated(segments: object, seconds: object) -> Verdict:
    """Which of ten segments are repeated, and when the third repetition is sent."""
    if (verdict := unfinished(segments, seconds)) is not None:
        return verdict
    if not isinstance(segments, list | tuple | set):
        return Verdict(False, f"a must be a list of numbers, not {shown(segments)}.")
    for one in segments:
        if not is_integer(one) or one not in range(1, 11):
            return Verdict(False, f"a: {shown(one)} is not a number from 1 to 10.")
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
        how = "a time limit ended the wait" if isinstance(got, trio.TooSlowError) else said(got)
        words = f"The peer was there, only silent for {_THOUGHT:.0f} s, and you gave it up: {how}."
        return Verdict(False, words)
    if (verdict := failed("When the peer sent b'hello' after a while", got)) is not None:
        return verdict
    if not same(got, b"hello"):
        return Verdict(False, f"The peer sent b'hello' after a while; {said(got)}.")
    return _judge(options)


def _options(stream: trio.SocketStream) -> dict[str, Any]:
    """Return what a stream's keepalive is; a system that hides a time has its default."""
    found = {"on": stream.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE)}
    defaults = {_KEEPIDLE: 7200, "TCP_KEEPINTVL": 75, "TCP_KEEPCNT": 9}
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
    needed = idle + interval * count
    how = f"{idle} s of silence, then {count} probes, {interval} s each"
    if needed > _LIMIT:
        return Verdict(False, f"It would take {needed} s to notice a vanished peer: {how}.")
    return Verdict(
        True, f"It waits for a silent peer, and notices a vanished one after {needed} s: {how}."
    )
