"""What crossed a cable as a capture file that keeps each frame's fate: pcapng with comments.

Wireshark and tcpdump open such a file: it has the frames as they entered, on an interface for each
end, and Wireshark shows the comments. No I/O.
"""

from __future__ import annotations

import json
import struct
from typing import TYPE_CHECKING

from trio_echo.observe.packets.passage import Fate, Passage

from .blocks import (
    BYTE_ORDER,
    COMMENT,
    INTERFACE,
    NAME,
    PACKET,
    RESOLUTION,
    SECTION,
    Captured,
    packets,
)
from .errors import CaptureError
from .links import ETHERNET

if TYPE_CHECKING:
    from collections.abc import Iterable

_NANOSECONDS = b"\x09"
_HALF = 1 << 32
# What reading a file that is not ours may raise.
_BROKEN = (ArithmeticError, AttributeError, LookupError, RecursionError, TypeError, ValueError)


def pack(passages: Iterable[Passage]) -> bytes:
    """Return a file of these frames; `received` must be as long as `data`."""
    known = list(passages)
    ends = list(dict.fromkeys(one.source for one in known))
    blocks = [_block(SECTION, struct.pack("<IHHq", BYTE_ORDER, 1, 0, -1))]
    for end in ends:
        options = _option(NAME, end.encode()) + _option(RESOLUTION, _NANOSECONDS) + bytes(4)
        blocks.append(_block(INTERFACE, struct.pack("<HHI", ETHERNET, 0, 0) + options))
    for one in known:
        pairs = zip(one.data, one.received, strict=True)
        flips = {at: new for at, (old, new) in enumerate(pairs) if old != new}
        said = {"fate": one.fate, "arrivals": one.arrivals, "flips": flips}
        size = len(one.data)
        header = struct.pack("<IIIII", ends.index(one.source), *divmod(one.time, _HALF), size, size)
        comment = _option(COMMENT, json.dumps(said).encode()) + bytes(4)
        blocks.append(_block(PACKET, header + _padded(one.data) + comment))
    return b"".join(blocks)


def unpack(data: bytes) -> list[Passage]:
    """Read a file that `pack` made.

    Raises:
        CaptureError: it is another file, or it is broken.
    """
    try:
        return [_passage(one) for one in packets(data)]
    except _BROKEN:
        raise CaptureError("a pcapng file that was not saved from a cable") from None


def _passage(captured: Captured) -> Passage:
    time, data = captured.frame
    said = json.loads(captured.comment or b"")
    received = bytearray(data)
    for at, value in said["flips"].items():
        received[int(at)] = value
    arrivals = tuple(map(int, said["arrivals"]))
    if not all(0 <= one < _HALF**2 for one in arrivals):
        raise ValueError
    end = captured.interface.decode()
    return Passage(time, end, data, Fate(said["fate"]), arrivals, bytes(received))


def _padded(data: bytes) -> bytes:
    return data + bytes(-len(data) % 4)


def _block(kind: int, body: bytes) -> bytes:
    size = struct.pack("<I", 12 + len(body))
    return struct.pack("<I", kind) + size + body + size


def _option(kind: int, value: bytes) -> bytes:
    return struct.pack("<HH", kind, len(value)) + _padded(value)
