"""On a terminal, a person can follow what is shown, and the rest is counted in its place."""

from __future__ import annotations

from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

import pytest
import trio
from hypothesis import given, settings
from hypothesis import strategies as st
from trio.testing import MockClock, wait_all_tasks_blocked

from trio_echo import Endpoint, SocketCallError
from trio_echo.events import (
    ClientClosed,
    ClientConnected,
    ClientFailed,
    ClientsWaiting,
    Connection,
    DataReceived,
    Draining,
    HandshakeFailed,
    LinesMissing,
    Listening,
    ServerEvent,
    Stopped,
    WorkerDied,
)
from trio_echo.relay import BaseRelay, lines_in
from trio_echo.screen.backlog import lines_of
from trio_echo.screen.folding import ClientsFolded
from trio_echo.screen.pacing import Pacing

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterable

SERVER = Endpoint("192.0.2.1", 9000)
RESET = SocketCallError("recv()", ConnectionResetError(104, "Connection reset by peer"))
STOPPED = Stopped(0, 0, 0)
AT_ONCE = 300
A_SECOND = 300


def client(number: int) -> Connection:
    return Connection(number, SERVER, Endpoint("192.0.2.9", 10000 + number))


class Sender(BaseRelay):
    """A client whose pieces go through a relay, as in the server."""

    def __init__(self, screen: Screen, number: int) -> None:
        super().__init__()
        self.connection = client(number)
        self._screen = screen
        screen.put(ClientConnected(self.connection))
        self.sent = 0
        self.pieces = 0

    async def run(self) -> None:
        raise NotImplementedError

    def send(self, data: bytes) -> None:
        self.sent += lines_in(data, len(data))
        self.pieces += 1
        if self.pieces == 1:
            self._screen.put(DataReceived(self.connection, data))
            self._screen.pacing.take_over(self.connection, self)
            return
        if self.counts_lines:
            self.lines += lines_in(data, len(data))
        if self.tap is not None:
            self.tap(data)

    def leave(self) -> None:
        self.tap = None
        self._screen.put(ClientClosed(self.connection, 0))


class Screen:
    """What is shown of events."""

    def __init__(self) -> None:
        self.shown: list[ServerEvent | ClientsFolded] = []
        self.pacing = Pacing(self.shown.append)

    def put(self, *events: ServerEvent | ClientsFolded) -> None:
        for event in events:
            self.pacing.put(event)

    def of(self, sender: Sender) -> list[ServerEvent | ClientsFolded]:
        """What was shown of a client."""
        return [e for e in self.shown if getattr(e, "connection", None) == sender.connection]

    @property
    def lines(self) -> int:
        return sum(map(lines_of, self.shown))


def counted(events: Iterable[object]) -> int:
    return sum(event.lines for event in events if isinstance(event, LinesMissing))


@asynccontextmanager
async def running() -> AsyncIterator[Screen]:
    async with trio.open_nursery() as nursery:
        screen = Screen()
        nursery.start_soon(screen.pacing.run)
        yield screen
        nursery.cancel_scope.cancel()


async def flood(senders: list[Sender], seconds: float) -> None:
    """Send 500 pieces a second for each client."""
    for number in range(int(seconds * 50)):
        for sender in senders:
            for _ in range(10):
                sender.send(b"line %d\n" % number)
        await trio.sleep(0.02)


async def test_what_a_person_can_follow_is_shown_at_once(autojump_clock: MockClock) -> None:
    async with running() as screen:
        sender = Sender(screen, 1)
        for number in range(250):
            sender.send(b"%d\n" % number)
        sender.leave()
        assert screen.shown == [
            ClientConnected(sender.connection),
            *(DataReceived(sender.connection, b"%d\n" % number) for number in range(250)),
            ClientClosed(sender.connection, 0),
        ]


async def test_a_flood_is_some_hundred_lines_a_second_and_an_exact_count(
    autojump_clock: MockClock,
) -> None:
    async with running() as screen:
        sender = Sender(screen, 1)
        await flood([sender], 10)
        assert AT_ONCE + 8 * A_SECOND < screen.lines - counted(screen.shown) < 11 * A_SECOND
        sender.leave()
        await trio.sleep(10)
        pieces = [one for one in screen.shown if isinstance(one, DataReceived)]
        assert len(pieces) + counted(screen.shown) == sender.sent == 5_000
        assert screen.shown[-1] == ClientClosed(sender.connection, 0)
        numbers = [int(one.data.split()[1]) for one in pieces]
        assert numbers == sorted(numbers)


async def test_floods_share_the_screen(autojump_clock: MockClock) -> None:
    async with running() as screen:
        senders = [Sender(screen, number) for number in range(20)]
        await flood(senders, 2)
        before = [len(screen.of(sender)) for sender in senders]
        await flood(senders, 4)
        turns = [len(screen.of(sender)) - one for sender, one in zip(senders, before, strict=True)]
        assert min(turns) > 40
        assert max(turns) - min(turns) <= 4
        await trio.sleep(5)
        for sender in senders:
            pieces = [one for one in screen.of(sender) if isinstance(one, DataReceived)]
            assert len(pieces) + counted(screen.of(sender)) == sender.sent


async def test_the_lines_of_a_quiet_client_appear_at_once_beside_floods(
    autojump_clock: MockClock,
) -> None:
    async with running() as screen, trio.open_nursery() as nursery:
        senders = [Sender(screen, number) for number in range(20)]
        quiet = Sender(screen, 50)
        await flood(senders, 1)
        nursery.start_soon(flood, senders, 9)
        for number in range(10):
            await trio.sleep(0.4)
            quiet.send(b"quiet %d\n" % number)
            assert screen.shown[-1] == DataReceived(quiet.connection, b"quiet %d\n" % number)
        quiet.leave()
        assert screen.shown[-1] == ClientClosed(quiet.connection, 0)
        assert counted(screen.of(quiet)) == 0
        nursery.cancel_scope.cancel()


async def test_ten_lines_of_a_quiet_client_stay_together_when_there_is_no_room(
    autojump_clock: MockClock,
) -> None:
    async with running() as screen:
        quiet, other = Sender(screen, 1), Sender(screen, 2)
        for number in range(AT_ONCE):
            other.send(b"%d\n" % number)
        data = b"".join(b"quiet %d\n" % number for number in range(10))
        quiet.send(data)
        await trio.sleep(0.11)
        assert screen.of(quiet)[-1] == DataReceived(quiet.connection, data)


async def test_hundreds_of_clients_that_come_and_leave_at_once_are_all_shown(
    autojump_clock: MockClock,
) -> None:
    async with running() as screen:
        events: list[ServerEvent] = []
        for number in range(280):
            one = client(number)
            events += [ClientConnected(one), ClientFailed(one, RESET), ClientClosed(one, 0)]
        screen.put(*events)
        await trio.sleep(5)
        assert screen.shown == events


async def test_a_flood_of_connections_is_counted_and_hides_no_client_that_was_there(
    autojump_clock: MockClock,
) -> None:
    async with running() as screen:
        quiet = Sender(screen, 0)
        quiet.send(b"hello\n")
        sent = 0
        for number in range(1, 5001):
            sender = Sender(screen, number)
            sender.send(b"x")
            sender.leave()
            sent += 4
            if number % 10 == 0:
                await trio.sleep(0.01)
            if number % 1000 == 0:
                quiet.send(b"I am here\n")
                await trio.sleep(0.11)
                assert screen.of(quiet)[-1] == DataReceived(quiet.connection, b"I am here\n")
        quiet.leave()
        await trio.sleep(10)
        assert counted(screen.of(quiet)) == 0
        missing = counted(screen.shown)
        assert missing > sent / 2
        reports = sum(isinstance(one, LinesMissing) for one in screen.shown)
        assert screen.lines == sent + 2 + 6 + 1
        assert reports < 100


async def test_a_piece_with_many_lines_is_cut_between_two(autojump_clock: MockClock) -> None:
    async with running() as screen:
        sender = Sender(screen, 1)
        sender.send(b"".join(b"%d\n" % number for number in range(1000)))
        shown = b"".join(b"%d\n" % number for number in range(AT_ONCE - 2))
        assert screen.shown[1:] == [DataReceived(sender.connection, shown)]
        await trio.sleep(1)
        assert screen.shown[2:] == [LinesMissing(702, sender.connection)]
        sender.send(b"again\n")
        await trio.sleep(1)
        assert screen.shown[3:] == [DataReceived(sender.connection, b"again\n")]


async def test_long_lines_take_more_room(autojump_clock: MockClock) -> None:
    async with running() as screen:
        sender = Sender(screen, 1)
        for _ in range(100):
            for _ in range(10):
                sender.send(b"x" * 65536)
            await trio.sleep(0.1)
        pieces = sum(isinstance(one, DataReceived) for one in screen.shown)
        assert 20 < pieces < 100
        sender.leave()
        await trio.sleep(10)
        assert (
            sum(isinstance(one, DataReceived) for one in screen.shown) + counted(screen.shown)
            == 1000
        )


async def test_memory_that_waits_is_limited(autojump_clock: MockClock) -> None:
    async with running() as screen:
        senders = [Sender(screen, number) for number in range(300)]
        for _ in range(3):
            for sender in senders:
                sender.send(b"x" * 65536)
        held = sum(one.bytes for one in screen.pacing._behind)
        assert 1_000_000 < held == screen.pacing._bytes <= 8 * 1024 * 1024
        for sender in senders:
            sender.leave()
        screen.put(STOPPED)
        assert screen.lines == 300 * (2 + 3 + 1) + 1
        assert (screen.pacing._bytes, screen.pacing._lines) == (0, 0)


async def test_what_is_about_the_server_is_never_left_out() -> None:
    screen = Screen()
    sender = Sender(screen, 1)
    for number in range(1000):
        sender.send(b"%d\n" % number)
    about: list[ServerEvent] = [Listening(SERVER), Draining(1, 5), STOPPED]
    screen.put(*about)
    assert [one for one in screen.shown if one in about] == about
    assert screen.shown[-1] == STOPPED
    assert screen.lines == 2 + 1000 + 3


async def test_clients_of_another_process_and_their_missing_lines_are_added() -> None:
    screen = Screen()
    screen.put(ClientConnected(client(1)))
    screen.put(*(DataReceived(client(1), b"x") for _ in range(400)), LinesMissing(50, client(1)))
    screen.put(LinesMissing(7), ClientsWaiting(3), ClientsFolded("192.0.2.9", 2, None))
    died = WorkerDied(1, -9, 1, 0.1)
    screen.put(died)
    assert screen.shown[-3:] == [LinesMissing(122, client(1)), LinesMissing(9), died]
    assert screen.lines == 2 + 450 + 9 + 1


async def test_a_task_that_has_nothing_to_wait_for_sleeps(mock_clock: MockClock) -> None:
    async with running() as screen:
        Sender(screen, 1).leave()
        await wait_all_tasks_blocked()
        mock_clock.jump(1)
        await wait_all_tasks_blocked()
        assert not screen.pacing._clients
        assert not screen.pacing._behind


CLIENTS = st.integers(1, 5)
ACTIONS = st.one_of(
    st.tuples(st.just("send"), CLIENTS, st.sampled_from([b"a\n", b"b\n" * 99, b"c" * 3000])),
    st.tuples(st.just("flood"), CLIENTS, st.integers(1, 500)),
    st.tuples(st.just("fail"), CLIENTS, st.integers(1, 40)),
    st.tuples(st.just("refuse"), CLIENTS, st.integers(1, 900)),
    st.tuples(st.just("wait"), st.floats(0, 1), st.none()),
)


@settings(deadline=None, max_examples=30)
@given(actions=st.lists(ACTIONS, max_size=40))
def test_no_line_is_lost_or_out_of_order(actions: list[tuple[str, int, object]]) -> None:
    async def main() -> None:
        async with running() as screen:
            senders = {number: Sender(screen, number) for number in range(1, 6)}
            others = 0
            for what, number, how in actions:
                match what, how:
                    case "send", bytes():
                        senders[number].send(how)
                    case "flood", int():
                        for at in range(how):
                            senders[number].send(b"%d\n" % at)
                    case "fail", int():
                        for _ in range(how):
                            others += 1
                            screen.put(ClientFailed(senders[number].connection, RESET))
                    case "refuse", int():
                        for at in range(how):
                            others += 1
                            screen.put(HandshakeFailed(client(100 + at), RESET))
                    case _:
                        await trio.sleep(number)
            for sender in senders.values():
                sender.leave()
            screen.put(STOPPED)
            sent = sum(sender.sent for sender in senders.values())
            assert screen.lines == sent + others + 5 * 3 + 1
            assert screen.shown[-1] == STOPPED
            for sender in senders.values():
                kinds = [type(one) for one in screen.of(sender)]
                assert ClientConnected not in kinds[1:]
                assert ClientClosed not in kinds[:-1]

    trio.run(main, clock=MockClock(autojump_threshold=0))


@pytest.mark.parametrize(
    ("data", "lines"), [(b"a", 1), (b"a\n", 1), (b"a\nb", 2), (b"\n\n", 2), (b"\n", 1)]
)
def test_lines_are_counted_in_a_buffer(data: bytes, lines: int) -> None:
    assert lines_in(bytearray(data + b"\nrest\n"), len(data)) == lines
