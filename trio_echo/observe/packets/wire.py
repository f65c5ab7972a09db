"""Parsing a frame into a TCP header: Ethernet, IPv4 or IPv6, then TCP. No I/O."""

from __future__ import annotations

import enum
import ipaddress
import struct
from dataclasses import dataclass

from trio_echo.addresses import Endpoint

_IPV4, _IPV6, _TCP = 0x0800, 0x86DD, 6
_OPTION_END, _OPTION_NOP, _OPTION_MSS, _OPTION_SCALE = range(4)
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

    @property
    def opens(self) -> bool:
        """Whether it is a client's SYN, which begins a connection."""
        return Flags.SYN in self.flags and Flags.ACK not in self.flags


def parse(frame: bytes) -> Header | None:
    """Read an Ethernet frame; return `None` if it has no whole TCP segment."""
    try:
        (kind,) = struct.unpack_from("!H", frame, 12)
        if kind == _IPV4:
            (length,) = struct.unpack_from("!H", frame, 16)
            tcp, end = 14 + 4 * (frame[14] & 15), 14 + length
            protocol, source, destination = frame[23], frame[26:30], frame[30:34]
        elif kind == _IPV6:
            (length,) = struct.unpack_from("!H", frame, 18)
            tcp, end = 54, 54 + length
            protocol, source, destination = frame[20], frame[22:38], frame[38:54]
        else:
            return None
        source_port, destination_port, sequence, acknowledgement, bits, window = struct.unpack_from(
            "!HHIIHH", frame, tcp
        )
    except (struct.error, IndexError):
        return None
    data = tcp + 4 * (bits >> 12)
    if protocol != _TCP or not tcp + 20 <= data <= end <= len(frame):
        return None
    options = _options(frame[tcp + 20 : data])
    mss, scale = options.get(_OPTION_MSS, b""), options.get(_OPTION_SCALE, b"")
    return Header(
        Endpoint(str(ipaddress.ip_address(source)), source_port),
        Endpoint(str(ipaddress.ip_address(destination)), destination_port),
        Flags(bits & 0xFF),
        sequence,
        acknowledgement,
        window,
        int.from_bytes(mss, "big") if len(mss) == 2 else None,
        min(scale[0], _LARGEST_SCALE) if len(scale) == 1 else None,
        frame[data:end],
    )


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
