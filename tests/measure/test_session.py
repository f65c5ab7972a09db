"""A whole measurement: all targets in turns, in one call or step by step."""

from __future__ import annotations

import threading
from collections import Counter
from functools import partial
from typing import TYPE_CHECKING

import papers
import pytest
import trio
from support import PATIENCE, RawServer, ipv6, receive_all, receive_count

from trio_echo import BackgroundServer, Endpoint, SocketCallError
from trio_echo.addresses import parse_endpoint
from trio_echo.events import HandshakeFailed
from trio_echo.measure.load.connections.tls import Tls
from trio_echo.measure.load.workload import Samples, Workload
from trio_echo.measure.session import Session, measure, named

if TYPE_CHECKING:
    import socket
    from pathlib import Path

    from trio_echo.events import ServerEvent

SHORT = [Workload(connections=2, size=size, messages=20) for size in (8, 16)]


async def session_of(
    *targets: Endpoint | str, workloads: list[Workload], rounds: int, patience: float = 10.0
) -> Session:
    known = [await named(parse_endpoint(str(one))) for one in targets]
    return Session(targets=known, workloads=workloads, rounds=rounds, timeout=patience)


@pytest.mark.slow
async def test_a_sweep_has_every_combination_and_its_samples() -> None:
    samples: list[Samples] = []
    with BackgroundServer() as server:
        run = await measure(
            server.addresses[:1],
            rounds=1,
            seconds=0.02,
            warm_up=0,
            connections=[1, 2],
            sizes=[8, 16],
            pipelines=[1, 4],
            samples=samples,
        )
    asked = {(one.connections, one.size, one.pipeline) for one in run.workloads}
    assert asked == {(a, b, c) for a in (1, 2) for b in (8, 16) for c in (1, 4)}
    assert len(run.rounds) == len(samples) == 8
    assert [one.summary.messages for one in run.rounds] == [len(one.received) for one in samples]
    assert not run.partial
    assert not run.failures
    assert run.targets[0].address == str(server.addresses[0])


async def test_an_open_loop_has_times_from_the_intended_start() -> None:
    with BackgroundServer() as server:
        run = await measure(server.addresses[:1], rounds=1, seconds=0.2, warm_up=0, rate=500)
    assert run.rounds[0].summary.from_intended_ns is not None


async def test_samples_of_an_earlier_run_are_left_alone() -> None:
    samples = [Samples(0, 0, cut=True)]
    with BackgroundServer() as server:
        targets = server.addresses[:1]
        run = await measure(targets, rounds=1, seconds=0.02, warm_up=0, samples=samples)
    assert len(samples) == 2
    assert not run.partial


async def test_an_unknown_name_is_an_error() -> None:
    with pytest.raises(SocketCallError, match="getaddrinfo"):
        await measure([Endpoint("no-such-host.invalid", 9)], rounds=1)


@ipv6
async def test_of_several_addresses_the_first_that_takes_a_connection_is_measured() -> None:
    with BackgroundServer(hosts=["::1"]) as server:
        port = server.addresses[0].port
        # A moment ago that port was free on both families; now 127.0.0.1 refuses.
        target = await named(Endpoint("localhost", port))
        run = await measure([Endpoint("localhost", port)], rounds=1, seconds=0.05)
    assert target.address == f"[::1]:{port}"
    assert (target.name, target.family) == (f"localhost:{port}", "IPv6")
    assert run.targets == (target,)
    assert run.rounds[0].summary.messages
    assert not run.failures


@ipv6
async def test_looking_for_the_address_of_a_name_breaks_no_handshake_off(tmp_path: Path) -> None:
    trusting = Tls(ca=papers.written(tmp_path).ca)
    for tls, failed in ((trusting, 0), (Tls(), 1)):
        events: list[ServerEvent] = []
        context = papers.server_context()
        with BackgroundServer(ssl_context=context, observer=events.append) as server:
            address = server.addresses[0]
            found = await named(Endpoint("localhost", address.port), tls=tls)
        assert found.address == str(address)
        assert sum(isinstance(one, HandshakeFailed) for one in events) == failed


async def test_a_measurement_can_use_tls(tmp_path: Path) -> None:
    trusting = Tls(ca=papers.written(tmp_path).ca)
    with BackgroundServer(ssl_context=papers.server_context()) as server:
        target = Endpoint("localhost", server.addresses[0].port)
        run = await measure([target], rounds=1, seconds=0.05, tls=trusting)
    (one,) = run.rounds
    assert one.summary.messages
    assert one.tls is not None
    assert one.tls.startswith("TLSv1.3 ")


async def test_a_name_that_nobody_answers_for_is_its_first_address() -> None:
    with BackgroundServer() as server:
        port = server.addresses[0].port
    target = await named(Endpoint("localhost", port))
    assert target.address == f"127.0.0.1:{port}"


@pytest.mark.slow
async def test_every_target_has_every_round_and_turns_are_whole() -> None:
    with BackgroundServer() as one, BackgroundServer() as two:
        session = await session_of(one.addresses[0], two.addresses[0], workloads=SHORT, rounds=2)
        await session.run()
    assert len(session) == len(session.done) == 8
    seen = Counter((one.number, one.workload, one.target) for one in session.done)
    assert set(seen.values()) == {1}
    for index in range(0, 8, 2):  # the two rounds of a turn ran next to each other
        first, second = session.done[index : index + 2]
        assert (first.number, first.workload) == (second.number, second.workload)
        assert {first.target, second.target} == {0, 1}
    assert {one.summary.messages for one in session.done} == {20}
    assert not session.results().partial


# What is answered must come before the timeout, also on a busy machine.
@pytest.mark.parametrize(
    ("rate", "answered", "seconds"),
    [(None, 0, 0.3), pytest.param(1000.0, 10, 10.0, marks=pytest.mark.slow)],
)
async def test_a_round_by_messages_does_not_wait_forever(
    rate: float | None, answered: int, seconds: float
) -> None:
    def answer_some(sock: socket.socket) -> None:
        for _ in range(answered):
            sock.sendall(receive_count(sock, 8))
        receive_all(sock)

    load = Workload(size=8, messages=20, rate=rate)
    with RawServer(answer_some) as address:
        session = await session_of(address, workloads=[load], rounds=1, patience=seconds)
        with trio.fail_after(PATIENCE):
            await session.run()
    (only,) = session.done
    assert only.summary.messages == answered
    assert only.summary.failures == {f"no echo for {seconds:g} s": 1}
    assert not only.cut  # that few came back is the server's doing
    assert not session.results().partial


async def test_a_target_that_takes_no_connection_ends_the_run() -> None:
    with BackgroundServer() as gone:
        pass
    with BackgroundServer() as server:
        targets = (server.addresses[0], gone.addresses[0])
        session = await session_of(*targets, workloads=SHORT, rounds=1000)
        with pytest.raises(SocketCallError, match=str(gone.addresses[0])):
            await session.run()
    assert [one.target for one in session.done] in ([], [0])  # their order is random


async def test_a_run_that_is_stopped_keeps_what_it_has() -> None:
    stop = trio.Event()
    with BackgroundServer() as server:
        endless = Workload(size=8, duration=1000)
        session = await session_of(server.addresses[0], workloads=[endless], rounds=2)

        def stop_when_enough() -> None:
            if session.messages >= 10:
                stop.set()

        await session.run(progress=stop_when_enough, stop=stop)
    assert session.results().partial
    (only,) = session.done
    assert only.summary.messages >= 10
    assert only.cut


async def test_a_run_that_is_stopped_in_a_warm_up_has_no_round_of_it() -> None:
    stop, connected = trio.Event(), threading.Event()
    load = Workload(duration=1000, warm_up=1000)
    with BackgroundServer(observer=lambda _: connected.set()) as server:
        session = await session_of(server.addresses[0], workloads=[load], rounds=2)
        connected.clear()
        async with trio.open_nursery() as nursery:
            nursery.start_soon(partial(session.run, stop=stop))
            await trio.to_thread.run_sync(connected.wait)
            stop.set()
    assert not session.done
    assert not session.samples


async def test_a_run_that_is_cancelled_is_cancelled_and_keeps_whole_rounds() -> None:
    with BackgroundServer() as server:
        session = await session_of(server.addresses[0], workloads=SHORT, rounds=1000)
        with trio.CancelScope() as scope:
            await session.run(progress=lambda: session.done and scope.cancel())
            pytest.fail("it swallowed the cancellation")
    assert scope.cancelled_caught
    assert len(session.done) == len(session.samples) == 1
    assert not session.done[0].cut
    assert session.results().partial
