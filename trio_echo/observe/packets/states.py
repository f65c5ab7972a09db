"""The TCP states of both ends of a connection, derived from its segments.

RFC 9293, section 3.3.2 and figure 5. The names are those of Linux's tables, as psutil prints them:
the RFC's FIN-WAIT-1 is FIN_WAIT1, SYN-RECEIVED is SYN_RECV, CLOSED is CLOSE. A segment changes its
sender's state when it leaves and its receiver's when it arrives. What the receiver sends next shows
when it arrived: a segment that does not acknowledge it yet crossed it on the way. No I/O.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from trio_echo.addresses import Endpoint

from .wire import Flags

if TYPE_CHECKING:
    from .trace import Segment, Trace

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
    """

    segment: int
    arrives: bool
    at: Endpoint
    state: str


def initial(trace: Trace) -> dict[Endpoint, str]:
    """Return the states before the first segment."""
    answers = [one.flags for one in trace.segments if one.source == trace.server]
    refused = bool(answers) and Flags.SYN not in answers[0]
    return {trace.server: "CLOSE" if refused else "LISTEN", trace.client: "CLOSE"}


def moments(trace: Trace) -> list[Moment]:
    """List what happens to the segments at both ends, in order."""
    states = initial(trace)
    fins: dict[Endpoint, int] = {}
    order = [(index, False, index) for index in range(len(trace.segments))]
    order += [(arrival, True, index) for index, arrival in enumerate(_arrivals(trace.segments))]
    found = []
    for _, arrives, index in sorted(order):
        segment = trace.segments[index]
        if arrives:
            end = segment.destination
            states[end] = _received(states[end], segment, fins.get(end))
        else:
            end = segment.source
            states[end] = _sent(states[end], segment)
            if Flags.FIN in segment.flags:
                fins[end] = segment.end
        found.append(Moment(index, arrives, end, states[end]))
    return found


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


def _sent(state: str, segment: Segment) -> str:
    if Flags.RST in segment.flags:
        return "CLOSE"
    if Flags.FIN in segment.flags:
        return _FIN_SENT.get(state, state)
    if Flags.SYN in segment.flags and state == "CLOSE":
        return "SYN_SENT"
    return state


def _received(state: str, segment: Segment, fin: int | None) -> str:
    """Return the receiver's next state.

    Args:
        state: its state so far.
        segment: the segment that arrives.
        fin: the number after the receiver's own FIN, if it has sent one.
    """
    if Flags.RST in segment.flags:
        return "LISTEN" if state == "LISTEN" else "CLOSE"
    if Flags.SYN in segment.flags:
        answered = "ESTABLISHED" if Flags.ACK in segment.flags else "SYN_RECV"
        return {"LISTEN": "SYN_RECV", "SYN_SENT": answered}.get(state, state)
    if segment.acknowledgement is not None:
        if state == "SYN_RECV":
            state = "ESTABLISHED"
        if fin is not None and segment.acknowledgement >= fin:
            state = _FIN_ACKNOWLEDGED.get(state, state)
    if Flags.FIN in segment.flags:
        state = _FIN_RECEIVED.get(state, state)
    return state
