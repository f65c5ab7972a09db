"""Race trio_echo's server against echo servers on other libraries.

    python benchmarks/race.py [--rounds N] [--seconds S] [--connections LIST] [--size LIST]
        [--load bench|c] [--tls] [--against NAME] [--plot FILE] [--output FILE] [NAME...]

All servers that can run here take turns, in random order, with the load of `bench`: a closed loop
with one message under way on each connection. On Linux, the servers share one core and the load has
another. For each rival it prints two ratios to the baseline, in a Markdown table: its rate, and the
CPU time that the server took for a message. Each is a median over the turns with a 95 % interval.

The load of `bench` is in Python, and the fastest servers wait for it. The table marks their rates,
which are then the load's. `--load c` uses the C program of this directory instead.

With `--tls`, all of them use TLS with a certificate made for the race.

Without `--connections` and `--size`: 64 and 512 connections with 64 B, and 64 with 64 KiB.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from array import array
from bisect import bisect_left
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import race_chart
import trio
from rivals import Field, Server, compiled
from standings import as_table, cell, conditions, standings
from terminal import counts, names_and_baseline, positive, seconds

from trio_echo.measure.load.round import run_round
from trio_echo.measure.load.workload import Samples, Workload
from trio_echo.measure.results import environment, files
from trio_echo.measure.results.run import Round, Target, collect
from trio_echo.measure.results.summary import summarize
from trio_echo.measure.turns import visits

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence

    from trio_echo import Endpoint

    RunRound = Callable[[Endpoint, Workload], Awaitable[Samples]]

CELLS = ((64, 64), (512, 64), (64, 65536))
WARM_UP = 0.3
PICTURES = (".png", ".svg", ".pdf")
# Seconds between two looks at the CPU clocks.
INTERVAL = 0.01


class CpuWatch:
    """Records the CPU time of servers while they run."""

    def __init__(self, servers: Sequence[Server]) -> None:
        self._servers = servers
        self._times = array("q")
        self._taken = [array("q") for _ in servers]

    def look(self) -> None:
        """Record it once."""
        self._times.append(time.perf_counter_ns())
        for server, taken in zip(self._servers, self._taken, strict=True):
            taken.append(server.cpu_ns())

    async def run(self) -> None:
        """Record it again and again."""
        while True:
            self.look()
            await trio.sleep(INTERVAL)

    def between(self, server: int, began: int, ended: int) -> int:
        """Return the nanoseconds that a server took, by index, from one time to another."""
        return round(self._at(server, ended) - self._at(server, began))

    def _at(self, server: int, when: int) -> float:
        later = bisect_left(self._times, when)
        (t0, t1), (c0, c1) = (a[later - 1 : later + 1] for a in (self._times, self._taken[server]))
        return c0 + (c1 - c0) * (when - t0) / (t1 - t0)


async def round_in_c(program: str, target: Endpoint, asked: Workload) -> Samples:
    """Run a round of the C load."""
    load = [target.port, asked.connections, asked.size, asked.warm_up, asked.duration]
    command = [program, target.host, *map(str, load), "raw"]
    done = await trio.run_process(command, capture_stdout=True, check=False)
    if done.returncode:
        failures = {f"load: exit status {done.returncode}": asked.connections}
        return Samples(0, 0, failures=failures)
    tls, _, numbers = done.stdout.partition(b"\n")
    began, ended, count, *times = array("q", numbers)
    sent, received = array("q", times[:count]), array("q", times[count:])
    words = tls.decode("ascii") or None
    return Samples(began, ended, intended=sent, sent=sent, received=received, tls=words)


async def race(
    field: Field, workloads: Sequence[Workload], rounds: int, one_round: RunRound
) -> tuple[list[Round], list[Samples], list[int]]:
    """Run all rounds; returns them, their samples, and the CPU time of the server in each.

    It ends with the first round in which a connection fails: then there is no winner.
    """
    done: list[Round] = []
    brought: list[Samples] = []
    costs: list[int] = []
    with field.started(field.rivals) as servers:
        plan = list(visits(len(servers), len(workloads), rounds))
        watch = CpuWatch(servers)
        async with trio.open_nursery() as nursery:
            nursery.start_soon(watch.run)
            for number, workload, target in plan:
                server, asked = servers[target], workloads[workload]
                watch.look()
                samples = await one_round(server.endpoint, asked)
                watch.look()
                brought.append(samples)
                if samples.failures:
                    print(f"{server.rival.name}: {samples.failures}", file=sys.stderr)
                    break
                costs.append(watch.between(target, samples.began, samples.ended))
                summary = summarize(samples, asked)
                done.append(
                    Round(
                        number=number,
                        target=target,
                        workload=workload,
                        summary=summary,
                        tls=samples.tls,
                    )
                )
                rate = summary.messages_per_second or 0
                words = f"{len(done)} of {len(plan)}: {cell(asked)}, {server.rival.name}"
                print(f"{words}: {rate:,.0f}/s", file=sys.stderr)
                # What it still does for this load, lines to show, must not slow the next one down.
                server.rest()
                field.forget()
            nursery.cancel_scope.cancel()
    return done, brought, costs


def main(arguments: Sequence[str] | None = None) -> int:
    """Race, and return the exit status."""
    parser = argparse.ArgumentParser(description="Race echo servers.")
    names_and_baseline(parser, "uvloop_protocol")
    parser.add_argument("--rounds", metavar="N", type=positive, default=15)
    parser.add_argument("--seconds", metavar="S", type=seconds, default=1.0)
    parser.add_argument("--connections", metavar="LIST", type=counts)
    parser.add_argument("--size", metavar="LIST", type=counts)
    parser.add_argument("--load", choices=["bench", "c"], default="bench")
    parser.add_argument("--tls", action="store_true")
    parser.add_argument("--plot", metavar="FILE", type=Path)
    parser.add_argument("--output", metavar="FILE", type=Path)
    options = parser.parse_args(arguments)
    if options.load == "c" and sys.platform != "linux":
        parser.error("the load in C takes Linux")
    for path in (options.plot, options.output):
        if path and not path.parent.is_dir():  # better said now than after the race
            parser.error(f"there is no directory {path.parent}")
    if options.plot and options.plot.suffix not in PICTURES:
        parser.error(f"a picture's name ends with one of {', '.join(PICTURES)}")
    cells = list(CELLS)
    if options.connections or options.size:
        cells = [(n, s) for n in options.connections or [64] for s in options.size or [64]]
    workloads = [
        Workload(connections=n, size=size, duration=options.seconds, warm_up=WARM_UP)
        for n, size in cells
    ]
    with Field(options.names, options.against, tls=options.tls) as field:
        where = environment.describe()
        one_round: RunRound = partial(run_round, tls=field.tls)
        if options.load == "c":
            one_round = partial(round_in_c, compiled("load", field.folder, tls=options.tls))
        rounds, samples, costs = trio.run(race, field, workloads, options.rounds, one_round)
    targets = [Target(name=one.name, address="127.0.0.1:0", family="IPv4") for one in field.rivals]
    if samples[-1].failures:
        return 1
    result = collect(where, targets, workloads, rounds, partial=False)
    ranks = standings(result, costs)
    of_load = {"bench": "the load of bench", "c": "a load in C"}[options.load]
    notes = conditions(result, ranks, f"{field.conditions}; {of_load}")
    print(as_table(result, ranks), *(f"{line}." for line in notes), sep="\n")
    if options.output:
        files.write(options.output, result, samples)
        beside = {"conditions": notes, "server_cpu_ns": costs}
        text = json.dumps(beside, indent=1) + "\n"
        options.output.with_suffix(".cpu.json").write_text(text, "utf-8")
    if options.plot:
        race_chart.draw(result, ranks, notes).save(options.plot)
    return 0


if __name__ == "__main__":
    sys.exit(main())
