"""Checks for notebook 12, addresses and names."""

from __future__ import annotations

import ipaddress
from typing import TYPE_CHECKING

from . import (
    Verdict,
    call,
    failed,
    same,
    shown,
    unfinished,
    unusable,
    wanted,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from trio_echo.addresses import Sockaddr

_LONG = ipaddress.IPv6Address("2001:db8::1:0:0:1")

# What accept() returned, and the right text for it.
_PEERS: Sequence[tuple[Sockaddr, str]] = (
    (("127.0.0.1", 51188), "127.0.0.1:51188"),
    (("::1", 51188, 0, 0), "[::1]:51188"),
    (("::ffff:127.0.0.1", 51188, 0, 0), "127.0.0.1:51188"),
    (("2001:db8::ffff:7f00:1", 80, 0, 0), "[2001:db8::ffff:7f00:1]:80"),
    (("::ffff:192.0.2.7", 9, 0, 0), "192.0.2.7:9"),
    (("fe80::1", 80, 0, 2), "[fe80::1%2]:80"),
)


def shortest(answer: object) -> Verdict:
    """The form that RFC 5952 gives an address with two equally long runs of zeros."""
    if (verdict := unfinished(answer)) is not None:
        return verdict
    if same(answer, str(_LONG)):
        return Verdict(True, "If two runs are equally long, the first one is left out.")
    try:
        got = ipaddress.IPv6Address(answer if isinstance(answer, str) else "")
    except ValueError:
        why = f"{shown(answer)} is not an IPv6 address: eight groups, at most one ::, no more."
        return Verdict(False, why)
    if got != _LONG:
        # Without the zone: Python 3.11 fails with one.
        full = ipaddress.IPv6Address(int(got)).exploded
        return Verdict(False, f"{answer!r} is another address: {full}.")
    if same(answer, "2001:db8:0:0:1::1"):
        return Verdict(False, "It is the same address, but which of the two runs is left out?")
    return Verdict(False, f"{answer!r} is the same address, but not yet as RFC 5952 writes it.")


def peers(answer: Callable[[Sockaddr], object]) -> Verdict:
    """A function that writes an address from `accept()`, a mapped one as its IPv4 address."""
    if (verdict := unusable(answer, awaits=False)) is not None:
        return verdict
    for sockaddr, right in _PEERS:
        got = call(answer, sockaddr)
        if (verdict := failed(f"Given {sockaddr!r}", got)) is not None:
            return verdict
        if not same(got, right):
            case = f"Given {sockaddr!r}, it should return {right!r}"
            return Verdict(False, f"{case}, not {shown(got)}{wanted(got, right)}.")
    return Verdict(True, "A client has one name, whichever socket accepted it.")
