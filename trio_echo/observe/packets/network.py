"""The Internet layer of a frame: Ethernet, then IPv4 or IPv6 with its extension headers. No I/O."""

from __future__ import annotations

import ipaddress
import struct
from functools import lru_cache
from typing import NamedTuple

IPV4, IPV6, ARP = 0x0800, 0x86DD, 0x0806
"""EtherTypes."""

ETHERNET = 14
"""The size of an Ethernet header, in bytes."""

_IPV6_HEADER = 40
# Where hosts begin to count routers. Each one subtracts 1.
_FIRST_HOPS = {64, 128, 255}
_HOP_BY_HOP, _ROUTING, _FRAGMENT, _OPTIONS = 0, 43, 44, 60


class Datagram(NamedTuple):
    """An IP datagram, or a fragment of one.

    Attributes:
        version: 4 or 6.
        source: its sender's address, in 4 or 16 bytes.
        destination: its receiver's address, likewise.
        protocol: the number of what it carries, such as 6 for TCP.
        start: the index in the frame at which that begins.
        payload: what it carries, without the link's padding.
        offset: how many bytes of the whole datagram's payload come before this fragment.
        more: whether more fragments follow.
    """

    version: int
    source: bytes
    destination: bytes
    protocol: int
    start: int
    payload: bytes
    offset: int
    more: bool

    @property
    def fragment(self) -> bool:
        """Whether it is a part of a datagram."""
        return self.more or self.offset > 0


def ethertype(frame: bytes) -> int | None:
    """Return what a frame carries; `None` if it has no whole Ethernet header."""
    return int.from_bytes(frame[12:ETHERNET], "big") if len(frame) >= ETHERNET else None


def unwrap(frame: bytes) -> Datagram | None:
    """Read the datagram in an Ethernet frame; return `None` if it has no whole one."""
    kind = ethertype(frame)
    try:
        if kind == IPV4:
            return _ipv4(frame)
        if kind == IPV6:
            return _ipv6(frame)
    except (struct.error, IndexError):
        pass  # it is cut short
    return None


def sender(frame: bytes) -> bytes | None:
    """Return the IP address of the host that put a frame on the link.

    `None` if it does not say one. The source of a datagram that a router forwarded is another host.
    """
    if ethertype(frame) == ARP:
        return frame[28:32] if len(frame) >= ETHERNET + 28 else None
    datagram = unwrap(frame)
    if datagram is None:
        return None
    hops = frame[22] if datagram.version == 4 else frame[21]
    return datagram.source if hops in _FIRST_HOPS else None


def _ipv4(frame: bytes) -> Datagram | None:
    length, _, place = struct.unpack_from("!HHH", frame, ETHERNET + 2)
    start, end = ETHERNET + 4 * (frame[ETHERNET] & 15), ETHERNET + length
    if frame[ETHERNET] >> 4 != 4 or not ETHERNET + 20 <= start <= end <= len(frame):
        return None
    return Datagram(
        4,
        frame[26:30],
        frame[30:34],
        frame[23],
        start,
        frame[start:end],
        8 * (place & 0x1FFF),
        bool(place & 0x2000),
    )


def _ipv6(frame: bytes) -> Datagram | None:
    start = ETHERNET + _IPV6_HEADER
    (length,) = struct.unpack_from("!H", frame, ETHERNET + 4)
    end, protocol, place = start + length, frame[ETHERNET + 6], 0
    if frame[ETHERNET] >> 4 != 6 or end > len(frame):
        return None
    while protocol in (_HOP_BY_HOP, _ROUTING, _FRAGMENT, _OPTIONS) and not place & 0xFFF8:
        size = 8
        if protocol == _FRAGMENT:
            (place,) = struct.unpack_from("!H", frame, start + 2)
        else:
            size += 8 * frame[start + 1]
        protocol, start = frame[start], start + size
        if start > end:
            return None
    return Datagram(
        6,
        frame[22:38],
        frame[38:54],
        protocol,
        start,
        frame[start:end],
        place & 0xFFF8,
        bool(place & 1),
    )


@lru_cache(256)  # a rule of a cable reads each frame: with IPv6, this was most of the time
def host(address: bytes) -> str:
    """Write an IPv4 or IPv6 address."""
    return str(ipaddress.ip_address(address))


def mac(address: bytes) -> str:
    """Write an Ethernet address."""
    return address.hex(":")
