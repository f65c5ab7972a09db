"""The loop of a load on connections that are open."""

from __future__ import annotations

import errno
import os
import select
import socket
import time
from contextlib import contextmanager
from itertools import count
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, cast

import pytest
from support import linked, receive_count, reset

from trio_echo.measure.load.connections import lanes as lanes_module
from trio_echo.measure.load.connections import traffic as traffic_module
from trio_echo.measure.load.connections.connection import LoadConnection
from trio_echo.measure.load.connections.lanes import Lanes
from trio_echo.measure.load.connections.traffic import Traffic

if TYPE_CHECKING:
    from collections.abc import Iterator

MIB = 1 << 20


@contextmanager
def load_on(*socks: socket.socket, size: int = 1) -> Iterator[Traffic]:
    """A load in this process, of a message on each socket, with a patience of a nanosecond."""
    for sock in socks:
        sock.setblocking(False)
    waker, wake = socket.socketpair()
    with waker, wake:
        traffic = Traffic(list(socks), wake, size=size, verify=False, patience=1e-9)
        traffic.start_closed(1)
        try:
            yield traffic
        finally:
            traffic.close()


def test_an_unread_echo_is_not_silence() -> None:
    """The process was stopped for longer than its patience; one echo had come by then."""
    near, far = linked("127.0.0.1")
    other, silent = linked("127.0.0.1")
    with far, silent, load_on(near, other) as traffic:
        far.sendall(receive_count(far, 1))
        select.select([near], [], [])
        traffic._fail_silent(time.perf_counter_ns())
        assert traffic.failures == {"no echo for 1e-09 s": 1}
        traffic.drain(0)
        assert traffic.failures == {"no echo for 1e-09 s": 1}
        assert len(traffic.received) == 1


def test_a_reset_is_not_taken_for_silence() -> None:
    near, far = linked("127.0.0.1")
    with load_on(near) as traffic:
        reset(far)
        select.select([near], [], [])
        traffic._fail_silent(time.perf_counter_ns())
    assert traffic.failures == {f"recv(): {os.strerror(errno.ECONNRESET)}": 1}


def test_silence_begins_with_the_latest_byte_of_an_echo() -> None:
    with socket.socket() as sock:
        connection = LoadConnection(sock, 1)
        assert connection.silent(1000) == 0  # it waits for nothing
        connection.sent.append(100)
        assert connection.silent(1000) == 900
        connection.heard = 600
        assert connection.silent(1000) == 400


def test_while_a_large_message_moves_its_echo_is_not_waited_for() -> None:
    near, far = linked("127.0.0.1")
    with far, load_on(near, size=64 * MIB) as traffic:
        (connection,) = traffic._connections.values()
        assert connection.unsent
        began = time.perf_counter_ns()
        while not connection.moved:
            far.recv(MIB)
            traffic._flush(connection)
        now = time.perf_counter_ns()
        assert connection.silent(now) < now - began


@pytest.mark.parametrize(
    ("turn", "spun"), [(1_000, 400_000), (100_000, 200_000)], ids=["a turn", "an interrupted turn"]
)
@pytest.mark.parametrize("kind", ["messages", "connections"])
def test_an_open_loop_that_looks_for_work_is_not_busy(
    monkeypatch: pytest.MonkeyPatch, kind: str, turn: int, spun: int
) -> None:
    """Nothing is due before the end. Each turn takes the same time on this clock."""
    near, far = linked("127.0.0.1")
    near.setblocking(False)
    waker, wake = socket.socketpair()
    with far, waker, wake:
        load: Traffic | Lanes
        if kind == "messages":
            load = Traffic([near], wake, size=1, verify=False, patience=60)
        else:
            near.close()
            load = Lanes(cast("Any", None), wake, count=1, patience=60)
        clock = SimpleNamespace(perf_counter_ns=count(0, turn).__next__)
        for module in (traffic_module, lanes_module):
            monkeypatch.setattr(module, "time", clock)
        load.start_open(iter([500_000]))
        load.run(400_000)
        load.close()
    assert load.spun == spun
