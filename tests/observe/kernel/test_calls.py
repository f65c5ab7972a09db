"""System calls are counted where they are made."""

from __future__ import annotations

import socket
import sys
import threading

import pytest
import trio

from trio_echo.observe.kernel.calls import Calls


def test_calls_that_move_bytes_are_counted_by_name() -> None:
    one, other = socket.socketpair()
    with one, other, Calls() as calls:
        one.send(b"a")
        one.send(b"b")
        other.recv(10)
        one.send(b"c")
        other.recv_into(bytearray(10))
        one.getsockname()
    assert calls.counts == {"send": 3, "recv": 2}
    assert calls.per(2) == {"recv": 1.0, "send": 1.5}


def test_a_failed_call_counts() -> None:
    one, other = socket.socketpair()
    with one, other, Calls() as calls:
        one.setblocking(False)
        with pytest.raises(BlockingIOError):
            one.recv(1)
    assert calls.counts == {"recv": 1}


def test_only_the_block_and_only_this_thread_count() -> None:
    one, other = socket.socketpair()
    with one, other:
        with Calls() as calls:
            thread = threading.Thread(target=one.send, args=(b"a",))
            thread.start()
            thread.join()
        one.send(b"b")
    assert not calls.counts


@pytest.mark.skipif(sys.platform == "win32", reason="Trio waits with its own functions there")
async def test_trio_waits_by_calls_too() -> None:
    one, other = trio.socket.socketpair()
    with one, other, Calls() as calls:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(one.recv, 1)
            await trio.testing.wait_all_tasks_blocked()
            await other.send(b"a")
    waits = calls.counts["epoll_wait"] + calls.counts["kevent"]
    assert waits > 0
    assert calls.counts["recv"] == 2  # the first one found nothing
    assert calls.counts["send"] == 1


def test_two_counters_at_once_are_refused() -> None:
    with Calls() as calls, pytest.raises(RuntimeError, match="another profiler"):
        Calls().__enter__()
    with calls:
        pass


def test_dividing_by_no_messages_is_an_error() -> None:
    with pytest.raises(ValueError, match="no messages to divide"):
        Calls().per(0)
