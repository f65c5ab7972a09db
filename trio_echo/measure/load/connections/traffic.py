"""The load itself: one plain loop over ready sockets, on connections that are open.

It computes nothing: it moves bytes, reads the clock and keeps the times. It is not a Trio task,
because a scheduler between the kernel and the clock would be measured too.

In a closed loop each echo lets the next message go. In an open loop messages go when they are due,
and wait in their connection's queue only while the kernel does not take them.
"""

from __future__ import annotations

import socket
import struct
import time
from array import array
from bisect import bisect_left
from collections import deque
from itertools import compress
from typing import TYPE_CHECKING

from trio_echo.errors import SocketCallError

from .calls import calls
from .connection import LoadConnection
from .contents import Contents
from .poller import EMPTY_TURN, READ, WRITE, open_poller

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

FOREVER = (1 << 63) - 1
"""Sentinel: no deadline, no message limit."""

_RECEIVE = 256 * 1024
# Receive from this many sockets, then send to them. A send costs several times what a receive does,
# so echoes that have arrived are seen sooner if no send comes between. With more at once, the
# first sockets wait longer for their next message.
_EVENTS = 32
# epoll waits for whole milliseconds, so an open loop spins for the last one.
_SPIN = 1_500_000
# The longest wait in seconds. Some systems cannot wait longer.
_WAIT = 3600.0
# This many late messages are sent before echoes are received again.
_BURST = 64
# Nanoseconds between two reports of progress.
_REPORT = 100_000_000
# How often it looks for silent connections within its patience, and the shortest time between two
# looks in nanoseconds.
_LOOKS, _SHORTEST_LOOK = 10, 1_000_000


class Traffic:
    """The connections of one process, and what they have measured.

    Args:
        socks: connected, not blocking.
        wake: a socket that ends the load when something arrives on it.
        size: bytes of each message.
        verify: whether echoes are compared.
        payload: what messages consist of; random bytes if it is empty.
        patience: seconds for which a connection may wait for a byte of an echo; one that waits
            longer has failed.

    Attributes:
        failures: how many connections failed, by kind.
        allowance: how many messages may still be sent.
        stopped: whether `wake` ended it.
        spun: nanoseconds of CPU time that an open loop only waited for the next message to be due.
        intended: when each message that came back was due, in an open loop.
        sent: when its first byte was handed to the kernel.
        received: when the last byte of its echo was there.
    """

    def __init__(
        self,
        socks: list[socket.socket],
        wake: socket.socket,
        *,
        size: int,
        verify: bool,
        patience: float,
        payload: bytes = b"",
    ) -> None:
        self._size = size
        self._verify = verify
        self._patience = int(patience * 1e9)
        self._look_every = max(self._patience // _LOOKS, _SHORTEST_LOOK)
        self._no_echo = f"no echo for {patience:g} s"
        self._contents = Contents(size, payload, verify=verify)
        self._varied = self._contents.varied
        self._block = self._contents.block
        self._message = memoryview(self._block)[:size]
        self._buffer = memoryview(bytearray(_RECEIVE))
        self._connections = {sock.fileno(): LoadConnection(sock, size) for sock in socks}
        self._receive, self._send = calls(self._connections)
        self._poller = open_poller()
        for fd in (wake.fileno(), *self._connections):
            self._poller.register(fd, READ)
        self._dues: Iterator[int] = iter(())
        self._open = False
        self._next_due = FOREVER
        self._turns: deque[LoadConnection] = deque()
        self._lost = 0
        # Of a closed loop: a connection for each message that may follow one that came back.
        self._ready: list[LoadConnection] = []
        self.intended, self.sent, self.received = array("q"), array("q"), array("q")
        # What comes next in `sent` and `received`. To append a number to an array takes ten times
        # as long as to a list, and to append many packed ones almost nothing.
        self._latest_sent: list[int] = []
        self._latest_received: list[int] = []
        self.failures: dict[str, int] = {}
        self.allowance = FOREVER
        self.stopped = False
        self.spun = 0

    def start_closed(self, pipeline: int) -> None:
        """Send the first messages of a closed loop, `pipeline` on each connection."""
        for _ in range(pipeline):
            for connection in list(self._connections.values()):
                self._next(connection)

    def start_open(self, dues: Iterator[int]) -> None:
        """Send at these times from now on, on the connections in turn.

        Messages that were due before and have not been sent are dropped. Otherwise a warm-up that
        asks for more than the server can do would use up the round too.
        """
        self._dues, self._open = dues, True
        self._next_due = next(dues)
        self._turns = deque(self._connections.values())
        for connection in self._turns:
            connection.waiting.clear()

    def forget(self, before: int) -> None:
        """Drop what came back before a time, and the count of lost messages: it was the warm-up."""
        count = bisect_left(self.received, before)
        for times in (self.intended, self.sent, self.received):
            del times[:count]
        self._lost = 0

    def keep_due(self, since: int) -> None:
        """In an open loop, keep only messages that were due at a time or later."""
        wanted = [due >= since for due in self.intended]
        for times in (self.intended, self.sent, self.received):
            times[:] = array("q", compress(times, wanted))

    @property
    def arrays(self) -> tuple[array[int], ...]:
        """The times, in the order of `ARRAYS`; it has the first three of them."""
        return self.intended, self.sent, self.received

    @property
    def alive(self) -> bool:
        """Whether there are connections left."""
        return bool(self._connections)

    @property
    def pending(self) -> int:
        """How many messages have no echo yet."""
        return sum(one.pending for one in self._connections.values())

    @property
    def under_way(self) -> int:
        """How many messages have no echo yet, or never will: their connection failed."""
        return self._lost + self.pending

    def run(self, until: int, report: Callable[[], object] = lambda: None) -> None:
        """Load the server until a time, or until there is nothing left to do.

        Args:
            until: on the clock of `time.perf_counter_ns`.
            report: called about ten times a second. It may remove messages from the arrays.
        """
        try:
            self._run(until, report)
        finally:
            self._keep_latest()

    def _run(self, until: int, report: Callable[[], object]) -> None:
        poll, connections, clock = self._poller.poll, self._connections, time.perf_counter_ns
        receive, send, buffers = self._receive, self._send, [self._buffer]
        size, message = self._size, self._block[: self._size]
        keep_sent, keep_received = self._latest_sent.append, self._latest_received.append
        ready = self._ready
        plain = not (self._open or self._varied)
        now = clock()
        report_at = now + _REPORT
        look_at = now + self._look_every
        while now < until and connections and (self.allowance or self.pending):
            due = self._next_due
            timeout = self._send_due(now) if self._open else _WAIT
            events = poll(min(timeout, (min(until, look_at, report_at) - now) / 1e9), _EVENTS)
            for fd, event in events:
                try:
                    connection = connections[fd]
                except KeyError:
                    self.stopped = True
                    return
                if event != READ and event & WRITE:
                    self._flush(connection)
                    if event == WRITE or fd not in connections:
                        continue
                try:
                    count = receive(fd, buffers)
                except BlockingIOError:
                    continue
                except OSError as exc:
                    self._fail(connection, _failure("recv()", exc))
                    continue
                connection.heard = now = clock()
                # The usual case of _take, inlined, and below that of _flush. Together they are a
                # fifth of the rate.
                sent = connection.sent
                if plain and sent and count == connection.missing and not connection.blocked:
                    keep_sent(sent.popleft())
                    keep_received(now)
                    connection.missing = size
                    ready.append(connection)
                else:
                    self._take(connection, count, now)
            plenty = not self._varied and self.allowance >= len(ready)
            gone = 0
            for connection in ready:
                if connection.blocked or not plenty:
                    self._next(connection)
                    continue
                now = clock()
                try:
                    done = send(connection.fd, message)
                except OSError:  # _next meets it again, and handles it
                    self._next(connection)
                    continue
                gone += 1
                connection.sent.append(now)
                if done < size:
                    connection.unsent = self._message[done:]
                    self._flush(connection)
            self.allowance -= gone
            ready.clear()
            before, now = now, clock()
            if self._open and not (events or timeout) and due == self._next_due:
                self.spun += min(now - before, EMPTY_TURN)
            if now >= report_at:
                self._keep_latest()
                report()
                report_at = now + _REPORT
            if now >= look_at:
                self._fail_silent(now)
                look_at = now + self._look_every

    def drain(self, seconds: float) -> None:
        """Send nothing new, and receive what is under way for some seconds.

        After that, wait for each connection that has not answered, until it answers or fails: only
        time can show whether it hangs or is slow.
        """
        self.allowance = 0
        since = now = time.perf_counter_ns()
        self.run(since + int(seconds * 1e9))
        while not self.stopped and any(
            one.sent and one.heard < since for one in self._connections.values()
        ):
            self.run(now + self._look_every)
            now = time.perf_counter_ns()
            self._fail_silent(now)

    def close(self) -> None:
        """Close the connections."""
        for connection in self._connections.values():
            connection.sock.close()
        self._poller.close()

    def _take(self, connection: LoadConnection, count: int, now: int) -> None:
        """Account for received bytes: a part of an echo, a whole one, or several."""
        if not count:
            self._fail(connection, "closed early")
            return
        start = completed = 0
        while start < count:
            if not connection.sent:
                self._fail(connection, "more than was sent")
                return
            stop = min(count, start + connection.missing)
            if self._verify:
                offset = connection.offsets[0] + self._size - connection.missing
                # Slices of bytes and memoryviews are compared one by one; this is memcmp.
                if not self._block.startswith(self._buffer[start:stop], offset):
                    self._fail(connection, "echo differs")
                    return
            connection.missing -= stop - start
            start = stop
            if not connection.missing:
                connection.missing = self._size
                completed += 1
                self._latest_sent.append(connection.sent.popleft())
                self._latest_received.append(now)
                if self._open:
                    self.intended.append(connection.dues.popleft())
                if self._varied:
                    connection.offsets.popleft()
        if connection.unsent and not connection.sent:
            self._fail(connection, "more than was sent")
        elif not self._open:
            self._ready += [connection] * completed

    def _keep_latest(self) -> None:
        """Move the latest times to the arrays."""
        for times, latest in (
            (self.sent, self._latest_sent),
            (self.received, self._latest_received),
        ):
            times.frombytes(struct.pack(f"{len(latest)}q", *latest))
            latest.clear()

    def _send_due(self, now: int) -> float:
        """Send what is due; returns the seconds until the next message is due."""
        for _ in range(_BURST):
            if not (self.allowance and self._connections):
                return _WAIT
            if self._next_due > now:
                break
            connection, due = self._turns[0], self._next_due
            self._turns.rotate(-1)
            self._next_due = next(self._dues)
            self._next(connection, due)
        return max(0, self._next_due - now - _SPIN) / 1e9

    def _next(self, connection: LoadConnection, due: int = 0) -> None:
        """Give a connection one more message, if the allowance permits."""
        if self.allowance and connection.sock.fileno() >= 0:
            self.allowance -= 1
            connection.waiting.append(due)
            if len(connection.waiting) == 1 and not connection.unsent:
                self._flush(connection)

    def _flush(self, connection: LoadConnection) -> None:
        """Send what waits on a connection, until the kernel has no more room."""
        unsent, waiting = connection.unsent, connection.waiting
        try:
            while unsent or waiting:
                if unsent:
                    unsent = unsent[self._send(connection.fd, unsent) :]
                    if len(connection.sent) == 1:
                        connection.moved = time.perf_counter_ns()
                    continue
                message = self._message
                if self._varied:
                    # TLS may have sent a part of a message that was refused: it keeps its bytes.
                    if len(connection.offsets) == len(connection.sent):
                        connection.offsets.append(self._contents.next())
                    offset = connection.offsets[-1]
                    message = memoryview(self._block)[offset : offset + self._size]
                now = time.perf_counter_ns()
                unsent = message[self._send(connection.fd, message) :]
                connection.sent.append(now)
                due = waiting.popleft()
                if self._open:
                    connection.dues.append(due)
        except BlockingIOError:
            blocked = True
        except OSError as exc:
            self._fail(connection, _failure("send()", exc))
            return
        else:
            blocked = False
        connection.unsent = unsent
        if blocked != connection.blocked:
            connection.blocked = blocked
            events = READ | WRITE if blocked else READ
            self._poller.modify(connection.sock.fileno(), events)

    def _fail_silent(self, now: int) -> None:
        """Fail the connections that have waited too long."""
        for connection in list(self._connections.values()):
            if connection.silent(now) < self._patience:
                continue
            try:  # if this process was stopped or late, the echo may be there, unread
                socket.socket.recv(connection.sock, 1, socket.MSG_PEEK)  # below TLS, if it has it
            except BlockingIOError:
                self._fail(connection, self._no_echo)
            except OSError as exc:
                self._fail(connection, _failure("recv()", exc))

    def _fail(self, connection: LoadConnection, kind: str) -> None:
        """Close one connection; the others go on."""
        fd = connection.sock.fileno()
        self._poller.unregister(fd)
        connection.sock.close()
        connection.blocked = True  # another socket may get its descriptor
        del self._connections[fd]
        if self._open:
            self._turns.remove(connection)
        self._lost += connection.pending
        self.failures[kind] = self.failures.get(kind, 0) + 1


def _failure(call: str, exc: OSError) -> str:
    """Name what a connection failed with."""
    return f"{call}: {SocketCallError.wrap(call, exc).strerror}"
