"""Everything that crossed a link: ARP, neighbour discovery, ICMP and TCP in one table."""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass
from typing import TYPE_CHECKING

from . import files
from .checksums import damage
from .decoding import Decoded, decode
from .files import Frame
from .listing import Listing
from .network import mac, sender
from .segment import Packet, Segment, connections, fate_words, milliseconds, relative
from .trace import Trace

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from pathlib import Path

    from .passage import Passage

_COLUMNS = ("time (ms)", "from", "protocol", "source", "destination", "bytes", "notes", "words")


@dataclass(frozen=True, slots=True)
class Crossing:
    """One frame that crossed a link, or was lost there.

    Attributes:
        time: nanoseconds since the first frame.
        end: the name of the link's end where it entered; without names, its Ethernet address.
        size: of the frame, in bytes.
        decoded: what it says.
        segment: of a TCP connection, with relative numbers; or `None`.
        arrivals: when its copies left the cable, in nanoseconds since the first frame.
        damage: why its receiver drops what the cable corrupted; empty if it does not.
        notes: what is special about it, in words.
    """

    time: int
    end: str
    size: int
    decoded: Decoded
    segment: Segment | None
    arrivals: tuple[int, ...]
    damage: str
    notes: tuple[str, ...]

    @property
    def words(self) -> str:
        """Describe it in one line."""
        return self.decoded.words if self.segment is None else self.segment.words


class Traffic(Listing):
    """All frames on a link, in both directions, in the order in which they entered.

    `str()` and a notebook show it as a table; `trio_echo.pictures.ladder` draws it.

    Args:
        frames: as they entered.
        passages: what became of each one; `None` if they were captured.
        ends: the names of the link's ends, the left one first. Without them, the end that sent the
            first frame is the left one.
        recording: the name of the file they were loaded from.

    Attributes:
        frames: as they entered.
        crossings: what they say, and what became of them.
        ends: the names of the ends, or as many of them as are known.
        addresses: of each end, by its name: the first IPv4 and the first IPv6 address that sent
            from there, but no link-local one.
        from_cable: whether it is known what became of each frame.
        recording: the name of the file; `None` for live traffic.
    """

    def __init__(
        self,
        frames: Iterable[Frame],
        passages: Sequence[Passage] | None = None,
        *,
        ends: Sequence[str] = (),
        recording: str | None = None,
    ) -> None:
        self.frames = tuple(frames)
        self.crossings = tuple(_crossings(self.frames, passages))
        names = (*ends, *(one.end for one in self.crossings))
        self.ends = tuple(dict.fromkeys(names))
        self.addresses = _addresses(self.frames, self.crossings)
        self.from_cable = passages is not None
        self._passages = passages or ()
        self.recording = recording

    @classmethod
    def from_passages(
        cls,
        passages: Iterable[Passage],
        *,
        ends: Sequence[str] = (),
        recording: str | None = None,
    ) -> Traffic:
        """Read what crossed a cable.

        Args:
            passages: in the order in which the frames entered.
            ends: the names of the cable's ends, the left one first.
            recording: the name of the file they were loaded from.
        """
        known = list(passages)
        frames = [Frame(one.time, one.data) for one in known]
        return cls(frames, known, ends=ends, recording=recording)

    @classmethod
    def load(cls, path: str | Path) -> Traffic:
        """Read a capture file.

        Raises:
            CaptureError: it is not a capture file.
            OSError: it cannot be read.
        """
        name, frames, passages = files.read(path)
        if passages is not None:
            return cls.from_passages(passages, recording=name)
        return cls(frames, recording=name)

    def connections(self) -> list[Trace]:
        """Return a trace of each TCP connection that began here, the first one first."""
        packets = _packets(self.frames, [one.decoded for one in self.crossings], self._passages)
        found = [[packets[index] for index in own] for own in connections(packets)]
        return [Trace(own, recording=self.recording) for own in found if own[0].header.opens]

    @property
    def title(self) -> str:
        """Return the ends and the number of frames, in one line."""
        source = "" if self.recording is None else f" (recorded capture: {self.recording})"
        return f"{' ↔ '.join(self.ends)}, {len(self.crossings)} frames{source}".removeprefix(", ")

    @property
    def _columns(self) -> tuple[str, ...]:
        return (*_COLUMNS[:6], "arrives (ms)", *_COLUMNS[6:]) if self.from_cable else _COLUMNS

    def _rows(self) -> Iterable[tuple[str, ...]]:
        return map(self._row, self.crossings)

    def _row(self, one: Crossing) -> tuple[str, ...]:
        decoded, segment = one.decoded, one.segment
        return (
            milliseconds([one.time]),
            one.end,
            decoded.protocol,
            decoded.source if segment is None else str(segment.source),
            decoded.destination if segment is None else str(segment.destination),
            str(one.size),
            *((milliseconds(one.arrivals),) if self.from_cable else ()),
            "; ".join(one.notes),
            one.words,
        )


def _addresses(
    frames: Sequence[Frame], crossings: Sequence[Crossing]
) -> dict[str, tuple[str, ...]]:
    found: dict[str, dict[int, str]] = {}
    for frame, one in zip(frames, crossings, strict=True):
        if (packed := sender(frame.data)) is not None:
            address = ipaddress.ip_address(packed)
            if not (address.is_link_local or address.is_unspecified):
                found.setdefault(one.end, {}).setdefault(address.version, str(address))
    return {end: tuple(known[version] for version in sorted(known)) for end, known in found.items()}


def _packets(
    frames: Sequence[Frame], found: Sequence[Decoded], passages: Sequence[Passage] | None
) -> dict[int, Packet]:
    """Return the TCP segments among these frames, by number."""
    return {
        index: Packet(frames[index], one.segment, passages[index] if passages else None)
        for index, one in enumerate(found)
        if one.segment is not None
    }


def _crossings(frames: Sequence[Frame], passages: Sequence[Passage] | None) -> list[Crossing]:
    found = [decode(frame.data) for frame in frames]
    packets = _packets(frames, found, passages)
    segments: dict[int, Segment] = {}
    for own in connections(packets):
        segments.update(zip(own, relative([packets[index] for index in own]), strict=True))
    start = frames[0].time if frames else 0
    crossings = []
    for index, (frame, decoded) in enumerate(zip(frames, found, strict=True)):
        passage = passages[index] if passages else None
        segment = segments.get(index)
        broken = damage(passage.data, passage.received) if passage else ""
        arrivals = tuple(one - start for one in passage.arrivals) if passage else ()
        notes = fate_words(passage.fate if passage else None, len(arrivals), broken)
        crossings.append(
            Crossing(
                frame.time - start,
                passage.source if passage else mac(frame.data[6:12]),
                len(frame.data),
                decoded,
                segment,
                arrivals,
                broken,
                notes if segment is None else segment.notes,
            )
        )
    return crossings
