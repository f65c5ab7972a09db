"""Which frames a rule is about: `syn`, `data`, `arp`, …, combined with `&`, `|` and `~`.

lan.data & lan.ipv6
lan.ack | lan.rst
lan.data & (lambda segment: b"hello" in segment.payload)    # a function of a segment's header
"""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING

from trio_echo.observe.packets.network import ARP, IPV4, IPV6, ethertype, unwrap
from trio_echo.observe.packets.wire import Flags, Header, parse

if TYPE_CHECKING:
    from collections.abc import Callable

# The version of IP and the protocol's number.
_ICMP = {(4, 1), (6, 58)}


class Candidate:
    """A frame that a rule may act on.

    Args:
        data: the frame, from its Ethernet header on.
        source: the name of the end where it entered.
    """

    def __init__(self, data: bytes, source: str) -> None:
        self.data = data
        self.source = source

    @cached_property
    def segment(self) -> Header | None:
        """The TCP header and data; `None` if it carries anything else."""
        return parse(self.data)


class Match:
    """A question about a frame, answered with yes or no.

    Args:
        test: the question.
        name: what `repr()` shows.
    """

    def __init__(self, test: Callable[[Candidate], bool], name: str) -> None:
        self._test = test
        self._name = name

    def __call__(self, candidate: Candidate) -> bool:
        """Return whether this frame is meant."""
        return self._test(candidate)

    def __and__(self, other: Match | Callable[[Header], bool]) -> Match:
        also = matcher(other)
        return Match(lambda one: self(one) and also(one), f"({self} & {also})")

    def __or__(self, other: Match | Callable[[Header], bool]) -> Match:
        also = matcher(other)
        return Match(lambda one: self(one) or also(one), f"({self} | {also})")

    def __invert__(self) -> Match:
        return Match(lambda one: not self(one), f"~{self}")

    def __repr__(self) -> str:
        return self._name


def matcher(question: Match | Callable[[Header], bool]) -> Match:
    """Return the question itself, or a match of TCP segments for which a function returns true."""
    if isinstance(question, Match):
        return question

    def test(candidate: Candidate) -> bool:
        return candidate.segment is not None and bool(question(candidate.segment))

    return Match(test, getattr(question, "__name__", repr(question)))


def _flagged(flags: Flags, name: str) -> Match:
    return Match(lambda one: one.segment is not None and flags in one.segment.flags, name)


def _carries_icmp(candidate: Candidate) -> bool:
    datagram = unwrap(candidate.data)
    return datagram is not None and (datagram.version, datagram.protocol) in _ICMP


tcp = Match(lambda one: one.segment is not None, "tcp")
# A client's SYN, which opens a connection.
syn = Match(lambda one: one.segment is not None and one.segment.opens, "syn")
syn_ack = _flagged(Flags.SYN | Flags.ACK, "syn_ack")
fin = _flagged(Flags.FIN, "fin")
rst = _flagged(Flags.RST, "rst")
data = Match(lambda one: one.segment is not None and bool(one.segment.payload), "data")
# An acknowledgement alone: a window update and a keepalive probe look the same.
ack = Match(
    lambda one: (
        one.segment is not None and one.segment.flags == Flags.ACK and not one.segment.payload
    ),
    "ack",
)
arp = Match(lambda one: ethertype(one.data) == ARP, "arp")
ipv4 = Match(lambda one: ethertype(one.data) == IPV4, "ipv4")
ipv6 = Match(lambda one: ethertype(one.data) == IPV6, "ipv6")
# ICMP and ICMPv6, so also neighbour discovery.
icmp = Match(_carries_icmp, "icmp")
