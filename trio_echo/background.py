"""An echo server for synchronous code: other people's tests, notebooks, plain threads."""

from __future__ import annotations

import threading
from concurrent.futures import Future
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
    from types import TracebackType

    from .events import ServerObserver


class BackgroundServer:
    """Runs `serve` in a Trio loop of its own, in a thread, for the length of a `with` block.

    It is listening when the block begins, and everything is closed when it ends. In a notebook,
    whose cells no block can span, `start` and `stop` do the same.

    Args:
        port: as for `serve`; by default a free one.
        hosts: as for `serve`; by default loopback on both families.
        limits: as for `serve`; by default clients that are still connected at the end are cut
            off at once.
        faults: as for `serve`.
        observer: as for `serve`. It is called in the server's thread; `list.append` will do.
        observe_data: as for `serve`.
        portable: as for `serve`.
    """

    def __init__(
        self,
        port: int = 0,
        *,
        hosts: Sequence[str] = LOOPBACK,
        limits: Limits = Limits(grace=0),
        faults: Faults = Faults(),
        observer: ServerObserver = ignore,
        observe_data: bool = True,
        portable: bool = False,
    ) -> None:
        self._port = port
        self._hosts = hosts
        self._limits = limits
        self._faults = faults
        self._observer = observer
        self._observe_data = observe_data
        self._portable = portable
        self._addresses: tuple[Endpoint, ...] = ()
        self._thread: threading.Thread | None = None
        self._finished: Future[None] = Future()
        self._stop: trio.Event
        self._token: trio.lowlevel.TrioToken

    @property
    def addresses(self) -> tuple[Endpoint, ...]:
        """Where it listens: `(host, port)` pairs, as `socket.create_connection` takes them."""
        return self._addresses

    def start(self) -> None:
        """Start the thread, and return when the server is listening.

        A server that nobody stops ends with its process, without a word.

        Raises:
            RuntimeError: it was started before.
            SocketCallError: it cannot listen.
            TypeError: the arguments are none that `serve` takes.
            ValueError: likewise.
        """
        if self._thread is not None:
            raise RuntimeError("this BackgroundServer was started before; make another one")
        listening: Future[tuple[Endpoint, ...]] = Future()
        # A daemon, so that a program which forgets to stop it can still end.
        self._thread = threading.Thread(
            target=self._run, args=(listening,), name="trio_echo.BackgroundServer", daemon=True
        )
        self._thread.start()
        try:
            self._addresses = listening.result()
        except BaseException:
            # Interrupted while waiting (or it failed): there is nobody to serve for.
            if not listening.cancel() and listening.exception() is None:
                self._end()
            raise

    def stop(self) -> None:
        """Stop the server, and return when everything is closed.

        Where it does not run, or no more, this does nothing.

        Raises:
            BaseException: what the server failed with, such as an observer's error.
            RuntimeError: called in the server's thread, by an observer.
        """
        if threading.current_thread() is self._thread:
            raise RuntimeError("an observer cannot wait for the end of its own server")
        if self._addresses:
            self._end()

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

    def _end(self) -> None:
        with suppress(trio.RunFinishedError):  # it failed earlier: result() says how
            self._token.run_sync_soon(self._stop.set)
        self._finished.result()

    def _run(self, listening: Future[tuple[Endpoint, ...]]) -> None:
        try:
            trio.run(self._main, listening)
        except BaseException as exc:  # noqa: BLE001  carried over to the thread that waits for it
            while isinstance(exc, BaseExceptionGroup) and len(exc.exceptions) == 1:
                exc = exc.exceptions[0]
            (self._finished if listening.done() else listening).set_exception(exc)
        else:
            self._finished.set_result(None)

    async def _main(self, listening: Future[tuple[Endpoint, ...]]) -> None:
        self._stop = trio.Event()
        self._token = trio.lowlevel.current_trio_token()
        async with trio.open_nursery() as nursery:
            listeners = await nursery.start(
                partial(
                    serve,
                    self._port,
                    hosts=self._hosts,
                    limits=self._limits,
                    faults=self._faults,
                    observer=self._observer,
                    observe_data=self._observe_data,
                    portable=self._portable,
                    stop=self._stop,
                )
            )
            listening.set_result(
                tuple(Endpoint.from_sockaddr(one.socket.getsockname()) for one in listeners)
            )
