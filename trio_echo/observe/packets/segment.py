"""One segment of a TCP connection, with relative numbers, and what is special about it. No I/O."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, NamedTuple

from trio_echo.addresses import Endpoint
from trio_echo.quantities import duration
from trio_echo.screen.text import decoded

from .checksums import damage
from .history import History
from .passage import Fate, Passage
from .wire import Flags, Header

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from .files import Frame

_NUMBERS = 1 << 32
# How many characters of the data the description shows.
_SHOWN = 16


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
        sack_permitted: whether a SYN says that its sender can read SACK blocks.
        sacks: what its sender has received beyond the acknowledgement (RFC 2018): for each block
            the relative number of its first byte, and that after its last.
        timestamps: whether it has the timestamps option, which takes 12 bytes.
        retransmission: whether its sender had sent some of its numbers before.
        waited: how long before, in nanoseconds, it last sent a segment with this number; or `None`.
        duplicate_ack: whether it only repeats an acknowledgement although data is outstanding
            (RFC 5681, section 2).
        fate: what a cable did with it; `None` if it was captured elsewhere.
        arrivals: when its copies left the cable, in nanoseconds since the connection's first
            segment; empty if it was lost, or captured elsewhere.
        damage: why its receiver drops what the cable corrupted; empty if it does not.
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
    sack_permitted: bool = False
    sacks: tuple[tuple[int, int], ...] = ()
    timestamps: bool = False
    retransmission: bool = False
    waited: int | None = None
    duplicate_ack: bool = False
    fate: Fate | None = None
    arrivals: tuple[int, ...] = ()
    damage: str = ""

    @property
    def arrival(self) -> int | None:
        """Return when its first copy left the cable; `None` if none did."""
        return min(self.arrivals, default=None)

    @property
    def notes(self) -> tuple[str, ...]:
        """Return what is special about it, in words: its fate, repetitions, SACK blocks."""
        words = list(fate_words(self.fate, len(self.arrivals), self.damage))
        if self.retransmission:
            waited = "" if self.waited is None else f" after {duration(self.waited)}"
            words.append(f"retransmission{waited}")
        if self.duplicate_ack:
            words.append("duplicate ACK")
        for number, (first, after) in enumerate(self.sacks):
            is_old = number == 0 and self._reports_a_duplicate
            words.append(f"{'D-SACK' if is_old else 'SACK'} {first}-{after}")
        return tuple(words)

    @property
    def _reports_a_duplicate(self) -> bool:
        """Whether the first SACK block is about bytes that came twice (RFC 2883, section 4)."""
        (first, after), *others = self.sacks
        known = [(0, self.acknowledgement or 0), *others[:1]]
        return any(start <= first and after <= end for start, end in known)

    @property
    def words(self) -> str:
        """Describe it in one line; its window only at the beginning and when it is 0."""
        words = [f"{self.flags}  seq {self.sequence}"]
        if self.acknowledgement is not None:
            words.append(f"ack {self.acknowledgement}")
        begins, full = Flags.SYN in self.flags, self.window == 0
        if begins or (full and Flags.RST not in self.flags):
            words.append(f"window {self.window}")
        if self.mss is not None:
            words.append(f"MSS {self.mss}")
        if self.payload:
            # Some fonts have only ASCII.
            text = decoded(self.payload[:_SHOWN], "ascii")
            whole = len(text) <= _SHOWN and len(self.payload) <= _SHOWN
            words.append(f"{len(self.payload)} bytes: {text if whole else text[:_SHOWN] + '...'}")
        return "  ".join(words)

    @property
    def end(self) -> int:
        """Return the sequence number after its last; a SYN and a FIN take one each."""
        return self.sequence + len(self.payload) + self.flags.numbers


class Packet(NamedTuple):
    """A frame, the TCP header that was read from it, and its passage if it crossed a cable."""

    frame: Frame
    header: Header
    passage: Passage | None = None


def fate_words(fate: Fate | None, copies: int, damage: str) -> tuple[str, ...]:
    """Describe what a cable did with a frame, which may be several things.

    Args:
        fate: what is recorded; `None` if there was no cable.
        copies: how many arrive.
        damage: why its receiver drops it.
    """
    words = [] if fate in (None, Fate.CARRIED) else [str(fate)]
    if copies > 1 and fate != Fate.DUPLICATED:
        words.append(str(Fate.DUPLICATED))
    if damage:
        words = [one for one in words if one != Fate.CORRUPTED]
        words.append(f"{Fate.CORRUPTED}: {damage}")
    return tuple(words)


def milliseconds(times: Iterable[int]) -> str:
    """Write times that are in nanoseconds."""
    return ", ".join(f"{time / 1e6:.3f}" for time in times)


def connections(packets: Mapping[int, Packet]) -> list[list[int]]:
    """Sort packets by connection.

    Args:
        packets: of any connections, in order, with a number each.

    Returns:
        The numbers of each connection's packets; the connection that began first comes first.
    """
    found: list[list[int]] = []
    current: dict[frozenset[Endpoint], list[int]] = {}
    for number, packet in packets.items():
        header = packet.header
        ends = frozenset({header.source, header.destination})
        own = current.get(ends)
        if own is None or (header.opens and _is_new(packets[own[0]].header, header)):
            own = current[ends] = []
            found.append(own)
        own.append(number)
    return found


def _is_new(first: Header, syn: Header) -> bool:
    """Whether a SYN begins another connection than the one that began with `first`."""
    same_side = first.source == syn.source
    return not first.opens or (same_side and first.sequence != syn.sequence)


def relative(own: Sequence[Packet]) -> list[Segment]:
    """Count from each side's first number, scale the windows, and mark repetitions.

    Args:
        own: the packets of one connection, the first one first.
    """
    start = own[0].frame.time
    first: dict[Endpoint, int] = {}
    scales: dict[Endpoint, int | None] = {}
    for _, header, _ in own:
        # A side that refuses sends no SYN; its number is 0 (RFC 9293, section 3.10.7.1).
        first.setdefault(header.source, header.sequence)
        if Flags.SYN in header.flags:
            scales[header.source] = header.scale
    # Both sides scale, or neither does (RFC 7323, section 1.3).
    scaled = len(scales) == 2 and None not in scales.values()
    segments = []
    history = History()
    for frame, header, passage in own:
        source, destination = header.source, header.destination
        theirs = first.get(destination, 0)
        plain = Flags.SYN in header.flags or not scaled
        segment = Segment(
            frame.time - start,
            source,
            destination,
            header.flags,
            (header.sequence - first[source]) % _NUMBERS,
            (header.acknowledgement - theirs) % _NUMBERS if Flags.ACK in header.flags else None,
            header.window if plain else header.window << (scales[source] or 0),
            header.mss if Flags.SYN in header.flags else None,
            header.payload,
            header.sack_permitted,
            tuple(((a - theirs) % _NUMBERS, (b - theirs) % _NUMBERS) for a, b in header.sacks),
            header.timestamps,
        )
        crossed: dict[str, Any] = {}
        if passage is not None:
            crossed = {
                "fate": passage.fate,
                "arrivals": tuple(arrival - start for arrival in passage.arrivals),
                "damage": damage(passage.data, passage.received),
            }
        segments.append(replace(segment, **history.add(segment)._asdict(), **crossed))
    return segments
