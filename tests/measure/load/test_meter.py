"""How busy the load, a server and the rest of the machine are."""

from __future__ import annotations

import os
import socket
import sys
import time

import psutil
import pytest

from trio_echo import BackgroundServer, Endpoint
from trio_echo.measure.load import meter
from trio_echo.measure.load.meter import Meter, Server, find_servers
from trio_echo.measure.serving import served

ELSEWHERE = Endpoint("192.0.2.1", 9000)  # RFC 5737: an address that nobody has


def pid_of(server: Server) -> int | None:
    return None if server.process is None else server.process.pid


seen = pytest.mark.skipif(
    sys.platform == "darwin", reason="macOS shows root alone who listens where"
)


@seen
async def test_a_server_on_this_machine_is_found_by_where_it_listens(host: str) -> None:
    async with served() as targets:
        ours = [one for one in targets if one.host == host]
        with BackgroundServer(hosts=[host]) as background:
            found = find_servers([*ours, background.addresses[0], ELSEWHERE])
        process = found[0].process
        assert process is not None
        assert process.ppid() == os.getpid()
        assert pid_of(found[1]) == os.getpid()
    assert [one.here for one in found] == [True, True, False]
    assert pid_of(found[2]) is None
    assert found[0].seconds() is None  # it has ended
    assert found[1].seconds() > 0  # type: ignore[operator]


@seen
def test_a_server_that_listens_at_every_address_is_found() -> None:
    with socket.create_server(("", 0)) as listener:
        port = listener.getsockname()[1]
        (found,) = find_servers([Endpoint("127.0.0.1", port)])
    assert pid_of(found) == os.getpid()


def test_a_port_that_nobody_listens_on_has_no_server() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    (found,) = find_servers([Endpoint("127.0.0.1", port)])
    assert (found.here, found.process) == (True, None)


def test_no_servers_are_found_if_the_system_hides_listeners(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def refuse(_: str) -> None:
        raise psutil.AccessDenied

    monkeypatch.setattr(psutil, "net_connections", refuse)
    (found,) = find_servers([Endpoint("127.0.0.1", 9000)])
    assert (found.here, found.process) == (True, None)


def test_the_use_is_that_of_the_time_in_between(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of two seconds the server works for one, and all programs for three."""
    clock = [100.0, 102.0]
    seconds, every = [5.0, 6.0], [50.0, 53.0]
    server = Server(here=True, process=None)
    monkeypatch.setattr(time, "perf_counter", lambda: clock.pop(0))
    monkeypatch.setattr(Server, "seconds", lambda _: seconds.pop(0))
    monkeypatch.setattr(meter, "_all_seconds", lambda: every.pop(0))
    monkeypatch.setattr(os, "getloadavg", lambda: (1.5, 0.0, 0.0), raising=False)
    usage = Meter(server).stop([(0.25, 0.5), (0.125, 0.0)])
    assert usage.load == (0.25, 0.125)
    assert usage.server == 0.5
    assert usage.others == 1.5 - 0.5 - 0.25 - 0.5 - 0.125
    assert usage.load_average == 1.5


def test_what_carries_the_frames_is_not_among_the_others(monkeypatch: pytest.MonkeyPatch) -> None:
    clock, every, carried = [0.0, 2.0], [10.0, 13.0], [1.0, 2.0]
    server = Server(here=False, process=None, carrier=psutil.Process())
    monkeypatch.setattr(time, "perf_counter", lambda: clock.pop(0))
    monkeypatch.setattr(meter, "_all_seconds", lambda: every.pop(0))
    monkeypatch.setattr(Server, "carried", lambda _: carried.pop(0))
    usage = Meter(server).stop([(0.25, 0.0)])
    assert usage.cable == 0.5
    assert usage.others == 1.5 - 0.25 - 0.5


@pytest.mark.parametrize(("here", "known"), [(True, False), (False, True)])
def test_what_others_used_is_unknown_if_the_server_is_among_them(
    here: bool, known: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = [0.0, 1.0]
    monkeypatch.setattr(time, "perf_counter", lambda: clock.pop(0))
    monkeypatch.delattr(os, "getloadavg", raising=False)
    usage = Meter(Server(here=here, process=None)).stop([(0.5, 0.0)])
    assert usage.server is None
    assert (usage.others is not None) == known
    assert usage.load_average is None


def test_a_round_of_a_few_ticks_does_not_measure_server_and_others(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    clock = [0.0, 0.05]
    monkeypatch.setattr(time, "perf_counter", lambda: clock.pop(0))
    usage = Meter(Server(here=False, process=psutil.Process())).stop([(0.5, 0.0)])
    assert (usage.load, usage.server, usage.others) == ((0.5,), None, None)
