"""The TCP states that both ends of a connection pass through, read off its segments.

RFC 9293, section 3.3.2 and figure 5. A segment changes the state of its sender when it leaves and
that of its receiver when it arrives. When it arrives is known from what the receiver sends
afterwards: a segment that does not acknowledge it yet has crossed it on the way. No I/O.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from trio_echo.addresses import Endpoint

from .wire import Flags

if TYPE_CHECKING:
    from .trace import Segment, Trace

_FIN_SENT = {
    "SYN-RECEIVED": "FIN-WAIT-1",
    "ESTABLISHED": "FIN-WAIT-1",
    "CLOSE-WAIT": "LAST-ACK",
}
_FIN_RECEIVED = {
    "ESTABLISHED": "CLOSE-WAIT",
    "FIN-WAIT-1": "CLOSING",
    "FIN-WAIT-2": "TIME-WAIT",
}
_FIN_ACKNOWLEDGED = {
    "FIN-WAIT-1": "FIN-WAIT-2",
    "CLOSING": "TIME-WAIT",
    "LAST-ACK": "CLOSED",
}


@dataclass(frozen=True, slots=True)
class Moment:
    """A segment leaves its sender, or reaches its receiver.

    Attributes:
        segment: its index in the trace.
        arrives: it reaches its receiver; else it leaves its sender.
        at: the end where this happens.
        state: in which that end is afterwards.
    """

    segment: int
    arrives: bool
    at: Endpoint
    state: str


def initial(trace: Trace) -> dict[Endpoint, str]:
    """Tell the states before the first segment."""
    answers = [one.flags for one in trace.segments if one.source == trace.server]
    refused = bool(answers) and Flags.SYN not in answers[0]
    return {trace.server: "CLOSED" if refused else "LISTEN", trace.client: "CLOSED"}


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
    """Tell for each segment after the sending of which other one it arrives."""
    arrivals = []
    later: dict[Endpoint, list[tuple[int, int]]] = {}  # what each end sent and expected, last first
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
        return "CLOSED"
    if Flags.FIN in segment.flags:
        return _FIN_SENT.get(state, state)
    if Flags.SYN in segment.flags and state == "CLOSED":
        return "SYN-SENT"
    return state


def _received(state: str, segment: Segment, fin: int | None) -> str:
    """Tell the receiver's next state.

    Args:
        state: before.
        segment: what arrives.
        fin: the number after the receiver's own FIN, if it has sent one.
    """
    if Flags.RST in segment.flags:
        return "LISTEN" if state == "LISTEN" else "CLOSED"
    if Flags.SYN in segment.flags:
        answered = "ESTABLISHED" if Flags.ACK in segment.flags else "SYN-RECEIVED"
        return {"LISTEN": "SYN-RECEIVED", "SYN-SENT": answered}.get(state, state)
    if segment.acknowledgement is not None:
        if state == "SYN-RECEIVED":
            state = "ESTABLISHED"
        if fin is not None and segment.acknowledgement >= fin:
            state = _FIN_ACKNOWLEDGED.get(state, state)
    if Flags.FIN in segment.flags:
        state = _FIN_RECEIVED.get(state, state)
    return state
