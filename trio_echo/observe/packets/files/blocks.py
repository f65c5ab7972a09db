"""The blocks of a pcapng file, which Wireshark writes. draft-ietf-opsawg-pcapng describes them.

No I/O.
"""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING, NamedTuple

from . import links
from .errors import CaptureError
from .pcap import Frame

if TYPE_CHECKING:
    from collections.abc import Iterator

MAGIC = b"\x0a\x0d\x0d\x0a"
"""The beginning of a pcapng file."""

SECTION, INTERFACE, PACKET = 0x0A0D0D0A, 1, 6
"""Types of blocks."""

BYTE_ORDER = 0x1A2B3C4D
"""How a section says which byte order it has."""

COMMENT, NAME, RESOLUTION = 1, 2, 9
"""Options; a comment is one of a packet, the others are of an interface."""

_OFFSET = 14  # an option: the second from which an interface counts
_SECOND = 1_000_000_000
_MICROSECONDS = b"\x06"
# What reading a broken file may raise.
_BROKEN = (struct.error, ArithmeticError, LookupError, ValueError)


class Captured(NamedTuple):
    """One frame.

    Attributes:
        frame: as an Ethernet frame, and when it was captured.
        interface: the name of the interface, as it is in the file; empty if it has none.
        comment: of this frame; `None` if it has none.
    """

    frame: Frame
    interface: bytes
    comment: bytes | None


class _Interface(NamedTuple):
    link_type: int
    name: bytes
    units: int  # in a second
    offset: int  # nanoseconds


def packets(data: bytes) -> Iterator[Captured]:
    """Read the frames of a file.

    Raises:
        CaptureError: it is broken or cut short, or has frames of an unknown link.
    """
    try:
        yield from _packets(data)
    except CaptureError:
        raise
    except _BROKEN:
        raise CaptureError("not a whole pcapng file: it is broken, or cut short") from None


def _packets(data: bytes) -> Iterator[Captured]:
    interfaces: list[_Interface] = []
    for order, kind, body in _blocks(data):
        if kind == SECTION:
            interfaces = []
        elif kind == INTERFACE:
            interfaces.append(_interface(order, body))
        elif kind == PACKET:
            number, high, low, size, length = struct.unpack_from(f"{order}IIIII", body)
            (whole,) = struct.unpack_from(f"{size}s", body, 20)
            if size != length:
                raise CaptureError("its frames are cut short: capture with tcpdump -s 0")
            own = interfaces[number]
            time = (high << 32 | low) * _SECOND // own.units + own.offset
            frame = Frame(time, links.ethernet(own.link_type, whole))
            comment = _options(order, body[20 + size + -size % 4 :]).get(COMMENT)
            yield Captured(frame, own.name, comment)


def _interface(order: str, body: bytes) -> _Interface:
    (link_type,) = struct.unpack_from(f"{order}H", body)
    options = _options(order, body[8:])
    resolution = options.get(RESOLUTION, _MICROSECONDS)[0]
    units = 2 ** (resolution & 127) if resolution & 128 else 10**resolution
    (offset,) = struct.unpack(f"{order}q", options.get(_OFFSET, bytes(8)))
    return _Interface(link_type, options.get(NAME, b""), units, offset * _SECOND)


def _blocks(data: bytes) -> Iterator[tuple[str, int, bytes]]:
    """Yield the byte order, the type and the body of each block."""
    start, order = 0, "<"
    while start < len(data):
        if data.startswith(MAGIC, start):  # the same in both byte orders
            (mark,) = struct.unpack_from("<I", data, start + 8)
            order = "<" if mark == BYTE_ORDER else ">"
        kind, size = struct.unpack_from(f"{order}II", data, start)
        if size < 12 or size % 4 or start + size > len(data):
            raise ValueError
        yield order, kind, data[start + 8 : start + size - 4]
        start += size


def _options(order: str, data: bytes) -> dict[int, bytes]:
    options, start = {}, 0
    while start < len(data):
        kind, size = struct.unpack_from(f"{order}HH", data, start)
        options[kind] = data[start + 4 : start + 4 + size]
        start += 4 + size + -size % 4
    return options
