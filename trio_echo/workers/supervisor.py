"""A server of several processes: they share its ports, and a parent looks after them.

::

    supervise()  keeps the ports, starts the workers, shows their events, replaces those that died
    ├── python -m trio_echo.workers.worker    serve(), as in a single process, on the same ports
    └── python -m trio_echo.workers.worker    …

A connection stays with the worker that accepted it; the kernel chooses that one. All that the
processes say to each other goes through one `Link` for each worker. A worker that is stopped or
hangs would keep its share of the new clients waiting, so each one is asked now and then whether it
is alive; one that does not answer is killed and replaced.
"""

from __future__ import annotations

import math
import os
import sys
from dataclasses import replace
from typing import TYPE_CHECKING, cast

import trio

from trio_echo.addresses import DEFAULT_PORT
from trio_echo.errors import SocketCallError, WorkerError, ungrouped
from trio_echo.events import (
    Draining,
    FamilyMissing,
    Listening,
    Stopped,
    WorkerDied,
    WorkerReplaced,
    ignore,
)
from trio_echo.faults import Faults
from trio_echo.limits import Limits
from trio_echo.listening import LOOPBACK, endpoints_of

from .link import Command, Job, Link, Notice
from .places import Places
from .ports import Ports, reserved
from .process import STARTING_CALL, start

if TYPE_CHECKING:
    from collections.abc import Sequence

    from trio_echo.addresses import Endpoint
    from trio_echo.events import ServerEvent, ServerObserver

    from .process import Process

# Seconds before a worker that died is replaced: the first time, and twice as many each time
# after, up to the most. One that has lived as long as that begins afresh.
_FIRST_PAUSE = 0.1
_MOST_PAUSE = 10.0
# Seconds that a worker has to end once it is told to, or its link has ended, before it is killed.
_FAREWELL = 5.0
# Each worker is asked for an answer once in so many seconds. It is killed after so many of these
# ticks without a word from it: 10 s, or a minute while its process starts on a busy machine.
_TICK = 2.0
_SILENT_TICKS = 5
_STARTING_TICKS = 30

_NOTHING = Stopped(clients=0, echoed=0, cut_off=0)


async def supervise(
    count: int,
    port: int = DEFAULT_PORT,
    *,
    hosts: Sequence[str] = LOOPBACK,
    limits: Limits = Limits(),
    faults: Faults = Faults(),
    quiet: bool = False,
    portable: bool = False,
    observer: ServerObserver = ignore,
    stop: trio.Event | None = None,
    task_status: trio.TaskStatus[list[Endpoint]] = trio.TASK_STATUS_IGNORED,
) -> None:
    """Echo as `serve` does, in several processes, until cancelled or stopped.

    A worker that dies takes its clients with it, and is replaced after a pause; the others go on.
    A worker that does not answer for 10 s is killed first. No worker outlives this process, also
    if that is killed. On Linux this holds for a stopped worker too; on other POSIX systems the
    kernel ends it unless its next parent is of the same session; on Windows nobody does.

    Args:
        count: of the workers.
        port: as for `serve`.
        hosts: as for `serve`.
        limits: as for `serve`, and for all workers together.
        faults: as for `serve`.
        quiet: leave out events of clients, but for bugs (`events.is_essential`).
        portable: as for `serve`.
        observer: as for `serve`. Of a server that sends faster than this process can read, some
            events are left out, with a `LinesMissing`. A worker that died may not have said all.
        stop: as for `serve`.
        task_status: `await nursery.start(supervise, count)` returns the endpoints, once all
            workers listen.

    Raises:
        SocketCallError: it cannot listen, or cannot start processes.
        WorkerError: a worker ended before all of them listened.
        TypeError: as `serve` does; so are `AddressError` and `ValueError`.
    """
    with reserved(await endpoints_of(hosts, port)) as ports:
        for error in ports.missing:
            observer(FamilyMissing(error))
        job = Job(ports.endpoints, [], limits, faults, quiet, portable)
        stop = trio.Event() if stop is None else stop
        await _Supervisor(count, job, ports, observer, stop).run(task_status)


def usable_cores() -> int:
    """Count the cores that this process may use (sched_getaffinity(2))."""
    if sys.platform == "linux":
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


class _Worker:
    """A worker as its parent sees it; one process after another may be it."""

    def __init__(self, number: int) -> None:
        self.number = number
        self.listening = trio.Event()
        self.link: Link | None = None
        self.error: SocketCallError | None = None
        self.killed = False
        """Whether its present process did not answer, or did not end, and was killed."""
        self.silent = 0
        """For how many ticks its present process has said nothing."""
        self.patience = _STARTING_TICKS
        """How many are too many."""
        self.ends_by = math.inf
        """When its present process should have ended."""
        self.places = 0
        self.present = _NOTHING
        """What its present process has done; `cut_off` are the clients connected to it."""
        self.past = _NOTHING
        """What those before it have done."""

    def tell(self, command: Command) -> None:
        """Send it a command, if there is a process."""
        if self.link is not None:
            self.link.post(command)

    def lost(self) -> int:
        """Settle what a process that has ended did; returns how many clients it left behind."""
        clients = self.present.cut_off
        self.past, self.present = _sum([self.past, self.present]), _NOTHING
        self.error = None
        self.killed = False
        self.silent, self.patience = 0, _STARTING_TICKS
        self.ends_by = math.inf
        return clients


class _Supervisor:
    """One run of `supervise`."""

    def __init__(
        self, count: int, job: Job, ports: Ports, observer: ServerObserver, stop: trio.Event
    ) -> None:
        self._workers = [_Worker(number) for number in range(1, count + 1)]
        self._job = job
        self._ports = ports
        self._report = observer
        self._stop = stop
        self._stopping: set[_Worker] = set()
        self._places = Places(job.limits.max_clients or 0, observer)

    async def run(self, task_status: trio.TaskStatus[list[Endpoint]]) -> None:
        listening = False
        try:
            with ungrouped(SocketCallError, WorkerError):
                async with trio.open_nursery() as nursery:
                    for worker in self._workers:
                        nursery.start_soon(self._keep, worker, name=f"worker {worker.number}")
                    for worker in self._workers:
                        await worker.listening.wait()
                    listening = True
                    for endpoint in self._job.endpoints:
                        self._report(Listening(endpoint))
                    task_status.started(self._job.endpoints)
                    await self._stop.wait()
                    self._ports.close()
                    for worker in self._workers:
                        worker.tell(Command.STOP)
                    # They keep to the time themselves; this is for one that hangs.
                    grace = self._job.limits.grace
                    nursery.cancel_scope.deadline = trio.current_time() + grace + _FAREWELL
        finally:
            if listening:
                self._report(_sum([worker.past for worker in self._workers]))

    async def _keep(self, worker: _Worker) -> None:
        """Have a process be this worker, and another one when it dies, until stopped."""
        pause = _FIRST_PAUSE
        while True:
            born = trio.current_time()
            try:
                cause = await self._live(worker)
            except BaseException:
                killed, clients = worker.killed, worker.lost()
                if killed:
                    self._report(WorkerDied(worker.number, None, clients, pause=None))
                raise
            clients = worker.lost()
            if not worker.listening.is_set():
                raise cause if isinstance(cause, Exception) else WorkerError(worker.number, cause)
            if self._stop.is_set():
                if cause != 0:
                    self._report(WorkerDied(worker.number, cause, clients, pause=None))
                break
            if trio.current_time() - born >= _MOST_PAUSE:
                pause = _FIRST_PAUSE
            self._report(WorkerDied(worker.number, cause, clients, pause))
            with trio.move_on_after(pause):
                await self._stop.wait()
            if self._stop.is_set():
                break
            pause = min(2 * pause, _MOST_PAUSE)
        self._stops(worker)

    def _stops(self, worker: _Worker) -> None:
        """Note that a worker accepts no more; with the last one, say how many clients are left."""
        if worker not in self._stopping:
            self._stopping.add(worker)
            connected = sum(one.present.cut_off for one in self._workers) + self._places.waiting
            if connected and len(self._stopping) == len(self._workers):
                self._report(Draining(connected, self._job.limits.grace))

    async def _live(self, worker: _Worker) -> int | SocketCallError | None:
        """Start a process and listen to it; returns why it ended (see `WorkerDied.cause`).

        Nothing of the process is left then.
        """
        try:
            process, sock, listeners = await start(self._ports.listeners)
        except OSError as exc:
            return SocketCallError(STARTING_CALL, exc, f"worker {worker.number}")
        link = worker.link = Link(sock)
        link.post(replace(self._job, listeners=listeners))
        if self._stop.is_set():
            link.post(Command.STOP)
        try:
            async with link, trio.open_nursery() as nursery:
                nursery.start_soon(link.write)
                nursery.start_soon(self._watch, worker, link, process)
                await self._listen_to(worker, link)
                nursery.cancel_scope.cancel()
        finally:
            worker.link = None
            with trio.CancelScope(shield=True):
                with trio.move_on_at(min(worker.ends_by, trio.current_time() + _FAREWELL)) as end:
                    status = await process.wait()  # its link has ended, so it ends by itself
                if end.cancelled_caught:
                    worker.killed = True
                    process.kill()
                    status = await process.wait()
            self._places.free_all(worker)
        if worker.killed:
            return None
        return status if worker.error is None else worker.error

    async def _watch(self, worker: _Worker, link: Link, process: Process) -> None:
        """Kill a process that says nothing, though it is asked at each tick.

        Ticks are counted, and no clock is read: if this process itself is stopped for an hour, that
        is one tick.
        """
        while worker.silent < worker.patience:
            worker.silent += 1
            link.post(Command.ANSWER)
            await _tick()
        worker.killed = True
        process.kill()

    async def _listen_to(self, worker: _Worker, link: Link) -> None:
        """Handle what a worker says, until it ends; cancelled, it is told to end at once."""
        try:
            while (said := await link.receive()) is not None:
                self._handle(worker, said)
        except trio.Cancelled:
            link.end()
            worker.ends_by = trio.current_time() + _FAREWELL
            with trio.CancelScope(shield=True, deadline=worker.ends_by):
                while (said := await link.receive()) is not None:
                    self._handle(worker, said)
            raise

    def _handle(self, worker: _Worker, said: list[object]) -> None:
        worker.silent, worker.patience = 0, _SILENT_TICKS
        for one in said:
            match one:
                case Stopped():
                    worker.present = one
                case SocketCallError():
                    worker.error = one
                case Notice.PLACE_WANTED:
                    self._places.want(worker)
                case Notice.PLACE_LEFT:
                    self._places.free(worker)
                case Notice.STOPPING:
                    self._stops(worker)
                case Notice.ALIVE:
                    pass
                case Notice.LISTENING if worker.listening.is_set():
                    self._report(WorkerReplaced(worker.number))
                case Notice.LISTENING:
                    worker.listening.set()
                case _:
                    self._report(cast("ServerEvent", one))


async def _tick() -> None:
    await trio.sleep(_TICK)


def _sum(done: Sequence[Stopped]) -> Stopped:
    return Stopped(
        sum(one.clients for one in done),
        sum(one.echoed for one in done),
        sum(one.cut_off for one in done),
    )
