"""Flipping one bit of a frame so that a checksum detects it. No I/O."""

from __future__ import annotations

from typing import TYPE_CHECKING

from trio_echo.observe.packets.network import unwrap

if TYPE_CHECKING:
    import random

# ICMP, TCP, UDP, ICMPv6: their checksum covers everything after the IP header.
_CHECKSUMMED = {1, 6, 17, 58}


def corrupted(frame: bytes, lots: random.Random) -> bytes:
    """Flip one bit after the IP header, so that the frame still reaches its host.

    Any checksum of this kind detects a single bit (RFC 1071). The kernel then drops the packet and
    counts it, for TCP in `TcpInCsumErrors`. A frame without such a checksum is returned as it is.
    """
    datagram = unwrap(frame)
    if datagram is None or datagram.protocol not in _CHECKSUMMED or not datagram.payload:
        return frame
    bit = lots.randrange(datagram.start * 8, (datagram.start + len(datagram.payload)) * 8)
    changed = bytearray(frame)
    changed[bit // 8] ^= 128 >> bit % 8
    return bytes(changed)
