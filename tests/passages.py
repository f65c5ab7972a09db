"""What crosses a cable, for tests: times in milliseconds, 10 from one end to the other."""

from __future__ import annotations

import ipaddress
import struct
from typing import TYPE_CHECKING

from frames import FAR, FAR6, FAR_MAC, NEAR, NEAR6, arp, ip, tcp
from wire import ACK, BIRTH, FIN, PSH, SYN

from trio_echo.observe.packets.passage import Fate, Passage

if TYPE_CHECKING:
    from trio_echo.observe.packets.wire import Flags

_MS = 1_000_000
_WAY = 10
MISSING = (Fate.LOST, Fate.QUEUE_FULL, Fate.CUT)


class Crossed:
    """Builds passages; numbers count from 0, as in a trace."""

    def __init__(self) -> None:
        self.passages: list[Passage] = []

    def frame(
        self,
        at: float,
        data: bytes,
        fate: Fate = Fate.CARRIED,
        *,
        back: bool = False,
        way: tuple[float, ...] = (_WAY,),
        received: bytes | None = None,
    ) -> Crossed:
        """Let a frame enter.

        Args:
            at: when, in milliseconds.
            data: the frame.
            fate: what becomes of it.
            back: whether it comes from the server.
            way: how long each of its copies takes, in milliseconds.
            received: the frame as it arrives, if it was corrupted.
        """
        time = BIRTH + round(at * _MS)
        arrivals = () if fate in MISSING else tuple(time + round(one * _MS) for one in way)
        name = "server" if back else "client"
        self.passages.append(
            Passage(time, name, data, fate, arrivals, data if received is None else received)
        )
        return self

    def segment(
        self,
        at: float,
        flags: Flags,
        sequence: int,
        acknowledgement: int = 0,
        fate: Fate = Fate.CARRIED,
        *,
        back: bool = False,
        way: tuple[float, ...] = (_WAY,),
        payload: bytes = b"",
        options: bytes = b"",
        window: int = 64,
    ) -> Crossed:
        """Let a segment enter."""
        data = tcp(
            flags,
            sequence,
            acknowledgement,
            back=back,
            payload=payload,
            options=options,
            window=window,
        )
        broken = data[:-1] + bytes([data[-1] ^ 1]) if fate == Fate.CORRUPTED else None
        return self.frame(at, data, fate, back=back, way=way, received=broken)

    def handshake(self) -> Crossed:
        self.segment(0, SYN, 0)
        self.segment(10, SYN | ACK, 0, 1, back=True)
        return self.segment(20, ACK, 1, 1)


def lost_syn() -> Crossed:
    crossed = Crossed().segment(0, SYN, 0, fate=Fate.LOST).segment(1000, SYN, 0)
    return crossed.segment(1010, SYN | ACK, 0, 1, back=True).segment(1020, ACK, 1, 1)


def lost_data() -> Crossed:
    """An echo whose data is lost once."""
    crossed = Crossed().handshake()
    crossed.segment(21, PSH | ACK, 1, 1, Fate.LOST, payload=b"hello")
    crossed.segment(231, PSH | ACK, 1, 1, payload=b"hello")
    crossed.segment(241, PSH | ACK, 1, 6, back=True, payload=b"hello")
    return crossed.segment(251, ACK, 6, 6)


def fast() -> Crossed:
    """The first of four segments is lost; duplicate ACKs report the others."""
    crossed = Crossed().handshake()
    for number in range(4):
        fate = Fate.CARRIED if number else Fate.LOST
        crossed.segment(21, ACK, 1 + 10 * number, 1, fate, payload=b"x" * 10)
    crossed.segment(30, ACK, 1, 1, back=True)
    for number in range(3):
        block = bytes([5, 10]) + (11).to_bytes(4, "big") + (21 + 10 * number).to_bytes(4, "big")
        crossed.segment(31.1, ACK, 1, 1, back=True, options=block)
    crossed.segment(41.2, ACK, 1, 1, payload=b"x" * 10)
    return crossed.segment(51.3, ACK, 1, 41, back=True)


def mixed() -> Crossed:
    """One segment overtakes another, one comes twice, one is corrupted, one finds a full queue."""
    crossed = Crossed().handshake()
    crossed.segment(21, ACK, 1, 1, Fate.REORDERED, way=(18,), payload=b"a" * 10)
    crossed.segment(22, ACK, 11, 1, payload=b"b" * 10)
    crossed.segment(50, ACK, 1, 21, Fate.DUPLICATED, back=True, way=(10, 12))
    crossed.segment(70, ACK, 21, 1, Fate.CORRUPTED, payload=b"c" * 10)
    crossed.segment(71, ACK, 31, 1, Fate.QUEUE_FULL, payload=b"d" * 10)
    return crossed


def early_fin() -> Crossed:
    """The client's FIN arrives before its data, which was lost and is repeated."""
    crossed = Crossed().handshake()
    crossed.segment(21, ACK, 1, 1, Fate.LOST, payload=b"x" * 10)
    crossed.segment(22, FIN | ACK, 11, 1)
    crossed.segment(32, ACK, 1, 1, back=True)
    crossed.segment(250, ACK, 1, 1, payload=b"x" * 10)
    crossed.segment(260, ACK, 1, 12, back=True)
    crossed.segment(261, FIN | ACK, 1, 12, back=True)
    return crossed.segment(271, ACK, 12, 2)


def all_kinds() -> Crossed:
    """Names that are looked up, both families, an echo that is lost, and a message of a router."""
    far6 = ipaddress.ip_address(FAR6).packed
    crossed = Crossed().frame(0, arp(1, NEAR, FAR))
    crossed.frame(10, arp(2, FAR, NEAR), back=True)
    crossed.segment(20, SYN, 0).segment(30, SYN | ACK, 0, 1, back=True)
    crossed.segment(40, ACK, 1, 1)
    crossed.frame(41, ip("ICMPv6", bytes([135]) + bytes(7) + far6))
    answer = ip("ICMPv6", bytes([136]) + bytes(7) + far6 + bytes([2, 1]) + FAR_MAC, FAR6, NEAR6)
    crossed.frame(51, answer, back=True)
    crossed.frame(61, tcp(SYN, 0, ipv6=True), Fate.LOST)
    too_big = struct.pack("!BBHI", 2, 0, 0, 1280)
    crossed.frame(300, ip("ICMPv6", too_big, FAR6, NEAR6), back=True)
    return crossed.frame(1061, tcp(SYN, 0, ipv6=True))
