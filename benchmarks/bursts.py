"""Race echo servers with bursts on one connection: how long until all of a burst is back.

    python benchmarks/bursts.py [--rounds N] [--size LIST] [--against NAME] [--output FILE]
        [NAME...]

The race measures how many messages many clients get back. This measures how long one client waits
for all of a burst: a small burst shows the cost of waking up, a large one that of flow control. The
load, in C, sends as fast as the kernel takes it, and receives meanwhile. All servers take turns, in
random order, on one core; the load has another. A round takes some 0.2 seconds after a warm-up, and
its result is the median time of a burst. For each rival this prints that time, and its ratio to the
baseline, with a 95 % interval: below 1 is faster. Linux only.
"""

from __future__ import annotations

import argparse
import json
import random
import subprocess
import sys
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING

from rivals import Field, compiled
from terminal import counts, names_and_baseline, positive, table, with_interval

from trio_echo.measure.results import environment
from trio_echo.measure.statistics import estimate, paired_ratio

if TYPE_CHECKING:
    from rivals import Server

SIZES = [4096, 96 * 1024, 1024 * 1024]
WARM_UP = 30
# Bytes of a round: more bursts if they are small, but not more than this many.
ROUND, MOST = 100 << 20, 2000


def burst_ns(load: str, server: Server, size: int) -> float:
    """Run one round; returns the median time of a burst in nanoseconds."""
    count = max(WARM_UP, min(MOST, ROUND // size))
    words = [server.endpoint.host, server.endpoint.port, size, WARM_UP, count]
    done = subprocess.run([load, *map(str, words)], check=True, capture_output=True)
    return median(map(int, done.stdout.split()))


def main(arguments: list[str] | None = None) -> int:
    """Measure, and return the exit status."""
    parser = argparse.ArgumentParser(description="Bursts on one connection.")
    names_and_baseline(parser, "uvloop_protocol")
    parser.add_argument("--rounds", metavar="N", type=positive, default=15)
    parser.add_argument("--size", metavar="LIST", type=counts, default=SIZES)
    parser.add_argument("--output", metavar="FILE", type=Path)
    options = parser.parse_args(arguments)
    if sys.platform != "linux":
        parser.error("it takes Linux")
    with Field(options.names, options.against) as field, field.started(field.rivals) as servers:
        load = compiled("bursts", field.folder)
        times: dict[tuple[str, int], list[float]] = {
            (one.name, size): [] for one in field.rivals for size in options.size
        }
        for number in range(options.rounds):
            for size in options.size:
                for server in random.sample(servers, len(servers)):
                    times[server.rival.name, size].append(burst_ns(load, server, size))
                    server.rest()
                    field.forget()
            print(f"{number + 1} of {options.rounds}", file=sys.stderr)
    heads = ["server"]
    for size in options.size:
        heads += [f"{size / 1024:g} KiB: median", "ratio"]
    rows = []
    for one in field.rivals:
        row = [one.title]
        for size in options.size:
            took, baseline = times[one.name, size], times[options.against, size]
            middle = estimate(took)
            row.append("-" if middle is None else f"{middle.median / 1000:,.0f} µs")
            same = one.name == options.against
            ratio = paired_ratio(zip(took, baseline, strict=True))
            row.append("1" if same else with_interval(ratio))
        rows.append(row)
    print(table(heads, rows))
    where = environment.describe()
    print(f"{where.cpu_model}; {where.kernel}; {where.python}; {field.conditions}.")
    if options.output:
        named = {f"{name} {size}": took for (name, size), took in times.items()}
        options.output.write_text(json.dumps(named, indent=1) + "\n", "utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
