"""The headers around a message: the size of each layer of a frame."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .trace import Trace

_ETHERNET, _IPV6 = 14, 40  # bytes


@dataclass(frozen=True, slots=True)
class Layers:
    """The parts of one frame, in bytes.

    Attributes:
        version: of the Internet Protocol, 4 or 6.
        link: the Ethernet header; Linux imitates one on loopback, with zeros for addresses.
        network: the IPv4 or IPv6 header.
        transport: the TCP header with its options.
        data: what the program sent.
    """

    version: int
    link: int
    network: int
    transport: int
    data: int


def layers(trace: Trace) -> Layers:
    """Measure the first segment of a connection that carries data.

    Raises:
        ValueError: no segment carries data.
    """
    for frame, segment in zip(trace.frames, trace.segments, strict=True):
        if segment.payload:
            version, data = frame.data[_ETHERNET] >> 4, len(segment.payload)
            network = 4 * (frame.data[_ETHERNET] & 15) if version == 4 else _IPV6
            transport = len(frame.data) - _ETHERNET - network - data
            return Layers(version, _ETHERNET, network, transport, data)
    raise ValueError("no segment carries data")
