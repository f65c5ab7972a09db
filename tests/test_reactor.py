"""The reactor alone: one task with many sockets."""

from __future__ import annotations

import sys

import pytest

if sys.platform != "linux":
    pytest.skip("epoll is Linux's", allow_module_level=True)

import errno
import os
import resource
import select
import socket
from contextlib import contextmanager, suppress
from functools import partial
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import trio
from support import PATIENCE, linked, reset
from trio.testing import MockClock, wait_all_tasks_blocked

import trio_echo.reactor
from trio_echo import SocketCallError
from trio_echo.accepted import open_queue
from trio_echo.reactor import Reactor, open_reactor
from trio_echo.socket_relay import SocketRelay

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence


class Ends:
    """A relay with both ends of its connection; `far` is a plain, non-blocking socket."""

    def __init__(
        self,
        reactor: Reactor,
        tap: Callable[[bytes], object] | None = None,
        pair: tuple[socket.socket, socket.socket] | None = None,
    ) -> None:
        self.near, self.far = linked("127.0.0.1") if pair is None else pair
        self.near.setblocking(False)
        self.far.setblocking(False)
        self.relay = SocketRelay(self.near, reactor, tap)
        self.scope = trio.CancelScope()

    async def run(self) -> None:
        with self.scope, self.near:
            await self.relay.run()

    def echo(self) -> bytes:
        """Receive what has come back so far."""
        try:
            return self.far.recv(100_000)
        except BlockingIOError:
            return b""


@contextmanager
def closing_far(*all_ends: Ends) -> Iterator[None]:
    try:
        yield
    finally:
        for ends in all_ends:
            ends.far.close()


async def test_if_a_tap_cancels_another_client_of_its_batch_the_bytes_of_that_one_stay() -> None:
    tapped: list[Ends] = []

    def tap(mine: int, _: bytes) -> None:
        tapped.append(both[mine])
        both[1 - mine].scope.cancel()

    async with open_reactor() as reactor, trio.open_nursery() as nursery:
        assert reactor is not None
        both = [Ends(reactor, partial(tap, number)) for number in (0, 1)]
        with closing_far(*both):
            for ends in both:
                ends.far.send(b"hello")
            for ends in both:
                nursery.start_soon(ends.run)
            await wait_all_tasks_blocked(0.01)
            (first,) = tapped  # one of the two
            (other,) = (ends for ends in both if ends is not first)
            assert first.echo() == b"hello"
            assert other.relay.echoed == 0
            assert other.scope.cancelled_caught
            with pytest.raises(ConnectionResetError):  # closed with unreceived bytes
                other.far.recv(100)
            first.far.send(b"again")
            await wait_all_tasks_blocked(0.01)
            assert first.echo() == b"again"
            nursery.cancel_scope.cancel()


async def test_a_reused_descriptor_belongs_to_the_new_client() -> None:
    async with open_reactor() as reactor, trio.open_nursery() as nursery:
        assert reactor is not None
        numbers = set()
        for turn in range(20):
            ends = Ends(reactor)
            numbers.add(ends.near.fileno())
            with closing_far(ends):
                ends.far.send(b"%d" % turn)
                if turn % 3 == 0:
                    ends.far.shutdown(socket.SHUT_WR)
                    await ends.run()
                elif turn % 3 == 1:
                    nursery.start_soon(ends.run)
                    await wait_all_tasks_blocked(0.01)
                    ends.scope.cancel()
                    await wait_all_tasks_blocked()
                else:
                    reset(ends.far)
                    with pytest.raises(SocketCallError):
                        await ends.run()
                    continue
                assert ends.echo() == b"%d" % turn
        assert len(numbers) < 5


async def test_cancelled_with_its_relays_it_closes_after_them() -> None:
    with trio.CancelScope() as scope:
        async with open_reactor() as reactor, trio.open_nursery() as nursery:
            assert reactor is not None
            many = [Ends(reactor) for _ in range(5)]
            for ends in many:
                nursery.start_soon(ends.run)
            await wait_all_tasks_blocked()
            scope.cancel()
    assert scope.cancelled_caught
    for ends in many:
        assert ends.scope.cancelled_caught is False  # the outer one was cancelled
        assert ends.near.fileno() == -1
        ends.far.close()
    assert reactor is not None
    with pytest.raises(ValueError, match="closed epoll"):
        reactor._epoll.fileno()


def moved_to(number: int, sock: socket.socket) -> socket.socket:
    """Give a socket this number, which is free or its own."""
    if sock.fileno() == number:
        return sock
    with sock:
        os.dup2(sock.fileno(), number, inheritable=False)
    return socket.socket(fileno=number)


async def test_if_somebody_else_closes_a_socket_other_clients_are_served() -> None:
    async with open_reactor() as reactor, trio.open_nursery() as nursery:
        assert reactor is not None
        lost = Ends(reactor)
        nursery.start_soon(lost.run)
        await wait_all_tasks_blocked()
        number = lost.near.fileno()
        lost.near.close()
        near, far = linked("127.0.0.1")
        if far.fileno() == number:
            near, far = far, near
        heir = Ends(reactor, pair=(moved_to(number, near), far))
        with closing_far(lost, heir):
            nursery.start_soon(heir.run)
            await wait_all_tasks_blocked()
            lost.scope.cancel()
            await wait_all_tasks_blocked()
            far.send(b"hello")
            await wait_all_tasks_blocked(0.01)
            assert heir.echo() == b"hello"
            nursery.cancel_scope.cancel()


async def test_if_somebody_else_closes_a_socket_its_task_can_end() -> None:
    async with open_reactor() as reactor, trio.open_nursery() as nursery:
        assert reactor is not None
        lost = Ends(reactor)
        with closing_far(lost):
            nursery.start_soon(lost.run)
            await wait_all_tasks_blocked()
            lost.near.close()
            nursery.cancel_scope.cancel()


async def test_if_somebody_else_receives_the_bytes_nobody_waits_for_them() -> None:
    received: list[bytes] = []

    def tap(mine: int, data: bytes) -> None:
        received.append(data)
        if len(received) == 1:
            received.append(both[1 - mine].near.recv(100))

    async with open_reactor() as reactor, trio.open_nursery() as nursery:
        assert reactor is not None
        both = [Ends(reactor, partial(tap, number)) for number in (0, 1)]
        with closing_far(*both):
            for ends in both:
                ends.far.send(b"hello")
            for ends in both:
                nursery.start_soon(ends.run)
            await wait_all_tasks_blocked(0.01)
            assert received == [b"hello", b"hello"]
            assert sorted(ends.relay.echoed for ends in both) == [0, 5]
            for ends in both:
                ends.far.send(b"again")
            await wait_all_tasks_blocked(0.01)
            assert sorted(ends.echo() for ends in both) == [b"again", b"helloagain"]
            nursery.cancel_scope.cancel()


class Stubborn(socket.socket):
    """Twice has no room to send, although epoll reported some; then only a little."""

    refusals = 0

    def send(self, data: Any, flags: int = 0) -> int:
        if self.refusals < 2:
            self.refusals += 1
            raise BlockingIOError
        return super().send(memoryview(data)[:1000], flags)


async def filled(far: socket.socket) -> bytes:
    """Send until both directions of an echo are full."""
    sent, piece = bytearray(), os.urandom(50_000)
    with suppress(BlockingIOError):
        while True:
            sent += piece[: far.send(piece)]
            await wait_all_tasks_blocked(0.001)
    return bytes(sent)


async def rest_of(ends: Ends, count: int) -> bytes:
    """Receive this many bytes, as they come back."""
    came = bytearray()

    def is_all() -> bool:
        came.extend(ends.echo())
        return len(came) >= count

    await wait_for(is_all)
    return bytes(came)


async def test_if_there_is_no_room_to_send_it_keeps_the_rest_and_the_order() -> None:
    near, far = linked("127.0.0.1")
    async with open_reactor() as reactor, trio.open_nursery() as nursery:
        assert reactor is not None
        sock = Stubborn(fileno=near.detach())
        ends = Ends(reactor, pair=(sock, far))
        moves = 0

        def moved() -> None:
            nonlocal moves
            moves += 1

        ends.relay.moved = moved
        with closing_far(ends):
            nursery.start_soon(ends.run)
            sent = await filled(far)
            assert ends.relay.rest
            received_before, moves = ends.relay.echoed, 0
            assert await rest_of(ends, len(sent)) == sent
            assert sock.refusals == 2
            assert moves > 1
            assert ends.relay.echoed == len(sent) > received_before
            far.send(b"again")
            assert await rest_of(ends, 5) == b"again"
            assert ends.relay.rest is None
            nursery.cancel_scope.cancel()


async def test_a_client_that_resets_while_its_rest_waits_has_failed() -> None:
    async with open_reactor() as reactor, trio.open_nursery() as nursery:
        assert reactor is not None
        ends = Ends(reactor)
        with pytest.RaisesGroup(pytest.RaisesExc(SocketCallError, match=r"\[send\(\)\]")):
            async with trio.open_nursery() as client:
                client.start_soon(ends.run)
                await filled(ends.far)
                reset(ends.far)
        nursery.cancel_scope.cancel()


@contextmanager
def descriptors(count: int) -> Iterator[None]:
    """Allow this process this many open files."""
    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    soft, hard = before
    if hard != resource.RLIM_INFINITY and hard < count:
        pytest.skip(f"only {hard} open files are allowed here")
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, count), hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, before)


async def test_each_of_500_quiet_clients_is_served_before_a_flood_has_three_turns() -> None:
    served: list[int] = []

    def tap(number: int, _: bytes) -> None:
        served.append(number)
        if number == 250:  # the flooding one always has more
            many[number].far.send(bytes(1000))

    with descriptors(2000):
        async with open_reactor() as reactor, trio.open_nursery() as nursery:
            assert reactor is not None
            many = [Ends(reactor, partial(tap, number)) for number in range(501)]
            with closing_far(*many):
                for ends in many:
                    ends.far.send(b"x")
                    nursery.start_soon(ends.run)
                await wait_for(lambda: set(served) == set(range(501)))
                first = {number: served.index(number) for number in range(501)}
                last = max(first.values())
                assert served[: last + 1].count(250) <= 3
                nursery.cancel_scope.cancel()


async def wait_for(condition: Callable[[], bool]) -> None:
    with trio.fail_after(PATIENCE):
        while not condition():
            await trio.lowlevel.checkpoint()


def ticking(seconds: float) -> SimpleNamespace:
    """A `time` module whose clock advances at each call."""
    now = 0.0

    def perf_counter() -> float:
        nonlocal now
        now += seconds
        return now

    return SimpleNamespace(perf_counter=perf_counter)


@pytest.mark.parametrize("clients", [2, 3, 4, 6])
async def test_flooding_clients_take_turns(monkeypatch: pytest.MonkeyPatch, clients: int) -> None:
    """If a batch were dropped, the same one would be reported each time."""
    monkeypatch.setattr(trio_echo.reactor, "_EVENTS", 1)
    monkeypatch.setattr(trio_echo.reactor, "time", ticking(trio_echo.reactor._TURN * 0.6))
    served: list[int] = []

    def tap(number: int, _: bytes) -> None:
        served.append(number)
        many[number].far.send(b"x")

    async with open_reactor() as reactor, trio.open_nursery() as nursery:
        assert reactor is not None
        many = [Ends(reactor, partial(tap, number)) for number in range(clients)]
        with closing_far(*many):
            for ends in many:
                ends.far.send(b"x")
                nursery.start_soon(ends.run)
            await wait_for(lambda: len(served) >= 10 * clients)
            nursery.cancel_scope.cancel()
    counts = [served[: 10 * clients].count(number) for number in range(clients)]
    assert min(counts) >= 9


async def test_a_flood_does_not_hold_up_other_tasks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(trio_echo.reactor, "time", ticking(trio_echo.reactor._TURN * 0.4))
    pieces = turns = 0
    most = 0

    def tap(_: bytes) -> None:
        nonlocal pieces, most
        pieces += 1
        most = max(most, pieces)
        if turns < 20:
            ends.far.send(b"x")

    async with open_reactor() as reactor, trio.open_nursery() as nursery:
        assert reactor is not None
        ends = Ends(reactor, tap)
        with closing_far(ends):
            ends.far.send(b"x")
            nursery.start_soon(ends.run)
            await wait_for(lambda: pieces > 0)
            while turns < 20:
                turns += 1
                pieces = 0
                await trio.lowlevel.checkpoint()
            await wait_all_tasks_blocked(0.01)
            nursery.cancel_scope.cancel()
    assert 1 <= most <= 6  # three a turn, and two turns if Trio shuffles its tasks


async def test_many_floods_hold_up_other_tasks_no_longer_than_a_few(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A turn ends after its first batch here, and a batch is small."""
    monkeypatch.setattr(trio_echo.reactor, "time", ticking(2 * trio_echo.reactor._TURN))
    pieces = most = 0

    def tap(_: bytes) -> None:
        nonlocal pieces, most
        pieces += 1
        most = max(most, pieces)

    async with open_reactor() as reactor, trio.open_nursery() as nursery:
        assert reactor is not None
        many = [Ends(reactor, tap) for _ in range(250)]
        with closing_far(*many):
            for ends in many:
                nursery.start_soon(ends.run)
            await wait_all_tasks_blocked()
            for ends in many:
                ends.far.send(b"x")
            while not all(ends.relay.echoed for ends in many):
                pieces = 0
                await trio.lowlevel.checkpoint()
            nursery.cancel_scope.cancel()
    assert most <= 130  # two turns, if Trio shuffles its tasks


@pytest.mark.parametrize(("clients", "room"), [(1, 256 * 1024), (16, 256 * 1024), (17, 64 * 1024)])
async def test_a_batch_of_many_receives_no_more_than_one_of_a_few(
    monkeypatch: pytest.MonkeyPatch, clients: int, room: int
) -> None:
    rooms: list[int] = []

    def readv(descriptor: int, buffers: Sequence[memoryview]) -> int:
        rooms.append(len(buffers[0]))
        return os.readv(descriptor, buffers)

    monkeypatch.setattr(trio_echo.reactor, "_readv", readv)
    async with open_reactor() as reactor, trio.open_nursery() as nursery:
        assert reactor is not None
        many = [Ends(reactor) for _ in range(clients)]
        with closing_far(*many):
            for ends in many:
                nursery.start_soon(ends.run)
            await wait_all_tasks_blocked()
            for ends in many:
                ends.far.send(b"x")
            await wait_for(lambda: all(ends.relay.echoed for ends in many))
            nursery.cancel_scope.cancel()
    assert rooms == [room] * clients


class PatientEpoll:
    """An epoll set that records how many seconds each poll may wait, and does not wait.

    Attributes:
        waits: the seconds.
        before: what to call before a poll, by its place in `waits`.
    """

    def __init__(self) -> None:
        self._epoll: Any = select.epoll()
        self.waits: list[float] = []
        self.before: dict[int, Callable[[], object]] = {}

    def poll(self, seconds: float, most: int) -> object:
        if (call := self.before.get(len(self.waits))) is not None:
            call()
        self.waits.append(seconds)
        return self._epoll.poll(0, most)

    def __getattr__(self, name: str) -> object:
        return getattr(self._epoll, name)


@pytest.fixture
def patient_epoll(monkeypatch: pytest.MonkeyPatch) -> PatientEpoll:
    epoll = PatientEpoll()
    monkeypatch.setattr(trio_echo.reactor, "_open_epoll", lambda: epoll)
    monkeypatch.setattr(trio_echo.reactor, "time", ticking(0.0))
    return epoll


async def echo_often(far: socket.socket) -> None:
    """Each message follows the one before closely: by the clock, at once."""
    for _ in range(1 + trio_echo.reactor._SURE):
        far.send(b"x")
        await wait_all_tasks_blocked(0.01)


async def test_it_waits_only_if_nobody_else_was_seen_several_times_in_a_row(
    patient_epoll: PatientEpoll, monkeypatch: pytest.MonkeyPatch
) -> None:
    sure = trio_echo.reactor._SURE
    looks = [True] * (sure - 1) + [False] + [True] * sure
    answers = iter(looks)
    monkeypatch.setattr(Reactor, "_is_alone", lambda _: next(answers))
    async with open_reactor() as reactor, trio.open_nursery() as nursery:
        assert reactor is not None
        ends = Ends(reactor)
        with closing_far(ends):
            nursery.start_soon(ends.run)
            waited = []
            for _ in [None, *looks]:  # the first message follows none, and nobody looks
                patient_epoll.waits.clear()
                ends.far.send(b"x")
                await wait_all_tasks_blocked(0.01)
                waited.append(any(patient_epoll.waits))
            assert waited == [False] * len(looks) + [True]
            nursery.cancel_scope.cancel()


async def test_after_a_turn_that_had_too_much_to_echo_it_looks_several_times_again(
    patient_epoll: PatientEpoll, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with open_reactor() as reactor, trio.open_nursery() as nursery:
        assert reactor is not None
        ends = Ends(reactor)
        with closing_far(ends):
            nursery.start_soon(ends.run)
            await echo_often(ends.far)
            assert any(patient_epoll.waits)
            monkeypatch.setattr(trio_echo.reactor, "_TURN", -1.0)  # each turn has too much
            ends.far.send(b"x")
            await wait_all_tasks_blocked(0.01)
            monkeypatch.undo()
            monkeypatch.setattr(trio_echo.reactor, "time", ticking(0.0))
            patient_epoll.waits.clear()
            ends.far.send(b"x")
            await wait_all_tasks_blocked(0.01)
            assert not any(patient_epoll.waits)
            nursery.cancel_scope.cancel()


async def test_it_does_not_wait_beside_another_reactor(
    patient_epoll: PatientEpoll, monkeypatch: pytest.MonkeyPatch
) -> None:
    epolls = iter([PatientEpoll(), patient_epoll])
    monkeypatch.setattr(trio_echo.reactor, "_open_epoll", lambda: next(epolls))
    async with open_reactor(), trio.open_nursery() as nursery:
        await wait_all_tasks_blocked()
        async with open_reactor() as reactor:
            assert reactor is not None
            ends = Ends(reactor)
            with closing_far(ends):
                nursery.start_soon(ends.run)
                await echo_often(ends.far)
                assert not any(patient_epoll.waits)
                ends.scope.cancel()
                await wait_all_tasks_blocked()


@pytest.mark.parametrize(
    ("other", "waits"),
    [
        ("nobody", trio_echo.reactor._PATIENCE),
        ("a socket", 0.0),
        ("a distant deadline", trio_echo.reactor._PATIENCE),
        ("a near deadline", 0.0),
        ("a tap", 0.0),
    ],
)
async def test_it_waits_for_the_next_message_only_if_nobody_else_would_be_late(
    patient_epoll: PatientEpoll, mock_clock: MockClock, other: str, waits: float
) -> None:
    near, far = linked("127.0.0.1")
    async with open_reactor() as reactor, trio.open_nursery() as nursery:
        assert reactor is not None
        ends = Ends(reactor, (lambda _: None) if other == "a tap" else None)
        with near, far, closing_far(ends):
            nursery.start_soon(ends.run)
            if other == "a socket":
                nursery.start_soon(trio.lowlevel.wait_readable, near)
            elif other.endswith("deadline"):
                nursery.start_soon(trio.sleep, 0.0005 if "near" in other else 10)
            await wait_all_tasks_blocked()
            await echo_often(ends.far)
            assert patient_epoll.waits[0] == 0.0  # the first message follows none
            assert patient_epoll.waits[-1] == waits
            nursery.cancel_scope.cancel()


@pytest.mark.parametrize(
    ("later", "polls"),
    [
        # The first sees the message, the second nothing more.
        pytest.param({}, 2, id="no other message"),
        # The first sees a message, the fifth another one, the sixth nothing more.
        pytest.param({4: b"y"}, 6, id="another message while it looks"),
    ],
)
async def test_if_messages_come_at_once_it_looks_before_it_sleeps(
    patient_epoll: PatientEpoll, later: dict[int, bytes], polls: int
) -> None:
    async with open_reactor() as reactor, trio.open_nursery() as nursery:
        assert reactor is not None
        ends = Ends(reactor)
        with closing_far(ends):
            nursery.start_soon(ends.run)
            await echo_often(ends.far)
            ends.echo()
            patient_epoll.waits.clear()
            for place, message in later.items():
                patient_epoll.before[place] = partial(ends.far.send, message)
            ends.far.send(b"x")
            await wait_all_tasks_blocked(0.01)
            looks = [0.0] * (polls + trio_echo.reactor._LOOKS)  # as often as it may
            assert patient_epoll.waits == [*looks, trio_echo.reactor._PATIENCE]
            assert ends.echo() == b"x" + b"".join(later.values())
            nursery.cancel_scope.cancel()


async def test_a_client_that_comes_ends_the_wait(patient_epoll: PatientEpoll) -> None:
    (listener,) = await trio.open_tcp_listeners(0, host="127.0.0.1")
    async with listener, open_reactor() as reactor, trio.open_nursery() as nursery:
        assert reactor is not None
        ends = Ends(reactor)
        with open_queue(listener) as queue, closing_far(ends):
            nursery.start_soon(ends.run)
            await wait_all_tasks_blocked()
            with reactor.watching(queue):
                nursery.start_soon(trio.lowlevel.wait_readable, listener.socket)
                await wait_all_tasks_blocked()
                await echo_often(ends.far)
                assert patient_epoll.waits[-1] > 0
                with socket.create_connection(listener.socket.getsockname()):
                    await wait_all_tasks_blocked(0.01)
                    assert patient_epoll.waits[-1] == 0
                    count = len(patient_epoll.waits)
                    await wait_all_tasks_blocked(0.01)  # nobody accepts, and it does not spin
                    assert len(patient_epoll.waits) == count
            nursery.cancel_scope.cancel()


class FailingEpoll:
    """An epoll set of a system that does not watch any more sockets."""

    def __init__(self) -> None:
        self._epoll: Any = trio_echo.reactor._open_epoll()
        self.full = False

    def register(self, fd: int, mask: int) -> None:
        if self.full:
            raise OSError(errno.ENOSPC, "No space left on device")
        self._epoll.register(fd, mask)

    def __getattr__(self, name: str) -> object:
        return getattr(self._epoll, name)


async def test_a_client_fails_if_the_system_cannot_watch_another_socket(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    epoll = FailingEpoll()
    monkeypatch.setattr(trio_echo.reactor, "_open_epoll", lambda: epoll)
    async with open_reactor() as reactor, trio.open_nursery() as nursery:
        assert reactor is not None
        first, second = Ends(reactor), Ends(reactor)
        with closing_far(first, second):
            nursery.start_soon(first.run)
            await wait_all_tasks_blocked()
            epoll.full = True
            with pytest.raises(SocketCallError) as failure:
                await second.run()
            assert str(failure.value) == "[epoll_ctl()] No space left on device"
            first.far.send(b"hello")
            await wait_all_tasks_blocked(0.01)
            assert first.echo() == b"hello"
            nursery.cancel_scope.cancel()
