"""Flipping one bit of a frame so that a checksum detects it. No I/O."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import random

_ETHERNET = 14
_IPV4, _IPV6 = 0x0800, 0x86DD
# ICMP, TCP, UDP, ICMPv6: their checksum covers everything after the IP header.
_CHECKSUMMED = {1, 6, 17, 58}


def corrupted(frame: bytes, lots: random.Random) -> bytes:
    """Flip one bit after the IP header, so that the frame still reaches its host.

    Any checksum of this kind detects a single bit (RFC 1071). The kernel then drops the packet and
    counts it, for TCP in `TcpInCsumErrors`. A frame without such a checksum is returned as it is.
    """
    start, end = _covered(frame)
    if start >= end:
        return frame
    bit = lots.randrange(start * 8, end * 8)
    changed = bytearray(frame)
    changed[bit // 8] ^= 128 >> bit % 8
    return bytes(changed)


def _covered(frame: bytes) -> tuple[int, int]:
    """Return the first byte that the checksum covers, and the one after the last."""
    kind = int.from_bytes(frame[12:14], "big")
    if kind == _IPV4 and len(frame) >= _ETHERNET + 20 and frame[23] in _CHECKSUMMED:
        length = int.from_bytes(frame[16:18], "big")
        return _ETHERNET + 4 * (frame[14] & 15), min(len(frame), _ETHERNET + length)
    if kind == _IPV6 and len(frame) >= _ETHERNET + 40 and frame[20] in _CHECKSUMMED:
        length = int.from_bytes(frame[18:20], "big")
        return _ETHERNET + 40, min(len(frame), _ETHERNET + 40 + length)
    return 0, 0
