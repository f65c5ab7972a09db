"""Capture files in the classic pcap format, as tcpdump and Wireshark read and write them.

draft-ietf-opsawg-pcap describes the format: a header for the file, then a header and the bytes of
each frame. No I/O.
"""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING, NamedTuple

from . import links
from .errors import CaptureError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

# Their byte order is that of the file.
_MICROSECONDS, _NANOSECONDS = 0xA1B2C3D4, 0xA1B23C4D
_UNITS = {_MICROSECONDS: 1000, _NANOSECONDS: 1}
_SECOND = 1_000_000_000
_VERSION = (2, 4)
# The upper bits say whether frames have a checksum at their end.
_LINK_TYPE = 0xFFFF
# Larger than any frame: libpcap's own limit.
_SNAPLEN = 262_144

_FILE_HEADER = "IHHiIII"  # magic, version, zone, accuracy, longest frame, link type
_FRAME_HEADER = "IIII"  # seconds, fraction, bytes in the file, bytes on the wire


class Frame(NamedTuple):
    """One Ethernet frame, as the kernel handed it over, or one of another link made into one.

    Attributes:
        time: nanoseconds since 1970.
        data: the bytes, from the Ethernet header on.
    """

    time: int
    data: bytes


def unpack(data: bytes) -> list[Frame]:
    """Read the frames of a file.

    Raises:
        CaptureError: this is not a capture file, or it is cut short, or its frames are not whole,
            or are of an unknown link.
    """
    try:
        order = "<" if struct.unpack_from("<I", data)[0] in _UNITS else ">"
        magic, *_, link_type = struct.unpack_from(order + _FILE_HEADER, data)
        if magic not in _UNITS:
            raise CaptureError("not a pcap file")
        return list(_frames(data, order, _UNITS[magic], link_type & _LINK_TYPE))
    except struct.error:
        raise CaptureError("not a whole pcap file: it is cut short") from None


def _frames(data: bytes, order: str, unit: int, link_type: int) -> Iterator[Frame]:
    header = struct.Struct(order + _FRAME_HEADER)
    start = struct.calcsize(order + _FILE_HEADER)
    while start < len(data):
        seconds, fraction, kept, length = header.unpack_from(data, start)
        if kept > length or fraction * unit >= _SECOND:
            raise CaptureError("its frames are broken")
        if kept < length:
            raise CaptureError("its frames are cut short: capture with tcpdump -s 0")
        start += header.size
        (whole,) = struct.unpack_from(f"{kept}s", data, start)
        start += kept
        yield Frame(seconds * _SECOND + fraction * unit, links.ethernet(link_type, whole))


def pack(frames: Iterable[Frame]) -> bytes:
    """Return a file of these frames, with their times in nanoseconds."""
    return b"".join([file_header(), *map(packed, frames)])


def file_header() -> bytes:
    """Return how a file begins, before the frames."""
    return struct.pack(f"<{_FILE_HEADER}", _NANOSECONDS, *_VERSION, 0, 0, _SNAPLEN, links.ETHERNET)


def packed(frame: Frame) -> bytes:
    """Return a frame as it stands in a file."""
    time, data = frame
    header = struct.pack(f"<{_FRAME_HEADER}", *divmod(time, _SECOND), *[len(data)] * 2)
    return header + data
