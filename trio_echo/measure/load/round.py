"""A round of load: start its parts, watch them, and collect what they measured.

The load runs in its own processes, never in this one's Trio loop: the scheduler's part of a round
trip would count as the server's, and other work of this process (it draws progress) would delay the
clock. A thread would have its own loop, but share this process's GIL.

`time.perf_counter_ns` is the same clock in all processes, on Linux (CLOCK_MONOTONIC), macOS
(mach_absolute_time) and Windows (QueryPerformanceCounter). So all loaders can start at one time,
and their samples are merged unchanged.
"""

from __future__ import annotations

import time
from collections import Counter
from contextlib import AsyncExitStack
from functools import partial
from typing import TYPE_CHECKING

import trio
from msgspec import structs

from trio_echo.addresses import resolve

from .keeping import merge
from .loader import KEPT_SAMPLES, Job
from .machine import MachineSamples
from .meter import Meter, find_servers
from .pace import shares
from .processes import Processes
from .workload import Samples

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from trio_echo.addresses import Endpoint
    from trio_echo.errors import SocketCallError

    from .connections.tls import Tls
    from .executor import Executor, Part
    from .loader import Report
    from .machine import Machine
    from .meter import Server
    from .pace import Share
    from .workload import Workload


async def run_round(
    target: Endpoint,
    workload: Workload,
    *,
    patience: float = 10.0,
    tls: Tls | None = None,
    server: Server | None = None,
    executor: Executor | None = None,
    payload: bytes = b"",
    keep: int = KEPT_SAMPLES,
    watched: bool = False,
    progress: Callable[[Report], object] = lambda _: None,
    stop: trio.Event | None = None,
) -> Samples:
    """Load an echo server for one round.

    A connection that fails is counted in the samples, and the others go on. A round ends when its
    time is over or its messages are back. It then waits for connections whose echo is missing,
    until each of them has answered or failed.

    No process is left behind, even if this one is killed.

    Args:
        target: the server. If its name has several addresses, the first one is loaded.
        workload: the load.
        patience: seconds without an answer after which no further connection is opened; those
            that are not open then have failed. So has a connection that waits that long for a byte
            of an echo.
        tls: how the connections use TLS; `None` if they do not.
        server: whose CPU use is measured; by default it is looked for.
        executor: what runs the parts of the load; by default processes of this machine.
        payload: what messages consist of, piece by piece, from its beginning again after its end;
            random bytes if it is empty.
        keep: of how many messages every time is kept. A round that has more goes into histograms,
            whose relative error is 0.4 %.
        watched: whether the reports have the times of messages.
        progress: called about ten times a second for each part, and at its end, with its report;
            the number of messages in it is that of the whole round. It runs in the event loop.
        stop: ends the round early. What was measured until then is returned, with `cut` set; it
            took no time if the load had not begun.

    Raises:
        AddressError: host or port is not valid.
        SocketCallError: of `getaddrinfo()`: there is no such host; of `connect()`, `socket()` or
            `do_handshake()`: no connection could be opened.
    """
    stop = trio.Event() if stop is None else stop
    executor = Processes() if executor is None else executor
    endpoint = (await resolve(target.host, target.port))[0]
    tls = None if tls is None else tls.of(target.host)
    if server is None:
        (server,) = await look_for_servers([endpoint])
    split = shares(workload.connections, workload.processes)
    counts = [0] * len(split)

    def reported(number: int, report: Report) -> None:
        counts[number] = report.messages
        progress(structs.replace(report, messages=sum(counts), part=number))

    async with AsyncExitStack() as stack:
        parts = [
            await stack.enter_async_context(
                executor.started(
                    Job(
                        *endpoint,
                        workload,
                        share,
                        patience,
                        tls,
                        keep=keep * len(share) // workload.connections,
                        watched=watched,
                        payload=payload,
                    )
                )
            )
            for share in split
        ]
        errors: list[SocketCallError | None] = []
        async with trio.open_nursery() as nursery:
            nursery.start_soon(_cancel_when, stop, nursery.cancel_scope)
            errors += [await part.connected() for part in parts]
            nursery.cancel_scope.cancel()
        if len(errors) < len(parts):
            now = time.perf_counter_ns()
            return Samples(now, now, cut=True)
        if errors[0] is not None and all(errors):
            raise errors[0]
        start = time.perf_counter_ns() + executor.lead
        async with trio.open_nursery() as nursery:
            for part in parts:
                nursery.start_soon(part.begin, start)
        meter = Meter(server)
        async with trio.open_nursery() as nursery:
            for number, part in enumerate(parts):
                nursery.start_soon(part.follow, partial(reported, number), stop)
        usage = meter.stop([part.cpu for part in parts], here=executor.here)
    began = start + int(workload.warm_up * 1e9)
    results = [part.samples() for part in parts]
    machines = _by_machine(began, parts, results, split, keep)
    merged = _merged(began, results, split, keep)
    merged.machines = machines
    merged.usage = usage
    merged.tls = next(filter(None, (part.tls for part in parts)), None)
    return merged


async def _cancel_when(event: trio.Event, scope: trio.CancelScope) -> None:
    await event.wait()
    scope.cancel()


async def look_for_servers(endpoints: Sequence[Endpoint]) -> list[Server]:
    """Look for the processes that listen at these numeric addresses, without blocking."""
    return await trio.to_thread.run_sync(find_servers, endpoints, abandon_on_cancel=True)


def _merged(
    began: int, results: Sequence[Samples | str], split: Sequence[Share], keep: int
) -> Samples:
    """Merge what the parts measured."""
    brought = [one for one in results if isinstance(one, Samples)]
    merged = Samples(began, max((one.ended for one in brought), default=began))
    failures: Counter[str] = Counter()
    for result, share in zip(results, split, strict=True):
        if isinstance(result, str):
            failures[result] += len(share)
            merged.missing += 1
            continue
        failures.update(result.failures)
        merged.unanswered += result.unanswered
        merged.cut |= result.cut
    merged.failures = dict(failures)
    merge(merged, brought, keep)
    return merged


def _by_machine(
    began: int,
    parts: Sequence[Part],
    results: Sequence[Samples | str],
    split: Sequence[Share],
    keep: int,
) -> list[MachineSamples]:
    """Merge what the parts of each machine measured."""
    of_machines: dict[str, tuple[Machine, list[int]]] = {}
    for number, part in enumerate(parts):
        if part.machine is not None:
            of_machines.setdefault(part.machine.address, (part.machine, []))[1].append(number)
    found = []
    for machine, numbers in of_machines.values():
        own = [split[number] for number in numbers]
        merged = _merged(began, [results[number] for number in numbers], own, keep)
        none = merged.missing == len(numbers)
        found.append(MachineSamples(machine, sum(map(len, own)), None if none else merged))
    return found
