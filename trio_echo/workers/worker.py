"""One of several processes: `python -m trio_echo.workers.worker`, which `supervisor` starts.

It is given one end of a `Link`. It is told its `Job`, serves the reserved ports with an ordinary
`serve`, and reports every event. A client waits for its place until the parent grants
one. When the link ends, because the parent wants that or has ended, everything ends at once.
"""

from __future__ import annotations

import gc
import signal
from contextlib import ExitStack
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, cast

import trio

from trio_echo.errors import SocketCallError, ungrouped
from trio_echo.events import (
    ClientClosed,
    ClientConnected,
    ClientFailed,
    Draining,
    FamilyMissing,
    Listening,
    ServerEvent,
    Stopped,
    is_essential,
)
from trio_echo.server import GC_THRESHOLD, serve

from .link import Command, Job, Link, Notice, OpaqueError
from .ports import open_listener
from .process import end_with_parent, given_link, given_listener

if TYPE_CHECKING:
    import socket
    from types import TracebackType


def main() -> None:
    """Do one job."""
    end_with_parent()
    # They reach all processes of a service; the parent receives them too, and says what to do.
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_IGN)
    gc.set_threshold(GC_THRESHOLD)
    trio.run(_main, given_link())


async def _main(sock: socket.socket) -> None:
    async with Link(sock) as link, trio.open_nursery() as nursery:
        told = await link.receive()
        if told is not None:
            job, *commands = told
            nursery.start_soon(link.write)
            await _Worker(link, cast("Job", job)).run(commands)
            await link.flush()
        nursery.cancel_scope.cancel()


class _Worker:
    """A run of `serve` that obeys and reports through a link."""

    def __init__(self, link: Link, job: Job) -> None:
        self._link = link
        self._job = job
        self._stop = trio.Event()
        self._serving = trio.CancelScope()
        self._places = _Places(link)
        # What would be said if it died now.
        self._so_far = Stopped(clients=0, echoed=0, cut_off=0)

    async def run(self, commands: list[object]) -> None:
        """Serve until told to end; `commands` are those that have come already."""
        job = self._job
        service = partial(
            serve,
            limits=replace(job.limits, max_clients=None),
            faults=job.faults,
            observer=self._report,
            observe_data=not job.quiet,
            portable=job.portable,
            stop=self._stop,
            places=None if job.limits.max_clients is None else self._places,
        )
        async with trio.open_nursery() as nursery:
            nursery.start_soon(self._obey, commands)
            with self._serving:
                try:
                    with ungrouped(SocketCallError):
                        async with trio.open_nursery() as listening:
                            listeners = self._listeners()
                            await listening.start(partial(service, listeners=listeners))
                            self._link.post(Notice.LISTENING)
                except SocketCallError as exc:
                    self._link.post(exc)
            nursery.cancel_scope.cancel()

    def _listeners(self) -> list[trio.SocketListener]:
        if self._job.listeners:
            return [given_listener(one) for one in self._job.listeners]
        with ExitStack() as opened:
            found = []
            for endpoint in self._job.endpoints:
                found.append(open_listener(endpoint))
                opened.callback(found[-1].socket.close)
            opened.pop_all()
        return found

    async def _obey(self, commands: list[object] | None) -> None:
        while commands is not None:
            for command in commands:
                match command:
                    case Command.STOP:
                        self._stop.set()
                        self._link.post(Notice.STOPPING)
                    case Command.TAKE_PLACE:
                        self._places.granted()
                    case Command.ANSWER:
                        self._link.post(Notice.ALIVE)
            commands = await self._link.receive()
        self._serving.cancel()

    def _report(self, event: ServerEvent) -> None:
        so_far = self._so_far
        match event:
            case Listening() | FamilyMissing() | Draining():
                return  # the parent says that of all workers together
            case Stopped():
                self._link.post_state(event)
                return
            case ClientConnected():
                so_far = Stopped(so_far.clients + 1, so_far.echoed, so_far.cut_off + 1)
            case ClientClosed(echoed=echoed):
                so_far = Stopped(so_far.clients, so_far.echoed + echoed, so_far.cut_off - 1)
            case ClientFailed(connection, error) if not isinstance(error, SocketCallError):
                # Of a bug's exception, nobody knows whether it can be pickled.
                event = ClientFailed(connection, OpaqueError(repr(error)))
        if so_far is not self._so_far:
            self._so_far = so_far
            self._link.post_state(so_far)
        if not self._job.quiet or is_essential(event):
            self._link.post(event)


class _Places:
    """What a client's turn is entered by: a place among those of all workers."""

    def __init__(self, link: Link) -> None:
        self._link = link
        self._free = trio.Semaphore(0)

    def granted(self) -> None:
        """Give a place to the client that waits longest."""
        self._free.release()

    async def __aenter__(self) -> None:
        self._link.post(Notice.PLACE_WANTED)
        # Cancelled only where the whole worker ends, so no place comes for a client that is gone.
        await self._free.acquire()

    async def __aexit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._link.post(Notice.PLACE_LEFT)


if __name__ == "__main__":
    main()
