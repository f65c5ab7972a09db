"""An echo server for synchronous code: other people's tests, notebooks, plain threads."""

from __future__ import annotations

import _thread
import os
import threading
from contextlib import suppress
from functools import partial
from typing import TYPE_CHECKING, Self

import trio

from .addresses import Endpoint
from .events import ignore
from .faults import Faults
from .limits import Limits
from .listening import LOOPBACK
from .server import serve

if TYPE_CHECKING:
    from collections.abc import Sequence
    from contextlib import AbstractAsyncContextManager
    from types import TracebackType

    from .events import ServerObserver


class BackgroundServer:
    """Runs `serve` in a Trio loop of its own, in a thread, for the length of a `with` block.

    It is listening when the block begins, and everything is closed when it ends. In a notebook,
    whose cells no block can span, `start` and `stop` do the same.

    Args:
        port: as for `serve`; by default a free one.
        hosts: as for `serve`; by default loopback on both families.
        listeners: as for `serve`.
        limits: as for `serve`; by default clients that are still connected at the end are cut
            off at once.
        faults: as for `serve`.
        observer: as for `serve`. It is called in the server's thread; `list.append` will do.
        observe_data: as for `serve`.
        portable: as for `serve`.
        places: as for `serve`. It is entered in the server's thread, so servers in different
            threads cannot share it.
    """

    def __init__(
        self,
        port: int = 0,
        *,
        hosts: Sequence[str] = LOOPBACK,
        listeners: Sequence[trio.SocketListener] | None = None,
        limits: Limits = Limits(grace=0),
        faults: Faults = Faults(),
        observer: ServerObserver = ignore,
        observe_data: bool = True,
        portable: bool = False,
        places: AbstractAsyncContextManager[object] | None = None,
    ) -> None:
        self._serve = partial(
            serve,
            port,
            hosts=hosts,
            listeners=listeners,
            limits=limits,
            faults=faults,
            observer=observer,
            observe_data=observe_data,
            portable=portable,
            places=places,
        )
        self._addresses: tuple[Endpoint, ...] = ()
        self._error: BaseException | None = None
        self._process = os.getpid()
        self._thread: threading.Thread | None = None
        # Whoever takes it first decides whether the thread starts.
        self._decision = threading.Lock()
        self._started, self._finished = _Latch(), _Latch()
        # What the thread is to do, and how to wake it up, once that is possible.
        self._ends = self._ends_at_once = False
        self._token: trio.lowlevel.TrioToken | None = None
        self._stop: trio.Event
        self._scope: trio.CancelScope

    @property
    def addresses(self) -> tuple[Endpoint, ...]:
        """Where it listens: `(host, port)` pairs, as `socket.create_connection` takes them."""
        return self._addresses

    def start(self) -> None:
        """Start the thread, and return when the server is listening.

        If this is interrupted (Ctrl-C), nothing of the server stays behind. A server that nobody
        stops ends with its process, without a word.

        Raises:
            RuntimeError: it was started before, or the system allows no more threads.
            SocketCallError: it cannot listen.
            TypeError: the arguments are none that `serve` takes.
            ValueError: likewise.
        """
        if self._thread is not None:
            raise RuntimeError("this BackgroundServer was started before; make another one")
        self._process = os.getpid()
        # A daemon, so that a program which forgets to stop it can still end.
        self._thread = threading.Thread(
            target=self._run, name="trio_echo.BackgroundServer", daemon=True
        )
        try:
            # Python interrupts the main thread only, but there anywhere, also within
            # Thread.start(): then nobody knows whether the thread runs. So another thread calls
            # that, and this one makes a single call, which happens or does not.
            _thread.start_new_thread(self._begin, (self._thread,))
            self._started.wait()
        except BaseException:
            if not self._decision.acquire(blocking=False):  # too late, it has begun
                self._end(at_once=True)
                self._wait()
            raise
        if not self._addresses:
            self._wait()
            raise self._error or RuntimeError("the server ended before it was listening")

    def stop(self) -> None:
        """Stop the server, and return when everything is closed.

        Does nothing unless the server is running. In a process that was forked from the server's,
        the server is not running.

        If this is interrupted (Ctrl-C) while clients finish, they are cut off at once.

        Raises:
            BaseException: what the server failed with, such as an observer's error.
            RuntimeError: called in the server's thread, by an observer.
        """
        if threading.current_thread() is self._thread:
            raise RuntimeError("an observer cannot wait for the end of its own server")
        if not self._addresses or self._process != os.getpid():
            return
        try:
            self._end(at_once=False)
            self._wait()
        except BaseException:
            self._end(at_once=True)
            self._wait()
            raise
        if self._error is not None:
            raise self._error

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.stop()

    def _begin(self, thread: threading.Thread) -> None:
        if not self._decision.acquire(blocking=False):
            return  # the wish was withdrawn
        try:
            thread.start()
        except RuntimeError as exc:  # the system allows no more threads
            self._error = exc
            self._finished.open()
            self._started.open()

    def _end(self, *, at_once: bool) -> None:
        """Ask the server to end; asking again does no harm."""
        self._ends = True
        self._ends_at_once |= at_once
        if self._token is not None:
            with suppress(trio.RunFinishedError):
                self._token.run_sync_soon(self._heed)

    def _heed(self) -> None:
        if self._ends_at_once:
            self._scope.cancel()
        elif self._ends:
            self._stop.set()

    def _wait(self) -> None:
        """Wait for the end of the server and of its thread."""
        self._finished.wait()
        if self._thread is not None and self._thread.is_alive():
            self._thread.join()

    def _run(self) -> None:
        try:
            trio.run(self._main)
        except BaseException as exc:  # noqa: BLE001  carried over to the thread that waits for it
            while isinstance(exc, BaseExceptionGroup) and len(exc.exceptions) == 1:
                exc = exc.exceptions[0]
            self._error = exc
        self._finished.open()
        self._started.open()

    async def _main(self) -> None:
        self._stop = trio.Event()
        async with trio.open_nursery() as nursery:
            self._scope = nursery.cancel_scope
            self._token = trio.lowlevel.current_trio_token()
            self._heed()  # what was asked for before it could be woken up
            listeners = await nursery.start(partial(self._serve, stop=self._stop))
            self._addresses = tuple(
                Endpoint.from_sockaddr(one.socket.getsockname()) for one in listeners
            )
            self._started.open()


class _Latch:
    """Opens once; whoever waits for that may be interrupted anywhere.

    An Event or a Future would not do. Both hold a lock in Python code while they are waited for,
    and an interrupt there can leave it locked: the other thread then waits forever.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._lock.acquire()
        self._opened = False

    def open(self) -> None:
        """Let everybody through from now on. Only one thread may call this; again does no harm."""
        if not self._opened:
            self._opened = True
            self._lock.release()

    def wait(self) -> None:
        """Return once it is open."""
        with self._lock:  # entered and left in C: no interrupt comes between
            pass
