"""What is unusual about a connection, in one line for each segment that shows it. No I/O."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .history import Ranges
from .segment import milliseconds
from .wire import Flags

if TYPE_CHECKING:
    from trio_echo.addresses import Endpoint

    from .segment import Segment
    from .trace import Trace


def anomalies(trace: Trace) -> list[str]:
    """Describe everything that an undisturbed connection does not have.

    A capture shows what one place on the way saw. What was lost elsewhere shows only in what
    followed.

    Returns:
        A line for each segment that shows something: its number from 1, its time, its sender, and
        what is unusual. The last line says how the connection ended, if that is unusual.
    """
    lines = []
    sides = {trace.client: _Side(), trace.server: _Side()}
    for number, one in enumerate(trace.segments, start=1):
        own, peer = sides[one.source], sides[one.destination]
        words = [*_reset(one), *own.words(one, peer), *one.notes]
        if words:
            name = "client" if one.source == trace.client else "server"
            lines.append(f"{number}, {milliseconds([one.time])} ms, {name}: {'; '.join(words)}")
        own.add(one)
    return lines + _end(trace, sides)


class _Side:
    """What one side has sent so far."""

    def __init__(self) -> None:
        self.sent = Ranges()
        self.window: int | None = None
        self.finished = False

    def words(self, one: Segment, peer: _Side) -> list[str]:
        """Describe what is unusual about the numbers of its next segment."""
        end, found = self.sent.end, []
        if one.sequence > end:
            found.append(f"the bytes {end} to {one.sequence - 1} are not in this capture")
        elif one.flags == Flags.ACK and one.sequence == end - 1 and len(one.payload) < 2:
            found.append("zero-window probe" if peer.window == 0 else "keepalive probe")
        elif one.sequence < end and one.end > one.sequence and not one.retransmission:
            found.append("out of order")
        if one.acknowledgement is not None and one.acknowledgement > peer.sent.end:
            found.append("it acknowledges bytes that are not in this capture")
        if one.window == 0 and Flags.RST not in one.flags:
            found.append("window 0: its receive buffer is full")
        return found

    def add(self, one: Segment) -> None:
        """Note that it has sent this."""
        self.sent.add(one.sequence, max(one.end, one.sequence))
        self.window = one.window
        self.finished = self.finished or Flags.FIN in one.flags


def _reset(one: Segment) -> list[str]:
    if Flags.RST not in one.flags:
        return []
    refuses = one.sequence == 0 and one.acknowledgement == 1
    return ["it refuses the connection" if refuses else "it resets the connection"]


def _end(trace: Trace, sides: dict[Endpoint, _Side]) -> list[str]:
    if any(Flags.RST in one.flags for one in trace.segments):
        return []
    if all(one.source == trace.client for one in trace.segments):
        return ["nothing of the server is in this capture"]
    if not all(side.finished for side in sides.values()):
        return ["the capture ends before the connection does"]
    return []
