"""A load that opens a connection for each message, against real servers on loopback."""

from __future__ import annotations

import errno
import itertools
import os
import selectors
import socket
import ssl
import sys
import threading
import time
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import papers
import pytest
import trio
from hypothesis import given
from hypothesis import strategies as st
from support import PATIENCE, ipv6, receive_all, reset

from trio_echo import BackgroundServer, Endpoint, SocketCallError
from trio_echo.certificates import CertificateFiles
from trio_echo.errors import strerror
from trio_echo.events import ClientConnected, DataReceived
from trio_echo.measure.load.connections.lanes import Lanes, _pause
from trio_echo.measure.load.connections.ports import Ports, own_ports
from trio_echo.measure.load.connections.tls import Tls
from trio_echo.measure.load.connections.transaction import Lane, TransactionError, Transactions
from trio_echo.measure.load.outgoing import Outgoing
from trio_echo.measure.load.pace import Pacer, shares
from trio_echo.measure.load.round import run_round
from trio_echo.measure.load.workload import Samples, Workload
from trio_echo.measure.results.phases import phases_of

if TYPE_CHECKING:
    from array import array
    from collections.abc import Callable, Iterator

    from trio_echo.events import ServerEvent
    from trio_echo.measure.load.loader import Report
    from trio_echo.measure.load.outgoing import Outlet

linux = pytest.mark.skipif(sys.platform != "linux", reason="other systems choose ports themselves")
SYSTEMS_OWN = Ports(range(0), but=0)
STAY = object()
NO_ECHO = "no echo for 0.3 s"
REFUSED = f"connect(): {strerror(errno.ECONNREFUSED)}"


def load(**fields: Any) -> Workload:
    return Workload(reconnect=True, **fields)


async def measured(
    target: Endpoint,
    workload: Workload,
    *,
    patience: float = PATIENCE,
    tls: Tls | None = None,
    progress: Callable[[Report], object] = lambda _: None,
    stop: trio.Event | None = None,
) -> Samples:
    """Run a round, and check what holds for all of them."""
    with trio.fail_after(2 * PATIENCE):
        samples = await run_round(
            target, workload, patience=patience, tls=tls, progress=progress, stop=stop
        )
    assert list(samples.received) == sorted(samples.received)
    secured = samples.secured if tls else samples.connected
    assert len(samples.resumed) == (len(samples.received) if tls else 0)
    times = zip(
        samples.intended, samples.sent, samples.connected, secured, samples.answered,
        samples.echoed, samples.received, strict=True,
    )  # fmt: skip
    for stages in times:
        assert list(stages) == sorted(stages)
        assert samples.began <= stages[-1] <= samples.ended
    return samples


@contextmanager
def treating(*treatments: Callable[[socket.socket], object]) -> Iterator[Endpoint]:
    """A server that treats each connection in its own way; all further ones in the last way."""
    threads: list[threading.Thread] = []
    over = threading.Event()

    def treat(number: int, sock: socket.socket) -> None:
        with sock, suppress(OSError):
            if treatments[min(number, len(treatments) - 1)](sock) is STAY:
                over.wait(PATIENCE)

    def accept() -> None:
        for number in itertools.count():
            sock, _ = listener.accept()
            if over.is_set():
                sock.close()
                return
            threads.append(threading.Thread(target=treat, args=(number, sock)))
            threads[-1].start()

    with socket.create_server(("127.0.0.1", 0)) as listener:
        accepting = threading.Thread(target=accept)
        accepting.start()
        address = listener.getsockname()
        try:
            yield Endpoint.from_sockaddr(address)
        finally:
            over.set()
            socket.create_connection(address).close()
            for thread in (accepting, *threads):
                thread.join(PATIENCE)


def echo(sock: socket.socket) -> None:
    while data := sock.recv(65536):
        sock.sendall(data)


def end_early(sock: socket.socket) -> None:
    sock.sendall(sock.recv(65536)[:10])


def reset_after_the_echo(sock: socket.socket) -> None:
    sock.sendall(sock.recv(65536))
    sock.recv(1)
    reset(sock)


def echo_too_much(sock: socket.socket) -> None:
    sock.sendall(sock.recv(65536) + b"x")
    receive_all(sock)


def say_goodbye(sock: socket.socket) -> None:
    sock.sendall(sock.recv(65536))
    receive_all(sock)
    sock.sendall(b"bye")


def echo_wrongly(sock: socket.socket) -> None:
    sock.sendall(bytes(one ^ 1 for one in sock.recv(65536)))
    receive_all(sock)


def never_end(sock: socket.socket) -> object:
    sock.sendall(sock.recv(65536))
    return STAY


@pytest.fixture(params=["127.0.0.1", pytest.param("::1", marks=[pytest.mark.slow, ipv6])])
def host(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@contextmanager
def serving(
    host: str = "127.0.0.1", **options: Any
) -> Iterator[tuple[Endpoint, list[ServerEvent]]]:
    events: list[ServerEvent] = []
    with BackgroundServer(hosts=[host], observer=events.append, **options) as server:
        yield server.addresses[0], events


def transactions(target: Endpoint, **options: Any) -> Transactions:
    chosen: dict[str, Any] = {
        "size": 64,
        "verify": False,
        "ports": SYSTEMS_OWN,
        "patience": PATIENCE,
    }
    return Transactions(*target, **chosen | options)


@contextmanager
def lanes_to(
    target: Endpoint, *, count: int, patience: float = PATIENCE, **options: Any
) -> Iterator[Lanes]:
    """A load in this process."""
    waker, wake = socket.socketpair()
    with waker, wake:
        made = transactions(target, patience=patience, **options)
        lanes = Lanes(made, wake, count=count, patience=patience)
        try:
            yield lanes
        finally:
            lanes.close()


def later() -> int:
    """A time that a load does not reach."""
    return time.perf_counter_ns() + int(PATIENCE * 1e9)


@pytest.mark.parametrize("processes", [1, pytest.param(3, marks=pytest.mark.slow)])
async def test_each_message_has_a_connection_of_its_own(host: str, processes: int) -> None:
    with serving(host) as (target, events):
        samples = await measured(
            target, load(connections=3, messages=50, processes=processes, verify=True)
        )
    assert (len(samples.received), samples.failures, samples.unanswered) == (50, {}, 0)
    assert samples.ended == samples.received[-1]
    assert samples.intended == samples.sent
    assert not samples.secured
    of_messages = {one.connection for one in events if isinstance(one, DataReceived)}
    assert len(of_messages) == 50
    # Each process also looks whether the server is there.
    assert sum(isinstance(one, ClientConnected) for one in events) == 50 + processes


@pytest.mark.slow
async def test_a_closed_loop_lasts_as_long_as_it_should(host: str) -> None:
    with serving(host) as (target, events):
        samples = await measured(target, load(connections=3, duration=0.2, warm_up=0.1))
    assert samples.ended - samples.began == 200_000_000
    assert samples.received
    assert not samples.failures
    assert samples.unanswered <= 3
    reached = sum(isinstance(one, DataReceived) for one in events)
    assert reached >= len(samples.received)  # the warm-up's, too


@pytest.mark.parametrize("warm_up", [pytest.param(0.0, marks=pytest.mark.slow), 0.02])
async def test_an_open_loop_keeps_its_times(warm_up: float) -> None:
    workload = load(connections=2, rate=2000.0, messages=40, warm_up=warm_up, processes=2)
    with serving() as (target, _):
        samples = await measured(target, workload)
    pacer = Pacer(2000.0)
    offsets = sorted(one - samples.began for one in samples.intended)
    assert offsets == [pacer.due(number) for number in range(40)]


def test_what_was_due_in_the_warm_up_and_ended_just_after_it_does_not_count() -> None:
    written: list[int] = []

    class Sink:
        busy = False

        def write(self, _fields: object, arrays: list[array[int]]) -> None:
            written.extend(arrays[0])

    with lanes_to(Endpoint("127.0.0.1", 9), count=1) as lanes:
        for times in lanes.arrays:
            times.append(90 if times is lanes.intended else 110)
        sink = cast("Outlet", Sink())
        outgoing = Outgoing(sink, lanes, 100, later(), 10, open_loop=True)
        for times in lanes.arrays:
            times.append(100 if times is lanes.intended else 120)
        outgoing.send()
    assert written == [100]


@pytest.mark.slow
async def test_a_connection_without_a_free_lane_is_unanswered() -> None:
    """Both lanes wait for an echo."""
    with treating(receive_all) as target:
        workload = load(connections=2, rate=500.0, duration=0.1)
        samples = await measured(target, workload, patience=0.3)
    assert (len(samples.received), samples.unanswered) == (0, 50)
    assert samples.failures == {NO_ECHO: 2}


@pytest.mark.slow
async def test_large_messages_do_not_deadlock(host: str) -> None:
    with serving(host) as (target, _):
        samples = await measured(
            target, load(connections=2, size=16 << 20, messages=4, verify=True)
        )
    assert (len(samples.received), samples.failures) == (4, {})


@pytest.mark.parametrize(
    ("treatment", "kind"),
    [
        (end_early, "closed early"),
        (reset_after_the_echo, f"recv(): {os.strerror(errno.ECONNRESET)}"),
        (echo_wrongly, "echo differs"),
        (echo_too_much, "more than was sent"),
        (say_goodbye, "more than was sent"),
        pytest.param(receive_all, NO_ECHO, marks=pytest.mark.slow),
        pytest.param(never_end, "no end of the connection for 0.3 s", marks=pytest.mark.slow),
    ],
)
def test_a_connection_that_fails_is_counted_by_kind_and_its_lane_goes_on(
    treatment: Callable[[socket.socket], object], kind: str
) -> None:
    patience = 0.3 if kind.startswith("no ") else PATIENCE
    with (
        treating(treatment, echo) as target,
        lanes_to(target, count=1, patience=patience, verify=True) as lanes,
    ):
        lanes.allowance = 5
        lanes.run(later())
    assert lanes.failures == {kind: 1}
    assert (len(lanes.received), lanes.under_way) == (4, 1)
    assert lanes.alive


async def test_a_target_that_takes_no_connection_is_an_error(host: str) -> None:
    with serving(host) as (target, _):
        pass  # now nobody listens there
    with pytest.raises(SocketCallError) as refused:
        await run_round(target, load(connections=4, processes=2, duration=60.0))
    assert str(refused.value) == f"[connect()] {strerror(errno.ECONNREFUSED)}: {target}"


def test_a_server_that_is_gone_is_given_up_and_not_asked_in_a_busy_loop() -> None:
    """After a second failure in a row, a lane pauses, longer each time."""
    with serving() as (target, _):
        pass  # now nobody listens there
    with lanes_to(target, count=4, patience=0.1) as lanes:
        lanes.run(later())
    assert not lanes.alive
    assert list(lanes.failures) == [REFUSED]
    assert lanes.failures[REFUSED] < 200


def test_pauses_grow_up_to_a_second() -> None:
    pauses = [_pause(failed) for failed in range(100)]
    assert pauses[:4] == [0, 10_000_000, 20_000_000, 40_000_000]
    assert pauses == sorted(pauses)
    assert pauses[-1] == 1_000_000_000


def test_a_process_that_was_stopped_for_long_has_looked_only_once() -> None:
    """The echo may be there, unread."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        target = Endpoint.from_sockaddr(listener.getsockname())
        with lanes_to(target, count=1, patience=1e-9) as lanes:
            lanes._begin(time.perf_counter_ns())
            for _ in range(10):
                lanes._look()
                assert not lanes.failures
            lanes._look()
            assert lanes.failures == {f"connect(): {strerror(errno.ETIMEDOUT)}": 1}


@linux
def test_a_port_is_used_again_while_its_last_connection_is_in_time_wait() -> None:
    with serving() as (target, _), spare_ports(3) as numbers:
        ports = Ports(numbers, but=target.port)
        with lanes_to(target, count=2, ports=ports) as lanes:
            lanes.allowance = 30
            lanes.run(later())
    assert (len(lanes.received), lanes.failures) == (30, {})


@linux
def test_when_no_port_is_free_the_load_ends_and_says_what_that_means() -> None:
    """The second lane needs a port while the first one has the only one."""
    with serving() as (target, _), spare_ports(1) as numbers:
        ports = Ports(numbers, but=target.port)
        with lanes_to(target, count=2, ports=ports) as lanes:
            lanes.run(later())
    assert not lanes.alive
    (kind,) = lanes.failures
    words = os.strerror(errno.EADDRNOTAVAIL)
    assert kind.startswith(f"connect(): {words} (no local port is free: each one rests for a while")


@linux
def test_a_machine_without_an_address_for_the_target_has_ports(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The number of the error is the same."""

    def connect(_sock: socket.socket, _address: Any) -> int:
        raise OSError(errno.EADDRNOTAVAIL, os.strerror(errno.EADDRNOTAVAIL))

    monkeypatch.setattr(socket.socket, "connect_ex", connect)
    monkeypatch.setattr(socket.socket, "connect", connect)
    with pytest.raises(SocketCallError) as failed:
        next(transactions(Endpoint("127.0.0.1", 9)).steps(Lane()))
    assert str(failed.value) == f"[connect()] {os.strerror(errno.EADDRNOTAVAIL)}"


@contextmanager
def spare_ports(count: int) -> Iterator[range]:
    """Numbers in a row on which nothing listens."""
    for first in range(20_000, 32_000, count):
        with suppress(OSError):
            for number in range(first, first + count):
                socket.create_server(("127.0.0.1", number)).close()
            yield range(first, first + count)
            return
    pytest.fail("no ports are free")


@linux
def test_a_port_of_another_program_and_that_of_the_server_are_passed_over() -> None:
    with spare_ports(4) as numbers, socket.create_server(("", numbers[1])):
        ports = Ports(numbers, but=numbers[2])
        found = set()
        for _ in range(8):
            with socket.socket() as sock:
                ports.bind(sock)
                found.add(sock.getsockname()[1])
    assert found == {numbers[0], numbers[3]}


@linux
@pytest.mark.parametrize("processes", [1, 2, 7])
def test_processes_share_the_systems_ports(processes: int) -> None:
    parts = [own_ports(share) for share in shares(100, processes)]
    assert len(parts[0]) > 1
    assert all(one.stop == other.start for one, other in itertools.pairwise(parts))


@linux
def test_half_of_the_systems_ports_stay_free_for_programs_that_listen() -> None:
    low, high = map(int, Path("/proc/sys/net/ipv4/ip_local_port_range").read_text().split())
    (ports,) = map(own_ports, shares(16, 1))
    assert ports.start - low >= (high + 1 - low) // 2
    assert ports.stop == high + 1


@given(
    size=st.integers(1, 200),
    cuts=st.lists(st.integers(0, 200), max_size=6),
    change=st.none() | st.integers(0, 199),
    more=st.booleans(),
)
def test_an_echo_is_right_in_whatever_pieces_it_comes_and_only_then(
    size: int, cuts: list[int], change: int | None, more: bool
) -> None:
    near, far = socket.socketpair()
    with near, far:
        near.setblocking(False)
        exchange = transactions(Endpoint("127.0.0.1", 9), size=size, verify=True)._exchanged(near)
        assert next(exchange) == (near, selectors.EVENT_READ)
        answer = bytearray(far.recv(65536))
        assert len(answer) == size
        if change is not None and change < size:
            answer[change] ^= 1
        answer += b"x" * more
        places = sorted({0, *(one for one in cuts if one < len(answer)), len(answer)})
        whole = change is None or change >= size
        expected = {True: "echoed", False: "echo differs"}[whole]
        outcome = "waiting"
        try:
            for start, stop in itertools.pairwise(places):
                far.sendall(answer[start:stop])
                next(exchange)
        except StopIteration:
            outcome = "echoed"
        except TransactionError as exc:
            outcome = str(exc)
    if more and places[-2] < size and outcome != "echo differs":
        expected = "more than was sent"
    assert outcome == expected


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> papers.Files:
    return papers.written(tmp_path_factory.mktemp("papers"))


@contextmanager
def tickets(files: papers.Files, version: ssl.TLSVersion) -> Iterator[Endpoint]:
    """A server that lets clients resume their sessions."""
    context = papers.server_context()
    context.maximum_version = version
    with treating(papers.over_tls(echo, context)) as target:
        yield target


@pytest.mark.parametrize(
    "version",
    [ssl.TLSVersion.TLSv1_3, pytest.param(ssl.TLSVersion.TLSv1_2, marks=pytest.mark.slow)],
)
@pytest.mark.parametrize("resume", [True, pytest.param(False, marks=pytest.mark.slow)])
async def test_a_lane_resumes_the_session_of_its_connection_before(
    files: papers.Files, version: ssl.TLSVersion, resume: bool
) -> None:
    with tickets(files, version) as target:
        workload = load(connections=2, messages=12, resume=resume, verify=True)
        samples = await measured(target, workload, tls=Tls("localhost", ca=files.ca))
    assert (len(samples.received), samples.failures) == (12, {})
    assert sum(samples.resumed) == (10 if resume else 0)


@pytest.mark.slow
async def test_histograms_have_the_phases_too(files: papers.Files) -> None:
    workload = load(connections=2, messages=40, processes=2, resume=True)
    tls = Tls("localhost", ca=files.ca)
    with tickets(files, ssl.TLSVersion.TLSv1_3) as target, trio.fail_after(2 * PATIENCE):
        samples = await run_round(target, workload, tls=tls, keep=8)
    assert not samples.received
    phases = phases_of(samples)
    assert phases is not None
    assert phases.resumed == 38
    assert phases.handshake_ns is not None
    assert phases.connect_ns.min <= phases.first_byte_ns.min
    assert {len(one) for one in samples.timelines.values()} == {40}


@pytest.mark.slow
async def test_this_packages_server_has_no_sessions_to_resume(files: papers.Files) -> None:
    context = CertificateFiles(files.cert, files.key).server_context()
    with serving(ssl_context=context) as (target, _):
        workload = load(connections=2, messages=12, resume=True)
        samples = await measured(target, workload, tls=Tls("localhost", ca=files.ca))
    assert (len(samples.received), samples.failures) == (12, {})
    assert sum(samples.resumed) == 0


@pytest.mark.parametrize("rate", [None, pytest.param(500.0, marks=pytest.mark.slow)])
async def test_a_round_that_is_stopped_returns_what_it_has(rate: float | None) -> None:
    stop = trio.Event()
    with serving() as (target, _):
        workload = load(connections=2, duration=3600.0, rate=rate)
        samples = await measured(target, workload, progress=lambda _: stop.set(), stop=stop)
    assert samples.cut
    assert samples.received
    assert not samples.failures
