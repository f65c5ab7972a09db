"""Race trio_echo's server against echo servers on other libraries.

    python tests/peers/race.py [--rounds N] [--seconds S] [--connections LIST] [--size LIST]
        [--against NAME] [--plot FILE] [--output FILE] [NAME...]

All servers that can run here are visited by turns, in random order, with the load of `bench`: a
closed loop with one message under way on each connection. On Linux, the servers share one core and
the load has another. Each rival is told as a ratio to the baseline, with a 95 % interval of the
median over the turns: its rate, and the CPU time that the server took for a message while the rate
was measured. It prints a Markdown table.

Without `--connections` and `--size`: 64 and 512 connections with 64 B, and 64 with 64 KiB.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from array import array
from bisect import bisect_left
from pathlib import Path
from typing import TYPE_CHECKING

import race_chart
import trio
from rivals import Field, Server
from standings import as_table, cell, conditions, standings
from terminal import counts, names_and_baseline, positive, seconds

from trio_echo.measure import environment, files
from trio_echo.measure.results import Target, collect
from trio_echo.measure.turns import Plan, Progress, run
from trio_echo.measure.workload import Workload

if TYPE_CHECKING:
    from collections.abc import Sequence

CELLS = ((64, 64), (512, 64), (64, 65536))
WARM_UP = 0.3
# Seconds between two looks at the CPU clocks.
INTERVAL = 0.01


class CpuWatch:
    """Looks at the CPU time of servers all the while."""

    def __init__(self, servers: Sequence[Server]) -> None:
        self._servers = servers
        self._times = array("q")
        self._taken = [array("q") for _ in servers]

    def look(self) -> None:
        """Look once."""
        self._times.append(time.perf_counter_ns())
        for server, taken in zip(self._servers, self._taken, strict=True):
            taken.append(server.cpu_ns())

    async def run(self) -> None:
        """Look again and again."""
        while True:
            self.look()
            await trio.sleep(INTERVAL)

    def between(self, server: int, began: int, ended: int) -> int:
        """Tell the nanoseconds that a server took, by index, from one time to another."""
        return round(self._at(server, ended) - self._at(server, began))

    def _at(self, server: int, when: int) -> float:
        later = bisect_left(self._times, when)
        (t0, t1), (c0, c1) = (a[later - 1 : later + 1] for a in (self._times, self._taken[server]))
        return c0 + (c1 - c0) * (when - t0) / (t1 - t0)


async def race(
    field: Field, workloads: Sequence[Workload], rounds: int
) -> tuple[Progress, list[int]]:
    """Run all rounds; returns what they brought, and of each the CPU time of its server."""
    progress = Progress([], [])
    costs: list[int] = []
    with field.started(field.rivals) as servers:
        plan = Plan(endpoints=[one.endpoint for one in servers], workloads=workloads, rounds=rounds)
        watch = CpuWatch(servers)

        def changed() -> None:
            if len(progress.done) == len(costs):
                return
            watch.look()
            done, samples = progress.done[-1], progress.samples[-1]
            costs.append(watch.between(done.target, samples.began, samples.ended))
            # Blocks, for nothing else has anything to do: what it does for this load, lines to
            # show, must not slow the next server down.
            servers[done.target].rest()
            field.forget()
            name, load = servers[done.target].rival.name, cell(workloads[done.workload])
            rate = done.summary.messages_per_second or 0
            print(f"{len(costs)} of {len(plan)}: {load}, {name}: {rate:,.0f}/s", file=sys.stderr)

        async with trio.open_nursery() as nursery:
            nursery.start_soon(watch.run)
            await run(plan, progress, changed)
            nursery.cancel_scope.cancel()
    return progress, costs


def main(arguments: Sequence[str] | None = None) -> int:
    """Race, and give the exit status."""
    parser = argparse.ArgumentParser(description="Race echo servers.")
    names_and_baseline(parser, "uvloop_protocol")
    parser.add_argument("--rounds", metavar="N", type=positive, default=15)
    parser.add_argument("--seconds", metavar="S", type=seconds, default=1.0)
    parser.add_argument("--connections", metavar="LIST", type=counts)
    parser.add_argument("--size", metavar="LIST", type=counts)
    parser.add_argument("--plot", metavar="FILE", type=Path)
    parser.add_argument("--output", metavar="FILE", type=Path)
    options = parser.parse_args(arguments)
    cells = list(CELLS)
    if options.connections or options.size:
        cells = [(n, s) for n in options.connections or [64] for s in options.size or [64]]
    workloads = [
        Workload(connections=n, size=size, duration=options.seconds, warm_up=WARM_UP)
        for n, size in cells
    ]
    with Field(options.names, options.against) as field:
        where = environment.look()
        progress, costs = trio.run(race, field, workloads, options.rounds)
        targets = [
            Target(name=one.name, address="127.0.0.1:0", family="IPv4") for one in field.rivals
        ]
        result = collect(where, targets, workloads, progress.done, partial=progress.partial)
    ranks = standings(result, costs)
    told = conditions(result, ranks, field.conditions)
    print(as_table(result, ranks), *told, sep="\n")
    if options.output:
        files.write(options.output, result, progress.samples)
        beside = {"conditions": told, "server_cpu_ns": costs}
        text = json.dumps(beside, indent=1) + "\n"
        options.output.with_suffix(".cpu.json").write_text(text, "utf-8")
    if options.plot:
        race_chart.draw(result, ranks, told).save(options.plot)
    for kind, count in result.failures.items():
        print(f"failed: {count} x {kind}", file=sys.stderr)
    return 1 if result.failures or result.partial else 0


if __name__ == "__main__":
    sys.exit(main())
