"""Whole frames for tests, with right checksums, as they cross a cable."""

from __future__ import annotations

import ipaddress
import struct
from typing import TYPE_CHECKING

from wire import frame

from trio_echo import Endpoint

if TYPE_CHECKING:
    from trio_echo.observe.packets.wire import Flags

NEAR_MAC, FAR_MAC = bytes.fromhex("020000000001"), bytes.fromhex("020000000002")
NEAR, FAR, NEAR6, FAR6 = "10.0.0.1", "10.0.0.2", "fd00::1", "fd00::2"
_PROTOCOLS = {"ICMP": 1, "TCP": 6, "UDP": 17, "ICMPv6": 58}
_CHECKSUM_AT = {1: 2, 6: 16, 17: 6, 58: 2}


def ethernet(kind: int, payload: bytes) -> bytes:
    return FAR_MAC + NEAR_MAC + struct.pack("!H", kind) + payload


def arp(operation: int, asker: str, wanted: str) -> bytes:
    ends = [ipaddress.ip_address(one).packed for one in (asker, wanted)]
    fixed = struct.pack("!HHBBH", 1, 0x0800, 6, 4, operation)
    return ethernet(0x0806, fixed + NEAR_MAC + ends[0] + bytes(6) + ends[1])


def ip(
    protocol: str, payload: bytes, source: str = "", destination: str = "", place: int | None = None
) -> bytes:
    """Wrap a message, and fill in the checksums.

    Args:
        protocol: its name.
        payload: the message.
        source: an address; without it, that of the near host.
        destination: an address; without it, that of the far host.
        place: of a fragment: its offset in bytes, and 1 if more follow.
    """
    version = 6 if protocol == "ICMPv6" or ":" in source else 4
    default = (NEAR6, FAR6) if version == 6 else (NEAR, FAR)
    ends = (source or default[0], destination or default[1])
    addresses = b"".join(ipaddress.ip_address(one).packed for one in ends)
    number, size = _PROTOCOLS[protocol], len(payload)
    if place is None:
        at = _CHECKSUM_AT[number]
        pseudo = b"" if number == 1 else addresses + struct.pack("!II", size, number)
        blank = payload[:at] + b"\0\0" + payload[at + 2 :]
        payload = payload[:at] + _checksum(pseudo + blank) + payload[at + 2 :]
    if version == 4:
        bits = 0 if place is None else place // 8 | (place & 1) << 13
        head = struct.pack("!BBHHHBBH", 0x45, 0, 20 + size, 7, bits, 64, number, 0) + addresses
        return ethernet(0x0800, head[:10] + _checksum(head) + head[12:] + payload)
    if place is not None:
        payload = struct.pack("!BBHI", number, 0, place, 7) + payload
        number = 44
    return ethernet(
        0x86DD, struct.pack("!IHBB", 6 << 28, len(payload), number, 64) + addresses + payload
    )


def tcp(
    flags: Flags,
    sequence: int = 0,
    acknowledgement: int = 0,
    *,
    back: bool = False,
    ipv6: bool = False,
    window: int = 64,
    options: bytes = b"",
    payload: bytes = b"",
) -> bytes:
    """Build a segment from the near host's port 51188 to the far one's 9000, or back."""
    near, far = (NEAR6, FAR6) if ipv6 else (NEAR, FAR)
    ends = Endpoint(near, 51188), Endpoint(far, 9000)
    source, destination = reversed(ends) if back else ends
    whole = frame(
        source,
        destination,
        flags,
        sequence,
        acknowledgement,
        window=window,
        options=options,
        payload=payload,
    )
    return ip("TCP", whole.data[54 if ipv6 else 34 :], source.host, destination.host)


def _checksum(data: bytes) -> bytes:
    words = struct.unpack(f"!{(len(data) + 1) // 2}H", data + b"\0" * (len(data) % 2))
    total = sum(words)
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return struct.pack("!H", 0xFFFF - total)
