"""What one client that floods a server does to 500 quiet ones, for trio_echo and other libraries.

    python benchmarks/fairness.py [--rounds N] [--seconds S] [--against NAME] [NAME...]

Each quiet client sends 64 bytes five times a second, at its times, whether or not echoes are back.
The flood is a connection with 4 MiB under way, more than the kernel's buffers hold. Rounds without
and with it take turns. This prints how long the echoes of the quiet clients took from their
intended send time: medians over the rounds with 95 % intervals. On Linux, the servers have one core
and both loads another, so the flood also takes time from the clients that measure, and the times of
the fastest server include that.
"""

from __future__ import annotations

import argparse
import random
import sys

import trio
from rivals import Field, Server
from terminal import names_and_baseline, positive, seconds, table

from trio_echo.measure.load.round import run_round
from trio_echo.measure.load.workload import Workload
from trio_echo.measure.results.summary import Summary, summarize
from trio_echo.measure.statistics import Estimate, estimate
from trio_echo.quantities import duration

QUIET, SIZE, RATE = 500, 64, 2500.0
FLOOD, UNDER_WAY = 65536, 64
WARM_UP = 0.3
# Seconds of the flood before and after the measured time, including its start.
AROUND = 1.0
PERCENTILES = ("p50", "p99")


async def echoes(server: Server, duration: float, flooded: bool) -> Summary:
    """Measure the quiet clients for one round."""
    quiet = Workload(connections=QUIET, size=SIZE, rate=RATE, duration=duration, warm_up=WARM_UP)
    flood = Workload(size=FLOOD, pipeline=UNDER_WAY, duration=duration + WARM_UP + 2 * AROUND)
    async with trio.open_nursery() as nursery:
        if flooded:
            nursery.start_soon(run_round, server.endpoint, flood)
            await trio.sleep(AROUND)
        samples = await run_round(server.endpoint, quiet)
        nursery.cancel_scope.cancel()
    server.rest()
    return summarize(samples, quiet)


def time_of(one: Estimate | None) -> str:
    """Write a time with its interval."""
    if one is None:
        return "-"
    text = f"{duration(one.median)}"
    if one.interval is not None:
        text += f" ({duration(one.interval.low)} to {duration(one.interval.high)})"
    return text


def main(arguments: list[str] | None = None) -> int:
    """Measure, and return the exit status."""
    parser = argparse.ArgumentParser(description="One client that floods, and 500 quiet ones.")
    names_and_baseline(parser, "c_epoll")
    parser.add_argument("--rounds", metavar="N", type=positive, default=6)
    parser.add_argument("--seconds", metavar="S", type=seconds, default=2.0)
    options = parser.parse_args(arguments)
    with Field(options.names, options.against) as field, field.started(field.rivals) as servers:
        brought: dict[tuple[str, bool], list[Summary]] = {
            (one.name, flooded): [] for one in field.rivals for flooded in (False, True)
        }
        for number in range(options.rounds):
            visits = [(one, flooded) for one in servers for flooded in (False, True)]
            for server, flooded in random.sample(visits, len(visits)):
                summary = trio.run(echoes, server, options.seconds, flooded)
                brought[server.rival.name, flooded].append(summary)
                if summary.failures:
                    print(f"{server.rival.name}: {summary.failures}", file=sys.stderr)
                    return 1
                field.forget()
            print(f"{number + 1} of {options.rounds}", file=sys.stderr)
    rows = []
    for one in field.rivals:
        row = [one.title]
        for flooded in (False, True):
            times = [summary.from_intended_ns for summary in brought[one.name, flooded]]
            row += [
                time_of(estimate([t.percentiles[p] for t in times if t and p in t.percentiles]))
                for p in PERCENTILES
            ]
        rows.append(row)
    print(table(["server", "p50", "p99", "p50, flooded", "p99, flooded"], rows))
    print(field.conditions)
    return 0


if __name__ == "__main__":
    sys.exit(main())
