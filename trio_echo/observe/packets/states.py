"""The TCP states of both ends of a connection, derived from its segments.

RFC 9293, section 3.3.2 and figure 5. The names are those of Linux's tables, as psutil prints them:
the RFC's FIN-WAIT-1 is FIN_WAIT1, SYN-RECEIVED is SYN_RECV, CLOSED is CLOSE. A segment changes its
sender's state when it leaves and its receiver's when it arrives. A cable knows when it arrived.
Elsewhere, what the receiver sends next shows it: a segment that does not acknowledge it yet crossed
it on the way. No I/O.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from trio_echo.addresses import Endpoint

from .history import Ranges
from .wire import Flags

if TYPE_CHECKING:
    from collections.abc import Iterator

    from .segment import Segment
    from .trace import Trace

_FIN_SENT = {
    "SYN_RECV": "FIN_WAIT1",
    "ESTABLISHED": "FIN_WAIT1",
    "CLOSE_WAIT": "LAST_ACK",
}
_FIN_RECEIVED = {
    "ESTABLISHED": "CLOSE_WAIT",
    "FIN_WAIT1": "CLOSING",
    "FIN_WAIT2": "TIME_WAIT",
}
_FIN_ACKNOWLEDGED = {
    "FIN_WAIT1": "FIN_WAIT2",
    "CLOSING": "TIME_WAIT",
    "LAST_ACK": "CLOSE",
}


@dataclass(frozen=True, slots=True)
class Moment:
    """A segment leaves its sender or reaches its receiver.

    Attributes:
        segment: its index in the trace.
        arrives: true if it reaches its receiver, false if it leaves its sender.
        at: the end where this happens.
        state: the state of that end afterwards.
        copy: which of its copies arrives, from 0.
    """

    segment: int
    arrives: bool
    at: Endpoint
    state: str
    copy: int = 0


def initial(trace: Trace) -> dict[Endpoint, str]:
    """Return the states before the first segment."""
    answers = [one.flags for one in trace.segments if one.source == trace.server]
    refused = bool(answers) and Flags.SYN not in answers[0]
    return {trace.server: "CLOSE" if refused else "LISTEN", trace.client: "CLOSE"}


def moments(trace: Trace) -> list[Moment]:
    """List what happens to the segments at both ends, in order.

    A segment that a cable lost never arrives; one that it duplicated arrives twice.
    """
    ends = {end: _End(state) for end, state in initial(trace).items()}
    found = []
    for index, copy in _crossed(trace) if trace.from_cable else _captured(trace):
        segment = trace.segments[index]
        at = segment.source if copy is None else segment.destination
        end = ends[at]
        if copy is None:
            end.send(segment)
        elif not segment.damage:
            end.receive(segment)
        found.append(Moment(index, copy is not None, at, end.state, copy or 0))
    return found


def _crossed(trace: Trace) -> Iterator[tuple[int, int | None]]:
    """Yield the index of each segment that leaves, and with the copy's number, that arrives."""
    order = []
    for index, segment in enumerate(trace.segments):
        order.append((segment.time, index, -1))
        order += [(time, index, copy) for copy, time in enumerate(sorted(segment.arrivals))]
    for _, index, copy in sorted(order):
        yield index, None if copy < 0 else copy


def _captured(trace: Trace) -> Iterator[tuple[int, int | None]]:
    """Yield the same for segments whose arrival was not seen."""
    order = [(index, False, index) for index in range(len(trace.segments))]
    order += [(arrival, True, index) for index, arrival in enumerate(_arrivals(trace.segments))]
    for _, arrives, index in sorted(order):
        yield index, 0 if arrives else None


def _arrivals(segments: tuple[Segment, ...]) -> list[int]:
    """Find, for each segment, the last segment that was sent before it arrived."""
    arrivals = []
    later: dict[
        Endpoint, list[tuple[int, int]]
    ] = {}  # each end's (index, acknowledgement), last first
    for index in range(len(segments) - 1, -1, -1):
        segment = segments[index]
        arrivals.append(index)
        if len(segment.payload) + segment.flags.numbers > 0:
            for one, expected in reversed(later.get(segment.destination, [])):
                if expected >= segment.end:
                    break
                arrivals[-1] = one
        if segment.acknowledgement is not None:
            later.setdefault(segment.source, []).append((index, segment.acknowledgement))
    return arrivals[::-1]


class _End:
    """One end of a connection: its state, and what it has sent and received."""

    def __init__(self, state: str) -> None:
        self.state = state
        self._received = Ranges()
        self._own_fin: int | None = None  # the number after it
        self._their_fin: int | None = None

    def send(self, segment: Segment) -> None:
        """Go to the state after it has sent this."""
        if segment.acknowledgement:
            self._take(0, segment.acknowledgement)  # also what the capture missed
        if Flags.RST in segment.flags:
            self.state = "CLOSE"
        elif Flags.FIN in segment.flags:
            self.state = _FIN_SENT.get(self.state, self.state)
            self._own_fin = segment.end
        elif Flags.SYN in segment.flags and self.state == "CLOSE":
            self.state = "SYN_SENT"

    def receive(self, segment: Segment) -> None:
        """Go to the state after this has arrived."""
        if Flags.RST in segment.flags:
            self.state = "LISTEN" if self.state == "LISTEN" else "CLOSE"
            return
        if Flags.SYN in segment.flags:
            answered = "ESTABLISHED" if Flags.ACK in segment.flags else "SYN_RECV"
            self.state = {"LISTEN": "SYN_RECV", "SYN_SENT": answered}.get(self.state, self.state)
        elif segment.acknowledgement is not None:
            if self.state == "SYN_RECV":
                self.state = "ESTABLISHED"
            if self._own_fin is not None and segment.acknowledgement >= self._own_fin:
                self.state = _FIN_ACKNOWLEDGED.get(self.state, self.state)
        if Flags.FIN in segment.flags:
            self._their_fin = segment.end
        self._take(segment.sequence, segment.end)

    def _take(self, first: int, after: int) -> None:
        """Receive these numbers. A FIN counts when everything before it has arrived."""
        if after > first:
            self._received.add(first, after)
        if self._their_fin is not None and self._received.first_gap >= self._their_fin:
            self._their_fin = None
            self.state = _FIN_RECEIVED.get(self.state, self.state)
