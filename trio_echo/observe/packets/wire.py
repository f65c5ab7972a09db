"""Parsing a frame into a TCP header. No I/O."""

from __future__ import annotations

import enum
import struct
from dataclasses import dataclass

from trio_echo.addresses import Endpoint

from .network import host, unwrap

_TCP = 6
_FIELDS, _SMALLEST = struct.Struct("!HHIIHH"), 20  # bytes of a header without options
_OPTION_END, _OPTION_NOP, _OPTION_MSS, _OPTION_SCALE, _OPTION_SACK_PERMITTED = range(5)
_OPTION_SACK, _OPTION_TIME_STAMPS = 5, 8
_LARGEST_SCALE = 14  # RFC 7323, section 2.3


class Flags(enum.IntFlag):
    """The control bits of a segment (RFC 9293, section 3.1)."""

    FIN = 1
    SYN = 2
    RST = 4
    PSH = 8
    ACK = 16
    URG = 32
    ECE = 64
    CWR = 128

    def __str__(self) -> str:
        return "+".join(str(flag.name) for flag in self) or "none"

    @property
    def numbers(self) -> int:
        """How many sequence numbers they take: a SYN and a FIN take one each."""
        return (Flags.SYN in self) + (Flags.FIN in self)


@dataclass(frozen=True, slots=True)
class Header:
    """A segment's TCP header and data, with the numbers as they travel.

    Attributes:
        source: its sender.
        destination: its receiver.
        flags: its control bits.
        sequence: the number of its first byte, 0 to 2³²-1.
        acknowledgement: the number of the byte that its sender expects next, if ACK is set.
        window: the field's value, without its scale.
        mss: the option's value in bytes, or `None`.
        scale: the window scale option's value, or `None`.
        payload: the data.
        sack_permitted: whether its sender can read SACK blocks; only a SYN says so (RFC 2018).
        sacks: the blocks that its sender has received beyond the acknowledgement: each the number
            of its first byte and that after its last.
        timestamps: whether it has the timestamps option (RFC 7323), which takes 12 bytes.
    """

    source: Endpoint
    destination: Endpoint
    flags: Flags
    sequence: int
    acknowledgement: int
    window: int
    mss: int | None
    scale: int | None
    payload: bytes
    sack_permitted: bool = False
    sacks: tuple[tuple[int, int], ...] = ()
    timestamps: bool = False

    @property
    def opens(self) -> bool:
        """Whether it is a client's SYN, which begins a connection."""
        return Flags.SYN in self.flags and Flags.ACK not in self.flags


def parse(frame: bytes) -> Header | None:
    """Read an Ethernet frame; return `None` if it has no whole TCP segment."""
    datagram = unwrap(frame)
    if datagram is None or datagram.protocol != _TCP or datagram.fragment:
        return None
    segment = datagram.payload
    if len(segment) < _SMALLEST:
        return None
    source, destination, sequence, acknowledgement, bits, window = _FIELDS.unpack_from(segment)
    data = 4 * (bits >> 12)
    if not _SMALLEST <= data <= len(segment):
        return None
    options = _options(segment[_SMALLEST:data])
    mss, scale = options.get(_OPTION_MSS, b""), options.get(_OPTION_SCALE, b"")
    return Header(
        Endpoint(host(datagram.source), source),
        Endpoint(host(datagram.destination), destination),
        Flags(bits & 0xFF),
        sequence,
        acknowledgement,
        window,
        int.from_bytes(mss, "big") if len(mss) == 2 else None,
        min(scale[0], _LARGEST_SCALE) if len(scale) == 1 else None,
        segment[data:],
        options.get(_OPTION_SACK_PERMITTED) == b"",
        _blocks(options.get(_OPTION_SACK, b"")),
        len(options.get(_OPTION_TIME_STAMPS, b"")) == 8,
    )


def _blocks(data: bytes) -> tuple[tuple[int, int], ...]:
    """Read the blocks of a SACK option (RFC 2018, section 3)."""
    return () if len(data) % 8 else tuple(struct.iter_unpack("!II", data))


def _options(data: bytes) -> dict[int, bytes]:
    """Read a segment's options (RFC 9293, section 3.2): values by kind."""
    options = {}
    while data and data[0] != _OPTION_END:
        size = 1 if data[0] == _OPTION_NOP else data[1] if len(data) > 1 else 0
        if size == 0:
            break  # broken: the next option cannot be found
        options[data[0]] = data[2:size]
        data = data[size:]
    return options
