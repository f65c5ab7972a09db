"""A run of Trio in a thread of its own: for synchronous code, and across a notebook's cells."""

from __future__ import annotations

import _thread
import os
import threading
from contextlib import suppress
from functools import partial
from typing import TYPE_CHECKING, Any, Self

import trio

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable
    from types import TracebackType


class TrioThread:
    """Runs an async function in a thread, during a `with` block or from `start` to `stop`.

    Args:
        main: the async function. It takes two keyword arguments: `task_status`, to report that it
            has started, and `stop`, an event after which it must end.
    """

    def __init__(self, main: Callable[..., Awaitable[object]]) -> None:
        self._main = main
        self._error: BaseException | None = None
        self._process = os.getpid()
        self._thread: threading.Thread | None = None
        # Whoever takes this lock first decides whether the thread starts.
        self._decision = threading.Lock()
        self._started, self._finished = _Latch(), _Latch()
        self._has_started = False
        # What the thread must do, and how to wake it, once that is possible.
        self._ends = self._ends_at_once = False
        self._token: trio.lowlevel.TrioToken | None = None
        self._stop: trio.Event
        self._scope: trio.CancelScope

    def start(self) -> Self:
        """Start the thread, and return this object when it is ready.

        If this is interrupted (Ctrl-C), nothing of it is left. A thread that is not stopped ends
        silently with its process.

        Raises:
            RuntimeError: it was started before, or the system does not allow more threads.
            Exception: it failed before it was ready.
        """
        name = type(self).__name__
        if self._thread is not None:
            raise RuntimeError(f"this {name} was started before; make another one")
        self._process = os.getpid()
        # A daemon, so that a program can end without stopping it.
        self._thread = threading.Thread(target=self._run, name=f"trio_echo.{name}", daemon=True)
        try:
            # Python interrupts only the main thread, but at any point, even in Thread.start():
            # then nobody knows whether the thread runs. So another thread calls that. This one
            # makes a single call, which is made or not.
            _thread.start_new_thread(self._begin, (self._thread,))
            self._started.wait()
        except BaseException:
            if not self._decision.acquire(blocking=False):  # too late: it has begun
                self._end(at_once=True)
                self._wait()
            raise
        if not self._has_started:
            self._wait()
            raise self._error or RuntimeError(f"the {name} ended before it was ready")
        return self

    def stop(self) -> None:
        """Stop it, and return when everything is closed.

        Does nothing unless it is running. In a fork of its process, it is not running.

        If this is interrupted (Ctrl-C) while it ends in its own time, it ends at once.

        Raises:
            BaseException: it has failed.
            RuntimeError: this was called in its own thread.
        """
        if threading.current_thread() is self._thread:
            raise RuntimeError(f"a {type(self).__name__} cannot be stopped in its own thread")
        if not self._has_started or self._process != os.getpid():
            return
        try:
            self._end(at_once=False)
            self._wait()
        except BaseException:
            self._end(at_once=True)
            self._wait()
            raise
        self.check()

    def check(self) -> None:
        """Raise what has ended it, if it has failed."""
        if self._error is not None:
            raise self._error

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.stop()

    def _keep(self, reported: Any) -> None:
        """Keep what `main` has reported. It is called in the thread, before `start` returns."""

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
        """Ask it to end; may be called again."""
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
        """Wait for the end of the function and of the thread."""
        self._finished.wait()
        if self._thread is not None and self._thread.is_alive():
            self._thread.join()

    def _run(self) -> None:
        try:
            trio.run(self._run_main)
        except BaseException as exc:  # noqa: BLE001  raised in the thread that waits for it
            while isinstance(exc, BaseExceptionGroup) and len(exc.exceptions) == 1:
                exc = exc.exceptions[0]
            self._error = exc
        self._finished.open()
        self._started.open()

    async def _run_main(self) -> None:
        self._stop = trio.Event()
        async with trio.open_nursery() as nursery:
            self._scope = nursery.cancel_scope
            self._token = trio.lowlevel.current_trio_token()
            self._heed()  # it may have been asked to end already
            self._keep(await nursery.start(partial(self._main, stop=self._stop)))
            self._has_started = True
            self._started.open()


class _Latch:
    """Opens once. A wait for it may be interrupted at any point.

    An Event or a Future cannot be used. Both hold a lock in Python code during a wait. An interrupt
    there can leave it locked, and then the other thread waits forever.
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
