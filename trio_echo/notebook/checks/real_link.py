"""Checks for notebook 16, IPv4 and IPv6 on a real link."""

from __future__ import annotations

from typing import TYPE_CHECKING

from trio_echo.observe.packets import Crossing, Decoded

from . import (
    Verdict,
    call,
    failed,
    is_number,
    shown,
    unusable,
    wanted,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

_ETHERNET, _TCP = 14, 32  # with timestamps
_IP = {4: 20, 6: 40}

# The size of the data, the MTU, and the version of IP.
_SENDS = (
    (1448, 1500, 4),
    (1428, 1500, 6),
    (1, 1500, 4),
    (1449, 1500, 4),
    (2896, 1500, 4),
    (100_000, 1280, 6),
    (1_000_000, 9000, 4),
    (0, 1500, 6),
)

# For each message that a router sent: the MTU, and whether it arrived. Then the right answer.
_ONE, _LOST, _PLAIN = (1400, True), (1400, False), (None, True)
_PATHS: Sequence[tuple[Sequence[tuple[int | None, bool]], int]] = (
    ((_PLAIN, _ONE, _PLAIN), 1400),
    ((_PLAIN,), 1500),
    ((), 1500),
    ((_ONE, _PLAIN, (1280, True)), 1280),
    (((1280, True), _ONE), 1280),
    ((_LOST, _PLAIN), 1500),
    ((_ONE, (1280, False)), 1400),
    (((9000, True), _PLAIN), 1500),
)


def wire_bytes(answer: Callable[[int, int, int], object]) -> Verdict:
    """A function that returns how many bytes cross the cable for some data, in full segments."""
    if (verdict := unusable(answer, awaits=False)) is not None:
        return verdict
    for size, mtu, version in _SENDS:
        case = f"{size} byte{'s' * (size != 1)} of data, MTU {mtu}, IPv{version}"
        most = mtu - _IP[version] - _TCP
        segments = -(-size // most)
        right = size + segments * (_ETHERNET + _IP[version] + _TCP)
        got = call(answer, size, mtu, version)
        if (verdict := failed(f"With {case}", got)) is not None:
            return verdict
        if not is_number(got) or got != right:
            why = f"segments with at most {most} bytes of data: {segments}"
            found = f"{shown(got)}{wanted(got, right)}"
            return Verdict(False, f"{case}: {right} bytes cross the cable, not {found}; {why}.")
    return Verdict(True, "The headers count once for each segment, even a short one.")


def path_mtu(answer: Callable[[Sequence[Crossing], int], object]) -> Verdict:
    """A function that finds in a trace which MTU the client knows in the end."""
    if (verdict := unusable(answer, awaits=False)) is not None:
        return verdict
    for messages, right in _PATHS:
        crossings = [_crossing(time, *one) for time, one in enumerate(messages)]
        case = f"With {_described(messages)}"
        got = call(answer, crossings, 1500)
        if (verdict := failed(case, got)) is not None:
            return verdict
        if not is_number(got) or got != right:
            return Verdict(
                False, f"{case}, the client knows {right}, not {shown(got)}{wanted(got, right)}."
            )
    return Verdict(True, "Only what arrives counts, and it can only make the MTU smaller.")


def _crossing(time: int, mtu: int | None, arrives: bool) -> Crossing:
    words = "echo reply" if mtu is None else f"Packet Too Big: MTU {mtu}"
    decoded = Decoded("ICMPv6", 6, "fd00:1::254", "fd00:1::1", words, mtu=mtu)
    return Crossing(time, "router", 1294, decoded, None, (time,) if arrives else (), "", ())


def _described(messages: Sequence[tuple[int | None, bool]]) -> str:
    found = [
        f"MTU {mtu}{'' if arrives else ' (lost)'}" for mtu, arrives in messages if mtu is not None
    ]
    return f"a link of 1500 and {', then '.join(found) if found else 'no message about an MTU'}"
