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
from trio_echo.totals import Totals

from .client_slots import ClientSlots
from .host_slots import HostSlots
from .kept import KeptWorker
from .link import (
    Command,
    HostFreed,
    HostWanted,
    Link,
    Notice,
    WorkerConfig,
)
from .ports import Ports, reserved
from .process import STARTING_CALL, start

if TYPE_CHECKING:
    from collections.abc import Sequence

    from trio_echo.addresses import Endpoint
    from trio_echo.certificates import LiveCertificates
    from trio_echo.events import ServerEvent, ServerObserver
    from trio_echo.totals import Tally

    from .process import Process

# Exponential backoff: seconds before a dead worker is replaced, doubled each time up to a maximum.
# A process that lived as long as the maximum resets it.
_FIRST_PAUSE = 0.1
_MOST_PAUSE = 10.0
# Seconds that a worker has to end after its stop command or the end of its link; then it is killed.
_FAREWELL = 5.0
# Seconds between two pings of a worker.
_TICK = 2.0


async def supervise(
    count: int,
    port: int = DEFAULT_PORT,
    *,
    hosts: Sequence[str] = LOOPBACK,
    limits: Limits = Limits(),
    faults: Faults = Faults(),
    quiet: bool = False,
    paced: bool = False,
    portable: bool = False,
    certificates: LiveCertificates | None = None,
    observer: ServerObserver = ignore,
    stop: trio.Event | None = None,
    tally: Tally | None = None,
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
        paced: report no more data than a person can follow on a terminal, and count the rest.
        portable: as for `serve`.
        certificates: the files of TLS, which each worker reads for itself, also when they are
            reloaded here. `None` for plain TCP.
        observer: as for `serve`. If the workers send events faster than this process can read, a
            `LinesMissing` replaces some of them. A worker that died may not have sent all.
        stop: as for `serve`.
        tally: as for `serve`. What workers echo is some 2 s old.
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
        config = WorkerConfig(ports.endpoints, [], limits, faults, quiet, portable, files, paced)
        stop = trio.Event() if stop is None else stop
        supervisor = _Supervisor(count, config, ports, observer, stop, certificates)
        if tally is not None:
            tally.attach(supervisor.totals)
        await supervisor.run(task_status)


def usable_cores() -> int:
    """Count the cores that this process may use (sched_getaffinity(2))."""
    if sys.platform == "linux":
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


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
        self._workers = [KeptWorker(number) for number in range(1, count + 1)]
        self._config = config
        self._ports = ports
        self._report = observer
        self._stop = stop
        self._certificates = certificates
        self._stopping: set[KeptWorker] = set()
        self._slots = ClientSlots(config.limits.max_clients or 0, observer)
        self._hosts = HostSlots(config.limits.max_clients_per_host or 0)

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
                total = self.totals(exact=True)
                refused = total.refused.total()
                self._report(
                    Stopped(
                        total.clients,
                        total.echoed,
                        total.cut_off,
                        refused,
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

    def totals(self, *, exact: bool) -> Totals:
        """Return what all workers have done so far; what they echoed, some seconds ago."""
        return sum((worker.past + worker.present for worker in self._workers), Totals())

    async def _keep(self, worker: KeptWorker) -> None:
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

    def _stops(self, worker: KeptWorker) -> None:
        """Note that a worker accepts no more; after the last one, report the clients left."""
        if worker not in self._stopping:
            self._stopping.add(worker)
            total = self.totals(exact=False)
            clients = total.connected + total.waiting
            if clients and len(self._stopping) == len(self._workers):
                self._report(Draining(clients, self._config.limits.grace))

    async def _live(self, worker: KeptWorker) -> int | SocketCallError | None:
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
            self._hosts.free_all(worker)
        if worker.killed:
            return None
        return status if worker.error is None else worker.error

    async def _watch(self, worker: KeptWorker, link: Link, process: Process) -> None:
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

    async def _receive_from(self, worker: KeptWorker, link: Link) -> None:
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

    def _handle(self, worker: KeptWorker, messages: list[object]) -> None:
        worker.heard()
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
                case HostWanted():
                    self._hosts.request(worker, one)
                case HostFreed(host):
                    self._hosts.free(worker, host)
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
