"""Four hosts with addresses of their own: a scheduler, two that load, and a server."""

from __future__ import annotations

import json
import subprocess
import sys
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

import pytest
import trio
from clusters import Place, cluster
from support import PATIENCE

from trio_echo import lan
from trio_echo.measure.results import files
from trio_echo.measure.results.machines import outliers
from trio_echo.measure.serving import served

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from trio_echo.addresses import Endpoint
    from trio_echo.lan import Network

if sys.platform != "linux":
    pytest.skip("hosts need Linux", allow_module_level=True)

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("hosts_allowed")]

ROOMY = 8 * PATIENCE
MS = 1_000_000


def bracketed(address: str) -> str:
    return f"[{address}]" if ":" in address else address


@asynccontextmanager
async def four_hosts(family: str) -> AsyncIterator[tuple[Network, str, Endpoint]]:
    """The hosts, the scheduler's address, and the server's."""
    async with lan.hosts("boss", "one", "two", "server") as net:
        places = {
            name: Place(bracketed(getattr(host, family)), host.open_process)
            for name, host in net.hosts.items()
        }
        server = net["server"]
        async with (
            served(hosts=[getattr(server, family)], open_process=server.open_process) as (target,),
            cluster(places["boss"], [places["one"], places["two"]]) as (scheduler, _),
        ):
            yield net, scheduler, target


@pytest.mark.parametrize("family", ["ipv4", "ipv6"])
async def test_each_machine_measures_its_own_link(family: str, tmp_path: Path) -> None:
    """The link of one is slow: its round trips show that, and the results name it."""
    near, far = 2 * MS, 40 * MS
    async with four_hosts(family) as (net, scheduler, target):
        net.cables["one"].delay, net.cables["two"].delay = near / 1e9, far / 1e9
        output = tmp_path / "results.json"
        load = ["--connections", "4", "--duration", "1", "--rounds", "2", "--rate", "100"]
        command = [sys.executable, "-m", "trio_echo", "bench", str(target), "--cluster", scheduler]
        with trio.fail_after(ROOMY):
            done = await net["boss"].run(
                [*command, *load, "--verify", "--output", str(output)],
                capture_stdout=True,
                check=False,
            )
    assert done.returncode == 0, done.stdout.decode()
    run = files.read(output)
    assert not run.partial
    for one in run.rounds:
        quick, slow = sorted(one.machines, key=lambda row: row.address)
        assert quick.name == "one"
        assert slow.name == "two"
        assert quick.round_trip_ns is not None
        assert slow.round_trip_ns is not None
        assert 2 * near <= quick.round_trip_ns.min
        assert 2 * far <= slow.round_trip_ns.min
        assert one.summary.messages == quick.messages + slow.messages
        for row in one.machines:  # the hosts have one clock
            assert abs(row.offset_ns) <= row.offset_error_ns
    (named,) = outliers(run)
    assert named.startswith(f"machine two ({slow.address}) is an outlier")
    assert named in done.stdout.decode()


ROUNDS = """
import json, sys, trio
from trio_echo.addresses import parse_endpoint
from trio_echo.measure.cluster.connecting import connected
from trio_echo.measure.load.round import run_round
from trio_echo.measure.load.workload import Workload

async def main():
    target = parse_endpoint(sys.argv[2])
    load = Workload(connections=2, duration=1.0, processes=2)
    async with connected(sys.argv[1]) as executor:
        for _ in range(2):
            samples = await run_round(
                target, load, executor=executor, progress=lambda _: print("loading", flush=True)
            )
            lost = [one.machine.name for one in samples.machines if one.samples is None]
            print(json.dumps([lost, samples.failures, len(samples.received)]), flush=True)
            sys.stdin.readline()

trio.run(main)
"""


class Lines:
    """The lines that a process writes."""

    def __init__(self, stream: trio.abc.ReceiveStream) -> None:
        self._stream = stream
        self._text = ""

    async def next(self, *, loading: bool) -> str:
        """The next line that says that it loads; or the next one that says something else."""
        while True:
            while "\n" not in self._text:
                data = await self._stream.receive_some()
                assert data, "it has ended"
                self._text += bytes(data).decode()
            line, _, self._text = self._text.partition("\n")
            if (line == "loading") == loading:
                return line


async def test_a_link_that_is_cut_is_a_missing_part_and_once_healed_it_loads_again() -> None:
    async with four_hosts("ipv4") as (net, scheduler, target):
        command = [sys.executable, "-c", ROUNDS, scheduler, str(target)]
        pipes: dict[str, Any] = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
        process = await net["boss"].open_process(command, **pipes)
        assert process.stdin is not None
        assert process.stdout is not None
        lines = Lines(process.stdout)
        try:
            with trio.fail_after(ROOMY):
                await lines.next(loading=True)
                net.cables["two"].cut()
                lost, failures, messages = json.loads(await lines.next(loading=False))
                assert lost == ["two"]
                (reason,) = failures
                assert reason.startswith("machine two (")
                assert reason.endswith("no answer for 10 s")
                assert messages > 0
                net.cables["two"].heal()
                await process.stdin.send_all(b"\n")
                lost, failures, messages = json.loads(await lines.next(loading=False))
                assert (lost, failures) == ([], {})
                await process.stdin.send_all(b"\n")
                assert await process.wait() == 0
        finally:
            process.kill()
            await process.stdin.aclose()
            await process.stdout.aclose()
