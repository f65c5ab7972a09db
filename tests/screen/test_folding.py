"""A balancer's health checks share a line; no line of a client that sends is missing."""

from __future__ import annotations

from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

import pytest
import trio
from trio.testing import wait_all_tasks_blocked

from trio_echo import Endpoint, SocketCallError, TlsError
from trio_echo.errors import HANDSHAKE
from trio_echo.events import (
    ClientClosed,
    ClientConnected,
    ClientFailed,
    ClientsWaiting,
    Connection,
    DataReceived,
    HandshakeFailed,
    ServerEvent,
    Stopped,
    WorkerDied,
)
from trio_echo.screen.folding import ClientsFolded, Folding
from trio_echo.screen.language import translations
from trio_echo.screen.transcript import Transcript
from trio_echo.tls_problems import TlsProblem

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from trio.testing import MockClock

SERVER = Endpoint("192.0.2.1", 9000)
RESET = SocketCallError("recv()", ConnectionResetError(104, "Connection reset by peer"))
LEFT = TlsError(HANDSHAKE, TlsProblem.ENDED, "unexpected end", "192.0.2.9:50000")
NOT_TLS = TlsError(HANDSHAKE, TlsProblem.NOT_TLS, "wrong version number", "192.0.2.9:50000")
STOPPED = Stopped(0, 0, 0)


def client(number: int, host: str = "192.0.2.9") -> Connection:
    return Connection(number, SERVER, Endpoint(host, 50000 + number))


def visit(one: Connection, error: Exception | None = None) -> list[ServerEvent]:
    """The events of a client that comes and leaves."""
    failed = [] if error is None else [ClientFailed(one, error)]
    return [ClientConnected(one), *failed, ClientClosed(one, 0)]


class Screen:
    """What is shown of events."""

    def __init__(self) -> None:
        self.shown: list[ServerEvent | ClientsFolded] = []
        self.folding = Folding(self.shown.append)

    def put(self, *events: ServerEvent) -> None:
        for event in events:
            self.folding.put(event)


@asynccontextmanager
async def running() -> AsyncIterator[Screen]:
    async with trio.open_nursery() as nursery:
        screen = Screen()
        nursery.start_soon(screen.folding.run)
        yield screen
        nursery.cancel_scope.cancel()


async def test_the_checks_of_a_second_are_the_first_one_and_a_count(
    autojump_clock: MockClock,
) -> None:
    async with running() as screen:
        for number in range(10):
            screen.put(*visit(client(number)))
            await trio.sleep(0.05)
        assert screen.shown == visit(client(0))
        await trio.sleep(10)
    assert screen.shown == [*visit(client(0)), ClientsFolded("192.0.2.9", 9, None)]


async def test_checks_that_go_on_are_a_line_a_second(autojump_clock: MockClock) -> None:
    async with running() as screen:
        for number in range(30):
            screen.put(*visit(client(number)))
            await trio.sleep(0.1)
        await trio.sleep(10)
        first, last, *folded = screen.shown
        assert [first, last] == visit(client(0))
        assert len(folded) == 3
        assert sum(one.clients for one in folded if isinstance(one, ClientsFolded)) == 29
        screen.put(*visit(client(30)))  # after a pause, it is news again
        assert screen.shown[-2:] == visit(client(30))


async def test_each_way_to_leave_has_its_own_first_and_count(autojump_clock: MockClock) -> None:
    async with running() as screen:
        for number in range(4):
            screen.put(*visit(client(number)), *visit(client(10 + number), RESET))
        await trio.sleep(10)
    assert screen.shown == [
        *visit(client(0)),
        *visit(client(10), RESET),
        ClientsFolded("192.0.2.9", 3, None),
        ClientsFolded("192.0.2.9", 3, RESET),
    ]


async def test_other_hosts_are_shown(autojump_clock: MockClock) -> None:
    async with running() as screen:
        expected: list[ServerEvent] = []
        for number in range(4):
            expected += visit(client(number, f"192.0.2.{10 + number}"))
        screen.put(*expected)
        await trio.sleep(10)
    assert screen.shown == expected


async def test_a_client_that_sends_is_shown_whole_beside_checks(autojump_clock: MockClock) -> None:
    async with running() as screen:
        screen.put(*visit(client(0)))
        talk: list[ServerEvent] = [
            ClientConnected(client(1)),
            DataReceived(client(1), b"a"),
            DataReceived(client(1), b"b"),
            ClientFailed(client(1), RESET),
            ClientClosed(client(1), 2),
        ]
        for number, event in enumerate(talk):
            screen.put(event, *visit(client(10 + number)))
        await trio.sleep(10)
    assert screen.shown == [*visit(client(0)), *talk, ClientsFolded("192.0.2.9", 5, None)]


async def test_checks_that_come_before_the_first_has_left_are_counted() -> None:
    screen = Screen()
    checks = [visit(client(number)) for number in range(5)]
    screen.put(*(connected for connected, _ in checks), *(closed for _, closed in checks), STOPPED)
    assert screen.shown == [*visit(client(0)), ClientsFolded("192.0.2.9", 4, None), STOPPED]


async def test_a_client_that_sends_holds_up_nobody() -> None:
    screen = Screen()
    talk: list[ServerEvent] = [ClientConnected(client(0)), DataReceived(client(0), b"a")]
    screen.put(*talk, ClientConnected(client(1)))
    assert screen.shown == [*talk, ClientConnected(client(1))]


async def test_a_client_that_stays_silent_is_shown_after_a_second(
    autojump_clock: MockClock,
) -> None:
    async with running() as screen:
        screen.put(*visit(client(0)), ClientConnected(client(1)))
        assert screen.shown == visit(client(0))
        await trio.sleep(1.01)
        assert screen.shown == [*visit(client(0)), ClientConnected(client(1))]
        screen.put(ClientClosed(client(1), 0))
        assert screen.shown[-1] == ClientClosed(client(1), 0)


async def test_handshakes_that_fail_in_the_same_way_share_a_line(autojump_clock: MockClock) -> None:
    failed = [HandshakeFailed(client(number), LEFT) for number in range(5)]
    other = [HandshakeFailed(client(10 + number), NOT_TLS) for number in range(3)]
    bug = HandshakeFailed(client(20), ZeroDivisionError())
    async with running() as screen:
        screen.put(*failed, *other, bug, *visit(client(30)))
        first = [failed[0], other[0], bug, *visit(client(30))]
        assert screen.shown == first
        await trio.sleep(10)
    assert screen.shown == [
        *first,
        ClientsFolded("192.0.2.9", 4, LEFT),
        ClientsFolded("192.0.2.9", 2, NOT_TLS),
    ]


async def test_a_client_that_came_first_is_shown_beside_failed_handshakes() -> None:
    screen = Screen()
    came, left = visit(client(0), LEFT)[0], visit(client(0), LEFT)[1:]
    failed = [HandshakeFailed(client(number), LEFT) for number in (1, 2)]
    screen.put(came, *failed, *left, STOPPED)
    assert screen.shown == [came, failed[0], *left, ClientsFolded("192.0.2.9", 1, LEFT), STOPPED]


@pytest.mark.parametrize("last", [STOPPED, WorkerDied(1, -9, 1, 0.1)])
async def test_nothing_comes_after_the_end(last: ServerEvent) -> None:
    screen = Screen()
    screen.put(*visit(client(0)), *visit(client(1)), ClientConnected(client(2)), last)
    assert screen.shown == [
        *visit(client(0)),
        ClientConnected(client(2)),
        ClientsFolded("192.0.2.9", 1, None),
        last,
    ]


async def test_bugs_and_what_has_no_client_are_shown_at_once() -> None:
    screen = Screen()
    bug = visit(client(1), ZeroDivisionError())
    screen.put(*visit(client(0)), ClientsWaiting(3), *bug)
    assert screen.shown == [*visit(client(0)), ClientsWaiting(3), *bug]


async def test_a_task_that_has_nothing_to_wait_for_sleeps(mock_clock: MockClock) -> None:
    async with running() as screen:
        await wait_all_tasks_blocked()
        screen.put(*visit(client(0)))
        await wait_all_tasks_blocked()
        mock_clock.jump(1)
        await wait_all_tasks_blocked()
        assert (screen.folding._visits, screen.folding._windows) == ({}, {})


@pytest.mark.parametrize(
    ("language", "event", "line"),
    [
        (
            "en",
            ClientsFolded("192.0.2.9", 1, None),
            "[TCP server] 1 more client left without sending anything: IP address=192.0.2.9\n",
        ),
        (
            "en",
            ClientsFolded("::1", 12, RESET),
            "[TCP server] 12 more clients left without sending anything: IP address=::1 "
            "([recv()] Connection reset by peer)\n",
        ),
        (
            "en",
            ClientsFolded("::1", 1, LEFT),
            "[TCP server] 1 more handshake failed: IP address=::1 "
            "([do_handshake()] the peer ended the connection during the handshake)\n",
        ),
        (
            "ko",
            ClientsFolded("::1", 12, LEFT),
            "[TCP 서버] 핸드셰이크 12번 더 실패: IP 주소=::1 "
            "([do_handshake()] 상대방이 핸드셰이크 중에 연결을 끝냈습니다)\n",
        ),
        (
            "ko",
            ClientsFolded("192.0.2.9", 12, None),
            "[TCP 서버] 아무것도 보내지 않고 나간 클라이언트 12개 더: IP 주소=192.0.2.9\n",
        ),
    ],
)
def test_the_line_says_how_many_and_how(language: str, event: ClientsFolded, line: str) -> None:
    transcript = Transcript(translations(language), "utf-8")
    assert "".join(transcript.lines(event)) == line
