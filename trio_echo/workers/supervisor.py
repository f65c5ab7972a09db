"""A server of several processes: they share its ports, and a parent supervises them.

::

    supervise()  reserves the ports, starts workers, reports their events, replaces dead ones
    ├── python -m trio_echo.workers.worker    serve(), as in a single process, on the same ports
    └── python -m trio_echo.workers.worker    …

The kernel chooses the worker that accepts a connection, and the connection stays there. All
messages between the processes go through one `Link` for each worker. A worker that is stopped or
hangs would keep its share of the new clients waiting. So each worker is pinged regularly; one that
does not answer is killed and replaced.
"""

from __future__ import annotations

import math
import os
import sys
from collections import Counter
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
from trio_echo.gate import HostCounts
from trio_echo.limits import Limits
from trio_echo.listening import LOOPBACK, endpoints_of

from .client_slots import ClientSlots
from .link import (
    Command,
    HostAnswer,
    HostFreed,
    HostWanted,
    Link,
    Notice,
    Totals,
    WorkerConfig,
)
from .ports import Ports, reserved
from .process import STARTING_CALL, start

if TYPE_CHECKING:
    from collections.abc import Sequence

    from trio_echo.addresses import Endpoint
    from trio_echo.certificates import LiveCertificates
    from trio_echo.events import ServerEvent, ServerObserver

    from .process import Process

# Exponential backoff: seconds before a dead worker is replaced, doubled each time up to a maximum.
# A process that lived as long as the maximum resets it.
_FIRST_PAUSE = 0.1
_MOST_PAUSE = 10.0
# Seconds that a worker has to end after its stop command or the end of its link; then it is killed.
_FAREWELL = 5.0
# Seconds between two pings of a worker. It is killed if it sends nothing for this many ticks: 10 s,
# or a minute while its process starts on a busy machine.
_TICK = 2.0
_SILENT_TICKS = 5
_STARTING_TICKS = 30


async def supervise(
    count: int,
    port: int = DEFAULT_PORT,
    *,
    hosts: Sequence[str] = LOOPBACK,
    limits: Limits = Limits(),
    faults: Faults = Faults(),
    quiet: bool = False,
    portable: bool = False,
    certificates: LiveCertificates | None = None,
    observer: ServerObserver = ignore,
    stop: trio.Event | None = None,
    task_status: trio.TaskStatus[list[Endpoint]] = trio.TASK_STATUS_IGNORED,
) -> None:
    """Echo as `serve` does, in several processes, until cancelled or stopped.

    A worker that dies is reported and replaced, with exponential backoff; its clients lose their
    connections, and the other workers continue. A worker that does not answer for 10 s is killed.
    No worker outlives this process, even if this process is killed. On Linux this includes stopped
    workers. On other POSIX systems the kernel ends a stopped worker unless its new parent is in the
    same session; on Windows nothing does.

    Args:
        count: number of workers.
        port: as for `serve`.
        hosts: as for `serve`.
        limits: as for `serve`, for all workers together.
        faults: as for `serve`.
        quiet: report no events of clients except bugs (`events.is_essential`).
        portable: as for `serve`.
        certificates: the files of TLS, which each worker reads for itself, also when they are
            reloaded here. `None` for plain TCP.
        observer: as for `serve`. If the workers send events faster than this process can read, a
            `LinesMissing` replaces some of them. A worker that died may not have sent all.
        stop: as for `serve`.
        task_status: `await nursery.start(supervise, count)` returns the endpoints once all workers
            listen.

    Raises:
        SocketCallError: it cannot listen, or cannot start processes.
        WorkerError: a worker ended before all of them listened.
        TypeError: as for `serve`; so are `AddressError` and `ValueError`.
    """
    with reserved(await endpoints_of(hosts, port)) as ports:
        for error in ports.missing:
            observer(FamilyMissing(error))
        files = None if certificates is None else certificates.files
        config = WorkerConfig(ports.endpoints, [], limits, faults, quiet, portable, files)
        stop = trio.Event() if stop is None else stop
        await _Supervisor(count, config, ports, observer, stop, certificates).run(task_status)


def usable_cores() -> int:
    """Count the cores that this process may use (sched_getaffinity(2))."""
    if sys.platform == "linux":
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


class _Worker:
    """A worker as its parent sees it: one process, then those that replace it."""

    def __init__(self, number: int) -> None:
        self.number = number
        self.listening = trio.Event()
        self.link: Link | None = None
        self.error: SocketCallError | None = None
        self.killed = False
        """Whether its process was killed because it did not answer or end."""
        self.silent = 0
        """For how many ticks its process has sent nothing."""
        self.patience = _STARTING_TICKS
        """After how many silent ticks its process is killed."""
        self.ends_by = math.inf
        """When its process should have ended."""
        self.slots = 0
        self.hosts: Counter[str] = Counter()
        """How many clients of each host were granted to its process."""
        self.present = Totals()
        """What its process has done."""
        self.past = Totals()
        """What its earlier processes had done."""

    def send(self, command: Command | HostAnswer) -> None:
        """Send it a command, if it has a process."""
        if self.link is not None:
            self.link.post(command)

    def end_process(self) -> int:
        """Add the ended process to the past; returns how many clients it cut off."""
        clients = self.present.unfinished
        self.past, self.present = _sum([self.past, self.present]), Totals()
        self.error = None
        self.killed = False
        self.silent, self.patience = 0, _STARTING_TICKS
        self.ends_by = math.inf
        return clients


class _Supervisor:
    """One run of `supervise`."""

    def __init__(
        self,
        count: int,
        config: WorkerConfig,
        ports: Ports,
        observer: ServerObserver,
        stop: trio.Event,
        certificates: LiveCertificates | None = None,
    ) -> None:
        self._workers = [_Worker(number) for number in range(1, count + 1)]
        self._config = config
        self._ports = ports
        self._report = observer
        self._stop = stop
        self._certificates = certificates
        self._stopping: set[_Worker] = set()
        self._slots = ClientSlots(config.limits.max_clients or 0, observer)
        self._hosts = HostCounts(config.limits.max_clients_per_host or 0)

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
                    for endpoint in self._config.endpoints:
                        self._report(Listening(endpoint))
                    task_status.started(self._config.endpoints)
                    await self._until_stopped()
                    self._ports.close()
                    for worker in self._workers:
                        worker.send(Command.STOP)
                    # Workers observe the grace period themselves; this is for one that hangs.
                    grace = self._config.limits.grace
                    nursery.cancel_scope.deadline = trio.current_time() + grace + _FAREWELL
        finally:
            if listening:
                total = _sum([worker.past for worker in self._workers])
                self._report(
                    Stopped(
                        total.clients,
                        total.echoed,
                        total.unfinished,
                        total.refused,
                        total.failed_handshakes,
                    )
                )

    async def _until_stopped(self) -> None:
        """Wait for the stop; meanwhile, pass it on when the certificates were reloaded."""
        async with trio.open_nursery() as nursery:
            if self._certificates is not None:
                nursery.start_soon(self._pass_reloads_on, self._certificates)
            await self._stop.wait()
            nursery.cancel_scope.cancel()

    async def _pass_reloads_on(self, certificates: LiveCertificates) -> None:
        while True:
            await certificates.changed.wait()
            for worker in self._workers:
                worker.send(Command.RELOAD)

    async def _keep(self, worker: _Worker) -> None:
        """Keep a process running for this worker until stopped: replace each one that dies."""
        pause = _FIRST_PAUSE
        while True:
            born = trio.current_time()
            try:
                cause = await self._live(worker)
            except BaseException:
                killed, clients = worker.killed, worker.end_process()
                if killed:
                    self._report(WorkerDied(worker.number, None, clients, pause=None))
                raise
            clients = worker.end_process()
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
        """Note that a worker accepts no more; after the last one, report the clients left."""
        if worker not in self._stopping:
            self._stopping.add(worker)
            connected = sum(one.present.unfinished for one in self._workers) + self._slots.waiting
            if connected and len(self._stopping) == len(self._workers):
                self._report(Draining(connected, self._config.limits.grace))

    async def _live(self, worker: _Worker) -> int | SocketCallError | None:
        """Start a process and handle its messages until it has ended.

        Returns:
            Why it ended (see `WorkerDied.cause`).
        """
        try:
            process, sock, listeners = await start(self._ports.listeners)
        except OSError as exc:
            return SocketCallError(STARTING_CALL, exc, f"worker {worker.number}")
        link = worker.link = Link(sock)
        link.post(replace(self._config, listeners=listeners))
        if self._stop.is_set():
            link.post(Command.STOP)
        try:
            async with link, trio.open_nursery() as nursery:
                nursery.start_soon(link.write)
                nursery.start_soon(self._watch, worker, link, process)
                await self._receive_from(worker, link)
                nursery.cancel_scope.cancel()
        finally:
            worker.link = None
            with trio.CancelScope(shield=True):
                with trio.move_on_at(min(worker.ends_by, trio.current_time() + _FAREWELL)) as end:
                    status = await process.wait()  # it ends by itself after its link
                if end.cancelled_caught:
                    worker.killed = True
                    process.kill()
                    status = await process.wait()
            self._slots.free_all(worker)
            for host, clients in worker.hosts.items():
                self._hosts.free(host, clients)
            worker.hosts.clear()
        if worker.killed:
            return None
        return status if worker.error is None else worker.error

    async def _watch(self, worker: _Worker, link: Link, process: Process) -> None:
        """Ping a process at each tick, and kill it if it does not answer.

        This counts ticks and reads no clock: if this process itself is stopped for an hour, that is
        one tick.
        """
        while worker.silent < worker.patience:
            worker.silent += 1
            link.post(Command.PING)
            await _tick()
        worker.killed = True
        process.kill()

    async def _receive_from(self, worker: _Worker, link: Link) -> None:
        """Handle a worker's messages until it ends. If cancelled, end it at once."""
        try:
            while (messages := await link.receive()) is not None:
                self._handle(worker, messages)
        except trio.Cancelled:
            link.end()
            worker.ends_by = trio.current_time() + _FAREWELL
            with trio.CancelScope(shield=True, deadline=worker.ends_by):
                while (messages := await link.receive()) is not None:
                    self._handle(worker, messages)
            raise

    def _handle(self, worker: _Worker, messages: list[object]) -> None:
        worker.silent, worker.patience = 0, _SILENT_TICKS
        for one in messages:
            match one:
                case Totals():
                    worker.present = one
                case SocketCallError():
                    worker.error = one
                case Notice.SLOT_WANTED:
                    self._slots.request(worker)
                case Notice.SLOT_FREED:
                    self._slots.free(worker)
                case HostWanted(number, host):
                    granted = self._hosts.take(host)
                    if granted:
                        worker.hosts[host] += 1
                    worker.send(HostAnswer(number, granted))
                case HostFreed(host):
                    worker.hosts[host] -= 1
                    if not worker.hosts[host]:
                        del worker.hosts[host]  # else each host that ever came takes memory
                    self._hosts.free(host)
                case Notice.STOPPING:
                    self._stops(worker)
                case Notice.PONG:
                    pass
                case Notice.LISTENING if worker.listening.is_set():
                    self._report(WorkerReplaced(worker.number))
                case Notice.LISTENING:
                    worker.listening.set()
                case _:
                    self._report(cast("ServerEvent", one))


async def _tick() -> None:
    await trio.sleep(_TICK)


def _sum(parts: Sequence[Totals]) -> Totals:
    return Totals(
        sum(one.clients for one in parts),
        sum(one.echoed for one in parts),
        sum(one.unfinished for one in parts),
        sum(one.refused for one in parts),
        sum(one.failed_handshakes for one in parts),
    )
