"""Sends the times of messages out of a load process soon after the messages came back.

So its memory is bounded, however long it runs. A thread writes: the load would stand still while it
waits for room in a pipe. The load only copies 16 or 24 bytes a message, several times a second.
The process that reads them computes the percentiles, on another processor.
"""

from __future__ import annotations

import errno
import os
import threading
import time
from bisect import bisect_right
from queue import SimpleQueue
from typing import TYPE_CHECKING, Any

import msgspec

from .workload import STAGES

if TYPE_CHECKING:
    from array import array
    from collections.abc import Sequence

    from .connections.lanes import Lanes
    from .connections.traffic import Traffic

ARRAYS = ("intended", "sent", "received", *STAGES)
"""The arrays of `Samples`: 64-bit integers in this machine's byte order."""

# Nobody reads the pipe any more: on Windows the second.
_NOBODY_READS = {errno.EPIPE, errno.EINVAL}


class Outlet:
    """Writes lines of JSON, each with its arrays behind it, in a thread.

    The line has the sizes of the arrays in bytes, by their names.

    Args:
        fd: the descriptor to write to. If nobody reads it any more, this process ends.
    """

    def __init__(self, fd: int) -> None:
        self._fd = fd
        self._queue: SimpleQueue[Sequence[memoryview] | None] = SimpleQueue()
        self._given = self._written = 0
        self._thread = threading.Thread(target=self._write_all, daemon=True)
        self._thread.start()

    @property
    def busy(self) -> bool:
        """Whether something is still to be written."""
        return self._given > self._written

    def write(self, fields: dict[str, Any], arrays: Sequence[array[int]] = ()) -> None:
        """Write a line, and arrays named by `ARRAYS`; returns at once."""
        data = [memoryview(one).cast("B") for one in arrays]
        sizes = {name: one.nbytes for name, one in zip(ARRAYS, data, strict=False)}
        self._given += 1
        self._queue.put([memoryview(msgspec.json.encode(fields | sizes) + b"\n"), *data])

    def close(self) -> None:
        """Wait until everything is written."""
        self._queue.put(None)
        self._thread.join()

    def _write_all(self) -> None:
        while (parts := self._queue.get()) is not None:
            for part in parts:
                self._write(part)
            self._written += 1

    def _write(self, part: memoryview) -> None:
        try:
            while part:
                part = part[os.write(self._fd, part) :]
        except OSError as exc:
            if exc.errno not in _NOBODY_READS:
                raise
            os._exit(1)  # the interpreter would try to write again at its end


class Outgoing:
    """Takes the messages that count out of a load under way.

    Args:
        outlet: where they go.
        traffic: the load. Its arrays have only what came back since `began`.
        began: when measuring began.
        end: what comes back later does not count.
        quota: how many messages count at most.
        open_loop: whether the load is one. What was due before `began` does not count in it.

    Attributes:
        count: how many messages have gone out.
        last: when the latest of them came back; `began` before the first.
    """

    def __init__(
        self,
        outlet: Outlet,
        traffic: Traffic | Lanes,
        began: int,
        end: int,
        quota: int,
        *,
        open_loop: bool,
    ) -> None:
        self._outlet = outlet
        self._traffic = traffic
        self._began = began
        self._end = end
        self._quota = quota
        # Messages of the warm-up: under way, or back since it ended.
        self._early = traffic.pending + len(traffic.received) if open_loop else 0
        self.count = 0
        self.last = began

    def send(self) -> None:
        """Send what has come back, unless the messages before are still on their way."""
        if self._outlet.busy:
            return
        traffic = self._traffic
        if self._early:
            before = len(traffic.received)
            traffic.keep_due(self._began)
            self._early -= before - len(traffic.received)
        until = min(time.perf_counter_ns(), self._end)
        count = min(self._quota - self.count, bisect_right(traffic.received, until))
        self.count += count
        self.last = traffic.received[count - 1] if count else self.last
        gone = [one[:count] for one in traffic.arrays]
        for one in traffic.arrays:
            del one[:count]
        fields = {"until": until - self._began, "failures": traffic.failures}
        self._outlet.write(fields, gone)
