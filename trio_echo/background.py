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
    """Runs `serve` in a thread with its own Trio loop, during a `with` block.

    It is listening when the block begins, and everything is closed when the block ends. A block
    cannot span the cells of a notebook: use `start` and `stop` there.

    Args:
        port: as for `serve`, but a free one by default.
        hosts: as for `serve`.
        listeners: as for `serve`.
        limits: as for `serve`. By default, clients that are still connected at the end are cut
            off at once.
        faults: as for `serve`.
        observer: as for `serve`. It is called in the server's thread; `list.append` is enough.
        observe_data: as for `serve`.
        portable: as for `serve`.
        client_slots: as for `serve`. It is entered in the server's thread, so servers in different
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
        client_slots: AbstractAsyncContextManager[object] | None = None,
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
            client_slots=client_slots,
        )
        self._addresses: tuple[Endpoint, ...] = ()
        self._error: BaseException | None = None
        self._process = os.getpid()
        self._thread: threading.Thread | None = None
        # Whoever takes this lock first decides whether the thread starts.
        self._decision = threading.Lock()
        self._started, self._finished = _Latch(), _Latch()
        # What the thread must do, and how to wake it, once that is possible.
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

        If this is interrupted (Ctrl-C), nothing of the server is left. A server that is not
        stopped ends silently with its process.

        Raises:
            RuntimeError: it was started before, or the system does not allow more threads.
            SocketCallError: it cannot listen.
            TypeError: `serve` does not take these arguments.
            ValueError: the same.
        """
        if self._thread is not None:
            raise RuntimeError("this BackgroundServer was started before; make another one")
        self._process = os.getpid()
        # A daemon, so that a program can end without stopping it.
        self._thread = threading.Thread(
            target=self._run, name="trio_echo.BackgroundServer", daemon=True
        )
        try:
            # Ctrl-C interrupts only the main thread, but at any point. In Thread.start(), it would
            # leave open whether the thread runs. So another thread calls that, and this one makes a
            # single call, which cannot be half done.
            _thread.start_new_thread(self._begin, (self._thread,))
            self._started.wait()
        except BaseException:
            if not self._decision.acquire(blocking=False):  # too late: it has begun
                self._end(at_once=True)
                self._wait()
            raise
        if not self._addresses:
            self._wait()
            raise self._error or RuntimeError("the server ended before it was listening")

    def stop(self) -> None:
        """Stop the server, and return when everything is closed.

        Does nothing unless the server is running. In a fork of its process, it is not running.

        If this is interrupted (Ctrl-C) while clients finish, they are cut off at once.

        Raises:
            BaseException: the server failed, for example because the observer raised.
            RuntimeError: an observer called this, in the server's thread.
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
            return  # `start` was interrupted
        try:
            thread.start()
        except RuntimeError as exc:  # the system does not allow more threads
            self._error = exc
            self._finished.open()
            self._started.open()

    def _end(self, *, at_once: bool) -> None:
        """Ask the server to end; may be called again."""
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
        except BaseException as exc:  # noqa: BLE001  raised in the thread that waits for it
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
            self._heed()  # it may have been asked to end already
            listeners = await nursery.start(partial(self._serve, stop=self._stop))
            self._addresses = tuple(
                Endpoint.from_sockaddr(one.socket.getsockname()) for one in listeners
            )
            self._started.open()


class _Latch:
    """Opens once. A wait for it may be interrupted at any point.

    An Event or a Future holds a lock in Python code during a wait. An interrupt there can leave it
    locked, and then the other thread waits forever.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._lock.acquire()
        self._opened = False

    def open(self) -> None:
        """Let everybody through from now on. Only one thread may call this, and may repeat it."""
        if not self._opened:
            self._opened = True
            self._lock.release()

    def wait(self) -> None:
        """Return once it is open."""
        with self._lock:  # entered and left in C, without an interrupt in between
            pass
