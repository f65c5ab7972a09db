"""A round of load: start the processes that make it, watch them, and collect what they measured.

The load runs in its own processes, never in this one's Trio loop: the scheduler's part of a round
trip would count as the server's, and other work of this process (it draws progress) would delay the
clock. A thread would have its own loop, but share this process's GIL.

`time.perf_counter_ns` is the same clock in all processes, on Linux (CLOCK_MONOTONIC), macOS
(mach_absolute_time) and Windows (QueryPerformanceCounter). So all loaders can start at one time,
and their samples are merged unchanged.
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
from trio_echo.errors import SocketCallError

from .loader import ARRAYS, SCALARS, Job
from .meter import Meter, find_servers
from .pace import shares
from .workload import Samples

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable, Sequence

    from .meter import Server
    from .pace import Share
    from .tls import Tls
    from .workload import Workload

    OpenProcess = Callable[..., Awaitable[trio.Process]]
    """`trio.lowlevel.open_process`, or what starts processes somewhere else."""

# Nanoseconds between the message that says when to start and that time.
_LEAD = 20_000_000
# Seconds that a loader has to return its samples when it must stop, and to end.
_GRACE = 5.0


async def run_round(
    target: Endpoint,
    workload: Workload,
    *,
    patience: float = 10.0,
    tls: Tls | None = None,
    server: Server | None = None,
    open_process: OpenProcess = trio.lowlevel.open_process,
    progress: Callable[[int], object] = lambda _: None,
    stop: trio.Event | None = None,
) -> Samples:
    """Load an echo server for one round.

    A connection that fails is counted in the samples, and the others go on. A round ends when its
    time is over or its messages are back. It then waits for connections whose echo is missing,
    until each of them has answered or failed.

    No process is left behind, even if this one is killed.

    Args:
        target: the server. If its name has several addresses, the first one is loaded.
        workload: the load.
        patience: seconds without an answer after which no further connection is opened; those
            that are not open then have failed. So has a connection that waits that long for a byte
            of an echo.
        tls: how the connections use TLS; `None` if they do not.
        server: whose CPU use is measured; by default it is looked for.
        open_process: what starts the processes of the load, such as `Host.open_process` of
            `trio_echo.lan`.
        progress: called about ten times a second for each process, with the number of messages
            that came back so far in the round. It runs in the event loop.
        stop: ends the round early. What was measured until then is returned, with `cut` set; it
            took no time if the load had not begun.

    Raises:
        AddressError: host or port is not valid.
        SocketCallError: of `getaddrinfo()`: there is no such host; of `connect()`, `socket()` or
            `do_handshake()`: no connection could be opened.
    """
    stop = trio.Event() if stop is None else stop
    endpoint = (await resolve(target.host, target.port))[0]
    tls = None if tls is None else tls.of(target.host)
    if server is None:
        (server,) = await look_for_servers([endpoint])
    parts = shares(workload.connections, workload.processes)
    counts = [0] * len(parts)

    def count(number: int, messages: int) -> None:
        counts[number] = messages
        progress(sum(counts))

    async with AsyncExitStack() as stack:
        loaders = [
            await stack.enter_async_context(
                _started(Job(*endpoint, workload, part, patience, tls), open_process)
            )
            for part in parts
        ]
        errors: list[SocketCallError | None] = []
        async with trio.open_nursery() as nursery:
            nursery.start_soon(_cancel_when, stop, nursery.cancel_scope)
            errors += [await loader.connected() for loader in loaders]
            nursery.cancel_scope.cancel()
        if len(errors) < len(loaders):
            now = time.perf_counter_ns()
            return Samples(now, now, cut=True)
        if errors[0] is not None and all(errors):
            raise errors[0]
        start = time.perf_counter_ns() + _LEAD
        for loader in loaders:
            await loader.begin(start)
        meter = Meter(server)
        async with trio.open_nursery() as nursery:
            for number, loader in enumerate(loaders):
                nursery.start_soon(loader.follow, partial(count, number), stop)
        usage = meter.stop([loader.cpu for loader in loaders])
    began = start + int(workload.warm_up * 1e9)
    merged = _merged(began, [loader.samples() for loader in loaders], parts)
    merged.usage = usage
    merged.tls = next(filter(None, (loader.tls for loader in loaders)), None)
    return merged


async def _cancel_when(event: trio.Event, scope: trio.CancelScope) -> None:
    await event.wait()
    scope.cancel()


async def look_for_servers(endpoints: Sequence[Endpoint]) -> list[Server]:
    """Look for the processes that listen at these numeric addresses, without blocking."""
    return await trio.to_thread.run_sync(find_servers, endpoints, abandon_on_cancel=True)


class _Loader:
    """A process that loads the server, seen from this one.

    Attributes:
        tls: what its connections use, as `Samples` has it.
    """

    def __init__(self, process: trio.Process, job: Job) -> None:
        self._process = process
        self._job = job
        self._stdin = cast("trio.abc.SendStream", process.stdin)
        self._stdout = cast("trio.abc.ReceiveStream", process.stdout)
        # What it wrote and nobody has parsed yet.
        self._buffer = bytearray()
        self._last: dict[str, Any] | None = None
        self.tls: str | None = None

    async def connected(self) -> SocketCallError | None:
        """Send it its job, and wait until its connections are open or have failed.

        Returns:
            What most of them failed with, if none is open.
        """
        await self._send(self._job.to_line())
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
        await self._send(b"%d\n" % start)

    async def follow(self, count: Callable[[int], object], stop: trio.Event) -> None:
        """Read what it reports until it is done. `stop` makes it return its samples early."""
        async with trio.open_nursery() as nursery:
            nursery.start_soon(self._end_load, stop, nursery.cancel_scope)
            await self._read(count)
            nursery.cancel_scope.cancel()

    async def _end_load(self, stop: trio.Event, reading: trio.CancelScope) -> None:
        await stop.wait()
        reading.deadline = trio.current_time() + _GRACE
        await self._stdin.aclose()

    async def end(self) -> None:
        """Close its pipes, which ends it; kill it if it does not end."""
        with trio.CancelScope(shield=True, deadline=trio.current_time() + _GRACE):
            await self._stdin.aclose()
            await self._stdout.aclose()
            await self._process.wait()
        with trio.CancelScope(shield=True):
            self._process.kill()
            await self._process.wait()

    @property
    def cpu(self) -> tuple[float, float]:
        """The shares of the round in which it was busy, and in which it spun."""
        return (0.0, 0.0) if self._last is None else (self._last["busy"], self._last["spun"])

    def samples(self) -> Samples | str:
        """Return what it measured; or say how it ended without that."""
        if self._last is None or len(self._buffer) < sum(self._last[name] for name in ARRAYS):
            return f"load process: exit status {self._process.returncode}"
        samples = Samples(**{name: self._last[name] for name in SCALARS})
        rest = memoryview(self._buffer)
        for name in ARRAYS:
            getattr(samples, name).frombytes(rest[: self._last[name]])
            rest = rest[self._last[name] :]
        return samples

    async def _send(self, line: bytes) -> None:
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
async def _started(job: Job, open_process: OpenProcess) -> AsyncIterator[_Loader]:
    """Start a loader, and end it with the block."""
    command = [sys.executable, "-m", f"{__package__}.loader"]
    # In its own session, or a Ctrl-C in the terminal would end it, and its samples would be lost.
    apart: dict[str, Any] = {"start_new_session": True}
    if sys.platform == "win32":
        apart = {"creationflags": subprocess.CREATE_NEW_PROCESS_GROUP}
    process = await open_process(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, **apart)
    loader = _Loader(process, job)
    try:
        yield loader
    finally:
        await loader.end()


def _merged(began: int, results: Sequence[Samples | str], parts: Sequence[Share]) -> Samples:
    """Merge what the loaders measured."""
    brought = [one for one in results if isinstance(one, Samples)]
    merged = Samples(began, max((one.ended for one in brought), default=began))
    failures: Counter[str] = Counter()
    for result, part in zip(results, parts, strict=True):
        if isinstance(result, str):
            failures[result] += len(part)
            continue
        failures.update(result.failures)
        merged.unanswered += result.unanswered
        merged.cut |= result.cut
        for name in ARRAYS:
            getattr(merged, name).extend(getattr(result, name))
    merged.failures = dict(failures)
    if len(brought) > 1:
        order = sorted(range(len(merged.received)), key=merged.received.__getitem__)
        for name in ARRAYS:
            if times := getattr(merged, name):
                setattr(merged, name, array("q", map(times.__getitem__, order)))
    return merged
