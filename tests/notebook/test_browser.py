"""A browser that opens a page, and what is shown if there is none."""

from __future__ import annotations

import json
import os
import sys
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import trio

import trio_echo
from trio_echo.notebook import browser

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

RECORDINGS = Path(__file__).parents[2] / "notebooks" / "recordings"
ECHO, PAGE = RECORDINGS / "browser-echo.json", RECORDINGS / "browser-page.json"
SHOWN = "<html><head></head><body><p>A page from Trio</p></body></html>"
ANSWER = b"HTTP/1.1 200 OK\r\nContent-Length: 23\r\nContent-Type: text/html\r\n\r\n" + (
    b"<p>A page from Trio</p>"
)


class Server:
    """It answers the first request of each connection, with a page or an echo."""

    def __init__(self, answer: bytes | None) -> None:
        self._answer = answer
        self.requests: list[bytes] = []
        self.port = 0

    async def handle(self, stream: trio.SocketStream) -> None:
        request = b""
        async for data in stream:
            request += data
            if request.endswith(b"\r\n\r\n"):
                self.requests.append(request)
                await stream.send_all(self._answer or request)
                return


@asynccontextmanager
async def running(answer: bytes | None = None) -> AsyncIterator[Server]:
    server = Server(answer)
    async with trio.open_nursery() as nursery:
        serve = partial(trio.serve_tcp, server.handle, 0, host="127.0.0.1")
        listeners: list[trio.SocketListener] = await nursery.start(serve)
        server.port = listeners[0].socket.getsockname()[1]
        yield server
        nursery.cancel_scope.cancel()


async def test_without_a_browser_its_recorded_request_is_sent(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(browser, "_NAMES", ())
    async with running() as server:
        visit = await browser.visit(server.port, recording=ECHO)
    assert [one.decode() for one in server.requests] == [json.loads(ECHO.read_text())["request"]]
    assert repr(visit).splitlines() == [
        "recorded, for: there is no Chromium here",
        "error: net::ERR_INVALID_HTTP_RESPONSE",
        "page: none",
    ]


async def test_a_browser_that_fails_is_named_and_the_recording_shown(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(browser, "_NAMES", (sys.executable,))  # it does not know the options
    async with running(ANSWER) as server:
        visit = await browser.visit(server.port, recording=PAGE)
    assert visit.recorded == f"{Path(sys.executable).name} ended with status 2"
    assert (visit.page, visit.error) == (SHOWN, "")


@pytest.mark.skipif(sys.platform == "win32", reason="a script is not a program there")
async def test_a_browser_that_hangs_or_cannot_start_is_given_up(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    program = tmp_path / "chromium"
    monkeypatch.setattr(browser, "_NAMES", (str(program),))
    monkeypatch.setattr(browser, "_PATIENCE", 0.1)
    for content, why in (
        ("#!/bin/sh\nexec sleep 1000\n", "chromium did not end within 0 seconds"),
        ("#!/no/such/shell\n", f"chromium does not start: {os.strerror(2)}"),
    ):
        program.write_text(content)
        program.chmod(0o755)
        async with running() as server:
            assert (await browser.visit(server.port, recording=ECHO)).recorded == why


async def test_a_server_that_never_closes_does_not_hold_up_a_recording(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(browser, "_NAMES", ())
    monkeypatch.setattr(browser, "_PATIENCE", 0.1)
    (listener,) = await trio.open_tcp_listeners(0, host="127.0.0.1")
    async with listener:  # nobody accepts
        port = listener.socket.getsockname()[1]
        assert (await browser.visit(port, recording=PAGE)).page == SHOWN


def test_only_root_leaves_out_the_sandbox(monkeypatch: pytest.MonkeyPatch) -> None:
    for user, without in ((0, True), (1000, False)):
        monkeypatch.setattr(os, "geteuid", lambda user=user: user, raising=False)
        assert ("--no-sandbox" in browser.options()) is without


@pytest.mark.slow
async def test_a_real_browser_shows_a_page_but_no_echo() -> None:
    if browser.find() is None:
        pytest.skip("there is no Chromium here")
    with trio_echo.BackgroundServer() as server:
        visit = await browser.visit(server.addresses[0].port, recording=ECHO)
    if visit.recorded is not None:
        pytest.skip(visit.recorded)
    assert (visit.page, visit.error) == ("", "net::ERR_INVALID_HTTP_RESPONSE")
    assert repr(visit).startswith("live\n")
    async with running(ANSWER) as page:
        visit = await browser.visit(page.port, recording=PAGE)
    assert (visit.page, visit.error) == (SHOWN, "")
    assert page.requests[0].startswith(b"GET / HTTP/1.1\r\n")
