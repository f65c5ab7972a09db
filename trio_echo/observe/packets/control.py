"""What ICMP and ICMPv6 say: errors, echoes, neighbours, routers and listeners. No I/O."""

from __future__ import annotations

import struct
from typing import NamedTuple

from .network import host, mac

_UNREACHABLE = {  # RFC 792, RFC 1812
    0: "network unreachable",
    1: "host unreachable",
    2: "protocol unreachable",
    3: "port unreachable",
    13: "prohibited by an administrator",
}
_UNREACHABLE6 = {  # RFC 4443, section 3.1
    0: "no route",
    1: "prohibited by an administrator",
    3: "address unreachable",
    4: "port unreachable",
}
_FRAGMENTATION_NEEDED = 4
_SOURCE_ADDRESS, _TARGET_ADDRESS, _PREFIX, _MTU = 1, 2, 3, 5  # options, RFC 4861, section 4.6
_ADDRESS = 16


class Said(NamedTuple):
    """What a message says.

    Attributes:
        words: in one line.
        mtu: the largest datagram that the next link takes, if the message is about that.
    """

    words: str
    mtu: int | None = None


def icmp(message: bytes) -> Said:
    """Describe an ICMP message for IPv4.

    Raises:
        struct.error: it is cut short.
    """
    kind, code, _, _, number = struct.unpack_from("!BBHHH", message)
    if kind == 3 and code == _FRAGMENTATION_NEEDED:  # RFC 1191, section 4
        return Said(f"Fragmentation Needed: MTU {number}", number)
    if kind == 3:
        return Said(_UNREACHABLE.get(code, f"unreachable, code {code}"))
    if kind in (0, 8):
        return Said(_echo("echo request" if kind == 8 else "echo reply", message))
    others = {5: "redirect", 11: "time exceeded"}
    return Said(others.get(kind, f"type {kind}, code {code}"))


def icmpv6(message: bytes, source: str) -> Said:
    """Describe an ICMPv6 message.

    Args:
        message: its header and body.
        source: the address of its sender.

    Raises:
        struct.error: it is cut short.
    """
    kind, code, _, number = struct.unpack_from("!BBHI", message)
    match kind:
        case 1:
            return Said(_UNREACHABLE6.get(code, f"unreachable, code {code}"))
        case 2:
            return Said(f"Packet Too Big: MTU {number}", number)
        case 128 | 129:
            return Said(_echo("echo request" if kind == 128 else "echo reply", message))
        case 130:
            return Said("listener query")
        case 131 | 132:
            verb = "report" if kind == 131 else "done"
            return Said(f"listener {verb}: {_address(message, 8)}")
        case 133:
            return Said("router solicitation")
        case 134:
            return Said(_router(message))
        case 135 | 136:
            return Said(_neighbour(kind, message, source))
        case 143:
            return Said(f"listener report: {_groups(message)}")
    others = {3: "time exceeded", 4: "parameter problem", 137: "redirect"}
    return Said(others.get(kind, f"type {kind}, code {code}"))


def _echo(name: str, message: bytes) -> str:
    identifier, sequence = struct.unpack_from("!HH", message, 4)
    return f"{name}: id {identifier}, seq {sequence}, {len(message) - 8} bytes"


def _neighbour(kind: int, message: bytes, source: str) -> str:
    """Describe a neighbour solicitation or advertisement (RFC 4861, sections 4.3 and 4.4)."""
    target = _address(message, 8)
    if kind == 136:
        there = _options(message, 8 + _ADDRESS).get(_TARGET_ADDRESS, b"")
        return f"neighbour advertisement: {target} is {f'at {mac(there)}' if there else 'here'}"
    question = f"is {target} in use?" if source == "::" else f"who has {target}?"
    return f"neighbour solicitation: {question}"


def _router(message: bytes) -> str:
    """Describe a router advertisement (RFC 4861, section 4.2)."""
    (lifetime,) = struct.unpack_from("!H", message, 6)
    words = [f"lifetime {lifetime} s"]
    options = _options(message, 16)
    prefix, mtu = options.get(_PREFIX, b""), options.get(_MTU, b"")
    if len(prefix) == 30:
        words.append(f"prefix {host(prefix[14:])}/{prefix[0]}")
    if len(mtu) == 6:
        words.append(f"MTU {int.from_bytes(mtu[2:], 'big')}")
    return f"router advertisement: {', '.join(words)}"


def _groups(message: bytes) -> str:
    """List the groups of a report of MLD version 2 (RFC 3810, section 5.2)."""
    (count,) = struct.unpack_from("!H", message, 6)
    groups, at = [], 8
    for _ in range(count):
        _, extra, sources = struct.unpack_from("!BBH", message, at)
        groups.append(_address(message, at + 4))
        at += 4 + _ADDRESS * (1 + sources) + 4 * extra
    return ", ".join(groups)


def _options(message: bytes, at: int) -> dict[int, bytes]:
    """Read the options of neighbour discovery: values by kind."""
    options = {}
    while at + 2 <= len(message) and message[at + 1]:
        size = 8 * message[at + 1]
        options[message[at]] = message[at + 2 : at + size]
        at += size
    return options


def _address(message: bytes, at: int) -> str:
    return host(*struct.unpack_from("16s", message, at))
