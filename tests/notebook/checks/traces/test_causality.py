"""Orders of segments: those that the network allows, and no others."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from wire import ACK, CLIENT, FIN, SERVER, SYN

from trio_echo.notebook.checks.traces.causality import impossible, needs
from trio_echo.observe.packets import Flags, Segment, Trace

if TYPE_CHECKING:
    import random
    from collections.abc import Iterator, Sequence

    from trio_echo import Endpoint

RECORDINGS = Path(__file__).parents[4] / "notebooks" / "recordings"


class End:
    """One end of a connection that is played with any delays."""

    def __init__(self, name: Endpoint, peer: Endpoint) -> None:
        self.name, self.peer = name, peer
        self.sent = self.expected = 0
        self.connected = False
        self.out: list[Segment] = []  # on the way to the place of the capture
        self.coming: list[Segment] = []  # on the way from there

    def send(self, flags: Flags, size: int = 0) -> None:
        expected = self.expected if Flags.ACK in flags else None
        one = Segment(0, self.name, self.peer, flags, self.sent, expected, 64, None, b"x" * size)
        self.sent = one.end
        self.out.append(one)

    def receive(self) -> None:
        one = self.coming.pop(0)
        if one.acknowledgement:
            self.connected = True
        if one.end > one.sequence:
            self.expected = one.end
            self.send(SYN | ACK if one.flags == SYN else ACK)


def played(draw: random.Random, steps: int) -> list[Segment]:
    """Return the segments of a connection in the order in which they cross some place."""
    client, server = End(CLIENT, SERVER), End(SERVER, CLIENT)
    client.send(SYN)
    seen = []
    ends = (client, server)
    finished: set[Endpoint] = set()

    def actions() -> Iterator[tuple[str, End]]:
        for one in ends:
            if one.out:
                yield "cross", one
            if one.coming:
                yield "receive", one
            if steps > 0 and one.connected and one.name not in finished:
                yield "data", one
                yield "fin", one

    while possible := list(actions()):
        what, one = draw.choice(possible)
        if what == "cross":
            segment = one.out.pop(0)
            seen.append(segment)
            (server if one is client else client).coming.append(segment)
        elif what == "receive":
            one.receive()
        elif what == "data":
            steps -= 1
            one.send(ACK, draw.randint(1, 9))
        else:
            steps -= 1
            finished.add(one.name)
            one.send(FIN | ACK)
    return seen


def any_order(segments: Sequence[Segment], draw: random.Random) -> list[int]:
    """Return an order that `needs` allows."""
    known = needs(segments)
    order: list[int] = []
    while len(order) < len(segments):
        free = [
            index
            for index in known
            if index not in order and all(need.first in order for need in known[index])
        ]
        order.append(draw.choice(free))
    return order


connections = st.builds(played, st.randoms(use_true_random=False), st.integers(0, 8))
randoms = st.randoms(use_true_random=False)


@settings(deadline=None)
@given(connections)
def test_whatever_can_happen_is_accepted(segments: list[Segment]) -> None:
    assert impossible(segments, range(len(segments))) is None


@settings(deadline=None)
@given(connections, randoms)
def test_the_verdict_depends_on_the_contents_alone(
    segments: list[Segment], draw: random.Random
) -> None:
    order = list(range(len(segments)))
    draw.shuffle(order)
    mixed = [segments[index] for index in order]
    assert impossible(mixed, sorted(range(len(order)), key=order.__getitem__)) is None


@settings(deadline=None)
@given(connections, randoms)
def test_every_allowed_order_is_accepted_and_a_swapped_dependent_pair_is_refused(
    segments: list[Segment], draw: random.Random
) -> None:
    order = any_order(segments, draw)
    assert impossible(segments, order) is None
    known = needs(segments)
    for step in range(len(order) - 1):
        first, later = order[step : step + 2]
        swapped = [*order[:step], later, first, *order[step + 2 :]]
        found = impossible(segments, swapped)
        if any(need.first == first for need in known[later]):
            assert found is not None
            assert (found[0], found[1].first) == (later, first)
        else:
            assert found is None


def trace(name: str) -> tuple[Segment, ...]:
    return Trace.load(RECORDINGS / name).segments


def orders(segments: Sequence[Segment]) -> int:
    """Count the orders that are allowed."""
    known = needs(segments)

    def count(seen: frozenset[int]) -> int:
        if len(seen) == len(segments):
            return 1
        free = (
            index
            for index in known
            if index not in seen and all(need.first in seen for need in known[index])
        )
        return sum(count(seen | {index}) for index in free)

    return count(frozenset())


def test_an_echo_has_one_order_and_two_who_talk_at_once_have_many() -> None:
    assert orders(trace("echo-ipv4.pcap")) == 1
    assert orders(trace("both-talk.pcap")) == 24


@pytest.mark.parametrize(
    ("moved", "before", "words"),
    [
        (1, 0, "acknowledges everything before 1, but that was not sent yet"),
        (4, 3, "has seq 4, but its sender has not come to this number yet"),
        (5, 2, "carries data, but its sender's SYN is not acknowledged yet"),
        (7, 6, "has seq 7, but its sender has not come to this number yet"),
        (9, 8, "has a larger ack than a segment that its sender sends later"),
    ],
)
def test_what_is_impossible_is_said(moved: int, before: int, words: str) -> None:
    order = list(range(12))
    order.insert(before, order.pop(moved))
    found = impossible(trace("both-talk.pcap"), order)
    assert found is not None
    assert found[0] == moved
    assert found[1].why == words


def test_repetitions_have_no_order() -> None:
    segments = trace("both-talk.pcap")
    with pytest.raises(ValueError, match="twice"):
        needs([*segments, replace(segments[3], time=10**9)])
