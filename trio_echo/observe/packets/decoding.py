"""Any frame on a cable, decoded: ARP, ICMP, ICMPv6, TCP, UDP and fragments. No I/O."""

from __future__ import annotations

import struct
from dataclasses import dataclass
from typing import TYPE_CHECKING

from .control import Said, icmp, icmpv6
from .network import ARP, ETHERNET, IPV4, IPV6, ethertype, host, mac, unwrap
from .wire import Header, parse

if TYPE_CHECKING:
    from .network import Datagram

_ICMP, _TCP, _UDP, _ICMPV6 = 1, 6, 17, 58
_NAMES = {_ICMP: "ICMP", _TCP: "TCP", _UDP: "UDP", _ICMPV6: "ICMPv6"}
_REQUEST, _REPLY = 1, 2


@dataclass(frozen=True, slots=True)
class Decoded:
    """What a frame says.

    Attributes:
        protocol: `ARP`, `ICMP`, `ICMPv6`, `TCP` or `UDP`; a number for others; `broken` if the
            frame is cut short or contradicts itself.
        version: of the Internet Protocol, 4 or 6; `None` without it.
        source: the IP address of its sender, or the Ethernet address.
        destination: the address of its receiver, likewise.
        words: a plain description, in one line.
        segment: the TCP header and data, if it is a whole segment.
        mtu: the MTU that Fragmentation Needed or Packet Too Big announces, in bytes.
    """

    protocol: str
    version: int | None
    source: str
    destination: str
    words: str
    segment: Header | None = None
    mtu: int | None = None


def decode(frame: bytes) -> Decoded:
    """Describe an Ethernet frame, whatever it contains."""
    kind = ethertype(frame)
    if kind is None:
        return Decoded("broken", None, "", "", f"{len(frame)} bytes, less than an Ethernet header")
    datagram = unwrap(frame)
    if datagram is None:
        return _link(kind, frame)
    segment = parse(frame)
    protocol = _NAMES.get(datagram.protocol, f"protocol {datagram.protocol}")
    source, destination = host(datagram.source), host(datagram.destination)
    said = _said(datagram, source, segment)
    if said is None:
        protocol, said = "broken", Said(f"{protocol}, cut short")
    return Decoded(protocol, datagram.version, source, destination, said.words, segment, said.mtu)


def _link(kind: int, frame: bytes) -> Decoded:
    """Describe a frame without a whole datagram."""
    receiver, sender = mac(frame[:6]), mac(frame[6:12])
    if kind == ARP:
        try:
            return Decoded("ARP", None, sender, receiver, _arp(frame))
        except struct.error:
            return Decoded("broken", None, sender, receiver, "ARP, cut short")
    if kind in (IPV4, IPV6):
        name = "IPv4" if kind == IPV4 else "IPv6"
        return Decoded("broken", None, sender, receiver, f"{name}, cut short or contradictory")
    size = len(frame) - ETHERNET
    return Decoded(f"0x{kind:04x}", None, sender, receiver, f"{size} bytes of another protocol")


def _arp(frame: bytes) -> str:
    """Describe a question or an answer (RFC 826)."""
    operation, there, asker, _, wanted = struct.unpack_from("!H6s4s6s4s", frame, ETHERNET + 6)
    sender, target = host(asker), host(wanted)
    if operation == _REPLY or (operation == _REQUEST and sender == target):
        return f"{sender} is at {mac(there)}"
    if operation != _REQUEST:
        return f"operation {operation}"
    if sender == "0.0.0.0":  # noqa: S104  an address probe, RFC 5227
        return f"is {target} in use?"
    return f"who has {target}? {sender} asks"


def _said(datagram: Datagram, source: str, segment: Header | None) -> Said | None:
    """Describe what a datagram carries; return `None` if that is cut short."""
    payload = datagram.payload
    if datagram.fragment:
        return Said(_fragment(datagram))
    if segment is not None:
        ports = f"{segment.source.port} → {segment.destination.port}"
        return Said(f"{ports} {segment.flags}, {len(segment.payload)} bytes")
    try:
        if datagram.protocol == _ICMP:
            return icmp(payload)
        if datagram.protocol == _ICMPV6:
            return icmpv6(payload, source)
        if datagram.protocol == _UDP:
            near, far, _, _ = struct.unpack_from("!HHHH", payload)
            return Said(f"{near} → {far}, {len(payload) - 8} bytes")
    except struct.error:
        return None
    return None if datagram.protocol == _TCP else Said(f"{len(payload)} bytes")


def _fragment(datagram: Datagram) -> str:
    """Describe a fragment (RFC 791, RFC 8200 section 4.5)."""
    first, after = datagram.offset, datagram.offset + len(datagram.payload)
    words = f"fragment, bytes {first} to {after - 1}"
    return f"{words}, {'more follow' if datagram.more else 'the last one'}"
