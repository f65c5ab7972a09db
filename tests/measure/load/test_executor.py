"""A round over parts that have fixed results: what it makes of them."""

from __future__ import annotations

import random
from array import array
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from itertools import chain
from typing import TYPE_CHECKING

import pytest
import trio

from trio_echo import Endpoint, SocketCallError
from trio_echo.measure.load.loader import Job, Report
from trio_echo.measure.load.machine import Machine, MachineSamples
from trio_echo.measure.load.meter import Server
from trio_echo.measure.load.round import run_round
from trio_echo.measure.load.workload import Samples, Workload
from trio_echo.measure.results.summary import summarize

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Iterator

TARGET = Endpoint("127.0.0.1", 9)
REFUSED = SocketCallError("connect()", OSError(111, "Connection refused"), str(TARGET))


@dataclass
class FixedPart:
    result: Samples | str
    reports: list[Report] = field(default_factory=list)
    error: SocketCallError | None = None
    machine: Machine | None = None
    tls: str | None = None
    cpu: tuple[float, float] = (0.5, 0.0)
    starts: list[int] = field(default_factory=list)

    async def connected(self) -> SocketCallError | None:
        return self.error

    async def begin(self, start: int) -> None:
        self.starts.append(start)

    async def follow(self, report: Callable[[Report], object], stop: trio.Event) -> None:
        for one in self.reports:
            report(one)
            await trio.lowlevel.checkpoint()

    def samples(self) -> Samples | str:
        return self.result


class FixedParts:
    lead = 0
    here = True

    def __init__(self, *parts: FixedPart) -> None:
        self._next: Iterator[FixedPart] = iter(parts)
        self.jobs: list[Job] = []
        self.ended = 0

    @asynccontextmanager
    async def started(self, job: Job) -> AsyncIterator[FixedPart]:
        self.jobs.append(job)
        try:
            yield next(self._next)
        finally:
            self.ended += 1


def measured(count: int, seed: int) -> Samples:
    """What a part brings back: round trips of any length, in the order of their ends."""
    chance = random.Random(seed)
    ends = sorted(chance.randrange(10**6, 10**9) for _ in range(count))
    sent = array("q", [end - chance.randrange(1, 10**6) for end in ends])
    return Samples(0, 10**9, intended=sent[:], sent=sent, received=array("q", ends))


async def round_of(*parts: FixedPart, connections: int = 8) -> Samples:
    load = Workload(connections=connections, processes=len(parts), duration=1.0)
    executor = FixedParts(*parts)
    server = Server(here=False, process=None)
    try:
        return await run_round(TARGET, load, server=server, executor=executor)
    finally:
        assert executor.ended == len(executor.jobs) == len(parts)
        assert sum(len(job.share) for job in executor.jobs) == connections


async def test_percentiles_are_those_of_all_samples() -> None:
    several = [measured(count, count) for count in (30_000, 500, 12_345)]
    merged = await round_of(*map(FixedPart, several))
    assert list(merged.received) == sorted(chain(*(one.received for one in several)))
    together = Samples(0, 10**9)
    for one in several:
        together.intended.extend(one.intended)
        together.sent.extend(one.sent)
        together.received.extend(one.received)
    load = Workload(duration=1.0)
    assert summarize(merged, load).round_trip_ns == summarize(together, load).round_trip_ns


async def test_all_parts_start_at_one_time() -> None:
    parts = [FixedPart(measured(1, 1)) for _ in range(3)]
    await round_of(*parts)
    assert len({*parts[0].starts, *parts[1].starts, *parts[2].starts}) == 1


async def test_a_part_without_samples_is_a_failure_of_its_connections() -> None:
    merged = await round_of(FixedPart("machine b: it is gone"), FixedPart(measured(9, 1)))
    assert merged.failures == {"machine b: it is gone": 4}
    assert merged.missing == 1
    assert len(merged.received) == 9


async def test_progress_is_that_of_the_round() -> None:
    seen: list[int] = []
    parts = [FixedPart(measured(1, 1), [Report(5), Report(10)]), FixedPart("gone", [Report(7)])]
    await run_round(
        TARGET,
        Workload(connections=2, processes=2, duration=1.0),
        server=Server(here=False, process=None),
        executor=FixedParts(*parts),
        progress=lambda report: seen.append(report.messages),
    )
    assert seen[-1] == 17
    assert seen == sorted(seen)


async def test_only_a_round_without_any_connection_is_refused() -> None:
    refused = FixedPart(measured(0, 1), error=REFUSED)
    merged = await round_of(refused, FixedPart(measured(3, 1)))
    assert len(merged.received) == 3
    with pytest.raises(SocketCallError, match="Connection refused"):
        await round_of(refused, refused)


async def test_each_machine_has_its_own_samples() -> None:
    near, far = Machine("near", "tcp://10.0.0.1:1", 0, 10), Machine("far", "tcp://10.0.0.2:1", 5, 9)
    merged = await round_of(
        FixedPart(measured(20, 1), machine=near),
        FixedPart(measured(30, 2), machine=far),
        FixedPart("it is gone", machine=near),
        connections=6,
    )
    (first, connections, own), (second, others, theirs) = merged.machines
    assert (first, connections, second, others) == (near, 4, far, 2)
    assert own is not None
    assert (len(own.received), own.missing) == (20, 1)
    assert theirs is not None
    assert theirs.received == measured(30, 2).received


async def test_a_machine_that_sent_nothing_has_no_samples() -> None:
    gone = Machine("gone", "tcp://10.0.0.1:1", 0, 10)
    merged = await round_of(FixedPart("it is gone", machine=gone), FixedPart(measured(5, 1)))
    assert merged.machines == [MachineSamples(gone, 4, None)]
