"""What a second process gains if the load is on the same cores, for trio_echo and for C.

    python benchmarks/processes.py [--rounds N] [--seconds S] [--connections LIST]

Two processes of a server share its port, and the kernel spreads the connections over them. One and
two of each server take turns, in random order, with a load in C and 64 bytes a message. Nothing is
bound to a core: on two cores, two servers and their load make three processes. This prints the
ratio of each pair, with its 95 % interval. Linux only.
"""

from __future__ import annotations

import argparse
import json
import random
import subprocess
import sys
import tempfile
from contextlib import ExitStack
from pathlib import Path

from rivals import RIVALS, compiled, running
from terminal import counts, positive, seconds, table, with_interval

from trio_echo.measure.statistics import estimate, paired_ratio

SERVERS = ("trio_echo", "trio_echo_portable", "c_epoll")
SIZE, WARM_UP = 64, 0.2


def start(name: str, processes: int, folder: Path, stack: ExitStack) -> int:
    """Start a server; returns its port."""
    command = RIVALS[name].command(folder)
    if name != "c_epoll" and processes > 1:
        command += ["--workers", str(processes)]
    port, _ = stack.enter_context(running(command, folder / f"{name}{processes}.out"))
    if name == "c_epoll":
        for number in range(1, processes):
            again = [command[0], "127.0.0.1", str(port)]
            stack.enter_context(running(again, folder / f"{name}{processes}.{number}.out"))
    return port


def main(arguments: list[str] | None = None) -> int:
    """Measure, and return the exit status."""
    parser = argparse.ArgumentParser(description="Two processes against one, of the same server.")
    parser.add_argument("--rounds", metavar="N", type=positive, default=12)
    parser.add_argument("--seconds", metavar="S", type=seconds, default=0.6)
    parser.add_argument("--connections", metavar="LIST", type=counts, default=[64, 512])
    options = parser.parse_args(arguments)
    if sys.platform != "linux":
        parser.error("it takes Linux")
    plan = [(name, many) for name in SERVERS for many in (1, 2)]
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        load = compiled("load", folder)
        ports = {one: start(*one, folder, stack) for one in plan}
        rates: dict[tuple[str, int, int], list[float]] = {
            (*one, count): [] for one in plan for count in options.connections
        }
        for number in range(options.rounds):
            for name, many, count in random.sample(list(rates), len(rates)):
                words = ["127.0.0.1", ports[name, many], count, SIZE, WARM_UP, options.seconds]
                done = subprocess.run([load, *map(str, words)], check=True, capture_output=True)
                result = json.loads(done.stdout)
                rates[name, many, count].append(result["messages"] / result["seconds"])
            print(f"{number + 1} of {options.rounds}", file=sys.stderr)
    heads, rows = ["server"], []
    for count in options.connections:
        heads += [f"{count} connections, one process", "two"]
    for name in SERVERS:
        row = [RIVALS[name].title]
        for count in options.connections:
            one, two = rates[name, 1, count], rates[name, 2, count]
            alone = estimate(one)
            row.append("-" if alone is None else f"{alone.median:,.0f}/s")
            row.append(with_interval(paired_ratio(zip(two, one, strict=True))))
        rows.append(row)
    print(table(heads, rows))
    return 0


if __name__ == "__main__":
    sys.exit(main())
