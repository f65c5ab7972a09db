"""Runs each part of a round in a process of this machine, or of another host of `trio_echo.lan`."""

from __future__ import annotations

import json
import subprocess
import sys
from array import array
from collections.abc import Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from typing import TYPE_CHECKING, Any, TypeAlias, cast

import trio

from trio_echo.addresses import Endpoint
from trio_echo.errors import SocketCallError, naming
from trio_echo.workers.process import STARTING_CALL

from .keeping import Keeper
from .loader import SCALARS
from .outgoing import ARRAYS

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from .loader import Job, Report
    from .machine import Machine
    from .workload import Samples

OpenProcess: TypeAlias = Callable[..., Awaitable[trio.Process]]
"""`trio.lowlevel.open_process`, or what starts processes somewhere else."""

# Seconds that a loader has to return its samples when it must stop, and to end.
_GRACE = 5.0


class Processes:
    """An `Executor` that starts a process for each part.

    Args:
        open_process: what starts them, such as `Host.open_process` of `trio_echo.lan`.
    """

    lead = 20_000_000
    here = True

    def __init__(self, open_process: OpenProcess = trio.lowlevel.open_process) -> None:
        self._open_process = open_process

    @asynccontextmanager
    async def started(self, job: Job) -> AsyncIterator[LoadProcess]:
        """Start a loader, and end it with the block.

        Raises:
            SocketCallError: of `fork()`, on Windows of `CreateProcess()`: it cannot be started.
        """
        command = [sys.executable, "-m", f"{__package__}.loader"]
        # In its own session, or a Ctrl-C in the terminal would end it, and its samples would be
        # lost.
        apart: dict[str, Any] = {"start_new_session": True}
        if sys.platform == "win32":
            apart = {"creationflags": subprocess.CREATE_NEW_PROCESS_GROUP}
        pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
        with naming(STARTING_CALL):
            process = await self._open_process(command, **pipes, **apart)
        stdin = cast("trio.abc.SendStream", process.stdin)
        stdout = cast("trio.abc.ReceiveStream", process.stdout)
        loader = LoadProcess(job, stdin, stdout)
        try:
            yield loader
        finally:  # closed pipes end it
            with trio.CancelScope(shield=True, deadline=trio.current_time() + _GRACE):
                await stdin.aclose()
                await stdout.aclose()
                await process.wait()
            with trio.CancelScope(shield=True):
                process.kill()
                loader.fate = f"load process: exit status {await process.wait()}"


class LoadProcess:
    """A process that loads the server, seen through its pipes: a `Part`.

    Args:
        job: what it must do.
        stdin: its standard input.
        stdout: its standard output.
        grace: seconds that it has to return its samples when it must stop.

    Attributes:
        tls: what its connections use, as `Samples` has it.
        offset: how far its clock is ahead of that of this process, in nanoseconds.
        machine: the machine that it runs on, if that is not this one.
        fate: how it ended.
    """

    def __init__(
        self,
        job: Job,
        stdin: trio.abc.SendStream,
        stdout: trio.abc.ReceiveStream,
        *,
        grace: float = _GRACE,
    ) -> None:
        self._job = job
        self._stdin = stdin
        self._stdout = stdout
        self._grace = grace
        # What it wrote and nobody has parsed yet.
        self._buffer = bytearray()
        self._keeper = self._kept_since(0)
        self._last: dict[str, Any] | None = None
        self.tls: str | None = None
        self.offset = 0
        self.machine: Machine | None = None
        self.fate = ""

    async def connected(self) -> SocketCallError | None:
        """Send it its job, and wait until its connections are open or have failed.

        Returns:
            What most of them failed with, if none is open.
        """
        await self._send(self._job.to_bytes())
        line = await self._line()
        if line is None:
            return None
        self.tls = line["tls"]
        if line["connected"] or line["failure"] is None:
            return None
        call, number, words = line["failure"]
        where = str(Endpoint(self._job.host, self._job.port))
        return SocketCallError(call, OSError(number, words), where)

    async def begin(self, start: int) -> None:
        """Send it the time to start."""
        self._keeper = self._kept_since(start + int(self._job.workload.warm_up * 1e9))
        await self._send(b"%d\n" % (start + self.offset))

    async def follow(self, report: Callable[[Report], object], stop: trio.Event) -> None:
        """Read what it reports until it is done. `stop` makes it return its samples early."""
        async with trio.open_nursery() as nursery:
            nursery.start_soon(self._end_load, stop, nursery.cancel_scope)
            await self._read(report)
            nursery.cancel_scope.cancel()

    async def _end_load(self, stop: trio.Event, reading: trio.CancelScope) -> None:
        await stop.wait()
        reading.deadline = trio.current_time() + self._grace
        await self._stdin.aclose()

    @property
    def cpu(self) -> tuple[float, float]:
        """The shares of the round in which it was busy, and in which it spun."""
        return (0.0, 0.0) if self._last is None else (self._last["busy"], self._last["spun"])

    def samples(self) -> Samples | str:
        """Return what it measured; or say how it ended without that."""
        if self._last is None:
            return self.fate
        samples = self._keeper.samples
        for name in SCALARS:
            setattr(samples, name, self._last[name])
        samples.began -= self.offset
        samples.ended -= self.offset
        return samples

    def _kept_since(self, began: int) -> Keeper:
        job = self._job
        open_loop = job.workload.rate is not None
        return Keeper(began, job.keep, open_loop=open_loop, watched=job.watched)

    async def _send(self, line: bytes) -> None:
        with suppress(trio.BrokenResourceError):  # it has ended; its samples will be missing
            await self._stdin.send_all(line)

    async def _read(self, report: Callable[[Report], object]) -> None:
        while self._last is None and (line := await self._line()) is not None:
            if (data := await self._arrays(line)) is None:
                return
            if "ended" in line:
                self._last = line
                line["until"] = line["ended"] - line["began"]
            report(self._keeper.add(data, line["until"], line["failures"]))
        while await self._receive():
            pass

    async def _arrays(self, line: dict[str, Any]) -> dict[str, bytes] | None:
        """Wait for the arrays that follow a line; `None` if it has ended instead."""
        sizes = {name: line.get(name, 0) for name in ARRAYS}
        while len(self._buffer) < sum(sizes.values()):
            if not await self._receive():
                return None
        data, at = {}, 0
        for name, size in sizes.items():
            data[name] = self._here(name, self._buffer[at : at + size])
            at += size
        del self._buffer[:at]
        return data

    def _here(self, name: str, times: bytearray) -> bytes:
        """Return an array with the times that this process's clock shows."""
        if not self.offset or name == "resumed":  # the only one without times
            return bytes(times)
        there = array("q")
        there.frombytes(times)
        return array("q", [one - self.offset for one in there]).tobytes()

    async def _line(self) -> dict[str, Any] | None:
        """Wait for its next line; `None` if it has ended instead."""
        while (stop := self._buffer.find(b"\n")) < 0:
            if not await self._receive():
                return None
        line: dict[str, Any] = json.loads(self._buffer[:stop])
        del self._buffer[: stop + 1]
        return line

    async def _receive(self) -> bool:
        data = await self._stdout.receive_some()
        self._buffer += data
        return bool(data)
