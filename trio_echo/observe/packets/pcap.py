"""Capture files in the classic pcap format, as tcpdump and Wireshark read and write them.

draft-ietf-opsawg-pcap describes the format: a header for the file, then a header and the bytes of
each frame. No I/O.
"""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

# Their byte order is that of the file.
_MICROSECONDS, _NANOSECONDS = 0xA1B2C3D4, 0xA1B23C4D
_UNITS = {_MICROSECONDS: 1000, _NANOSECONDS: 1}
_SECOND = 1_000_000_000
_VERSION = (2, 4)
_ETHERNET = 1
# Larger than any frame: libpcap's own limit.
_SNAPLEN = 262_144

_FILE_HEADER = "IHHiIII"  # magic, version, zone, accuracy, longest frame, link type
_FRAME_HEADER = "IIII"  # seconds, fraction, bytes in the file, bytes on the wire


class CaptureError(ValueError):
    """The file is not a capture, or the capture has no TCP connection."""


class Frame(NamedTuple):
    """One Ethernet frame, as the kernel handed it over.

    Attributes:
        time: nanoseconds since 1970.
        data: the bytes, from the Ethernet header on.
    """

    time: int
    data: bytes


def unpack(data: bytes) -> list[Frame]:
    """Read the frames of a file.

    Raises:
        CaptureError: this is not a capture file, or it is cut short, or its frames are not whole
            Ethernet frames.
    """
    try:
        order = "<" if struct.unpack_from("<I", data)[0] in _UNITS else ">"
        magic, *_, link_type = struct.unpack_from(order + _FILE_HEADER, data)
        if magic not in _UNITS:
            raise CaptureError("not a pcap file")
        if link_type != _ETHERNET:
            raise CaptureError(f"link type {link_type}, not Ethernet: capture with tcpdump -i lo")
        return list(_frames(data, order, _UNITS[magic]))
    except struct.error:
        raise CaptureError("not a whole pcap file: it is cut short") from None


def _frames(data: bytes, order: str, unit: int) -> Iterator[Frame]:
    header = struct.Struct(order + _FRAME_HEADER)
    start = struct.calcsize(order + _FILE_HEADER)
    while start < len(data):
        seconds, fraction, kept, length = header.unpack_from(data, start)
        if kept != length or fraction * unit >= _SECOND:
            raise CaptureError("its frames are broken, or cut short")
        start += header.size
        (frame,) = struct.unpack_from(f"{kept}s", data, start)
        start += kept
        yield Frame(seconds * _SECOND + fraction * unit, frame)


def pack(frames: Iterable[Frame]) -> bytes:
    """Return a file of these frames, with their times in nanoseconds."""
    return b"".join([file_header(), *map(packed, frames)])


def file_header() -> bytes:
    """Return how a file begins, before the frames."""
    return struct.pack(f"<{_FILE_HEADER}", _NANOSECONDS, *_VERSION, 0, 0, _SNAPLEN, _ETHERNET)


def packed(frame: Frame) -> bytes:
    """Return a frame as it stands in a file."""
    time, data = frame
    header = struct.pack(f"<{_FRAME_HEADER}", *divmod(time, _SECOND), *[len(data)] * 2)
    return header + data
