"""Serves one page over HTTP, beside an echo server and without disturbing it.

Everything is bounded: how many connections are open, how long each may take, and what is kept of
its request. Each connection gets one answer. Slow peers do not keep out a new one: if there are too
many, the oldest of the host that has the most connections is closed.
"""

from __future__ import annotations

from collections import Counter
from contextlib import ExitStack, contextmanager, suppress
from functools import partial
from typing import TYPE_CHECKING

import h11
import trio

from trio_echo.accepting import reported_accept_errors
from trio_echo.listening import endpoints_of, listen_at

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from trio_echo.addresses import Endpoint
    from trio_echo.events import ServerObserver

PATH = "/metrics"
"""Where the page is."""

# Connections at once. Prometheus opens one each time, and sends its request at once.
_CONNECTIONS = 16
# Seconds that a connection may take.
_PATIENCE = 5.0
# Bytes to receive at once.
_BUFFER = 16 * 1024
# Paths and methods of the answers.
_METHODS = (b"GET", b"HEAD")


class PageServer:
    """Serves a page at `PATH`.

    Args:
        content_type: the page's.
        page: returns the page.
        failed: called with an exception of `page`; the peer gets the status 500.
    """

    def __init__(
        self,
        content_type: str,
        page: Callable[[], bytes],
        failed: Callable[[Exception], object],
    ) -> None:
        self._content_type = content_type
        self._page = page
        self._failed = failed
        self._hosts: dict[trio.CancelScope, str] = {}  # of the connections, the oldest first

    async def run(self, listeners: list[trio.SocketListener], observer: ServerObserver) -> None:
        """Serve until cancelled, and close the listeners.

        Args:
            listeners: from `open_listeners`.
            observer: gets an `AcceptFailed` if a peer could not be accepted, at most one a minute.
        """
        with reported_accept_errors(observer):
            await trio.serve_listeners(self._serve, listeners)

    async def _serve(self, stream: trio.SocketStream) -> None:
        with trio.move_on_after(_PATIENCE) as scope:
            async with stream:
                # OSError: it was reset before it was accepted.
                with suppress(OSError, trio.BrokenResourceError):
                    host, *_ = stream.socket.getpeername()
                    with self._place(scope, host):
                        await self._answer(stream)

    @contextmanager
    def _place(self, scope: trio.CancelScope, host: str) -> Iterator[None]:
        """Count a connection; if there are too many, end one."""
        self._hosts[scope] = host
        try:
            if len(self._hosts) > _CONNECTIONS:
                ((most, _),) = Counter(self._hosts.values()).most_common(1)
                oldest = next(one for one, of in self._hosts.items() if of == most)
                del self._hosts[oldest]
                oldest.cancel()
            yield
        finally:
            self._hosts.pop(scope, None)

    async def _answer(self, stream: trio.SocketStream) -> None:
        connection = h11.Connection(h11.SERVER)
        with_body = True
        try:
            request = await _receive_request(connection, stream)
            if request is None:
                return
            with_body = request.method != b"HEAD"
            status, body = self._respond(request)
        except h11.RemoteProtocolError as exc:
            status, body = exc.error_status_hint, b"this is not an HTTP request\n"
        headers = [
            ("Content-Type", self._content_type if status == 200 else "text/plain; charset=utf-8"),
            ("Content-Length", str(len(body))),
            ("Connection", "close"),
        ]
        if status == 405:
            headers.append(("Allow", "GET, HEAD"))
        answer = connection.send(h11.Response(status_code=status, headers=headers))
        if with_body:
            answer += connection.send(h11.Data(data=body))
        await stream.send_all(answer + connection.send(h11.EndOfMessage()))

    def _respond(self, request: h11.Request) -> tuple[int, bytes]:
        if request.target.partition(b"?")[0] != PATH.encode():
            return 404, f"the metrics are at {PATH}\n".encode()
        if request.method not in _METHODS:
            return 405, b"only GET and HEAD\n"
        try:
            return 200, self._page()
        except Exception as exc:  # noqa: BLE001  a bug here must not end the echo
            self._failed(exc)
            return 500, b"the metrics cannot be read\n"


async def _receive_request(
    connection: h11.Connection, stream: trio.SocketStream
) -> h11.Request | None:
    """Receive the head of a request; `None` if the peer leaves.

    Raises:
        h11.RemoteProtocolError: it is not one, or it is too long.
        trio.BrokenResourceError: the peer reset the connection.
    """
    while True:
        event = connection.next_event()
        if isinstance(event, h11.Request):
            return event
        if event is not h11.NEED_DATA:
            return None
        connection.receive_data(await stream.receive_some(_BUFFER))


async def open_listeners(endpoint: Endpoint) -> list[trio.SocketListener]:
    """Listen at an address, or at all addresses of a name.

    Raises:
        SocketCallError: `getaddrinfo()`, `socket()` or `bind()` failed.
    """
    with ExitStack() as opened:
        start = partial(_open, opened)
        listeners, _ = await listen_at(await endpoints_of([endpoint.host], endpoint.port), start)
        opened.pop_all()
    return listeners


async def _open(opened: ExitStack, source: Endpoint | trio.SocketListener) -> trio.SocketListener:
    assert not isinstance(source, trio.SocketListener)  # noqa: S101  none was given
    (listener,) = await trio.open_tcp_listeners(source.port, host=source.host)
    opened.callback(listener.socket.close)
    return listener
