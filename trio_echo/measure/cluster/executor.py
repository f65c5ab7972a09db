"""Runs each part of a round on a worker of a Dask cluster.

    async with connected("tcp://10.0.0.1:8786") as executor:
        samples = await run_round(target, workload, executor=executor)

`Client.run` calls a function in a worker, through the scheduler: nothing else is needed here. If a
worker dies, the call fails at once. If it stalls, or a link is cut, the call gets no answer in
time. In both cases its part is missing, and the others go on.
"""

from __future__ import annotations

import math
import time
import uuid
from contextlib import asynccontextmanager
from functools import partial
from typing import TYPE_CHECKING, Any, cast

import trio
from msgspec import structs

from ..load.machine import Machine
from ..load.processes import LoadProcess
from . import worker
from .calling import in_loop
from .clocks import Exchange, offset_of
from .errors import ClusterError, line

PATIENCE = 10.0
"""Seconds that a scheduler or a worker has to answer."""

if TYPE_CHECKING:
    import asyncio
    from collections.abc import AsyncIterator, Callable, Coroutine, Mapping

    from distributed import Client

    from ..load.connections.tls import Tls
    from ..load.loader import Job
    from ..load.workload import Workload
    from .worker import About

# Seconds that a loader has to return its samples when it must stop: they cross a network.
_GRACE = 30.0
# Seconds that a lost worker has to end its loader.
_FAREWELL = 1.0
# Seconds between two questions for more output.
_PAUSE = 0.2
# How many exchanges estimate the offset of a clock.
_EXCHANGES = 5
# Nanoseconds between `begin` and the start: at least, and more for each worker and round trip.
_LEAD, _LEAD_OF_EACH, _ROUND_TRIPS = 50_000_000, 5_000_000, 3


class ClusterExecutor:
    """An `Executor` on the workers of a Dask cluster; `on_cluster` makes it.

    Args:
        client: the Dask client.
        abouts: the workers' machines, by the addresses of the workers.
        patience: seconds without an answer after which a worker is given up.

    Attributes:
        here: as in `Executor`.
        lead: as in `Executor`.
    """

    def __init__(self, client: Client, abouts: Mapping[str, About], patience: float) -> None:
        mine = worker.about()
        self._workers = [
            _Worker(client, address, one.name, patience) for address, one in sorted(abouts.items())
        ]
        self.here = all(one.boot == mine.boot for one in abouts.values())
        self.lead = _LEAD + _LEAD_OF_EACH * len(self._workers)

    def __len__(self) -> int:
        """Return how many workers there are."""
        return len(self._workers)

    def spread(self, workload: Workload) -> Workload:
        """Return a workload with a part for each worker."""
        return structs.replace(workload, processes=min(workload.connections, len(self)))

    @asynccontextmanager
    async def started(self, job: Job) -> AsyncIterator[LoadProcess]:
        """Start a loader on the worker that has the fewest, and end it with the block.

        Raises:
            ClusterError: the worker is gone, or does not answer.
        """
        chosen = min(self._workers, key=lambda one: one.parts)
        name = uuid.uuid4().hex
        chosen.parts += 1
        loader: LoadProcess | None = None
        fate = ""
        stdout = _Output(chosen, name)
        try:
            with trio.CancelScope(shield=True):  # what has started must end
                job = await _sent_on(job, partial(chosen.ask, worker.start, name))
            loader = LoadProcess(job, _Input(chosen, name), stdout, grace=_GRACE)
            loader.offset, error, slowest = await chosen.compare_clocks()
            loader.machine = Machine(chosen.name, chosen.address, loader.offset, error)
            self.lead = max(self.lead, _LEAD + _ROUND_TRIPS * slowest)
            yield loader
        finally:
            chosen.parts -= 1
            with trio.CancelScope(shield=True) as ending:
                if stdout.lost is not None:  # if it comes back, its loader ends by itself
                    ending.deadline = trio.current_time() + _FAREWELL
                fate = await chosen.end(name)
            if loader is not None:
                loader.fate = stdout.lost or fate


class _Worker:
    """A worker, as this process sees it.

    Attributes:
        address: of the worker.
        name: of its machine.
        parts: how many it has at present.
        wait: seconds after which it answers, also if there is nothing to say.
    """

    def __init__(self, client: Client, address: str, name: str, patience: float) -> None:
        self._client = client
        self._loop = _loop_of(client)
        self._patience = patience
        self.address = address
        self.name = name
        self.parts = 0
        self.wait = min(1.0, patience / 4)

    def __str__(self) -> str:
        return f"machine {self.name} ({self.address})"

    async def ask(self, function: Callable[..., Any], *args: Any) -> Any:
        """Call a function there.

        Raises:
            ClusterError: it is gone, or does not answer.
        """
        return await self._answer(_call, function, *args)

    async def _answer(self, work: Callable[..., Coroutine[Any, Any, Any]], *args: Any) -> Any:
        try:
            with trio.fail_after(self._patience):
                return await in_loop(self._loop, work, self._client, self.address, *args)
        except trio.TooSlowError:
            why = f"no answer for {self._patience:g} s"
        except KeyError:
            why = "its load process is gone"
        except OSError:
            why = "it cannot be reached"
        except RuntimeError as exc:
            why = line(exc)
        raise ClusterError(f"{self}: {why}")

    async def compare_clocks(self) -> tuple[int, int, int]:
        """Return the offset of its clock, its error, and the slowest round trip to it."""
        exchanges = [await self._answer(_exchange) for _ in range(_EXCHANGES)]
        return *offset_of(exchanges), max(one.round_trip for one in exchanges)

    async def end(self, name: str) -> str:
        """End a loader; say how it ended."""
        try:
            return f"{self}: exit status {await self.ask(worker.end, name)}"
        except ClusterError as exc:
            return str(exc)


def _loop_of(client: Client) -> asyncio.AbstractEventLoop:
    loop: asyncio.AbstractEventLoop = cast("Any", client.loop).asyncio_loop  # tornado's
    return loop


# These two run in the client's event loop.


async def _call(client: Client, address: str, function: Callable[..., Any], *args: Any) -> Any:
    """Call a function in a worker."""
    return (await client.run(function, *args, workers=[address]))[address]


async def _exchange(client: Client, address: str) -> Exchange:
    """Read a worker's clock. The way between the threads is not a part of it."""
    asked = time.perf_counter_ns()
    far = await _call(client, address, worker.clock)
    return Exchange(asked, far, time.perf_counter_ns())


class _Input(trio.abc.SendStream):
    """The standard input of a loader on a worker."""

    def __init__(self, where: _Worker, name: str) -> None:
        self._worker = where
        self._name = name

    async def send_all(self, data: bytes | bytearray | memoryview) -> None:
        try:
            await self._worker.ask(worker.send, self._name, bytes(data))
        except ClusterError as exc:  # its output says why
            raise trio.BrokenResourceError from exc

    async def wait_send_all_might_not_block(self) -> None:
        await trio.lowlevel.checkpoint()

    async def aclose(self) -> None:
        try:
            await self._worker.ask(worker.finish, self._name)
        except ClusterError:  # its output says so
            return


class _Output(trio.abc.ReceiveStream):
    """The standard output of a loader on a worker.

    Attributes:
        lost: why it ended too early, if it did.
    """

    def __init__(self, where: _Worker, name: str) -> None:
        self._worker = where
        self._name = name
        self._next = -math.inf
        self.lost: str | None = None

    async def receive_some(self, max_bytes: int | None = None) -> bytes:
        await trio.lowlevel.checkpoint()
        data: bytes | None = b""
        while data == b"" and self.lost is None:
            await trio.sleep_until(self._next)
            self._next = trio.current_time() + _PAUSE
            try:
                data = await self._worker.ask(worker.receive, self._name, self._worker.wait)
            except ClusterError as exc:
                self.lost = str(exc)
                data = None
        return data or b""

    async def aclose(self) -> None:
        await trio.lowlevel.checkpoint()


async def _sent_on(job: Job, start: Callable[[Mapping[str, bytes]], Any]) -> Job:
    """Start a loader with the files that a job names; return the job with their paths there."""
    tls = job.tls
    names = [] if tls is None else [one for one in (tls.ca, tls.cert, tls.key) if one is not None]
    paths = await start({one: await trio.Path(one).read_bytes() for one in names})
    return job if tls is None else structs.replace(job, tls=_moved(tls, paths))


def _moved(tls: Tls, paths: Mapping[str, str]) -> Tls:
    fields = {one: getattr(tls, one) for one in ("ca", "cert", "key")}
    there = {one: path and paths[path] for one, path in fields.items()}
    return structs.replace(tls, **there)


@asynccontextmanager
async def on_cluster(
    client: Client, *, patience: float = PATIENCE
) -> AsyncIterator[ClusterExecutor]:
    """Run parts on the workers that a Dask client has now. The client stays open.

    Args:
        client: its event loop must run in another thread, as Dask does by default.
        patience: seconds without an answer after which a worker is given up.

    Raises:
        ClusterError: there are no workers; one does not answer, or has other versions.
    """
    yield ClusterExecutor(client, await _look(client, patience), patience)


async def _look(client: Client, patience: float) -> dict[str, About]:
    """Ask every worker what it is, and refuse those that differ from this machine."""

    async def ask() -> dict[str, Any]:
        answers: dict[str, Any] = await client.run(worker.about, on_error="return")
        return answers

    try:
        with trio.fail_after(patience):
            found = await in_loop(_loop_of(client), ask)
    except trio.TooSlowError:
        raise ClusterError(f"the workers do not answer for {patience:g} s") from None
    except (OSError, RuntimeError) as exc:
        raise ClusterError(f"the scheduler cannot be reached: {line(exc)}") from None
    if not found:
        raise ClusterError("the scheduler has no workers")
    mine = worker.about()
    for address, one in sorted(found.items()):
        if isinstance(one, Exception):
            raise ClusterError(f"machine {address} cannot run trio_echo: {line(one)}")
        for what in ("python", "trio_echo", "schema"):
            theirs, ours = getattr(one, what), getattr(mine, what)
            if theirs != ours:
                where = f"machine {one.name} ({address})"
                words = {"python": "Python", "schema": "results of schema"}.get(what, what)
                raise ClusterError(f"{where} has {words} {theirs}, this one {ours}")
    return found
