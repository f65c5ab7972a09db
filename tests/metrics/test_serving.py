"""The page of metrics over HTTP, also for peers that send something else or nothing."""

from __future__ import annotations

import http.client
import socket
from contextlib import AsyncExitStack, asynccontextmanager
from typing import TYPE_CHECKING, cast

import pytest
import trio
from support import PATIENCE, receive_all, reset
from trio.testing import memory_stream_pair, wait_all_tasks_blocked

from trio_echo import Endpoint, SocketCallError
from trio_echo.events import AcceptFailed, ignore
from trio_echo.listening import endpoint_of
from trio_echo.metrics import serving
from trio_echo.metrics.serving import PageServer, open_listeners

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from trio.testing import MockClock

PAGE = b"a_total 1\n"


class Page:
    """A page, or a bug."""

    def __init__(self) -> None:
        self.bug: Exception | None = None
        self.failures: list[Exception] = []
        self.server = PageServer("text/plain", self.read, self.failures.append)

    def read(self) -> bytes:
        if self.bug is not None:
            raise self.bug
        return PAGE


@asynccontextmanager
async def served(page: Page, host: str) -> AsyncIterator[Endpoint]:
    listeners = await open_listeners(Endpoint(host, 0))
    with trio.fail_after(PATIENCE):
        async with trio.open_nursery() as nursery:
            nursery.start_soon(page.server.run, listeners, ignore)
            yield endpoint_of(listeners[0])
            nursery.cancel_scope.cancel()


def ask(endpoint: Endpoint, method: str, path: str) -> tuple[int, bytes, str | None]:
    connection = http.client.HTTPConnection(*endpoint, timeout=PATIENCE)
    try:
        connection.request(method, path)
        answer = connection.getresponse()
        return answer.status, answer.read(), answer.getheader("Content-Length")
    finally:
        connection.close()


def exchange(endpoint: Endpoint, request: bytes) -> bytes:
    with socket.create_connection(endpoint) as sock:
        sock.sendall(request)
        sock.shutdown(socket.SHUT_WR)
        return receive_all(sock)


async def test_a_client_of_http_gets_the_page(host: str) -> None:
    async with served(Page(), host) as endpoint:
        for method, path, status, body in (
            ("GET", "/metrics", 200, PAGE),
            ("GET", "/metrics?name[]=a", 200, PAGE),
            ("HEAD", "/metrics", 200, b""),
            ("GET", "/", 404, b"the metrics are at /metrics\n"),
            ("DELETE", "/metrics", 405, b"only GET and HEAD\n"),
        ):
            answer = await trio.to_thread.run_sync(ask, endpoint, method, path)
            assert answer == (status, body, str(len(PAGE if method == "HEAD" else body)))


@pytest.mark.parametrize(
    ("request_", "status"),
    [
        (b"hello\r\n\r\n", b"400"),
        (b"\x16\x03\x01\x02\x00\x01\x00\r\n\r\n", b"400"),  # the begin of TLS
        (b"GET /metrics HTTP/1.1\r\nHost: x\r\nX: " + b"x" * 20_000, b"431"),
        (b"GET /metr", b"400"),
    ],
)
async def test_what_is_not_http_gets_a_status(request_: bytes, status: bytes) -> None:
    async with served(Page(), "127.0.0.1") as endpoint:
        answer = await trio.to_thread.run_sync(exchange, endpoint, request_)
        assert answer.startswith(b"HTTP/1.1 " + status)
        assert await trio.to_thread.run_sync(exchange, endpoint, b"") == b""
        reset(socket.create_connection(endpoint))
        assert (await trio.to_thread.run_sync(ask, endpoint, "GET", "/metrics"))[0] == 200


async def test_a_bug_of_the_page_is_reported_and_ends_nothing() -> None:
    page = Page()
    async with served(page, "127.0.0.1") as endpoint:
        page.bug = ZeroDivisionError()
        assert (await trio.to_thread.run_sync(ask, endpoint, "GET", "/metrics"))[0] == 500
        assert page.failures == [page.bug]
        page.bug = None
        assert (await trio.to_thread.run_sync(ask, endpoint, "GET", "/metrics"))[0] == 200


async def test_only_so_many_peers_are_served_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(serving, "_CONNECTIONS", 2)
    monkeypatch.setattr(serving, "_PATIENCE", PATIENCE)
    page = Page()
    async with served(page, "127.0.0.1") as endpoint, AsyncExitStack() as closing:
        for _ in range(6):
            await closing.enter_async_context(await trio.open_tcp_stream(*endpoint))
        while page.server._open < 2:
            await trio.lowlevel.checkpoint()
        for _ in range(20):  # each accepts another one, if it may
            await wait_all_tasks_blocked()
        assert page.server._open in (2, 3)
        await closing.aclose()
        assert (await trio.to_thread.run_sync(ask, endpoint, "GET", "/metrics"))[0] == 200


async def test_a_silent_peer_is_closed_in_the_end(autojump_clock: MockClock) -> None:
    server, client = memory_stream_pair()
    start = trio.current_time()
    await Page().server._serve(cast("trio.SocketStream", server))
    assert trio.current_time() - start == serving._PATIENCE
    assert await client.receive_some() == b""


async def test_an_address_in_use_is_an_error_of_bind() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        endpoint = Endpoint(*taken.getsockname())
        with pytest.raises(SocketCallError) as raised:
            await open_listeners(endpoint)
    assert (raised.value.call, raised.value.where) == ("bind()", str(endpoint))


async def test_a_peer_that_cannot_be_accepted_is_an_event(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    seen: list[object] = []
    failed = trio.Event()

    async def fail(_: object) -> None:
        failed.set()
        raise OSError(24, "Too many open files")

    monkeypatch.setattr(trio.SocketListener, "accept", fail)
    async with trio.open_nursery() as nursery:
        listeners = await open_listeners(Endpoint("127.0.0.1", 0))
        nursery.start_soon(Page().server.run, listeners, seen.append)
        await failed.wait()
        await wait_all_tasks_blocked()
        nursery.cancel_scope.cancel()
    (event,) = seen
    assert isinstance(event, AcceptFailed)
    assert not caplog.records
