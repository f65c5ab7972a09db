"""The checksums of a frame: which of them are wrong. No I/O.

IPv4 protects its own header, IPv6 nothing. TCP, UDP and both kinds of ICMP protect their header and
data; all but ICMP for IPv4 also the addresses. A receiver drops what is wrong in silence. A frame
captured at its sender or on loopback may have checksums that a network card was to fill in.
"""

from __future__ import annotations

import struct

from .network import ETHERNET, IPV4, ethertype, unwrap

_ICMP, _TCP, _UDP, _ICMPV6 = 1, 6, 17, 58
_NAMES = {_ICMP: "ICMP", _TCP: "TCP", _UDP: "UDP", _ICMPV6: "ICMPv6"}
_RIGHT = 0xFFFF


def wrong_checksums(frame: bytes) -> tuple[str, ...]:
    """Return the names of the protocols whose checksum does not match, the outermost first.

    Only what can be checked is: a fragment's data cannot, and a broken header has no data.

    Args:
        frame: an Ethernet frame.
    """
    wrong = []
    if ethertype(frame) == IPV4 and len(frame) > ETHERNET:
        header = frame[ETHERNET : ETHERNET + 4 * (frame[ETHERNET] & 15)]
        if _sum(header) != _RIGHT:
            wrong.append("IPv4")
    datagram = unwrap(frame)
    if datagram is None or datagram.fragment or datagram.protocol not in _NAMES:
        return tuple(wrong)
    data, protocol = datagram.payload, datagram.protocol
    if protocol == _UDP and datagram.version == 4 and data[6:8] == b"\0\0":
        return tuple(wrong)  # its sender did not compute one (RFC 768)
    pseudo = datagram.source + datagram.destination + struct.pack("!II", len(data), protocol)
    if _sum((b"" if protocol == _ICMP else pseudo) + data) != _RIGHT:
        wrong.append(_NAMES[protocol])
    return tuple(wrong)


def damage(sent: bytes, received: bytes) -> str:
    """Return why a receiver drops a frame that was corrupted on its way; empty if it does not.

    Args:
        sent: the frame as it was sent, with right checksums.
        received: the frame as it arrives.
    """
    if received == sent:
        return ""
    if received[:6] != sent[:6]:
        return "wrong address"
    wrong = wrong_checksums(received)
    if wrong:
        return f"wrong {' and '.join(wrong)} checksum"
    unreadable = (unwrap(sent) is None) != (unwrap(received) is None)
    return "unreadable" if unreadable else ""


def _sum(data: bytes) -> int:
    """Add 16-bit numbers in ones' complement (RFC 1071); with their checksum they give 0xFFFF."""
    # Modulo 0xFFFF, a long number equals the sum of its 16-bit digits.
    number = int.from_bytes(data + b"\0" * (len(data) % 2), "big")
    return number % 0xFFFF or (0xFFFF if number else 0)
