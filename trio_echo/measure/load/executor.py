"""What runs the parts of a round: the interface between a round and the processes that load.

A part is plain data in, a `Job`, and plain data out: `Report` while it runs, and `Samples`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Callable
    from contextlib import AbstractAsyncContextManager

    import trio

    from trio_echo.errors import SocketCallError

    from .loader import Job, Report
    from .machine import Machine
    from .workload import Samples


class Part(Protocol):
    """A part of a round. Its methods are called in the order in which they stand here."""

    async def connected(self) -> SocketCallError | None:
        """Wait until its connections are open or have failed.

        Returns:
            What most of them failed with, if none is open.
        """

    @property
    def tls(self) -> str | None:
        """What its connections use, as `Samples` has it."""

    @property
    def machine(self) -> Machine | None:
        """The machine that it runs on; `None` for this one."""

    async def begin(self, start: int) -> None:
        """Let it start.

        Args:
            start: when, a time of this process's `time.perf_counter_ns`.
        """

    async def follow(self, report: Callable[[Report], object], stop: trio.Event) -> None:
        """Wait until it is done.

        Args:
            report: called with each of its reports, in the event loop.
            stop: makes it return its samples early.
        """

    @property
    def cpu(self) -> tuple[float, float]:
        """The shares of the round in which it was busy, and in which it spun."""

    def samples(self) -> Samples | str:
        """Return what it measured; or say how it ended without that. It has ended.

        The times are those of this process's `time.perf_counter_ns`.
        """


class Executor(Protocol):
    """What runs the parts of a round."""

    @property
    def lead(self) -> int:
        """Nanoseconds between `Part.begin` and the time to start that it gives."""

    @property
    def here(self) -> bool:
        """Whether its parts use the processors of this machine."""

    def started(self, job: Job) -> AbstractAsyncContextManager[Part]:
        """Start a part, and end it with the block, on every path."""
