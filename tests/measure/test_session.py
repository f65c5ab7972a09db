"""A whole measurement in one call, against a server in a process of its own."""

from __future__ import annotations

import psutil
import pytest
from support import has_ipv6

from trio_echo import BackgroundServer, Endpoint, SocketCallError, connect
from trio_echo.measure.load.workload import Samples
from trio_echo.measure.session import measure, named, served


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


async def test_an_open_loop_tells_the_time_from_the_intended_start() -> None:
    with BackgroundServer() as server:
        run = await measure(server.addresses[:1], rounds=1, seconds=0.2, warm_up=0, rate=500)
    assert run.rounds[0].summary.from_intended_ns is not None


async def test_samples_of_an_earlier_run_are_left_alone() -> None:
    samples = [Samples(0, 0, partial=True)]
    with BackgroundServer() as server:
        targets = server.addresses[:1]
        run = await measure(targets, rounds=1, seconds=0.02, warm_up=0, samples=samples)
    assert len(samples) == 2
    assert not run.partial


async def test_a_name_that_is_none_is_an_error() -> None:
    with pytest.raises(SocketCallError, match="getaddrinfo"):
        await measure([Endpoint("no-such-host.invalid", 9)], rounds=1)


def children() -> set[int]:
    return {one.pid for one in psutil.Process().children()}


async def test_a_server_echoes_in_a_process_of_its_own_and_is_gone_afterwards() -> None:
    before = children()
    async with served() as targets:
        assert len(children() - before) == 1
        async with await connect(*targets[0]) as client:
            assert await client.echo(b"hello") == b"hello"
    assert children() == before


async def test_a_server_takes_the_options_of_serve() -> None:
    async with served("--reset-after", "4") as targets:
        run = await measure(targets[:1], rounds=1, seconds=5, warm_up=0, sizes=[4])
    assert list(run.failures.values()) == [1]  # recv() or send() meets the reset first


async def test_a_server_that_does_not_start_is_an_error() -> None:
    before = children()
    with pytest.raises(SocketCallError, match="the server did not start"):
        async with served("--no-such-option"):
            pytest.fail("it started")
    assert children() == before


async def test_of_several_addresses_the_first_that_takes_a_connection_is_measured() -> None:
    if not has_ipv6():
        pytest.skip("this system has no IPv6 loopback")
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


async def test_a_name_that_nobody_answers_for_is_its_first_address() -> None:
    with BackgroundServer() as server:
        port = server.addresses[0].port
    target = await named(Endpoint("localhost", port))
    assert target.address == f"127.0.0.1:{port}"
