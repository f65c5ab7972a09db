from __future__ import annotations

import errno
import json
import os
import shutil
import socket
import subprocess
import sys
import threading
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import psutil
import pytest
import trio
from support import (
    PATIENCE,
    RawServer,
    hanging_server,
    ipv6,
    receive_all,
    reset,
    silent_listener,
)

from trio_echo import BackgroundServer, Endpoint, Faults, SocketCallError
from trio_echo.addresses import parse_endpoint
from trio_echo.errors import strerror
from trio_echo.events import DataReceived
from trio_echo.measure.histogram import merged
from trio_echo.measure.load.pace import Pacer
from trio_echo.measure.load.round import run_round
from trio_echo.measure.load.workload import FROM_INTENDED, ROUND_TRIP, Samples, Workload

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from trio_echo.events import ServerEvent
    from trio_echo.measure.load.loader import Report


@pytest.fixture(params=["127.0.0.1", pytest.param("::1", marks=[pytest.mark.slow, ipv6])])
def host(request: pytest.FixtureRequest) -> str:
    """The loopback address of each family; starting processes takes long, so one is quick."""
    return str(request.param)


BENCHMARKS = Path(__file__).parents[3] / "benchmarks"
MIB = 1 << 20
SECOND = 1_000_000_000


def loaders() -> list[psutil.Process]:
    """The processes of loads that this one has started, and that still run."""
    found = []
    for child in psutil.Process().children():
        try:
            if "trio_echo.measure.load.loader" in child.cmdline():
                found.append(child)
        except psutil.Error:  # it has just ended
            continue
    return found


async def measured(
    target: Endpoint,
    load: Workload,
    *,
    patience: float = PATIENCE,
    progress: Callable[[Report], object] = lambda _: None,
    stop: trio.Event | None = None,
) -> Samples:
    """Run a round, and check what holds for all of them."""
    with trio.fail_after(2 * PATIENCE):
        samples = await run_round(target, load, patience=patience, progress=progress, stop=stop)
    assert not loaders()
    assert len(samples.intended) == len(samples.sent) == len(samples.received)
    assert list(samples.received) == sorted(samples.received)
    times = zip(samples.intended, samples.sent, samples.received, strict=True)
    for intended, sent, received in times:
        assert intended <= sent <= received
        assert samples.began <= received <= samples.ended
    return samples


@contextmanager
def serving(
    host: str = "127.0.0.1", faults: Faults = Faults()
) -> Iterator[tuple[Endpoint, list[ServerEvent]]]:
    events: list[ServerEvent] = []
    with BackgroundServer(hosts=[host], faults=faults, observer=events.append) as server:
        yield server.addresses[0], events


def bytes_in(events: list[ServerEvent]) -> int:
    return sum(len(one.data) for one in events if isinstance(one, DataReceived))


@pytest.mark.parametrize(("processes", "pipeline"), [(1, 4), (3, 1)])
async def test_a_closed_loop_sends_exactly_its_messages(
    host: str, processes: int, pipeline: int
) -> None:
    load = Workload(
        connections=5, size=100, messages=1003, processes=processes, pipeline=pipeline, verify=True
    )
    with serving(host) as (target, events):
        samples = await measured(target, load)
    assert len(samples.received) == 1003
    assert bytes_in(events) == 100 * 1003
    assert samples.intended == samples.sent
    assert samples.ended == samples.received[-1]
    assert not samples.failures
    assert samples.unanswered == 0
    assert not samples.cut


async def test_a_closed_loop_lasts_as_long_as_it_should(host: str) -> None:
    load = Workload(connections=3, duration=0.2, warm_up=0.1, pipeline=2)
    with serving(host) as (target, events):
        samples = await measured(target, load)
    assert samples.ended - samples.began == 0.2 * SECOND
    assert samples.received
    # The warm-up's were sent as well.
    assert bytes_in(events) > 64 * (len(samples.received) + samples.unanswered)
    assert 0 <= samples.unanswered <= 6
    assert not samples.failures


@pytest.mark.parametrize("rate", [None, pytest.param(2000.0, marks=pytest.mark.slow)])
async def test_the_messages_of_the_warm_up_do_not_count(rate: float | None) -> None:
    load = Workload(connections=3, messages=200, warm_up=0.1, rate=rate, processes=2)
    with serving() as (target, events):
        samples = await measured(target, load)
    assert len(samples.received) == 200
    assert bytes_in(events) > 64 * 200


@pytest.mark.parametrize("pipeline", [pytest.param(1, marks=pytest.mark.slow), 3])
async def test_an_echo_that_comes_in_pieces_is_right(pipeline: int) -> None:
    load = Workload(connections=2, size=50, messages=20, verify=True, pipeline=pipeline)
    with serving(faults=Faults(fragment=7)) as (target, _):
        samples = await measured(target, load)
    assert len(samples.received) == 20
    assert not samples.failures


@pytest.mark.parametrize(
    "size",
    [
        pytest.param(1, marks=pytest.mark.slow),
        pytest.param(7, marks=pytest.mark.slow),
        pytest.param(8, marks=pytest.mark.slow),
        65536,
    ],
)
async def test_messages_of_every_size_are_verified(size: int) -> None:
    with serving() as (target, _):
        samples = await measured(target, Workload(size=size, messages=300, verify=True))
    assert len(samples.received) == 300
    assert not samples.failures


@pytest.mark.slow
async def test_large_messages_do_not_deadlock(host: str) -> None:
    load = Workload(connections=2, size=16 * MIB, messages=6, pipeline=2, verify=True)
    with serving(host) as (target, _):
        samples = await measured(target, load)
    assert len(samples.received) == 6
    assert not samples.failures


async def test_many_connections_are_open_at_once() -> None:
    with serving() as (target, events):
        samples = await measured(target, Workload(connections=300, messages=600))
    assert len(samples.received) == 600
    assert len({one.connection for one in events if isinstance(one, DataReceived)}) == 300


async def test_an_unknown_name_is_an_error() -> None:
    with pytest.raises(SocketCallError, match="getaddrinfo"):
        await run_round(Endpoint("no such host", 9), Workload(messages=1))


# Each of these takes one connection, with messages of 64 bytes.


def take(sock: socket.socket, count: int = 64) -> bytes:
    """Receive so many bytes, or fewer at the end."""
    data = b""
    while len(data) < count and (piece := sock.recv(count - len(data))):
        data += piece
    return data


def close_early(sock: socket.socket) -> None:
    sock.sendall(take(sock))
    take(sock)


def reset_midway(sock: socket.socket) -> None:
    sock.sendall(take(sock)[:10])
    reset(sock)


def send_too_much(sock: socket.socket) -> None:
    sock.sendall(take(sock) + b"x")
    take(sock)


def echo_wrongly(sock: socket.socket) -> None:
    wrong = 0
    while data := bytearray(take(sock)):
        data[-1] ^= wrong
        sock.sendall(data)
        wrong = 1


def echo_the_one_before(sock: socket.socket) -> None:
    first = take(sock)
    sock.sendall(first)
    while take(sock):
        sock.sendall(first)


def swap(sock: socket.socket) -> None:
    data = take(sock, 128)
    sock.sendall(data[64:] + data[:64])
    take(sock)


@pytest.mark.parametrize(
    ("treat", "kind", "came_back"),
    [
        pytest.param(close_early, "closed early", 1, marks=pytest.mark.slow),
        (reset_midway, f"recv(): {os.strerror(errno.ECONNRESET)}", 0),
        (echo_wrongly, "echo differs", 1),
        pytest.param(echo_the_one_before, "echo differs", 1, marks=pytest.mark.slow),
    ],
)
async def test_a_connection_that_fails_is_counted_by_kind(
    treat: Callable[[socket.socket], None], kind: str, came_back: int
) -> None:
    with RawServer(treat) as address:
        samples = await measured(parse_endpoint(address), Workload(messages=3, verify=True))
    assert samples.failures == {kind: 1}
    assert len(samples.received) == came_back
    assert samples.unanswered == 1
    assert not samples.cut


@pytest.mark.parametrize("verify", [False, pytest.param(True, marks=pytest.mark.slow)])
async def test_a_server_that_sends_too_much_fails(verify: bool) -> None:
    with RawServer(send_too_much) as address:
        samples = await measured(parse_endpoint(address), Workload(messages=3, verify=verify))
    assert samples.failures == {"more than was sent": 1}


async def test_swapped_echoes_are_found() -> None:
    with RawServer(swap) as address:
        load = Workload(messages=2, pipeline=2, verify=True)
        samples = await measured(parse_endpoint(address), load)
    assert samples.failures == {"echo differs": 1}


async def test_an_echo_is_only_counted_if_it_is_not_to_be_verified() -> None:
    with RawServer(echo_wrongly) as address:
        samples = await measured(parse_endpoint(address), Workload(messages=3))
    assert len(samples.received) == 3
    assert not samples.failures


async def test_a_target_that_takes_no_connection_is_an_error(host: str) -> None:
    with serving(host) as (target, _):
        pass  # now nobody listens there
    with pytest.raises(SocketCallError) as refused:
        await run_round(target, Workload(connections=4, processes=2, duration=60.0))
    assert str(refused.value) == f"[connect()] {strerror(errno.ECONNREFUSED)}: {target}"
    assert not loaders()


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="other systems answer when a backlog is full")
@pytest.mark.parametrize(
    "asked", [{"duration": 60.0}, pytest.param({"messages": 5}, marks=pytest.mark.slow)]
)
async def test_a_target_that_does_not_answer_is_given_up(asked: dict[str, Any]) -> None:
    with silent_listener() as target, trio.fail_after(PATIENCE):
        load = Workload(connections=150, processes=2, **asked)
        with pytest.raises(SocketCallError) as given_up:
            await run_round(target, load, patience=0.3)
    assert str(given_up.value) == f"[connect()] {os.strerror(errno.ETIMEDOUT)}: {target}"
    assert not loaders()


@pytest.mark.parametrize("rate", [None, pytest.param(1000.0, marks=pytest.mark.slow)])
async def test_the_other_connections_go_on(rate: float | None) -> None:
    """Of two clients the first is cut off after a message; the second one is served."""

    def serve(listener: socket.socket) -> None:
        clients = [listener.accept()[0] for _ in range(2)]
        take(clients[0])
        reset(clients[0])
        with clients[1] as sock:
            while data := sock.recv(65536):
                sock.sendall(data)

    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=serve, args=(listener,))
        thread.start()
        target = Endpoint.from_sockaddr(listener.getsockname())
        samples = await measured(target, Workload(connections=2, messages=100, rate=rate))
        thread.join(PATIENCE)
    assert sum(samples.failures.values()) == 1
    assert samples.unanswered >= 1
    assert len(samples.received) + samples.unanswered == 100


@pytest.mark.slow
@pytest.mark.parametrize("warm_up", [0.0, 0.1])
@pytest.mark.parametrize(
    "asked",
    [
        {"duration": 0.1, "pipeline": 2},
        {"messages": 100, "pipeline": 2},
        {"duration": 0.1, "rate": 200.0},
        {"messages": 20, "rate": 200.0},
        {"duration": 0.1, "size": 4 * MIB},
    ],
)
async def test_connections_of_a_frozen_server_are_counted(
    asked: dict[str, Any], warm_up: float
) -> None:
    """The kernel accepts for it, and nobody reads."""
    load = Workload(connections=3, processes=2, warm_up=warm_up, **asked)
    with socket.create_server(("127.0.0.1", 0)) as listener:
        target = Endpoint.from_sockaddr(listener.getsockname())
        samples = await measured(target, load, patience=0.5)
    assert samples.failures == {"no echo for 0.5 s": 3}
    assert not samples.received
    assert samples.unanswered >= 3
    assert not samples.cut


@pytest.mark.slow  # the others have some seconds to answer, also on a busy machine
@pytest.mark.parametrize("processes", [1, 2])
@pytest.mark.parametrize("asked", [{"duration": 0.2}, {"messages": 400}])
async def test_only_the_connections_that_hang_have_failed(
    asked: dict[str, Any], processes: int
) -> None:
    load = Workload(connections=8, processes=processes, **asked)
    with hanging_server(every=4) as target:
        samples = await measured(target, load, patience=5.0)
    assert samples.failures == {"no echo for 5 s": 2}
    assert samples.received
    assert samples.unanswered >= 2
    assert not samples.cut
    assert samples.ended - samples.began < 5 * SECOND  # waiting for those two is not measured


@pytest.mark.slow
async def test_a_server_that_stops_in_the_middle_has_hung_on_every_connection() -> None:
    with hanging_server(after=50) as target:
        samples = await measured(target, Workload(connections=4, messages=10**6), patience=1.0)
    assert samples.failures == {"no echo for 1 s": 4}
    assert 0 < len(samples.received) <= 50


@pytest.mark.slow
@pytest.mark.parametrize(
    "asked",
    [
        {"duration": 0.001},
        *(
            pytest.param(one, marks=pytest.mark.slow)
            for one in ({"messages": 4}, {"duration": 1e-6})
        ),
    ],
)
async def test_a_slow_server_does_not_hang(asked: dict[str, Any]) -> None:
    """Its echoes come long after the round is over; it is waited for."""
    with serving(faults=Faults(delay=0.7)) as (target, _):
        samples = await measured(target, Workload(connections=4, **asked))
    assert not samples.failures


@pytest.mark.slow
async def test_an_open_loop_does_not_wait_for_echoes() -> None:
    sent: list[bytes] = []
    with RawServer(lambda sock: sent.append(receive_all(sock))) as address:
        load = Workload(rate=500.0, duration=0.1)
        samples = await measured(parse_endpoint(address), load, patience=0.5)
    assert not samples.received
    assert samples.unanswered == 50
    assert 64 < len(sent[0]) <= 50 * 64


@pytest.mark.parametrize("warm_up", [pytest.param(0.0, marks=pytest.mark.slow), 0.05])
async def test_an_open_loop_keeps_its_times(warm_up: float) -> None:
    load = Workload(connections=3, rate=3000.0, messages=100, processes=2, warm_up=warm_up)
    with serving() as (target, _):
        samples = await measured(target, load)
    pacer = Pacer(3000.0)
    offsets = sorted(intended - samples.began for intended in samples.intended)
    assert offsets == [pacer.due(number) for number in range(100)]


@pytest.mark.slow
async def test_a_message_that_a_slow_server_has_no_room_for_is_late_from_its_intended_time() -> (
    None
):
    """Much more is due in a moment than the buffers hold; each further piece takes a pause."""
    load = Workload(rate=1e6, messages=32, size=MIB, verify=True)
    with serving(faults=Faults(delay=0.001)) as (target, _):
        samples = await measured(target, load)
    assert not samples.failures
    assert [one - samples.began for one in samples.intended] == [*range(0, 32_000, 1000)]
    assert list(samples.sent) == sorted(samples.sent)
    assert samples.sent[-1] - samples.intended[-1] > 10_000_000


@pytest.mark.slow  # on a busy machine, too, a megabyte must come back in the round
async def test_a_warm_up_beyond_what_a_server_can_do_does_not_take_up_the_round() -> None:
    """Each megabyte takes it a pause; the warm-up asks for a thousand times that."""
    load = Workload(rate=1e5, size=MIB, duration=5.0, warm_up=0.5)
    with serving(faults=Faults(delay=0.001)) as (target, _):
        samples = await measured(target, load)
    assert samples.received
    assert samples.intended[0] == samples.began
    assert len(samples.received) + samples.unanswered == 500_000  # all that the round was to send
    assert not samples.failures


@pytest.mark.slow
async def test_progress_counts_up() -> None:
    reports: list[Report] = []
    with serving() as (target, _):
        load = Workload(connections=2, processes=2, duration=0.5)
        samples = await measured(target, load, progress=reports.append)
    counts = [one.messages for one in reports]
    assert counts
    assert counts == sorted(counts)
    assert counts[-1] <= len(samples.received)


@pytest.mark.parametrize("rate", [pytest.param(None, marks=pytest.mark.slow), 2000.0])
async def test_a_round_beyond_the_limit_goes_into_histograms(rate: float | None) -> None:
    reports: list[Report] = []
    load = Workload(connections=3, processes=2, messages=1003, rate=rate, warm_up=0.1)
    with serving() as (target, _), trio.fail_after(PATIENCE):
        samples = await run_round(target, load, keep=1002, watched=True, progress=reports.append)
    assert samples.messages == 1003
    assert not samples.received
    assert set(samples.timelines) == ({ROUND_TRIP} if rate is None else {ROUND_TRIP, FROM_INTENDED})
    assert sum(len(one) for one in samples.timelines.values()) == 1003 * len(samples.timelines)
    for kind, timeline in samples.timelines.items():
        seconds = [times[kind] for report in reports for times in report.times.values()]
        assert merged(seconds) == timeline.whole()
    assert reports[-1].messages == 1003


@pytest.mark.parametrize("rate", [pytest.param(None, marks=pytest.mark.slow), 1000.0])
@pytest.mark.parametrize(
    ("size", "pipeline"), [(7, 1), pytest.param(30, 1, marks=pytest.mark.slow)]
)
async def test_messages_are_the_bytes_of_a_payload(
    size: int, pipeline: int, rate: float | None
) -> None:
    payload = bytes(range(30))
    load = Workload(size=size, messages=50, pipeline=pipeline, rate=rate, verify=True)
    with serving() as (target, events):
        samples = await run_round(target, load, payload=payload)
    assert not samples.failures
    sent = b"".join(one.data for one in events if isinstance(one, DataReceived))
    assert sent == (payload * 50)[: 50 * size]


@pytest.mark.parametrize("rate", [None, 1000.0])
@pytest.mark.parametrize("processes", [pytest.param(1, marks=pytest.mark.slow), 2])
async def test_a_round_that_is_stopped_returns_what_it_has(
    rate: float | None, processes: int
) -> None:
    load = Workload(connections=2, duration=3600.0, rate=rate, processes=processes)
    stop = trio.Event()
    with serving() as (target, _):
        samples = await measured(target, load, progress=lambda _: stop.set(), stop=stop)
    assert samples.cut
    assert samples.received
    assert samples.ended - samples.began < 3600 * SECOND
    assert not samples.failures


async def test_a_round_that_is_stopped_before_it_begins_takes_no_time() -> None:
    stop = trio.Event()
    stop.set()
    with serving() as (target, _):
        samples = await measured(target, Workload(duration=3600.0), stop=stop)
    assert samples.cut
    assert samples.ended == samples.began
    assert not samples.received


@pytest.mark.parametrize("rate", [None, pytest.param(1000.0, marks=pytest.mark.slow)])
async def test_a_round_that_is_cancelled_is_cancelled(rate: float | None) -> None:
    load = Workload(connections=2, duration=3600.0, rate=rate, processes=2)
    with serving() as (target, _), trio.CancelScope() as scope:
        await run_round(target, load, progress=lambda _: scope.cancel())
        pytest.fail("it swallowed the cancellation")
    assert scope.cancelled_caught
    assert not loaders()


async def test_a_round_that_is_cancelled_before_it_begins_leaves_nothing() -> None:
    with serving() as (target, _), trio.CancelScope() as scope:
        scope.cancel()
        await run_round(target, Workload(duration=3600.0))
    assert scope.cancelled_caught
    assert not loaders()


@pytest.mark.skipif(sys.platform == "win32", reason="there is no SIGKILL")
async def test_a_loader_that_is_killed_is_a_failure_of_its_connections() -> None:
    def kill(_: Report) -> None:
        for loader in loaders()[:1]:
            loader.kill()

    load = Workload(connections=4, processes=1, duration=3600.0)
    with serving() as (target, _):
        samples = await measured(target, load, progress=kill)
    assert samples.failures == {"load process: exit status -9": 4}
    assert not samples.cut  # nobody stopped it: it failed


LOAD_FOREVER = """
import psutil, sys, trio
from trio_echo import Endpoint
from trio_echo.measure.load.round import run_round
from trio_echo.measure.load.workload import Workload

def show(_):
    print(*(child.pid for child in psutil.Process().children()), flush=True)

load = Workload(connections=2, processes=2, duration=3600)
trio.run(lambda: run_round(Endpoint("127.0.0.1", int(sys.argv[1])), load, progress=show))
"""


@pytest.mark.slow
def test_no_loader_outlives_the_process_that_started_it() -> None:
    with serving() as (target, _):
        command = [sys.executable, "-c", LOAD_FOREVER, str(target.port)]
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as parent:
            assert parent.stdout is not None
            started = [psutil.Process(int(pid)) for pid in parent.stdout.readline().split()]
            parent.kill()
        assert len(started) == 2
        _, alive = psutil.wait_procs(started, PATIENCE)
        assert not alive


FEW_FILES = """
import resource, sys, trio
from trio_echo import Endpoint
from trio_echo.measure.load.round import run_round
from trio_echo.measure.load.workload import Workload

resource.setrlimit(resource.RLIMIT_NOFILE, (64, int(sys.argv[2])))
load = Workload(connections=150, messages=150)
target = Endpoint("127.0.0.1", int(sys.argv[1]))
samples = trio.run(lambda: run_round(target, load))
print(len(samples.received), samples.failures)
"""


@pytest.mark.slow
@pytest.mark.skipif(sys.platform == "win32", reason="there is no such limit")
@pytest.mark.parametrize("hard", [pytest.param(256, marks=pytest.mark.slow), 64])
def test_the_limit_of_open_files_is_raised_as_far_as_it_may(hard: int) -> None:
    with serving() as (target, _):
        command = [sys.executable, "-c", FEW_FILES, str(target.port), str(hard)]
        run = subprocess.run(command, check=True, capture_output=True, text=True)
    if hard == 256:
        assert run.stdout == "150 {}\n"
    else:
        assert run.stdout.startswith("150 {'socket(): ")
    assert not run.stderr


@pytest.mark.parametrize(
    "fields",
    [
        {},
        {"duration": 1.0, "messages": 1},
        {"messages": 0},
        {"duration": 0.0},
        {"duration": float("nan")},
        {"duration": float("inf")},
        {"messages": 1, "connections": 0},
        {"messages": 1, "size": 0},
        {"messages": 1, "pipeline": 0},
        {"messages": 1, "processes": 2},
        {"messages": 1, "warm_up": -1.0},
        {"messages": 1, "rate": 0.0},
        {"messages": 1, "rate": 5.0, "pipeline": 2},
    ],
)
def test_a_load_that_cannot_be_made_is_refused(fields: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=r"\w"):
        Workload(**fields)


@pytest.fixture(scope="module")
def peers(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """The C programs, compiled."""
    compiler = shutil.which("cc")
    if sys.platform != "linux" or compiler is None:
        pytest.skip("it takes Linux, for epoll, and a C compiler")
    folder = tmp_path_factory.mktemp("peers")
    programs = {name: str(folder / name) for name in ("echo", "load")}
    for name, program in programs.items():
        source = str(BENCHMARKS / f"{name}.c")
        flags = ["-O2", "-Wall", "-Wextra", "-Werror"]
        subprocess.run([compiler, *flags, "-o", program, source], check=True)
    return programs


@pytest.mark.slow
async def test_the_c_echo_server_echoes(host: str, peers: dict[str, str]) -> None:
    command = [peers["echo"], host, "0"]
    server = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)  # noqa: ASYNC220  at once
    with server:
        try:
            assert server.stdout is not None
            target = Endpoint(host, int(server.stdout.readline()))
            samples = await measured(target, Workload(connections=8, messages=500, verify=True))
        finally:
            server.kill()
    assert len(samples.received) == 500
    assert not samples.failures


@pytest.mark.slow
def test_the_c_load_measures_an_echo_server(host: str, peers: dict[str, str]) -> None:
    with serving(host) as (target, events):
        command = [peers["load"], host, str(target.port), "8", "64", "0", "0.1"]
        run = subprocess.run(command, check=True, capture_output=True)
    result = json.loads(run.stdout)
    assert result["seconds"] == 0.1
    assert result["p50_ns"] > 0
    assert 0 < result["messages"] * 64 <= bytes_in(events)


async def test_a_reset_while_it_waits_for_room_fails_the_connection_alone() -> None:
    with BackgroundServer(faults=Faults(reset_after=1_000_000)) as server:
        load = Workload(connections=4, size=1 << 20, pipeline=8, duration=0.3)
        samples = await run_round(server.addresses[0], load)
    assert sum(samples.failures.values()) == 4
    assert not [kind for kind in samples.failures if kind.startswith("load process")]
