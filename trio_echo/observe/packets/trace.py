"""The segments of one TCP connection, as a table.

Sequence numbers are relative to each side's first one, as in Wireshark: a SYN has 0, the first byte
of data has 1.
"""

from __future__ import annotations

from os import PathLike
from typing import TYPE_CHECKING

from trio_echo.screen.text import decoded

from . import files
from .files import CaptureError, Frame
from .listing import Listing
from .segment import Packet, Segment, connections, milliseconds, relative
from .wire import parse

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from pathlib import Path

    from .passage import Passage

# How many characters of the data a table shows.
_SHOWN = 32
_COLUMNS = ("time (ms)", "", "flags", "seq", "ack", "window", "MSS", "bytes", "data")
# A cable adds these before the data.
_CROSSED = ("arrives (ms)", "notes")


def _refuse_path(name: str, given: object) -> None:
    if isinstance(given, str | PathLike):
        raise TypeError(f"{name}: {given!r} is a path: Trace.load() reads a file")


class Trace(Listing):
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
        TypeError: `packets` is a path, which is for `load`.
    """

    def __init__(self, packets: Sequence[Packet], *, recording: str | None = None) -> None:
        _refuse_path("packets", packets)
        known = dict(enumerate(packets))
        numbers = next((one for one in connections(known) if known[one[0]].header.opens), None)
        if numbers is None:
            raise CaptureError("no TCP connection begins in it")
        own = [known[number] for number in numbers]
        syn = own[0].header
        self.client, self.server = syn.source, syn.destination
        self.frames = tuple(one.frame for one in own)
        self.segments = tuple(relative(own))
        self._passages = [one.passage for one in own if one.passage is not None]
        self.recording = recording

    @classmethod
    def parse(cls, frames: Iterable[Frame], *, recording: str | None = None) -> Trace:
        """Read captured frames; those without a TCP segment are left out.

        Args:
            frames: as for a trace's packets.
            recording: the name of the file they were loaded from.

        Raises:
            CaptureError: no TCP connection begins in these frames.
            TypeError: `frames` is a path, which is for `load`.
        """
        _refuse_path("frames", frames)
        packets = [
            Packet(frame, header) for frame in frames if (header := parse(frame.data)) is not None
        ]
        return cls(packets, recording=recording)

    @classmethod
    def from_passages(
        cls, passages: Iterable[Passage], *, port: int | None = None, recording: str | None = None
    ) -> Trace:
        """Read what crossed a cable: the first connection, with what became of each segment.

        Args:
            passages: in the order in which the frames entered the cable.
            port: of its client or server; by default any.
            recording: the name of the file they were loaded from.

        Raises:
            CaptureError: no TCP connection begins in these frames.
        """
        packets = [
            Packet(Frame(one.time, one.data), header, one)
            for one in passages
            if (header := parse(one.data)) is not None
            and port in (None, header.source.port, header.destination.port)
        ]
        return cls(packets, recording=recording)

    @classmethod
    def load(cls, path: str | Path) -> Trace:
        """Read the first connection of a capture file.

        Raises:
            CaptureError: it is not a capture file, or it has no TCP connection.
            OSError: it cannot be read.
        """
        name, frames, passages = files.read(path)
        try:
            if passages is not None:
                return cls.from_passages(passages, recording=name)
            return cls.parse(frames, recording=name)
        except CaptureError as exc:
            raise CaptureError(f"{name}: {exc}") from None

    @property
    def from_cable(self) -> bool:
        """Whether it is known what became of each segment."""
        return self.segments[0].fate is not None

    @property
    def _columns(self) -> tuple[str, ...]:
        return (*_COLUMNS[:-1], *_CROSSED, _COLUMNS[-1]) if self.from_cable else _COLUMNS

    @property
    def title(self) -> str:
        """Return the endpoints and the number of segments, in one line."""
        source = "" if self.recording is None else f" (recorded capture: {self.recording})"
        return f"{self.client} → {self.server}, {len(self.segments)} segments{source}"

    def _rows(self) -> Iterable[tuple[str, ...]]:
        return map(self._row, self.segments)

    def _row(self, segment: Segment) -> tuple[str, ...]:
        data = decoded(segment.payload[:_SHOWN], "utf-8")
        whole = len(data) <= _SHOWN and len(segment.payload) <= _SHOWN
        return (
            milliseconds([segment.time]),
            "→" if segment.source == self.client else "←",
            str(segment.flags),
            str(segment.sequence),
            "" if segment.acknowledgement is None else str(segment.acknowledgement),
            str(segment.window),
            "" if segment.mss is None else str(segment.mss),
            str(len(segment.payload)),
            *(
                (milliseconds(segment.arrivals), "; ".join(segment.notes))
                if self.from_cable
                else ()
            ),
            data if whole else f"{data[:_SHOWN]}…",
        )
