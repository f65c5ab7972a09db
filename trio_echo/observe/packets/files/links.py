"""Frames of other links than Ethernet, with an Ethernet header in place of their own.

Everything after this module reads Ethernet frames. https://www.tcpdump.org/linktypes.html describes
the headers. No I/O.
"""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING, Final

from trio_echo.observe.packets.network import IPV4, IPV6

from .errors import CaptureError

if TYPE_CHECKING:
    from collections.abc import Callable

ETHERNET: Final = 1
"""The link type of Ethernet frames."""

# A loopback header's number for IPv6 differs between systems: Linux, NetBSD, FreeBSD, macOS.
_FAMILIES = {2: IPV4, 10: IPV6, 24: IPV6, 28: IPV6, 30: IPV6}
_HEADER = struct.Struct("!6s6sH")


def ethernet(link_type: int, data: bytes) -> bytes:
    """Return a frame that was captured on any link as an Ethernet frame.

    Args:
        link_type: the number in the capture file.
        data: the frame with the header of its link.

    Raises:
        CaptureError: this link type is not known.
    """
    if link_type == ETHERNET:
        return data
    if link_type not in _LINKS:
        raise CaptureError(f"link type {link_type} is not known: capture on Ethernet or loopback")
    try:
        return _LINKS[link_type](data)
    except (struct.error, IndexError):
        return b""  # it is cut short


def _null(data: bytes) -> bytes:
    """Read the loopback header of macOS, the BSDs and Npcap, in the byte order of its machine."""
    families = (int.from_bytes(data[:4], "little"), int.from_bytes(data[:4], "big"))
    kind = next((_FAMILIES[one] for one in families if one in _FAMILIES), 0)
    return _framed(kind, data[4:])


def _raw(data: bytes) -> bytes:
    """Read an IP packet without a link header, as a tunnel such as a VPN has."""
    return _framed({4: IPV4, 6: IPV6}.get(data[0] >> 4, 0), data)


def _cooked(data: bytes) -> bytes:
    """Read the header of Linux's `any`, version 1."""
    address, protocol = struct.unpack_from("!6x8sH", data)
    return _framed(protocol, data[16:], address[:6])


def _cooked_2(data: bytes) -> bytes:
    """Read the header of Linux's `any`, version 2."""
    protocol, address = struct.unpack_from("!H10x8s", data)
    return _framed(protocol, data[20:], address[:6])


def _framed(kind: int, payload: bytes, source: bytes = bytes(6)) -> bytes:
    return _HEADER.pack(bytes(6), source, kind) + payload


_LINKS: dict[int, Callable[[bytes], bytes]] = {
    0: _null,
    108: _null,
    12: _raw,
    14: _raw,
    101: _raw,
    228: _raw,
    229: _raw,
    113: _cooked,
    276: _cooked_2,
}
