"""What crossed a cable as a capture file that keeps each frame's fate: pcapng with comments.

draft-ietf-opsawg-pcapng describes the format. Wireshark and tcpdump open such a file: it has the
frames as they entered, on an interface for each end, and Wireshark shows the comments. Only files
that `pack` made are read. No I/O.
"""

from __future__ import annotations

import json
import struct
from pathlib import Path
from typing import TYPE_CHECKING

from . import pcap
from .passage import Fate, Passage
from .pcap import CaptureError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from .pcap import Frame

MAGIC = b"\x0a\x0d\x0d\x0a"
"""The beginning of a pcapng file."""

_SECTION, _INTERFACE, _PACKET = 0x0A0D0D0A, 1, 6  # types of blocks
_BYTE_ORDER, _ETHERNET = 0x1A2B3C4D, 1
_COMMENT, _NAME, _RESOLUTION = 1, 2, 9  # options; a comment is one of a packet
_NANOSECONDS = b"\x09"
_HALF = 1 << 32
# What reading a file that is not ours may raise.
_BROKEN = (
    struct.error,
    ArithmeticError,
    AttributeError,
    LookupError,
    RecursionError,
    TypeError,
    ValueError,
)
_FOREIGN = "a pcapng file that was not saved from a cable: convert it with editcap -F pcap"


def pack(passages: Iterable[Passage]) -> bytes:
    """Return a file of these frames; `received` must be as long as `data`."""
    known = list(passages)
    ends = list(dict.fromkeys(one.source for one in known))
    blocks = [_block(_SECTION, struct.pack("<IHHq", _BYTE_ORDER, 1, 0, -1))]
    for end in ends:
        options = _option(_NAME, end.encode()) + _option(_RESOLUTION, _NANOSECONDS) + bytes(4)
        blocks.append(_block(_INTERFACE, struct.pack("<HHI", _ETHERNET, 0, 0) + options))
    for one in known:
        pairs = zip(one.data, one.received, strict=True)
        flips = {at: new for at, (old, new) in enumerate(pairs) if old != new}
        said = {"fate": one.fate, "arrivals": one.arrivals, "flips": flips}
        size = len(one.data)
        header = struct.pack("<IIIII", ends.index(one.source), *divmod(one.time, _HALF), size, size)
        comment = _option(_COMMENT, json.dumps(said).encode()) + bytes(4)
        blocks.append(_block(_PACKET, header + _padded(one.data) + comment))
    return b"".join(blocks)


def unpack(data: bytes) -> list[Passage]:
    """Read a file that `pack` made.

    Raises:
        CaptureError: it is another file, or it is broken.
    """
    ends: list[str] = []
    passages = []
    try:
        for kind, body in _blocks(data):
            if kind == _INTERFACE:
                ends.append(_options(body[8:])[_NAME].decode())
            elif kind == _PACKET:
                number, high, low, size, _ = struct.unpack_from("<IIIII", body)
                frame = body[20 : 20 + size]
                comment = _options(body[20 + size + -size % 4 :])[_COMMENT]
                passages.append(_passage(high * _HALF + low, ends[number], frame, comment))
    except _BROKEN:
        raise CaptureError(_FOREIGN) from None
    return passages


def written(path: str | Path, frames: Iterable[Frame], passages: Sequence[Passage]) -> bytes:
    """Return the bytes of a capture file in the format that its name asks for.

    Args:
        path: with `.pcapng` at its end for the passages, if there are some.
        frames: for all other names.
        passages: what crossed a cable; empty if that is not known.
    """
    if passages and Path(path).suffix == ".pcapng":
        return pack(passages)
    return pcap.pack(frames)


def _passage(time: int, source: str, data: bytes, comment: bytes) -> Passage:
    said = json.loads(comment)
    received = bytearray(data)
    for at, value in said["flips"].items():
        received[int(at)] = value
    arrivals = tuple(map(int, said["arrivals"]))
    if not all(0 <= one < _HALF**2 for one in arrivals):
        raise ValueError
    return Passage(time, source, data, Fate(said["fate"]), arrivals, bytes(received))


def _padded(data: bytes) -> bytes:
    return data + bytes(-len(data) % 4)


def _block(kind: int, body: bytes) -> bytes:
    size = struct.pack("<I", 12 + len(body))
    return struct.pack("<I", kind) + size + body + size


def _option(kind: int, value: bytes) -> bytes:
    return struct.pack("<HH", kind, len(value)) + _padded(value)


def _blocks(data: bytes) -> Iterator[tuple[int, bytes]]:
    start = 0
    while start < len(data):
        kind, size = struct.unpack_from("<II", data, start)
        if size < 12 or start + size > len(data):
            raise ValueError
        yield kind, data[start + 8 : start + size - 4]
        start += size


def _options(data: bytes) -> dict[int, bytes]:
    options, start = {}, 0
    while start < len(data):
        kind, size = struct.unpack_from("<HH", data, start)
        options[kind] = data[start + 4 : start + 4 + size]
        start += 4 + size + -size % 4
    return options
