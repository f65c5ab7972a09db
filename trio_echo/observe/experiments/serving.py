"""Run a server of any design beside clients: one with plain sockets, or a handler for Trio.

A server with plain sockets usually runs for ever, and a thread cannot be stopped from outside. Its
listener can: at the end, `accept()` raises an exception.
"""

from __future__ import annotations

import inspect
import socket
from contextlib import asynccontextmanager, suppress
from functools import partial
from typing import TYPE_CHECKING, Any, TypeAlias, cast

import trio
from trio.testing import wait_all_tasks_blocked

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable

    Plain: TypeAlias = Callable[[socket.socket], object]
    Handler: TypeAlias = Callable[[trio.SocketStream], Awaitable[object]]


class Serving:
    """A server that runs.

    Attributes:
        address: a host and a port, to connect to.
        error: what ended the server early.
    """

    def __init__(self, address: tuple[Any, ...]) -> None:
        self.address: tuple[str, int] = address[:2]
        self.error: Exception | None = None


@asynccontextmanager
async def serving(design: Plain | Handler, host: str = "127.0.0.1") -> AsyncIterator[Serving]:
    """Run a server during a block. All clients must have left before the block ends.

    If the server fails, its sockets are closed, as the system does for a program that ends. Under
    Trio, the block is cancelled.

    Args:
        design: a function that gets a listening socket, and runs in a thread; or an async function
            that gets each client's stream, for `trio.serve_tcp`.
        host: a numeric address to listen on.

    Raises:
        OSError: the system lacks this family or address.
    """
    if inspect.iscoroutinefunction(design):
        [opened] = await trio.open_tcp_listeners(0, host=host)
        server = Serving(opened.socket.getsockname())
        async with trio.open_nursery() as nursery:
            handler = cast("Handler", design)
            nursery.start_soon(_run_handler, handler, opened, server, nursery, name="server")
            yield server
            await wait_all_tasks_blocked()  # the handlers know that the clients have left
            nursery.cancel_scope.cancel()
        return
    with _Listener(socket.AF_INET6 if ":" in host else socket.AF_INET) as listener:
        listener.bind((host, 0))
        listener.listen()
        server = Serving(listener.getsockname())
        async with trio.open_nursery() as nursery:
            run = partial(_run_plain, cast("Plain", design), listener, server)
            nursery.start_soon(
                partial(trio.to_thread.run_sync, run, abandon_on_cancel=True), name="server"
            )
            try:
                yield server
            finally:  # a thread that is left behind ends too
                listener.end()


async def _run_handler(
    handler: Handler, listener: trio.SocketListener, server: Serving, nursery: trio.Nursery
) -> None:
    try:
        await trio.serve_listeners(handler, [listener])
    except Exception as exc:  # noqa: BLE001  a learner's handler may raise anything
        server.error = exc
        nursery.cancel_scope.cancel()


def _run_plain(serve: Plain, listener: _Listener, server: Serving) -> None:
    try:
        serve(listener)
    except _EndedError:
        pass
    except Exception as exc:  # noqa: BLE001  a learner's server may raise anything
        server.error = exc
        listener.close_all()


class _EndedError(BaseException):
    """No more clients will come."""


class _Listener(socket.socket):
    """A listening socket whose `accept()` can be ended."""

    def __init__(self, family: int) -> None:
        super().__init__(family, socket.SOCK_STREAM)
        self._accepted: list[socket.socket] = []
        self._ended = False

    def accept(self) -> tuple[socket.socket, Any]:
        sock, address = super().accept()
        if self._ended:
            sock.close()
            raise _EndedError
        self._accepted.append(sock)
        return sock, address

    def end(self) -> None:
        """Let `accept()` raise `_EndedError`; a last connection wakes it."""
        self._ended = True
        with suppress(OSError), socket.create_connection(self.getsockname()[:2]):
            pass

    def close_all(self) -> None:
        """Close it, and what it has accepted."""
        for one in (self, *self._accepted):
            one.close()
