"""What workers cost: CPU time for each message, their share of the connections, and use at rest.

    python benchmarks/worker_costs.py [--workers LIST] [--connections N] [--rate N] [--rounds N]

`processes.py` asks what a second process gains. This asks what it costs, and needs no cores to
spare: the load of `bench` sends messages of 64 bytes at a fixed rate for each worker, so low that
all of them together leave the cores time. (With the same rate for all, each of many workers wakes
up for fewer messages at once, which costs more, but not because there are many.) Servers with
different numbers of workers take turns, in random order. For each it prints

- the CPU time of all its processes for a message, and its ratio to one process;
- how many connections each worker got, of 16 times as many: the fewest and the most;
- how much CPU time it takes at rest, and how much memory: what all of its processes have for
  themselves (USS), and what one more worker adds.

Linux only: other systems spread connections in their own ways.
"""

from __future__ import annotations

import argparse
import random
import socket
import sys
import tempfile
import time
from collections import Counter
from contextlib import ExitStack
from pathlib import Path
from statistics import median

import psutil
import trio
from rivals import RIVALS, running
from terminal import counts, positive, table, with_interval

from trio_echo import Endpoint
from trio_echo.measure.load.round import run_round
from trio_echo.measure.load.workload import Workload
from trio_echo.measure.statistics import paired_ratio

SIZE, SECONDS, WARM_UP = 64, 1.0, 0.2
# Seconds for which a server at rest is watched.
REST = 3.0


def family(pid: int) -> list[psutil.Process]:
    """Return a server's processes: itself, and the workers it has started."""
    one = psutil.Process(pid)
    return [one, *one.children(recursive=True)]


def cpu_seconds(processes: list[psutil.Process]) -> float:
    """Return the CPU time that processes have taken, from /proc/PID/schedstat: in nanoseconds."""
    parts = [Path(f"/proc/{one.pid}/task").glob("*/schedstat") for one in processes]
    return sum(int(path.read_text().split()[0]) for tasks in parts for path in tasks) / 1e9


def spread(port: int, connections: int, processes: list[psutil.Process]) -> list[int]:
    """Open connections, and return how many each process has; those that have none are left out."""
    with ExitStack() as stack:
        for _ in range(connections):
            sock = stack.enter_context(socket.create_connection(("127.0.0.1", port)))
            sock.sendall(b"x")
            sock.recv(1)
        held = Counter(
            one.pid
            for one in processes
            for link in one.net_connections("tcp")
            if link.status == psutil.CONN_ESTABLISHED and link.laddr.port == port
        )
    return sorted(held.values())


def main(arguments: list[str] | None = None) -> int:
    """Measure, and return the exit status."""
    parser = argparse.ArgumentParser(description="What workers cost.")
    parser.add_argument("--workers", metavar="LIST", type=counts, default=[1, 2, 4, 8])
    parser.add_argument("--connections", metavar="N", type=positive, default=16)
    parser.add_argument("--rate", metavar="N", type=positive, default=2_500)
    parser.add_argument("--rounds", metavar="N", type=positive, default=10)
    options = parser.parse_args(arguments)
    if sys.platform != "linux":
        parser.error("it takes Linux")
    loads = {
        many: Workload(
            connections=options.connections * many,
            size=SIZE,
            rate=float(options.rate * many),
            warm_up=WARM_UP,
            duration=SECONDS,
        )
        for many in options.workers
    }
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        servers, rows, memory = {}, {}, {}
        for many in options.workers:
            command = [*RIVALS["trio_echo"].command(folder), "--workers", str(many)]
            port, pid = stack.enter_context(running(command, folder / f"{many}.out"))
            held = spread(port, loads[many].connections, family(pid))
            processes = family(pid)
            servers[many] = port, processes
            memory[many] = sum(one.memory_full_info().uss for one in processes) / 2**20
            before, since = cpu_seconds(processes), time.perf_counter()
            time.sleep(REST)
            resting = (cpu_seconds(processes) - before) / (time.perf_counter() - since)
            rows[many] = [f"{held[0]} to {held[-1]}", f"{resting:.2%}", f"{memory[many]:.0f} MiB"]
        costs: dict[int, list[float]] = {many: [] for many in servers}
        for number in range(options.rounds):
            for many in random.sample(list(servers), len(servers)):
                port, processes = servers[many]
                before = cpu_seconds(processes)
                samples = trio.run(run_round, Endpoint("127.0.0.1", port), loads[many])
                if samples.failures:
                    print(f"{many} workers: {samples.failures}", file=sys.stderr)
                    return 1
                messages = options.rate * many * (SECONDS + WARM_UP)
                costs[many].append((cpu_seconds(processes) - before) / messages)
            print(f"{number + 1} of {options.rounds}", file=sys.stderr)
    first = options.workers[0]
    heads = ["workers", "CPU a message", "ratio", "connections of one", "CPU at rest", "memory"]
    lines = []
    for many, row in rows.items():
        ratio = with_interval(paired_ratio(zip(costs[many], costs[first], strict=True)))
        cost = f"{median(costs[many]) * 1e6:.1f} µs"
        lines.append([str(many), cost, "1" if many == first else ratio, *row])
    print(table(heads, lines))
    return 0


if __name__ == "__main__":
    sys.exit(main())
