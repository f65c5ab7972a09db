"""The idle watch on a system that does not count bytes: it only sees what waits to be received."""

from __future__ import annotations

import socket
from typing import TYPE_CHECKING

import pytest
import trio
from trio.testing import MockClock, wait_all_tasks_blocked

import trio_echo.idleness
from trio_echo.idleness import IdleWatch
from trio_echo.tcp_info import is_on_its_way, is_readable, progress

if TYPE_CHECKING:
    from collections.abc import Iterator

LIMIT = 8.0


@pytest.fixture
def pair(request: pytest.FixtureRequest) -> Iterator[tuple[socket.socket, socket.socket]]:
    """A connection that is not TCP, so the system counts nothing."""
    near, far = socket.socketpair()
    with near, far:
        yield near, far


async def pass_time(clock: MockClock, seconds: int) -> None:
    for _ in range(seconds):
        await wait_all_tasks_blocked()
        clock.jump(1)
    await wait_all_tasks_blocked()


async def test_a_silent_client_is_ended_but_not_one_that_moves_or_has_left(
    pair: tuple[socket.socket, socket.socket], mock_clock: MockClock
) -> None:
    scopes = [trio.CancelScope() for _ in range(3)]
    async with trio.open_nursery() as nursery:
        watch = IdleWatch(LIMIT)
        nursery.start_soon(watch.run)
        await pass_time(mock_clock, 100)  # without clients
        silent, active, left = [watch.add(pair[0], scope) for scope in scopes]
        await pass_time(mock_clock, 4)
        active.moved()
        left.leave()
        await pass_time(mock_clock, 4)
        assert [scope.cancel_called for scope in scopes] == [True, False, False]
        silent.leave()
        await pass_time(mock_clock, 4)
        assert [scope.cancel_called for scope in scopes] == [True, True, False]
        nursery.cancel_scope.cancel()


async def test_a_client_that_comes_and_goes_before_the_watch_wakes_does_not_end_it(
    pair: tuple[socket.socket, socket.socket], mock_clock: MockClock
) -> None:
    async with trio.open_nursery() as nursery:
        watch = IdleWatch(LIMIT)
        nursery.start_soon(watch.run)
        await wait_all_tasks_blocked()
        watch.add(pair[0], trio.CancelScope()).leave()
        await wait_all_tasks_blocked()
        with trio.CancelScope() as scope:
            watch.add(pair[0], scope)
            await pass_time(mock_clock, 8)
        assert scope.cancelled_caught
        nursery.cancel_scope.cancel()


async def test_bytes_that_came_give_the_relay_time_but_not_forever(
    pair: tuple[socket.socket, socket.socket], mock_clock: MockClock
) -> None:
    near, far = pair
    scope = trio.CancelScope()
    async with trio.open_nursery() as nursery:
        watch = IdleWatch(LIMIT)
        nursery.start_soon(watch.run)
        client = watch.add(near, scope)
        await pass_time(mock_clock, 4)
        far.send(b"!")
        await pass_time(mock_clock, 6)
        assert not scope.cancel_called
        await pass_time(mock_clock, 4)  # the relay cannot send, so it does not receive
        assert scope.cancel_called
        client.leave()
        nursery.cancel_scope.cancel()


async def test_many_silent_clients_are_ended_in_batches(
    pair: tuple[socket.socket, socket.socket],
    mock_clock: MockClock,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(trio_echo.idleness, "_BATCH", 2)
    scopes = [trio.CancelScope() for _ in range(7)]
    async with trio.open_nursery() as nursery:
        watch = IdleWatch(LIMIT)
        for scope in scopes:
            watch.add(pair[0], scope)
        nursery.start_soon(watch.run)
        await wait_all_tasks_blocked()
        mock_clock.jump(LIMIT)
        await wait_all_tasks_blocked()
        assert all(scope.cancel_called for scope in scopes)
        nursery.cancel_scope.cancel()


def test_a_closed_socket_can_be_asked_too() -> None:
    sock = socket.socket()
    sock.close()
    assert is_readable(sock)
    assert is_on_its_way(sock)
    assert progress(sock) is True
