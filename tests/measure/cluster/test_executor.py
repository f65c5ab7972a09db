"""The executor, with a client whose workers are an event loop in this process."""

from __future__ import annotations

import asyncio
import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, cast

import psutil
import pytest
import trio
from support import PATIENCE

from trio_echo import BackgroundServer
from trio_echo.measure.cluster import worker
from trio_echo.measure.cluster.errors import ClusterError
from trio_echo.measure.cluster.executor import on_cluster
from trio_echo.measure.load.round import run_round
from trio_echo.measure.load.workload import Workload

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from distributed import Client

    from trio_echo.measure.load.loader import Report

ONE, TWO = "tcp://10.0.0.1:1", "tcp://10.0.0.2:2"


class Loop:
    def __init__(self) -> None:
        self.asyncio_loop = asyncio.new_event_loop()


class FakeClient:
    """Calls functions in its own event loop, in place of workers.

    Attributes:
        answers: what a worker answers to a function instead of calling it.
    """

    asynchronous = False

    def __init__(self, *addresses: str) -> None:
        self.loop = Loop()
        self.addresses = addresses
        self.answers: dict[tuple[str, Callable[..., Any]], Any] = {}

    async def run(
        self,
        function: Callable[..., Any],
        *args: Any,
        workers: list[str] | None = None,
        on_error: str = "raise",
    ) -> dict[str, Any]:
        found = {}
        for address in self.addresses if workers is None else workers:
            answer = self.answers.get((address, function), function)
            if isinstance(answer, Exception):
                if on_error == "raise":
                    raise answer
            elif callable(answer):
                answer = answer(*args)
            found[address] = await answer if asyncio.iscoroutine(answer) else answer
        return found


@contextmanager
def faked(*addresses: str) -> Iterator[tuple[FakeClient, Client]]:
    fake = FakeClient(*addresses)
    loop = fake.loop.asyncio_loop
    thread = threading.Thread(target=loop.run_forever)
    thread.start()
    try:
        yield fake, cast("Client", fake)
        assert not worker._loaders
    finally:
        loop.call_soon_threadsafe(loop.stop)
        thread.join(PATIENCE)
        loop.close()
        for child in psutil.Process().children():
            if worker._LOADER in child.cmdline():
                child.kill()
                pytest.fail("a loader is left")


async def test_a_round_runs_on_the_workers() -> None:
    load = Workload(connections=3, messages=90, processes=2, verify=True)
    reports: list[Report] = []
    with faked(ONE, TWO) as (_, client), BackgroundServer() as server, trio.fail_after(PATIENCE):
        async with on_cluster(client) as executor:
            samples = await run_round(
                server.addresses[0], load, executor=executor, progress=reports.append
            )
    assert len(samples.received) == 90
    assert not samples.failures
    assert samples.missing == 0
    first, second = samples.machines
    assert (first.machine.address, first.connections) == (ONE, 2)
    assert (second.machine.address, second.connections) == (TWO, 1)
    for machine, _, own in samples.machines:  # the clock is the same one
        assert own is not None
        assert abs(machine.offset) <= machine.error


async def hang(*_: Any) -> None:
    await asyncio.Event().wait()


@pytest.mark.parametrize(
    ("answer", "why"),
    [
        pytest.param(OSError("closed"), "it cannot be reached", marks=pytest.mark.slow),
        pytest.param(hang, "no answer for 0.5 s", marks=pytest.mark.slow),
        (KeyError("x"), "its load process is gone"),
    ],
)
async def test_a_worker_that_is_lost_in_a_round_is_a_missing_part(answer: Any, why: str) -> None:
    load = Workload(connections=4, duration=0.2, processes=2)
    with faked(ONE, TWO) as (fake, client), BackgroundServer() as server:
        async with on_cluster(client, patience=0.5 if answer is hang else PATIENCE) as executor:
            name = worker.about().name

            def lose(_: Report) -> None:
                fake.answers[TWO, worker.receive] = answer

            fake.answers[ONE, worker.clock] = worker.clock
            with trio.fail_after(PATIENCE):
                samples = await run_round(
                    server.addresses[0], load, executor=executor, progress=lose
                )
    assert samples.failures == {f"machine {name} ({TWO}): {why}": 2}
    assert samples.missing == 1
    assert samples.received
    assert samples.machines[1].samples is None


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (lambda: worker.about()._replace(python="3.9"), "has Python 3.9, this one 3."),
        (lambda: worker.about()._replace(trio_echo="9"), "has trio_echo 9, this one "),
        (lambda: worker.about()._replace(schema=1), "has results of schema 1, this one "),
        (ModuleNotFoundError("No module named 'trio_echo'\nx"), "No module named 'trio_echo'"),
    ],
)
async def test_a_machine_with_other_versions_is_refused(answer: Any, words: str) -> None:
    with faked(ONE, TWO) as (fake, client):
        fake.answers[TWO, worker.about] = answer
        with pytest.raises(ClusterError, match="machine ") as refused:
            async with on_cluster(client):
                pytest.fail("it was accepted")
    assert words in str(refused.value)
    assert TWO in str(refused.value)
    assert "\n" not in str(refused.value)


async def test_a_cluster_without_workers_is_refused() -> None:
    with faked() as (_, client), pytest.raises(ClusterError, match="has no workers"):
        async with on_cluster(client):
            pytest.fail("it was accepted")


@pytest.mark.slow
async def test_a_round_that_is_cancelled_leaves_no_loader() -> None:
    load = Workload(connections=2, duration=3600.0, processes=2)
    with faked(ONE, TWO) as (_, client), BackgroundServer() as server, trio.CancelScope() as scope:
        async with on_cluster(client) as executor:
            await run_round(
                server.addresses[0], load, executor=executor, progress=lambda _: scope.cancel()
            )
    assert scope.cancelled_caught


@pytest.mark.slow
async def test_a_round_that_is_stopped_returns_what_it_has() -> None:
    load = Workload(connections=2, duration=3600.0, processes=2)
    stop = trio.Event()
    with faked(ONE, TWO) as (_, client), BackgroundServer() as server, trio.fail_after(PATIENCE):
        async with on_cluster(client) as executor:
            samples = await run_round(
                server.addresses[0],
                load,
                executor=executor,
                progress=lambda _: stop.set(),
                stop=stop,
            )
    assert samples.cut
    assert samples.received
    assert samples.missing == 0


@pytest.mark.slow
async def test_a_loader_that_nobody_asks_for_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(worker, "_LEASE", 0.01)
    await trio.to_thread.run_sync(lambda: asyncio.run(_abandon()))
    assert not worker._loaders


async def _abandon() -> None:
    await worker.start("it", {})
    loader = worker._loaders["it"]
    await loader._process.wait()
    while worker._loaders:  # noqa: ASYNC110  it has no event
        await asyncio.sleep(0.01)
