"""A load that opens a connection for each message: netperf's TCP_CRR.

Each of its lanes has one connection at a time, and opens the next one when that has ended. Like
`traffic`, it is one plain loop over ready sockets that only keeps times. In a closed loop a lane
goes on at once. In an open loop connections are opened when they are due, and late if no lane is
free.

A connection that fails is counted, and its lane goes on. If the next one fails too, the lane
pauses, longer each time. So a server that refuses everything is not tried a hundred thousand times
a second.
"""

from __future__ import annotations

import heapq
import selectors
import time
from array import array
from bisect import bisect_left
from collections import deque
from itertools import compress
from itertools import count as numbers
from typing import TYPE_CHECKING

from trio_echo.errors import SocketCallError

from .poller import EMPTY_TURN, READ, WRITE, open_poller
from .traffic import FOREVER
from .transaction import Lane, NoPortError, Times, TransactionError

if TYPE_CHECKING:
    import socket
    from collections.abc import Callable, Iterator

    from .transaction import Transactions

_EVENTS = {
    selectors.EVENT_READ: READ,
    selectors.EVENT_WRITE: WRITE,
    selectors.EVENT_READ | selectors.EVENT_WRITE: READ | WRITE,
}
# At most so many sockets are served, or connections begun, before others get their turn.
_BURST = 32
# epoll waits for whole milliseconds, so an open loop spins for the last one.
_SPIN = 1_500_000
# The longest wait in nanoseconds. Some systems cannot wait longer.
_LONGEST_WAIT = 3600 * 1_000_000_000
# Nanoseconds between two reports of progress.
_REPORT = 100_000_000
# A connection has failed after so many looks at it during which it did not move. A process that was
# stopped, or late, looks only once for all that time.
_LOOKS, _SHORTEST_LOOK = 10, 1_000_000
# Nanoseconds of a lane's pause after its second failure in a row, and the longest.
_PAUSE, _DOUBLINGS, _LONGEST_PAUSE = 10_000_000, 7, 1_000_000_000


class Lanes:
    """The lanes of one process, and what they have measured.

    Args:
        transactions: makes the connections.
        wake: a socket that ends the load when something arrives on it.
        count: how many connections may be open at once.
        patience: seconds for which a connection may wait. If connections fail for so long and none
            succeeds, the load gives up.

    Attributes:
        failures: how many connections failed, by kind.
        allowance: how many connections may still be opened.
        alive: whether it has not given up: the server is there, and ports are free.
        stopped: whether `wake` ended it.
        spun: nanoseconds of CPU time that an open loop only waited for the next one to be due.
        intended: when each connection was due, in an open loop.
        sent, received: its beginning and its end.
        connected, secured, answered, echoed, resumed: as in `Samples`.
    """

    def __init__(
        self, transactions: Transactions, wake: socket.socket, *, count: int, patience: float
    ) -> None:
        self._transactions = transactions
        self._patience = int(patience * 1e9)
        self._look_every = max(self._patience // _LOOKS, _SHORTEST_LOOK)
        self._poller = open_poller()
        self._poller.register(wake.fileno(), READ)
        self._wake = wake.fileno()
        self._free = deque(Lane() for _ in range(count))
        self._busy: dict[int, Lane] = {}
        self._pausing: list[tuple[int, int, Lane]] = []  # a heap: until when, and in which order
        self._order = numbers()
        self._dues: Iterator[int] = iter(())
        self._open = False
        self._next_due = FOREVER
        self._lost = 0
        self._failing_since = 0  # the first failure after the latest success; 0 if there is none
        self.intended, self.sent, self.received = array("q"), array("q"), array("q")
        self.connected, self.secured = array("q"), array("q")
        self.answered, self.echoed, self.resumed = array("q"), array("q"), array("q")
        self.failures: dict[str, int] = {}
        self.allowance = FOREVER
        self.alive = True
        self.stopped = False
        self.spun = 0

    def start_open(self, dues: Iterator[int]) -> None:
        """Open connections at these times from now on.

        Those that were due before and have not been opened are dropped. Otherwise a warm-up that
        asks for more than the server can do would use up the round too.
        """
        self._dues, self._open = dues, True
        self._next_due = next(dues)

    def forget(self, before: int) -> None:
        """Drop what ended before a time, and the count of lost messages: it was the warm-up."""
        gone = bisect_left(self.received, before)
        for times in self.arrays:
            del times[:gone]
        self._lost = 0

    def keep_due(self, since: int) -> None:
        """In an open loop, keep only connections that were due at a time or later."""
        wanted = [due >= since for due in self.intended]
        for times in self.arrays:
            times[:] = array("q", compress(times, wanted))

    @property
    def arrays(self) -> tuple[array[int], ...]:
        """All of them, in the order of `ARRAYS`."""
        return (self.intended, self.sent, self.received, self.connected, self.secured,
                self.answered, self.echoed, self.resumed)  # fmt: skip

    @property
    def pending(self) -> int:
        """How many connections are under way."""
        return len(self._busy)

    @property
    def under_way(self) -> int:
        """How many connections are under way, or have failed."""
        return self._lost + self.pending

    def run(self, until: int, report: Callable[[], object] = lambda: None) -> None:
        """Load the server until a time, or until there is nothing left to do.

        Args:
            until: on the clock of `time.perf_counter_ns`.
            report: called about ten times a second. It may remove connections from the arrays.
        """
        poll, clock = self._poller.poll, time.perf_counter_ns
        now = clock()
        report_at = now + _REPORT
        look_at = now + self._look_every
        while now < until and ((self.alive and self.allowance) or self._busy):
            due = self._next_due
            timeout = self._begin(now)
            events = poll(min(timeout, (min(until, look_at, report_at) - now) / 1e9), _BURST)
            for fd, _ in events:
                if fd == self._wake:
                    self.stopped = True
                    return
                self._go_on(self._busy[fd])
            before, now = now, clock()
            if self._open and not (events or timeout) and due == self._next_due:
                self.spun += min(now - before, EMPTY_TURN)
            if now >= report_at:
                report()
                report_at = now + _REPORT
            if now >= look_at:
                self._look()
                look_at = now + self._look_every

    def drain(self, seconds: float) -> None:
        """Open nothing new, and wait for some seconds for the connections under way.

        After that, wait for each that has not moved, until it moves or fails: only time can show
        whether it hangs or is slow.
        """
        self.allowance = 0
        since = now = time.perf_counter_ns()
        self.run(since + int(seconds * 1e9))
        while not self.stopped and any(one.moved < since for one in self._busy.values()):
            self.run(now + self._look_every)
            now = time.perf_counter_ns()

    def close(self) -> None:
        """Close the connections."""
        for lane in list(self._busy.values()):
            self._settle(lane)
        self._poller.close()

    def _begin(self, now: int) -> float:
        """Open what may be opened; returns the seconds until there may be more."""
        free, pausing = self._free, self._pausing
        while pausing and pausing[0][0] <= now:
            free.append(heapq.heappop(pausing)[2])
        for _ in range(_BURST):
            if not (free and self.allowance and self.alive):
                break
            due = self._next_due if self._open else now
            if due > now:
                break
            lane = free.popleft()
            if self._open:
                lane.due = due
                self._next_due = next(self._dues)
            self.allowance -= 1
            lane.steps = self._transactions.steps(lane)
            self._go_on(lane)
        else:
            return 0
        until = now + _LONGEST_WAIT
        if free and self.allowance and self.alive:
            until = min(until, max(now, self._next_due - _SPIN))
        if pausing:
            until = min(until, pausing[0][0])
        return (until - now) / 1e9

    def _go_on(self, lane: Lane) -> None:
        """Let a connection take its next step, and wait for what comes after."""
        lane.moved, lane.looks = time.perf_counter_ns(), 0
        try:
            sock, wanted = next(lane.steps)
        except StopIteration as done:
            self._settle(lane)
            self._keep(lane, done.value)
        except SocketCallError as exc:
            self._fail(lane, f"{exc.call}: {exc.strerror}")
            if isinstance(exc, NoPortError):
                self.alive = False
        except TransactionError as exc:
            self._fail(lane, str(exc))
        else:
            events = _EVENTS[wanted]
            if not lane.waits:
                lane.fd = sock.fileno()
                self._poller.register(lane.fd, events)
                self._busy[lane.fd] = lane
            elif events != lane.waits:
                self._poller.modify(lane.fd, events)
            lane.waits = events

    def _keep(self, lane: Lane, times: Times) -> None:
        """Keep the times of a connection that did all that it should."""
        lane.failed = 0
        self._free.append(lane)
        self._failing_since = 0
        if self._open:
            self.intended.append(lane.due)
        self.sent.append(times.sent)
        self.connected.append(times.connected)
        if times.secured is not None:
            self.secured.append(times.secured)
            self.resumed.append(times.resumed)
        self.answered.append(times.answered)
        self.echoed.append(times.echoed)
        self.received.append(times.received)

    def _fail(self, lane: Lane, kind: str) -> None:
        """Count a connection that failed; its lane goes on, after a pause if it failed before."""
        self._settle(lane)
        self.failures[kind] = self.failures.get(kind, 0) + 1
        self._lost += 1
        now = time.perf_counter_ns()
        heapq.heappush(self._pausing, (now + _pause(lane.failed), next(self._order), lane))
        lane.failed += 1
        self._failing_since = self._failing_since or now
        if now - self._failing_since > self._patience:
            self.alive = False

    def _look(self) -> None:
        """Fail the connections that have waited too long."""
        for lane in list(self._busy.values()):
            lane.looks += 1
            if lane.looks > _LOOKS:
                self._fail(lane, lane.late)

    def _settle(self, lane: Lane) -> None:
        """Close a lane's connection."""
        if lane.waits:
            self._poller.unregister(lane.fd)
            del self._busy[lane.fd]
            lane.waits = 0
        lane.close()


def _pause(failed: int) -> int:
    """Return how long a lane pauses whose connections before this one failed, in nanoseconds."""
    return min(_PAUSE * 2 ** min(failed - 1, _DOUBLINGS), _LONGEST_PAUSE) if failed else 0
