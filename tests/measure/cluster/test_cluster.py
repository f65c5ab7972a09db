"""A real scheduler and real workers, on loopback."""

from __future__ import annotations

import signal
import sys
import threading
from typing import TYPE_CHECKING

import psutil
import pytest
import trio
from clusters import HERE, cluster
from support import PATIENCE

from trio_echo import BackgroundServer
from trio_echo.measure.cluster.connecting import connected
from trio_echo.measure.cluster.errors import ClusterError
from trio_echo.measure.load.round import run_round
from trio_echo.measure.load.workload import Workload
from trio_echo.measure.session import measure

if TYPE_CHECKING:
    from trio_echo.measure.load.loader import Report

pytestmark = pytest.mark.slow

BENCH = [sys.executable, "-m", "trio_echo", "bench"]


def threads() -> set[str]:
    """Those that Trio keeps for later calls do not count."""
    return {one.name for one in threading.enumerate() if "Trio" not in one.name}


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGSTOP])
async def test_a_worker_that_is_lost_in_a_round_is_a_missing_part(number: int) -> None:
    load = Workload(connections=4, duration=2.0, processes=2)
    async with cluster() as (address, workers), connected(address, patience=3.0) as executor:
        lost, process = next(iter(workers.items()))

        def lose(_: Report) -> None:
            process.send_signal(number)

        with BackgroundServer() as server, trio.fail_after(2 * PATIENCE):
            try:
                samples = await run_round(
                    server.addresses[0], load, executor=executor, progress=lose
                )
            finally:
                process.kill()
    (kind,) = samples.failures
    assert lost in kind
    assert samples.failures[kind] == 2
    assert samples.missing == 1
    assert len(samples.received) > 0
    assert {one.machine.address for one in samples.machines if one.samples is None} == {lost}


async def test_nothing_is_left_of_a_client() -> None:
    before = threads()
    async with cluster(workers=[HERE]) as (address, _):
        async with connected(address):
            pass
        assert threads() == before
        assert psutil.Process().net_connections("tcp") == []


async def test_a_scheduler_that_is_not_there_is_one_line() -> None:
    before = threads()
    with pytest.raises(ClusterError, match="no Dask scheduler at ") as refused:
        async with connected("tcp://127.0.0.1:1"):
            pytest.fail("there is none")
    assert "\n" not in str(refused.value)
    assert threads() == before


async def test_a_notebook_measures_on_the_client_that_it_has() -> None:
    from distributed import Client

    async with cluster() as (address, _):
        client = await trio.to_thread.run_sync(lambda: Client(address, set_as_default=False))
        try:
            with BackgroundServer() as server:
                run = await measure(
                    [server.addresses[0]], rounds=1, seconds=0.2, connections=[4], cluster=client
                )
            assert len(client.nthreads()) == 2
        finally:
            await trio.to_thread.run_sync(client.close)
    assert not run.partial
    (one,) = run.rounds
    assert sum(row.messages for row in one.machines) == one.summary.messages > 0
