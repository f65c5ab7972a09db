"""A timer that wakes a task at a time, as exactly as the system can."""

from __future__ import annotations

import ctypes
import math
import os
import struct
import sys
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING, Protocol

import trio

from trio_echo.errors import SocketCallError

if TYPE_CHECKING:
    from collections.abc import Iterator

_SECOND = 1_000_000_000
# sys/timerfd.h. Python 3.13 has them in `os`.
_TFD_TIMER_ABSTIME = 1

# An idle machine takes 50 to 300 µs to wake up. So the kernel's timer rings this many nanoseconds
# early, and the task then looks at the clock between its checkpoints. It rings later if the whole
# wait is short, so that this takes at most one part in `_REST` of a core.
_LEAD, _REST = 200_000, 5


class Timer(Protocol):
    """A timer and its clock. All times are nanoseconds since the epoch.

    The clock is monotonic: it does not follow when somebody sets the system's time.
    """

    def now(self) -> int:
        """Return the time."""

    def set(self, time: int | None) -> None:
        """Let `wait` return at this time; never if it is `None`. The task may be waiting."""

    async def wait(self) -> None:
        """Wait until the time has come. Then it is not set any more."""


class TrioTimer:
    """A timer on Trio's clock. Its event loop rounds a wait up to whole milliseconds."""

    def __init__(self) -> None:
        self._origin = time.time_ns() - round(trio.current_time() * _SECOND)
        self._deadline = math.inf
        self._scope = trio.CancelScope()

    def now(self) -> int:
        """Return the time."""
        return self._origin + round(trio.current_time() * _SECOND)

    def set(self, time: int | None) -> None:
        """Let `wait` return at this time."""
        self._deadline = math.inf if time is None else (time - self._origin) / _SECOND
        self._scope.deadline = self._deadline

    async def wait(self) -> None:
        """Wait until the time has come."""
        with trio.CancelScope(deadline=self._deadline) as self._scope:
            await trio.sleep_forever()
        self._deadline = math.inf


class KernelTimer:
    """A timer of the Linux kernel: a file that becomes readable (timerfd_create(2)).

    Raises:
        SocketCallError: of `timerfd_create()`: the process has too many open files.
    """

    _library: ctypes.CDLL
    _file: int
    _origin: int

    def __init__(self) -> None:
        if sys.platform != "linux":
            raise NotImplementedError
        self._library = ctypes.CDLL(None, use_errno=True)
        flags = os.O_NONBLOCK | os.O_CLOEXEC
        self._file = self._library.timerfd_create(time.CLOCK_MONOTONIC, flags)
        if self._file < 0:
            number = ctypes.get_errno()
            raise SocketCallError("timerfd_create()", OSError(number, os.strerror(number)))
        self._origin = time.time_ns() - time.monotonic_ns()
        self._due: int | None = None

    def now(self) -> int:
        """Return the time."""
        return self._origin + time.monotonic_ns()

    def set(self, time: int | None) -> None:
        """Let `wait` return at this time."""
        if time == self._due:
            return
        self._due = time
        value = 0  # stops the timer
        if time is not None:
            rest = time - self.now()
            value = max(1, time - self._origin - min(_LEAD, rest // _REST))
        spec = struct.pack("llll", 0, 0, *divmod(value, _SECOND))
        self._library.timerfd_settime(self._file, _TFD_TIMER_ABSTIME, spec, None)

    async def wait(self) -> None:
        """Wait until the time has come."""
        while True:
            await trio.lowlevel.wait_readable(self._file)
            try:
                os.read(self._file, 8)
            except BlockingIOError:  # it was set again meanwhile
                continue
            while self._due is not None and (rest := self._due - self.now()) < 2 * _LEAD:
                if rest <= 0:
                    self._due = None
                    return
                await trio.lowlevel.checkpoint()

    def close(self) -> None:
        """Close the file. No task may wait."""
        os.close(self._file)
        self._file = -1  # a late `set` does nothing


@contextmanager
def open_timer() -> Iterator[Timer]:
    """Open the most exact timer that the system has."""
    if sys.platform != "linux":
        yield TrioTimer()
        return
    timer = KernelTimer()
    try:
        yield timer
    finally:
        timer.close()
