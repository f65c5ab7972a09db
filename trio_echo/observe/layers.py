"""What a message is wrapped in: the sizes of a frame's headers, and how they add up."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from trio_echo.canvas import BLACK, GREEN, GREY, ORANGE, PAPER, SKY, Picture

if TYPE_CHECKING:
    from .trace import Trace

_ETHERNET, _IPV6 = 14, 40  # bytes
# More data would leave no room for the headers.
_MOST = 30


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
        ValueError: none does.
    """
    for frame, segment in zip(trace.frames, trace.segments, strict=True):
        if segment.payload:
            version, data = frame.data[_ETHERNET] >> 4, len(segment.payload)
            network = 4 * (frame.data[_ETHERNET] & 15) if version == 4 else _IPV6
            transport = len(frame.data) - _ETHERNET - network - data
            return Layers(version, _ETHERNET, network, transport, data)
    raise ValueError("no segment carries data")


def draw(*told: Layers) -> Picture:
    """Draw frames one below the other, each part as wide as it is long; of large data, a part."""
    words = "; ".join(
        f"IPv{one.version}: Ethernet {one.link}, IP {one.network}, TCP {one.transport}, "
        f"data {one.data} bytes"
        for one in told
    )
    picture = Picture(8, 0.7 + 0.6 * len(told), words)
    axes = picture.figure.add_subplot(xlabel="bytes from the beginning of the frame")
    for row, one in enumerate(told):
        headers = [
            ("Ethernet", one.link, GREY),
            (f"IPv{one.version}", one.network, ORANGE),
            ("TCP", one.transport, SKY),
        ]
        start = 0
        for name, size, colour in headers:
            axes.barh(row, size, left=start, height=0.62, color=colour, edgecolor=PAPER)
            axes.text(
                start + size / 2,
                row,
                f"{name} {size}",
                ha="center",
                va="center",
                fontsize=9,
                color=PAPER if colour == GREY else BLACK,
            )
            start += size
        width = min(one.data, _MOST)
        axes.barh(row, width, left=start, height=0.62, color=GREEN, edgecolor=PAPER)
        axes.annotate(  # beside its box, which is mostly too narrow for words
            f"data {one.data}" + (", not drawn in full" if one.data > width else ""),
            (start + width, row),
            (5, 0),
            textcoords="offset points",
            va="center",
            fontsize=9,
        )
    longest = max(one.link + one.network + one.transport + min(one.data, _MOST) for one in told)
    axes.set(
        xlim=(0, longest * (1.12 if all(one.data <= _MOST for one in told) else 1.35)),
        ylim=(len(told) - 0.5, -0.5),
        yticks=[],
    )
    axes.spines[["top", "right", "left"]].set_visible(False)
    picture.figure.tight_layout()
    return picture
