"""A real scheduler and real workers, on loopback."""

from __future__ import annotations

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
from contextlib import suppress
from typing import TYPE_CHECKING, Any

import papers
import psutil
import pytest
import trio
from clusters import HERE, Place, cluster
from support import PATIENCE

from trio_echo import BackgroundServer
from trio_echo.measure.cluster.connecting import connected
from trio_echo.measure.cluster.errors import ClusterError
from trio_echo.measure.load.pace import Pacer
from trio_echo.measure.load.round import run_round
from trio_echo.measure.load.workload import Workload
from trio_echo.measure.results import files
from trio_echo.measure.session import measure

if TYPE_CHECKING:
    from pathlib import Path

    from trio_echo.measure.load.loader import Report

if sys.platform == "win32":
    pytest.skip("it takes signals and sessions of Unix", allow_module_level=True)

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


async def test_another_server_is_not_a_scheduler_and_says_so_in_one_line() -> None:
    with BackgroundServer() as server:
        host, port = server.addresses[0]
        with pytest.raises(ClusterError, match="its answer is not that of one") as refused:
            async with connected(f"tcp://{host}:{port}"):
                pytest.fail("it is an echo server")
    assert "\n" not in str(refused.value)


async def test_a_server_that_never_answers_is_given_up() -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        host, port = silent.getsockname()
        with pytest.raises(ClusterError, match="no Dask scheduler at "):
            async with connected(f"tcp://{host}:{port}", patience=0.5):
                pytest.fail("it is silent")


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


async def test_targets_sizes_and_tls_work_as_on_one_machine(tmp_path: Path) -> None:
    """The workers run in another folder: they get the contents of the files, not their names."""
    papers.written(tmp_path)
    output = tmp_path / "results.json"
    context = papers.server_context(wants_certificate=True)
    load = ["--connections", "4", "--size", "64,1K", "--rounds", "1", "--messages", "200"]
    secured = papers.Files("ca.pem", "cert.pem", "key.pem")
    with BackgroundServer(ssl_context=context) as server:
        targets = [str(one) for one in server.addresses]
        async with cluster() as (address, _):
            command = [*BENCH, *targets, "--cluster", address, *load, "--verify"]
            command += [*secured.trust, *secured.identity]
            done = await trio.run_process(
                [*command, "--output", str(output)], cwd=tmp_path, capture_stdout=True, check=False
            )
    assert done.returncode == 0, done.stdout.decode()
    run = files.read(output)
    assert len(run.rounds) == 2 * len(targets)
    for one in run.rounds:
        assert one.tls is not None
        assert [row.connections for row in one.machines] == [2, 2]
        assert sum(row.messages for row in one.machines) == one.summary.messages == 200


DAY = 86_400


# A time namespace (time_namespaces(7)).
ANOTHER_CLOCK = [
    *("unshare", "--user", "--map-root-user", "--time", "--monotonic", str(DAY)),
    *("--fork", "--kill-child"),
]


async def open_process_with_another_clock(command: list[str], **options: Any) -> trio.Process:
    return await trio.lowlevel.open_process([*ANOTHER_CLOCK, *command], **options)


@pytest.mark.skipif(sys.platform != "linux", reason="it takes time namespaces")
async def test_samples_of_a_machine_with_another_clock_are_on_one_clock() -> None:
    if shutil.which("unshare") is None:
        pytest.skip("there is no unshare")
    if (await trio.run_process([*ANOTHER_CLOCK, "true"], check=False)).returncode:
        pytest.skip("this system allows no time namespaces")
    load = Workload(connections=2, messages=200, rate=1000.0, processes=2)
    places = [HERE, Place("127.0.0.1", open_process_with_another_clock)]
    async with cluster(workers=places) as (address, workers), connected(address) as executor:
        with BackgroundServer() as server:
            samples = await run_round(server.addresses[0], load, executor=executor)
    offsets = {one.machine.address: one.machine for one in samples.machines}
    near, far = (offsets[one] for one in workers)
    assert abs(near.offset) <= near.error
    assert abs(far.offset - DAY * 10**9) <= far.error
    pacer = Pacer(1000.0)
    due = sorted(intended - samples.began for intended in samples.intended)
    assert due == [pacer.due(number) for number in range(200)]


def test_ctrl_c_keeps_what_was_measured(tmp_path: Path) -> None:
    """The terminal sends it also to the workers of the cluster."""
    output = tmp_path / "results.json"
    load = ["--connections", "2", "--processes", "2", "--duration", "3600", "--output", str(output)]
    command = [*BENCH, "--serve", "--cluster", "local", *load]
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True
    ) as bench:
        try:
            assert bench.stderr is not None
            assert bench.stderr.readline().startswith("round 1 ")  # after some seconds
            os.killpg(bench.pid, signal.SIGINT)
            said, complaints = bench.communicate(timeout=PATIENCE)
        finally:
            left = [one for one in psutil.process_iter() if session_of(one) == bench.pid]
            # Python's resource tracker ends by itself, after its parent.
            _, left = psutil.wait_procs(left, timeout=PATIENCE)
            for one in left:
                one.kill()
    assert bench.returncode == 1
    assert "partial: the run ended early" in said
    assert "Traceback" not in complaints
    run = json.loads(output.read_text())
    assert len(run["rounds"][0]["machines"]) == len({*map(str, run["rounds"][0]["machines"])}) > 0
    assert run["rounds"][0]["summary"]["messages"] > 0
    assert run["rounds"][0]["missing"] == 0
    assert not left


def test_ctrl_c_while_the_cluster_starts_is_one_line() -> None:
    command = [*BENCH, "--serve", "--cluster", "local", "--duration", "3600"]
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True
    ) as bench:
        try:
            while not any("spawn_main" in " ".join(one) for one in children(bench.pid)):
                assert bench.poll() is None
                time.sleep(0.01)
            os.killpg(bench.pid, signal.SIGINT)
            said, complaints = bench.communicate(timeout=PATIENCE)
        finally:
            left = [one for one in psutil.process_iter() if session_of(one) == bench.pid]
            # Python's resource tracker ends by itself, after its parent.
            _, left = psutil.wait_procs(left, timeout=PATIENCE)
            for one in left:
                one.kill()
    assert (bench.returncode, complaints) == (1, "")
    assert said == "partial: the run ended before its first round did\n"
    assert not left


def children(number: int) -> list[list[str]]:
    """Return the command lines of a process's children."""
    found = []
    for one in psutil.Process(number).children():
        with suppress(psutil.Error):  # it has just ended
            found.append(one.cmdline())
    return found


def session_of(process: psutil.Process) -> int:
    try:
        return 0 if process.status() == psutil.STATUS_ZOMBIE else os.getsid(process.pid)
    except (OSError, psutil.Error):  # it has just ended
        return 0
