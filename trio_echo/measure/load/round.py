"""A round of load: start the processes that make it, watch them, and gather what they measured.

The load runs in processes of its own, never in this one's Trio loop: the scheduler's part of a
round trip would be taken for the server's, and what this process does meanwhile (it draws
progress) would hold up the clock. A thread would have its own loop, but share this process's GIL.

Every worker reads the same clock: `time.perf_counter_ns` is the same for all processes, on Linux
(CLOCK_MONOTONIC), macOS (mach_absolute_time) and Windows (QueryPerformanceCounter). So they start
at a time that all are told, and their samples are merged as they are.
"""

from __future__ import annotations

import json
import subprocess
import sys
import time
from array import array
from collections import Counter
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from functools import partial
from typing import TYPE_CHECKING, Any, cast

import trio

from trio_echo.addresses import Endpoint, resolve
from trio_echo.errors import SocketCallError, strerror

from .meter import Meter, find_servers
from .pace import shares
from .worker import ARRAYS, SCALARS, Job
from .workload import Samples

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Sequence

    from .meter import Server
    from .pace import Share
    from .workload import Workload

# Nanoseconds between telling the workers when to start and that time.
_LEAD = 20_000_000
# Seconds that a worker has to bring back its samples once it is told to stop, and to end.
_GRACE = 5.0


async def run_round(
    target: Endpoint,
    workload: Workload,
    *,
    patience: float = 10.0,
    server: Server | None = None,
    progress: Callable[[int], object] = lambda _: None,
) -> Samples:
    """Load an echo server for one round.

    What goes wrong with a connection is counted in the samples, and the others go on. A round ends
    when its time is over or its messages are back. Connections that have not answered since are
    then waited for, until each of them answers or has failed.

    Cancelled after the load has begun, it still returns: what was measured so far, marked as
    partial. The cancellation is delivered at the caller's next checkpoint, so keep the samples
    before that. Nothing is left behind, also if this process is killed: the workers end with it.

    Args:
        target: the server. Of a name with several addresses, the first one is loaded.
        workload: the load.
        patience: seconds without an answer after which it connects no more; what is not connected
            then has failed. A connection that waits for an echo, and gets no byte of it for so
            long, has failed as well.
        server: whose CPU use is measured; by default it is looked for.
        progress: called about ten times a second for each process, with the number of messages
            that came back so far in the round. It runs within the event loop.

    Raises:
        AddressError: host or port is none.
        SocketCallError: of `getaddrinfo()`: there is no such host; of `connect()` or `socket()`:
            not one connection could be opened.
    """
    endpoint = (await resolve(target.host, target.port))[0]
    if server is None:
        (server,) = await look_for_servers([endpoint])
    parts = shares(workload.connections, workload.processes)
    counts = [0] * len(parts)

    def count(number: int, messages: int) -> None:
        counts[number] = messages
        progress(sum(counts))

    async with AsyncExitStack() as stack:
        workers = [
            await stack.enter_async_context(_started(Job(*endpoint, workload, part, patience)))
            for part in parts
        ]
        errors = [await worker.connected() for worker in workers]
        if errors[0] is not None and all(errors):
            raise errors[0]
        start = time.perf_counter_ns() + _LEAD
        for worker in workers:
            await worker.begin(start)
        meter = Meter(server)
        async with trio.open_nursery() as nursery:
            for number, worker in enumerate(workers):
                nursery.start_soon(worker.follow, partial(count, number))
        usage = meter.stop([worker.cpu for worker in workers])
    began = start + int(workload.warm_up * 1e9)
    merged = _merged(began, [worker.samples() for worker in workers], parts)
    merged.usage = usage
    return merged


async def look_for_servers(endpoints: Sequence[Endpoint]) -> list[Server]:
    """Look for the processes that listen at these numeric addresses, without blocking."""
    return await trio.to_thread.run_sync(find_servers, endpoints, abandon_on_cancel=True)


class _Worker:
    """A process that loads the server, as this one sees it."""

    def __init__(self, process: trio.Process, job: Job) -> None:
        self._process = process
        self._job = job
        self._stdin = cast("trio.abc.SendStream", process.stdin)
        self._stdout = cast("trio.abc.ReceiveStream", process.stdout)
        # What it wrote and was not read yet: here, so that a cancellation loses none of it.
        self._buffer = bytearray()
        self._last: dict[str, Any] | None = None

    async def connected(self) -> SocketCallError | None:
        """Send it its job, and wait until its connections are open, or cannot be opened.

        Returns:
            What most of them failed with, if not one is open.
        """
        await self._tell(self._job.to_line())
        line = await self._line()
        if line is None or line["connected"] or line["failure"] is None:
            return None
        call, number = line["failure"]
        where = str(Endpoint(self._job.host, self._job.port))
        return SocketCallError(call, OSError(number, strerror(number)), where)

    async def begin(self, start: int) -> None:
        """Tell it when to start."""
        await self._tell(b"%d\n" % start)

    async def follow(self, count: Callable[[int], object]) -> None:
        """Read what it says until it is done.

        Being cancelled is no reason to lose what it has measured: it is told to stop, and brings
        that back in a moment. Trio lets a call return that finishes although it is cancelled.
        """
        try:
            await self._read(count)
        except trio.Cancelled:
            with trio.CancelScope(shield=True, deadline=trio.current_time() + _GRACE):
                await self._stdin.aclose()
                await self._read(count)

    async def end(self) -> None:
        """Wait for its end, which closing its standard input brings about; or bring it about."""
        with trio.CancelScope(shield=True, deadline=trio.current_time() + _GRACE):
            await self._stdin.aclose()
            await self._process.wait()
        with trio.CancelScope(shield=True):
            self._process.kill()
            await self._process.wait()
            await self._stdout.aclose()

    @property
    def cpu(self) -> tuple[float, float]:
        """For which share of the round it was busy, and spun."""
        return (0.0, 0.0) if self._last is None else (self._last["busy"], self._last["spun"])

    def samples(self) -> Samples | str:
        """Give what it brought back; or say how it ended without."""
        if self._last is None or len(self._buffer) < sum(self._last[name] for name in ARRAYS):
            return f"worker: exit status {self._process.returncode}"
        samples = Samples(**{name: self._last[name] for name in SCALARS})
        rest = memoryview(self._buffer)
        for name in ARRAYS:
            getattr(samples, name).frombytes(rest[: self._last[name]])
            rest = rest[self._last[name] :]
        return samples

    async def _tell(self, line: bytes) -> None:
        with suppress(trio.BrokenResourceError):  # it has ended; its samples will be missing
            await self._stdin.send_all(line)

    async def _read(self, count: Callable[[int], object]) -> None:
        while self._last is None:
            line = await self._line()
            if line is None:
                return
            if "ended" in line:
                self._last = line
            else:
                count(line["messages"])
        while await self._receive():
            pass

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


@asynccontextmanager
async def _started(job: Job) -> AsyncIterator[_Worker]:
    """Start a worker; it has ended when the block is left."""
    command = [sys.executable, "-m", f"{__package__}.worker"]
    # In a session of its own, or a Ctrl-C in the terminal would end it with its samples.
    apart: dict[str, Any] = {"start_new_session": True}
    if sys.platform == "win32":
        apart = {"creationflags": subprocess.CREATE_NEW_PROCESS_GROUP}
    process = await trio.lowlevel.open_process(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, **apart
    )
    worker = _Worker(process, job)
    try:
        yield worker
    finally:
        await worker.end()


def _merged(began: int, results: Sequence[Samples | str], parts: Sequence[Share]) -> Samples:
    """Make one of what the workers brought back."""
    brought = [one for one in results if isinstance(one, Samples)]
    merged = Samples(began, max((one.ended for one in brought), default=began))
    failures: Counter[str] = Counter()
    for result, part in zip(results, parts, strict=True):
        if isinstance(result, str):
            failures[result] += len(part)
            merged.partial = True
            continue
        failures.update(result.failures)
        merged.unanswered += result.unanswered
        merged.partial |= result.partial
        for name in ARRAYS:
            getattr(merged, name).extend(getattr(result, name))
    merged.failures = dict(failures)
    if len(brought) > 1:
        order = sorted(range(len(merged.received)), key=merged.received.__getitem__)
        for name in ARRAYS:
            times = getattr(merged, name)
            setattr(merged, name, array("q", map(times.__getitem__, order)))
    return merged
