"""The page of metrics over HTTP, also for peers that send something else or nothing."""

from __future__ import annotations

import http.client
import socket
import sys
from contextlib import AsyncExitStack, asynccontextmanager
from typing import TYPE_CHECKING

import pytest
import trio
from support import PATIENCE, connected, receive_all, reset, stream_of
from trio.testing import wait_all_tasks_blocked

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


async def test_slow_peers_give_way_to_a_scrape(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(serving, "_PATIENCE", PATIENCE)
    page = Page()
    async with served(page, "127.0.0.1") as endpoint, AsyncExitStack() as closing:
        slow = []
        for _ in range(serving._CONNECTIONS + 1):
            slow.append(await closing.enter_async_context(await trio.open_tcp_stream(*endpoint)))
            await slow[-1].send_all(b"GET /metr")
        assert await slow[0].receive_some() == b""  # the oldest
        assert len(page.server._hosts) == serving._CONNECTIONS
        assert (await trio.to_thread.run_sync(ask, endpoint, "GET", "/metrics"))[0] == 200
        assert await slow[1].receive_some() == b""
        await slow[2].send_all(b"ics HTTP/1.1\r\nHost: x\r\n\r\n")
        assert PAGE in await slow[2].receive_some()


@pytest.mark.skipif(sys.platform == "darwin", reason="it has no 127.0.0.2")
async def test_a_host_with_many_connections_takes_none_from_others(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(serving, "_PATIENCE", PATIENCE)
    async with served(Page(), "127.0.0.1") as endpoint, AsyncExitStack() as closing:
        polite = await closing.enter_async_context(await trio.open_tcp_stream(*endpoint))
        greedy = []
        for _ in range(2 * serving._CONNECTIONS):
            stream = await trio.open_tcp_stream(*endpoint, local_address="127.0.0.2")
            greedy.append(await closing.enter_async_context(stream))
        for one in greedy[: serving._CONNECTIONS + 1]:
            assert await one.receive_some() == b""
        await polite.send_all(b"GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n")
        assert PAGE in await polite.receive_some()


async def test_a_silent_peer_is_closed_in_the_end(autojump_clock: MockClock) -> None:
    server, client = connected("127.0.0.1")
    start = trio.current_time()
    with client:
        await Page().server._serve(stream_of(server))
        assert trio.current_time() - start == serving._PATIENCE
        assert client.recv(1) == b""


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
