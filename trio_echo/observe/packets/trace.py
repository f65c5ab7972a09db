"""The segments of one TCP connection, with relative numbers.

Sequence numbers are relative to each side's first one, as in Wireshark: a SYN has 0, the first byte
of data has 1.
"""

from __future__ import annotations

from dataclasses import dataclass
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from trio_echo.addresses import Endpoint
from trio_echo.observe.tables import html_table, text_table
from trio_echo.screen.text import decoded, safe
from trio_echo.writing import followed, whole

from . import pcap
from .pcap import CaptureError, Frame
from .wire import Flags, Header, parse

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

_NUMBERS = 1 << 32
# How many characters of the data a table shows.
_SHOWN = 32
_COLUMNS = ("time (ms)", "", "flags", "seq", "ack", "window", "MSS", "bytes", "data")
_NUMERIC = {"time (ms)", "seq", "ack", "window", "MSS", "bytes"}


@dataclass(frozen=True, slots=True)
class Segment:
    """One segment of a connection.

    A segment may be larger than the MSS on loopback, and where the network card cuts data up (TSO):
    it is what the kernel handed over.

    Attributes:
        time: nanoseconds since the connection's first segment.
        source: its sender.
        destination: its receiver.
        flags: its control bits; `str()` writes them as `SYN+ACK`.
        sequence: the number of its first byte, relative to its sender's first segment.
        acknowledgement: the number of the byte that its sender expects next, relative likewise;
            `None` without ACK, when the field means nothing.
        window: how many bytes its sender has room for. A SYN's value is not scaled (RFC 7323,
            section 2.2).
        mss: the maximum segment size that a SYN announces, in bytes; or `None`.
        payload: the data.
    """

    time: int
    source: Endpoint
    destination: Endpoint
    flags: Flags
    sequence: int
    acknowledgement: int | None
    window: int
    mss: int | None
    payload: bytes

    @property
    def end(self) -> int:
        """Return the sequence number after its last; a SYN and a FIN take one each."""
        return self.sequence + len(self.payload) + self.flags.numbers


class Packet(NamedTuple):
    """A frame and the TCP header that was read from it."""

    frame: Frame
    header: Header


class Trace:
    """The segments of one connection, in the order in which they were seen.

    `str()` and a notebook show it as a table.

    Args:
        packets: a connection from its first SYN on. If they hold several connections, the trace is
            that of the first one.
        recording: the name of the file it was loaded from.

    Attributes:
        client: the endpoint that sent the first SYN.
        server: the endpoint that the first SYN was sent to.
        frames: the connection's own frames, as they were captured.
        segments: what they contain.
        recording: the name of the file it was loaded from; `None` for a live capture.

    Raises:
        CaptureError: no TCP connection begins in these packets.
    """

    def __init__(self, packets: Sequence[Packet], *, recording: str | None = None) -> None:
        first = next((index for index, one in enumerate(packets) if one.header.opens), None)
        if first is None:
            raise CaptureError("no TCP connection begins in it")
        syn = packets[first].header
        own = []
        for packet in packets[first:]:
            header = packet.header
            if {header.source, header.destination} != {syn.source, syn.destination}:
                continue
            if header.opens and header.source == syn.source and header.sequence != syn.sequence:
                break  # another connection of the same two endpoints
            own.append(packet)
        self.client, self.server = syn.source, syn.destination
        self.frames = tuple(frame for frame, _ in own)
        self.segments = tuple(_relative(own))
        self.recording = recording

    @classmethod
    def parse(cls, frames: Iterable[Frame], *, recording: str | None = None) -> Trace:
        """Read captured frames; those without a TCP segment are left out.

        Args:
            frames: as for a trace's packets.
            recording: the name of the file they were loaded from.

        Raises:
            CaptureError: no TCP connection begins in these frames.
        """
        packets = [
            Packet(frame, header) for frame in frames if (header := parse(frame.data)) is not None
        ]
        return cls(packets, recording=recording)

    @classmethod
    def load(cls, path: str | Path) -> Trace:
        """Read the first connection of a capture file.

        Raises:
            CaptureError: it is not a pcap file of Ethernet frames, or has no TCP connection.
            OSError: it cannot be read.
        """
        name = safe(Path(path).name)
        try:
            return cls.parse(pcap.unpack(Path(path).read_bytes()), recording=name)
        except CaptureError as exc:
            raise CaptureError(f"{name}: {exc}") from None

    def save(self, path: str | Path) -> None:
        """Write a capture file, which tcpdump and Wireshark open.

        Raises:
            OSError: it cannot be written.
        """
        with whole(followed(path)) as file:
            file.write(pcap.pack(self.frames))

    def __repr__(self) -> str:
        rows = map(self._row, self.segments)
        return f"{self.title}\n{text_table(_COLUMNS, rows, numbers=_NUMERIC)}"

    def _repr_html_(self) -> str:
        rows = map(self._row, self.segments)
        return f"<p>{escape(self.title)}</p>{html_table(_COLUMNS, rows, numbers=_NUMERIC)}"

    @property
    def title(self) -> str:
        """Return the endpoints and the number of segments, in one line."""
        source = "" if self.recording is None else f" (recorded capture: {self.recording})"
        return f"{self.client} → {self.server}, {len(self.segments)} segments{source}"

    def _row(self, segment: Segment) -> tuple[str, ...]:
        data = decoded(segment.payload[:_SHOWN], "utf-8")
        whole = len(data) <= _SHOWN and len(segment.payload) <= _SHOWN
        return (
            f"{segment.time / 1e6:.3f}",
            "→" if segment.source == self.client else "←",
            str(segment.flags),
            str(segment.sequence),
            "" if segment.acknowledgement is None else str(segment.acknowledgement),
            str(segment.window),
            "" if segment.mss is None else str(segment.mss),
            str(len(segment.payload)),
            data if whole else f"{data[:_SHOWN]}…",
        )


def _relative(own: Sequence[Packet]) -> list[Segment]:
    """Count from each side's first number, and scale the windows."""
    start = own[0].frame.time
    first: dict[Endpoint, int] = {}
    scales: dict[Endpoint, int | None] = {}
    for _, header in own:
        # A side that refuses sends no SYN; its number is 0 (RFC 9293, section 3.10.7.1).
        first.setdefault(header.source, header.sequence)
        if Flags.SYN in header.flags:
            scales[header.source] = header.scale
    # Both sides scale, or neither does (RFC 7323, section 1.3).
    scaled = len(scales) == 2 and None not in scales.values()
    segments = []
    for frame, header in own:
        plain = Flags.SYN in header.flags or not scaled
        acknowledgement = (header.acknowledgement - first.get(header.destination, 0)) % _NUMBERS
        segments.append(
            Segment(
                frame.time - start,
                header.source,
                header.destination,
                header.flags,
                (header.sequence - first[header.source]) % _NUMBERS,
                acknowledgement if Flags.ACK in header.flags else None,
                header.window if plain else header.window << (scales[header.source] or 0),
                header.mss if Flags.SYN in header.flags else None,
                header.payload,
            )
        )
    return segments
