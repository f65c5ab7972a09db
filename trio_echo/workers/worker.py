"""One worker process: `python -m trio_echo.workers.worker`, started by `supervisor`.

The parent hands it one end of a `Link` and sends its `WorkerConfig`. It serves the reserved ports
with an ordinary `serve` and reports every event. A client waits until the parent grants it a slot.
When the parent closes the link or ends, the worker ends at once.
"""

from __future__ import annotations

import gc
import itertools
import signal
from contextlib import ExitStack
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, cast

import trio

from trio_echo.certificates import LiveCertificates
from trio_echo.errors import SocketCallError, ungrouped
from trio_echo.events import (
    AcceptFailed,
    CertificatesKept,
    ClientClosed,
    ClientConnected,
    ClientFailed,
    ClientsRefused,
    Draining,
    FamilyMissing,
    HandshakeFailed,
    Listening,
    ServerEvent,
    Stopped,
    is_essential,
)
from trio_echo.screen.pacing import Pacing
from trio_echo.server import GC_THRESHOLD, serve
from trio_echo.totals import Tally

from .link import (
    Command,
    HostAnswer,
    HostFreed,
    HostWanted,
    Link,
    Notice,
    OpaqueError,
    WorkerConfig,
)
from .ports import open_listener
from .process import end_with_parent, given_link, given_listener

if TYPE_CHECKING:
    import socket
    from types import TracebackType


def main() -> None:
    """Serve until the parent ends this process."""
    end_with_parent()
    # These signals reach all processes of a service; the parent handles them for all.
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_IGN)
    gc.set_threshold(GC_THRESHOLD)
    trio.run(_main, given_link())


async def _main(sock: socket.socket) -> None:
    async with Link(sock) as link, trio.open_nursery() as nursery:
        messages = await link.receive()
        if messages is not None:
            config, *commands = messages
            nursery.start_soon(link.write)
            await _LinkedServer(link, cast("WorkerConfig", config)).run(commands)
            await link.flush()
        nursery.cancel_scope.cancel()


class _LinkedServer:
    """A run of `serve` that takes commands and reports events through a link."""

    def __init__(self, link: Link, config: WorkerConfig) -> None:
        self._link = link
        self._config = config
        self._stop = trio.Event()
        self._serving = trio.CancelScope()
        self._slots = _ClientSlots(link)
        self._hosts = _HostSlots(link)
        self._certificates: LiveCertificates | None = None
        self._tally = Tally()
        self._pacing = Pacing(link.post) if config.paced else None
        self._post = link.post if self._pacing is None else self._pacing.put

    async def run(self, commands: list[object]) -> None:
        """Serve until the link ends or STOP is done; `commands` came with the config."""
        config, limits = self._config, self._config.limits
        service = partial(
            serve,
            limits=replace(limits, max_clients=None, max_clients_per_host=None),
            faults=config.faults,
            observer=self._report,
            observe_data=not config.quiet,
            take_over=None if self._pacing is None else self._pacing.take_over,
            portable=config.portable,
            stop=self._stop,
            client_slots=None if limits.max_clients is None else self._slots,
            tally=self._tally,
            host_slots=None if limits.max_clients_per_host is None else self._hosts,
        )
        async with trio.open_nursery() as nursery:
            nursery.start_soon(self._follow, commands)
            if self._pacing is not None:
                nursery.start_soon(self._pacing.run)
            with self._serving:
                try:
                    if config.certificates is not None:
                        self._certificates = LiveCertificates(config.certificates)
                    with ungrouped(SocketCallError):
                        async with trio.open_nursery() as listening:
                            listeners = self._listeners()
                            await listening.start(
                                partial(
                                    service, listeners=listeners, ssl_context=self._certificates
                                )
                            )
                            self._link.post(Notice.LISTENING)
                except SocketCallError as exc:
                    self._link.post(exc)
            nursery.cancel_scope.cancel()

    def _listeners(self) -> list[trio.SocketListener]:
        if self._config.listeners:
            return [given_listener(one) for one in self._config.listeners]
        with ExitStack() as opened:
            found = []
            for endpoint in self._config.endpoints:
                found.append(open_listener(endpoint))
                opened.callback(found[-1].socket.close)
            opened.pop_all()
        return found

    async def _follow(self, commands: list[object] | None) -> None:
        while commands is not None:
            for command in commands:
                match command:
                    case Command.STOP:
                        self._stop.set()
                        self._link.post_state(self._tally.totals())
                        self._link.post(Notice.STOPPING)
                    case Command.TAKE_SLOT:
                        self._slots.grant()
                    case HostAnswer(number, granted):
                        self._hosts.answer(number, granted=granted)
                    case Command.RELOAD:
                        await self._reload()
                    case Command.PING:
                        self._link.post_state(self._tally.totals())
                        self._link.post(Notice.PONG)
            commands = await self._link.receive()
        self._serving.cancel()

    async def _reload(self) -> None:
        if self._certificates is not None:
            try:
                await self._certificates.reload()
            except SocketCallError as exc:
                self._link.post(CertificatesKept(exc))

    def _report(self, event: ServerEvent) -> None:
        match event:
            case Listening() | FamilyMissing() | Draining():
                return  # the parent reports these once for all workers
            case (
                ClientConnected()
                | ClientClosed()
                | ClientsRefused()
                | AcceptFailed()
                | HandshakeFailed()
            ):
                self._link.post_state(self._tally.totals(exact=False))
            case Stopped():
                if self._pacing is not None:
                    self._pacing.flush()
                self._link.post_state(self._tally.totals())
                return  # the parent adds them up
        match event:
            case ClientFailed(error=error) | HandshakeFailed(error=error):
                if not isinstance(error, SocketCallError):
                    # A bug's exception may be impossible to pickle.
                    event = replace(event, error=OpaqueError(repr(error)))
        if not self._config.quiet or is_essential(event):
            self._post(event)


class _ClientSlots:
    """The slots that the parent grants to this worker; a client holds one while it is served."""

    def __init__(self, link: Link) -> None:
        self._link = link
        self._granted = trio.Semaphore(0)

    def grant(self) -> None:
        """Give a slot to the client that waits longest."""
        self._granted.release()

    async def __aenter__(self) -> None:
        self._link.post(Notice.SLOT_WANTED)
        # Only the end of the whole worker cancels this: a client that waits stays until its grant.
        await self._granted.acquire()

    async def __aexit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._link.post(Notice.SLOT_FREED)


class _HostSlots:
    """The clients of each host, which the parent counts for all workers."""

    def __init__(self, link: Link) -> None:
        self._link = link
        self._numbers = itertools.count()
        self._answers: dict[int, bool] = {}
        self._answered: dict[int, trio.Event] = {}

    async def take(self, host: str) -> bool:
        """Ask the parent; only the end of the whole worker cancels this."""
        number = next(self._numbers)
        answered = self._answered[number] = trio.Event()
        self._link.post(HostWanted(number, host))
        await answered.wait()
        return self._answers.pop(number)

    def answer(self, number: int, *, granted: bool) -> None:
        """Take the parent's answer."""
        self._answers[number] = granted
        self._answered.pop(number).set()

    def free(self, host: str) -> None:
        """Report that a client has left."""
        self._link.post(HostFreed(host))


if __name__ == "__main__":
    main()
