"""Dask clusters for tests: a real scheduler and real workers, each a process."""

from __future__ import annotations

import subprocess
import sys
from contextlib import AsyncExitStack, asynccontextmanager
from typing import TYPE_CHECKING, NamedTuple

import trio
from support import PATIENCE

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Sequence

    from trio_echo.measure.load.processes import OpenProcess

# Each ends with its standard input, so none outlives the test.
_RUN = """
import asyncio, sys
from distributed import Scheduler, Worker

async def run(kind, *arguments, **options):
    async with kind(*arguments, **options, dashboard=False) as server:
        print(server.address, flush=True)
        await asyncio.to_thread(sys.stdin.read)
"""
SCHEDULER = _RUN + "asyncio.run(run(Scheduler, host=sys.argv[1], port=0, dashboard_address=':0'))"
WORKER = _RUN + "asyncio.run(run(Worker, sys.argv[1], host=sys.argv[2], nthreads=1))"


class Place(NamedTuple):
    """Where a process of a cluster runs."""

    host: str
    open_process: OpenProcess = trio.lowlevel.open_process


class Cluster(NamedTuple):
    scheduler: str
    workers: dict[str, trio.Process]
    """By their addresses, in the order in which they were asked for."""


HERE = Place("127.0.0.1")


@asynccontextmanager
async def cluster(
    scheduler: Place = HERE, workers: Sequence[Place] = (HERE, HERE)
) -> AsyncIterator[Cluster]:
    """A scheduler and workers; afterwards all of them have ended."""
    async with AsyncExitStack() as stack:
        _, address = await stack.enter_async_context(_started(scheduler, SCHEDULER, scheduler.host))
        started: dict[str, trio.Process] = {}
        for place in workers:
            process, own = await stack.enter_async_context(
                _started(place, WORKER, address, place.host)
            )
            started[own] = process
        yield Cluster(address, started)


@asynccontextmanager
async def _started(
    place: Place, program: str, *arguments: str
) -> AsyncIterator[tuple[trio.Process, str]]:
    process = await place.open_process(
        [sys.executable, "-c", program, *arguments],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
    )
    assert process.stdin is not None
    assert process.stdout is not None
    try:
        line = b""
        with trio.fail_after(PATIENCE):
            while not line.endswith(b"\n"):
                piece = await process.stdout.receive_some()
                assert piece, "it has ended"
                line += piece
        yield process, line.decode().strip()
    finally:
        with trio.CancelScope(shield=True):
            with trio.move_on_after(PATIENCE):
                await process.stdin.aclose()
                await process.wait()
            process.kill()
            await process.wait()
            await process.stdout.aclose()
